//! Certificate authorities, and the certificates of the API server and of backends with TLS.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An error while a testbed's certificates are made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot use the certificate for TLS: {0}")]
    Config(#[from] tokio_rustls::rustls::Error),
    #[error("cannot verify clients: {0}")]
    Clients(#[from] VerifierBuilderError),
}

pub struct Identity {
    pub ca_pem: String,
    pub acceptor: TlsAcceptor,
}

pub fn identity() -> Result<Identity, TlsError> {
    let authority = Authority::new("testbed-ca")?;
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
    let server = authority.server(&names, Validity::Now)?;
    Ok(Identity {
        ca_pem: authority.pem,
        acceptor: server.acceptor,
    })
}

/// The time in which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Valid for all tests.
    Now,
    /// Expired.
    Past,
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// The certificate and the key of a server.
#[derive(Clone)]
pub struct Server {
    acceptor: TlsAcceptor,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

/// The certificate and the key of a client, in PEM.
pub struct Client {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// Creates an authority with a key of its own.
    ///
    /// # Errors
    /// Fails if no certificate can be made.
    pub fn new(name: &str) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Returns the authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate for a server with these names.
    ///
    /// # Errors
    /// Fails if no certificate can be made.
    pub fn server(&self, names: &[&str], validity: Validity) -> Result<Server, TlsError> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if validity == Validity::Past {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(Server {
            acceptor: acceptor(&chain, &key, None)?,
            chain,
            key: Arc::new(key),
        })
    }

    /// Issues a certificate for a client.
    ///
    /// # Errors
    /// Fails if no certificate can be made.
    pub fn client(&self, name: &str) -> Result<Client, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Client {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl Server {
    /// Returns the server's side of TLS.
    pub fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Requires a client certificate of an authority.
    ///
    /// # Errors
    /// Fails if the authority's certificate can't be used.
    pub fn for_clients_of(&self, authority: &Authority) -> Result<Self, TlsError> {
        Ok(Self {
            acceptor: acceptor(&self.chain, &self.key, Some(authority))?,
            ..self.clone()
        })
    }
}

fn acceptor(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    clients: Option<&Authority>,
) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der.clone())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let mut config = builder.with_single_cert(chain.to_vec(), key.clone_key())?;
    // The port-forward upgrade exists only in HTTP/1.1, and one protocol keeps the server small.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
