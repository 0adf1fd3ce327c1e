//! Keys and signatures of publishers, made with the tools of publishers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_installed::PublicKey;
use tempfile::TempDir;

use super::registry::find;

/// A publisher's key, which openssl creates and signs with.
pub struct Signer(TempDir);

impl Signer {
    pub fn new() -> Self {
        let signer = Self(tempfile::tempdir().expect("a folder"));
        signer.openssl("ecparam -name prime256v1 -genkey -noout -out private.pem");
        signer.openssl("ec -in private.pem -pubout -out public.pem");
        signer
    }

    /// Runs `openssl` in the folder of the key.
    pub fn openssl(&self, arguments: &str) {
        let output = Command::new(find(&["openssl"], "openssl"))
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .output()
            .expect("openssl starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    /// Returns a signature in DER, like `openssl dgst -sha256 -sign`.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        fs::write(self.0.path().join("file"), bytes).expect("a file");
        self.openssl("dgst -sha256 -sign private.pem -out file.sig file");
        fs::read(self.0.path().join("file.sig")).expect("a signature")
    }

    /// Returns a signature in base64, like cosign.
    pub fn sign_as_text(&self, bytes: &[u8]) -> String {
        self.sign(bytes);
        self.openssl("base64 -A -in file.sig -out file.sig.txt");
        fs::read_to_string(self.0.path().join("file.sig.txt")).expect("a signature")
    }

    /// Returns the public key that the publisher distributes.
    pub fn pem(&self) -> Vec<u8> {
        fs::read(self.0.path().join("public.pem")).expect("a key")
    }

    /// Returns the fingerprint of the key.
    pub fn fingerprint(&self) -> String {
        let key = PublicKey::from_pem(&self.pem(), "public.pem").expect("a key");
        key.fingerprint().to_string()
    }

    /// Writes the public key to a file.
    pub fn public_key(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, self.pem()).expect("a file for the key");
        path
    }

    /// Returns the path of a file in the folder of the key, such as `private.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
