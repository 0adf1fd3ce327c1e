//! Configures TLS: the trusted certificates and the client certificate. It accepts what Go's TLS accepts, as
//! far as the library can.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
    ServerName, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, OtherError,
    RootCertStore, SignatureScheme,
};

use super::certificate::facts;

/// The server certificates that are accepted.
pub enum Trust {
    /// Trusts the certificates of the system.
    System,
    /// Trusts only these certificates, and certificates that they have signed.
    Only(Anchors),
    /// Trusts any certificate, so that the server's identity is unknown.
    Anything,
}

/// Trusted certificates.
///
/// Like in Go, each is trusted by itself, whether it belongs to an authority, an intermediate, or a server.
#[derive(Debug)]
pub struct Anchors(Vec<CertificateDer<'static>>);

impl Anchors {
    /// Reads PEM. Other content is ignored, as long as there is one certificate.
    ///
    /// # Errors
    /// The fault, as the end of a sentence.
    pub fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let found = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
        let found: Vec<_> = found.filter(|der| facts(der).is_some()).collect();
        if found.is_empty() {
            return Err("it has no certificate in PEM");
        }
        Ok(Self(found))
    }
}

/// Creates the settings of TLS.
///
/// # Errors
/// The fault, as a sentence.
pub fn client_config(
    trust: Trust,
    client: Option<Arc<ClientCertificate>>,
) -> Result<ClientConfig, String> {
    config(verifier(trust)?, client)
}

/// Returns what decides about the certificates of servers.
pub(super) fn verifier(trust: Trust) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let provider = Arc::new(ring::default_provider());
    Ok(match trust {
        Trust::System => Arc::new(
            rustls_platform_verifier::Verifier::new(provider).map_err(|error| error.to_string())?,
        ),
        Trust::Only(anchors) => Arc::new(Verifier { anchors, provider }),
        Trust::Anything => Arc::new(NoVerifier),
    })
}

/// Creates settings with this verifier.
pub(super) fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    client: Option<Arc<ClientCertificate>>,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match client {
        Some(client) => builder.with_client_cert_resolver(client),
        None => builder.with_no_client_auth(),
    })
}

/// Verifies servers against [`Anchors`] by the rules of Go's `crypto/x509`.
#[derive(Debug)]
struct Verifier {
    anchors: Anchors,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Returns true if an authority's certificate is valid now. Unlike Go, the library does not check that.
    fn is_valid(der: &CertificateDer<'_>, now: UnixTime) -> bool {
        facts(der).is_some_and(|facts| {
            i64::try_from(now.as_secs())
                .is_ok_and(|now| (facts.not_before..=facts.not_after).contains(&now))
        })
    }

    /// Verifies a server whose own certificate is an anchor.
    fn verify_anchor(
        der: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = facts(der).ok_or(CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > found.not_after {
            return Err(CertificateError::Expired.into());
        }
        if now < found.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if !found.for_servers {
            return Err(CertificateError::InvalidPurpose.into());
        }
        verify_server_name(&ParsedCertificate::try_from(der)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anchors.0.contains(end_entity) {
            return Self::verify_anchor(end_entity, server_name, now);
        }
        let mut roots = RootCertStore::empty();
        let (valid, invalid): (Vec<_>, Vec<_>) = self
            .anchors
            .0
            .iter()
            .cloned()
            .partition(|der| Self::is_valid(der, now));
        roots.add_parsable_certificates(valid);
        let verified = if roots.is_empty() {
            Err(CertificateError::UnknownIssuer.into())
        } else {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|error| Error::General(error.to_string()))?
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match verified {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
                if !invalid.is_empty() =>
            {
                let outdated = OtherError(Arc::new(AuthorityOutdated));
                Err(CertificateError::Other(outdated).into())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate of the trusted authority has expired, or is not valid yet")]
struct AuthorityOutdated;

/// Accepts every server.
#[derive(Debug)]
struct NoVerifier;

impl ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Returns all schemes: nothing is verified, so every scheme is acceptable.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

/// The certificate that identifies this process. It may change between connections.
#[derive(Default)]
pub struct ClientCertificate(RwLock<Option<Arc<CertifiedKey>>>);

impl ClientCertificate {
    /// Sets certificates and key from PEM. Like Go, it finds them among other content.
    ///
    /// # Errors
    /// The fault, as the end of a sentence.
    pub fn set(&self, certificates: &[u8], key: &[u8]) -> Result<(), &'static str> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .filter_map(Result::ok)
            .collect();
        if chain.is_empty() {
            return Err("the client certificate has no certificate in PEM");
        }
        let certified = CertifiedKey::new(chain, private_key(key)?);
        // A server may accept a certificate that the library can't read (X.509 v1).
        if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = certified.keys_match()
        {
            return Err("the client key is not that of the client certificate");
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certified));
        Ok(())
    }
}

/// Returns the first private key of a PEM text. Like Go, it tries all formats, because the label may be
/// wrong.
fn private_key(pem: &[u8]) -> Result<Arc<dyn SigningKey>, &'static str> {
    let keys = [
        SectionKind::PrivateKey,
        SectionKind::RsaPrivateKey,
        SectionKind::EcPrivateKey,
    ];
    let found = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .find(|(kind, _)| keys.contains(kind));
    let Some((_, der)) = found else {
        let is_encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
        return Err(if is_encrypted {
            "the client key is encrypted; neither kubectl nor kubectl-broker asks for its password"
        } else {
            "the client key has no private key in PEM"
        });
    };
    let forms: [PrivateKeyDer<'_>; 3] = [
        PrivatePkcs8KeyDer::from(&*der).into(),
        PrivatePkcs1KeyDer::from(&*der).into(),
        PrivateSec1KeyDer::from(&*der).into(),
    ];
    forms
        .iter()
        .find_map(|form| ring::sign::any_supported_type(form).ok())
        .ok_or(
            "the client key is of a kind that the TLS library of this program does not know: it knows RSA of 2048 bits \
             and more, ECDSA on P-256 and P-384, and Ed25519",
        )
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    fn has_certs(&self) -> bool {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.is_some()
    }
}

/// Leaves the key out: the library's form would reveal its type.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(***)")
    }
}

/// Returns why TLS failed. It replaces the library's words where they are hard to understand.
pub fn explain(error: &Error) -> String {
    let words = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate of the server is not signed by an authority that is trusted here"
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the certificate of the server was signed by another authority of the same name as the trusted one"
        }
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the certificate of the server, or one on its way to the authority, has expired",
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "the certificate of the server is not valid yet; check the clock of this machine",
        Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => "the certificate of the server is not one for servers",
        Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            return match &*other.to_string() {
                "CaUsedAsEndEntity" => "the certificate of the server is marked as an authority's (CA:TRUE): kubectl accepts it, but the TLS library of this program does so only if it is itself the certificate-authority"
                    .to_owned(),
                "UnsupportedCertVersion" => "the certificate of the server is of X.509 version 1, which has no names to compare".to_owned(),
                other => other.to_owned(),
            };
        }
        Error::InvalidCertificate(error) => {
            let text = format!("{error:?}");
            if text.starts_with("UnsupportedSignatureAlgorithm") {
                "the certificate of the server has a key or a signature that the TLS library of this program does not know (it \
                 knows RSA of 2048 bits and more, ECDSA on P-256 and P-384, and Ed25519, with SHA-256 and more)"
            } else {
                return Error::InvalidCertificate(error.clone()).to_string();
            }
        }
        Error::AlertReceived(rustls::AlertDescription::HandshakeFailure) => {
            "the server ended the TLS handshake: it requires a client certificate, or shares no key, cipher or version with this program (TLS 1.2 and 1.3, no keys on P-521)"
        }
        Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired
            | rustls::AlertDescription::BadCertificate
            | rustls::AlertDescription::UnknownCA
            | rustls::AlertDescription::CertificateUnknown
            | rustls::AlertDescription::CertificateExpired,
        ) => {
            return format!(
                "the server refuses the client certificate, or the lack of one: {error}"
            );
        }
        Error::InvalidMessage(_) => "the server does not speak TLS; its address may need http://",
        other => return other.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::scripted::certificates as given;

    fn verify(anchors: &str, leaf: &str, name: &'static str, year: u64) -> Result<(), String> {
        let verifier = Verifier {
            anchors: Anchors::from_pem(anchors.as_bytes()).unwrap(),
            provider: Arc::new(ring::default_provider()),
        };
        let leaf = CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap();
        let now =
            UnixTime::since_unix_epoch(std::time::Duration::from_secs((year - 1970) * 31_556_952));
        let name = ServerName::try_from(name).unwrap();
        verifier
            .verify_server_cert(&leaf, &[], &name, &[], now)
            .map(|_| ())
            .map_err(|error| explain(&error))
    }

    #[test]
    fn every_certificate_of_the_pool_is_trusted_for_itself() {
        for (anchors, leaf) in [
            (given::CA, given::LEAF),
            (given::LEAF, given::LEAF),
            (given::SELF_SIGNED, given::SELF_SIGNED),
        ] {
            for name in ["127.0.0.1", "api.example"] {
                assert_eq!(verify(anchors, leaf, name, 2030), Ok(()));
            }
            let error = verify(anchors, leaf, "other.example", 2030).unwrap_err();
            assert!(error.contains("other.example"), "{error}");
            let error = verify(anchors, leaf, "127.0.0.1", 2200).unwrap_err();
            assert!(error.contains("expired"), "{error}");
            assert!(verify(anchors, leaf, "127.0.0.1", 2000).is_err());
        }
        assert!(verify(given::CLIENT_ONLY, given::CLIENT_ONLY, "127.0.0.1", 2030).is_err());
        assert!(verify(given::SELF_SIGNED, given::LEAF, "127.0.0.1", 2030).is_err());
        assert!(verify(given::LEAF, given::CLIENT_ONLY, "127.0.0.1", 2030).is_err());
    }

    #[test]
    fn an_authority_that_has_expired_is_named_and_a_new_one_beside_it_counts() {
        let error = verify(given::CA_OF_2026, given::LEAF, "127.0.0.1", 2030).unwrap_err();
        assert_eq!(
            error,
            "the certificate of the trusted authority has expired, or is not valid yet"
        );
        let both = format!("{}{}", given::CA_OF_2026, given::CA);
        assert_eq!(verify(&both, given::LEAF, "127.0.0.1", 2030), Ok(()));
    }

    #[test]
    fn the_certificates_are_found_between_other_things() {
        let texts = [
            format!("Subject: CN = ca\r\n{}", given::CA.replace('\n', "\r\n")),
            format!("{}{}{}", given::LEAF_KEY, given::VERSION_1, given::CA),
            format!(
                "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n{}",
                given::CA
            ),
            format!(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{}",
                given::CA
            ),
        ];
        for text in texts {
            assert_eq!(
                verify(&text, given::LEAF, "127.0.0.1", 2030),
                Ok(()),
                "{text}"
            );
        }
        for text in ["", "no PEM", given::LEAF_KEY] {
            assert!(Anchors::from_pem(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn a_key_is_found_in_every_form() {
        let relabelled = given::LEAF_KEY_PKCS8.replace("PRIVATE KEY", "RSA PRIVATE KEY");
        let both = format!("{}{}", given::LEAF, given::LEAF_KEY);
        for (certificate, key) in [
            (given::LEAF, given::LEAF_KEY),
            (given::LEAF, given::LEAF_KEY_PKCS8),
            (given::LEAF, &relabelled),
            (&both, &both),
            (given::VERSION_1, given::VERSION_1_KEY),
        ] {
            let client = ClientCertificate::default();
            assert!(!client.has_certs());
            client.set(certificate.as_bytes(), key.as_bytes()).unwrap();
            assert!(client.has_certs());
            assert_eq!(client.resolve(&[], &[]).unwrap().cert.len(), 1);
        }
    }

    #[test]
    fn a_key_that_can_not_be_used_says_why() {
        for (certificate, key, why) in [
            (given::CLIENT_ONLY, given::LEAF_KEY, "is not that of"),
            (given::LEAF, given::LEAF_KEY_ENCRYPTED, "is encrypted"),
            (given::LEAF, given::KEY_P521, "P-384"),
            (given::LEAF, "canary", "no private key"),
            ("canary", given::LEAF_KEY, "no certificate"),
        ] {
            let client = ClientCertificate::default();
            let error = client.set(certificate.as_bytes(), key.as_bytes());
            let error = error.unwrap_err();
            assert!(error.contains(why) && !error.contains("canary"), "{error}");
        }
    }
}
