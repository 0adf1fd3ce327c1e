//! Speaks TLS over any stream with a server that may have one of several names.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;

use super::tls::{ClientCertificate, Trust, config, verifier};

/// A server, and how it is recognized.
pub struct Peer {
    config: Arc<ClientConfig>,
    /// The name that the server is told.
    first: ServerName<'static>,
    verified: Verified,
}

/// The name for which the last certificate was accepted.
type Verified = Arc<Mutex<Option<String>>>;

/// The reason for which TLS failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// No trusted authority has signed the certificate.
    Authority,
    /// The certificate has none of the accepted names.
    Name {
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The certificate has expired, or is not valid yet.
    Time,
    /// The certificate has another fault.
    Certificate,
    /// The server does not accept the client certificate, or the lack of one.
    Client,
    /// Anything else.
    Other,
}

impl Peer {
    /// Prepares connections to a server with one of these names.
    ///
    /// # Errors
    /// The fault, as a sentence.
    pub fn new(
        trust: Trust,
        names: &[String],
        client: Option<Arc<ClientCertificate>>,
    ) -> Result<Self, String> {
        let names = names.iter().map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|_| format!("`{name}` is neither a DNS name nor an IP address"))
        });
        let names: Vec<_> = names.collect::<Result<_, _>>()?;
        let Some(first) = names.first().cloned() else {
            return Err("there is no name to verify".to_owned());
        };
        let verified = Verified::default();
        let any = AnyName {
            inner: verifier(trust)?,
            names,
            verified: Arc::clone(&verified),
        };
        let mut config = config(Arc::new(any), client)?;
        // A server that also speaks HTTP/2 would otherwise choose it.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            first,
            verified,
        })
    }

    /// Performs the handshake.
    ///
    /// # Errors
    /// When the stream fails, or TLS does; [`tls_error`] finds the error of TLS.
    pub async fn connect<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsConnector::from(Arc::clone(&self.config))
            .connect(self.first.clone(), stream)
            .await
    }

    /// Returns the name for which the certificate was accepted.
    #[must_use]
    pub fn name(&self) -> String {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || self.first.to_str().into_owned();
        verified.clone().unwrap_or_else(first)
    }
}

/// Returns the error of TLS inside an error of a stream.
#[must_use]
pub fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

impl TlsFault {
    /// Classifies an error of TLS.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::AlertReceived(
                AlertDescription::AccessDenied
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRequired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::UnsupportedCertificate,
            ) => Self::Client,
            _ => Self::Other,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Authority,
            CertificateError::NotValidForName => Self::Name {
                presented: Vec::new(),
            },
            CertificateError::NotValidForNameContext { presented, .. } => Self::Name {
                presented: presented.iter().map(|name| plain_name(name)).collect(),
            },
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Time,
            _ => Self::Certificate,
        }
    }
}

/// Returns a name without the type that the library puts around it: `DnsName("a")`.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').map(|(_, inner)| inner);
    let inner = inner.and_then(|inner| inner.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// Accepts a certificate that is valid for one of several names.
#[derive(Debug)]
struct AnyName {
    inner: Arc<dyn ServerCertVerifier>,
    names: Vec<ServerName<'static>>,
    verified: Verified,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut refused = None;
        for name in &self.names {
            let verified =
                self.inner
                    .verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
            match verified {
                Ok(verified) => {
                    let mut slot = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
                    *slot = Some(name.to_str().into_owned());
                    return Ok(verified);
                }
                Err(error) if matches!(TlsFault::of(&error), TlsFault::Name { .. }) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| CertificateError::NotValidForName.into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use testbed::{Authority, Validity};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::super::Anchors;
    use super::*;

    fn only(authority: &Authority) -> Trust {
        Trust::Only(Anchors::from_pem(authority.pem().as_bytes()).unwrap())
    }

    /// Connects to a server with a certificate for these names. Returns the accepted name, or the fault.
    async fn connect(
        trust: Trust,
        accepted: &[&str],
        authority: &Authority,
        names: &[&str],
        validity: Validity,
    ) -> Result<String, TlsFault> {
        let server = authority.server(names, validity).unwrap();
        let accepted: Vec<_> = accepted.iter().map(ToString::to_string).collect();
        let peer = Peer::new(trust, &accepted, None).unwrap();
        let (near, far) = duplex(1 << 16);
        let accepting = tokio::spawn(async move {
            let mut stream = server.acceptor().accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.shutdown().await
        });
        let connected = peer.connect(near).await;
        let mut stream = match connected {
            Ok(stream) => stream,
            Err(error) => return Err(TlsFault::of(tls_error(&error).expect("an error of TLS"))),
        };
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        accepting.await.unwrap().unwrap();
        Ok(peer.name())
    }

    #[tokio::test]
    async fn a_server_is_accepted_by_any_of_its_names() {
        let authority = Authority::new("acme").unwrap();
        let names = ["vault.prod.svc", "*.vault-internal.prod.svc"];
        for (accepted, name) in [
            (&["vault.prod.svc"][..], "vault.prod.svc"),
            (&["x.prod.svc", "vault.prod.svc"], "vault.prod.svc"),
            (
                &["vault-0.vault-internal.prod.svc"],
                "vault-0.vault-internal.prod.svc",
            ),
        ] {
            let connected = connect(
                only(&authority),
                accepted,
                &authority,
                &names,
                Validity::Now,
            )
            .await;
            assert_eq!(connected.as_deref(), Ok(name));
        }
        let refused = connect(
            only(&authority),
            &["a.prod.svc", "b.prod.svc"],
            &authority,
            &names,
            Validity::Now,
        )
        .await;
        let presented = names.map(str::to_owned).to_vec();
        assert_eq!(refused, Err(TlsFault::Name { presented }));
    }

    #[tokio::test]
    async fn every_fault_of_a_certificate_is_told_apart() {
        let (authority, other) = (
            Authority::new("acme").unwrap(),
            Authority::new("b").unwrap(),
        );
        let name = ["vault.prod.svc"];
        for (trust, validity, fault) in [
            (only(&other), Validity::Now, TlsFault::Authority),
            (Trust::System, Validity::Now, TlsFault::Authority),
            (only(&authority), Validity::Past, TlsFault::Time),
        ] {
            let refused = connect(trust, &name, &authority, &name, validity).await;
            assert_eq!(refused, Err(fault));
        }
        let anything = connect(Trust::Anything, &["x"], &authority, &name, Validity::Past).await;
        assert_eq!(anything.as_deref(), Ok("x"));
    }

    #[test]
    fn a_name_that_can_not_be_verified_is_refused() {
        for names in [vec![], vec!["a b".to_owned()]] {
            assert!(Peer::new(Trust::Anything, &names, None).is_err());
        }
    }
}
