//! A certificate for servers on loopback.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A certificate for loopback, and the authority that signed it.
pub struct Certificates {
    /// It has the files `ca.pem`, `server.pem` and `server.key`.
    pub folder: TempDir,
    pub acceptor: TlsAcceptor,
}

impl Certificates {
    pub fn new() -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, pem) in [
            ("ca.pem", ca_certificate.pem()),
            ("server.pem", certificate.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            fs::write(folder.path().join(name), pem).expect("a file");
        }
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("a certificate");
        Self {
            folder,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// Returns the settings of a registry with TLS, for its configuration.
    pub fn registry(&self) -> String {
        let folder = self.folder.path().display();
        format!("  tls: {{certificate: {folder}/server.pem, key: {folder}/server.key}}\n")
    }
}
