//! A real registry, and the ways to push engines to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_base::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Signer;
use super::http::send;
use super::server::Server;

/// Debian's registry on a loopback port. It ends with the test.
pub struct Registry {
    _server: Server,
    address: SocketAddr,
}

impl Registry {
    /// Starts a registry with the files of `storage`; `more` is appended to the HTTP section of its
    /// configuration.
    pub fn over(storage: &Path, more: &str) -> Self {
        let folder = storage.display();
        let config = storage.join(format!("config-{}.yml", more.len()));
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n\
             http:\n  addr: 127.0.0.1:0\n{more}"
        );
        fs::write(&config, text).expect("a configuration");
        let program = find(&["docker-registry", "registry"], "docker-registry");
        let mut command = Command::new(program);
        command.arg("serve").arg(&config);
        let ready = |line: &str| {
            let (_, rest) = line.split_once("listening on ")?;
            rest[..rest.find(['"', ','])?].parse().ok()
        };
        let started = Server::start(&command, &[], ready);
        let (server, address) = started.unwrap_or_else(|reason| panic!("{reason}"));
        Self {
            _server: server,
            address,
        }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }
}

/// Returns the first of these programs that is in `PATH`.
pub fn find(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("this test needs {names:?}: `apt-get install {package}`"))
}

/// A folder with the files of a registry, and a registry that accepts pushes to it.
pub struct Store {
    pub registry: Registry,
    pub folder: TempDir,
}

impl Store {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            registry: Registry::over(folder.path(), ""),
            folder,
        }
    }

    /// Pushes an engine under a tag, and returns the digest of its manifest.
    pub fn engine(&self, tag: &str, bytes: &[u8]) -> String {
        self.blob(bytes);
        self.manifest(tag, &image(&[layer("application/wasm", bytes)]))
    }

    /// Pushes a signature for the manifest of `digest`, like `cosign sign --key`.
    pub fn sign(&self, signer: &Signer, digest: &str) {
        self.manifest(
            &format!("sha256-{digest}.sig"),
            &cosign(self, signer, digest),
        );
    }

    pub fn blob(&self, bytes: &[u8]) {
        let begun = self.send("POST", "/v2/acme/vault/blobs/uploads/", "", b"");
        let line = begun
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("location:"));
        let (_, upload) = line.expect("a place").split_once("/v2/").expect("a path");
        let digest = sha256(bytes);
        let path = format!("/v2/{}&digest=sha256:{digest}", upload.trim());
        let done = self.send("PUT", &path, "application/octet-stream", bytes);
        assert!(done.starts_with("HTTP/1.1 201"), "{done}");
    }

    pub fn manifest(&self, tag: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let kind = manifest["mediaType"].as_str().expect("a type");
        let path = format!("/v2/acme/vault/manifests/{tag}");
        let done = self.send("PUT", &path, kind, &bytes);
        assert!(done.starts_with("HTTP/1.1 201"), "{done}");
        sha256(&bytes)
    }

    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
        send(
            self.registry.address,
            &format!("{method} {path}"),
            &format!("content-type: {kind}\r\n"),
            body,
        )
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).to_string()
}

pub fn layer(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
}

/// Returns an image manifest like `oras push`. The registry requires a configuration blob, so the first layer
/// is used for it as well.
pub fn image(layers: &[Value]) -> Value {
    let mut config = layers[0].clone();
    config["mediaType"] = "application/vnd.unknown.config.v1+json".into();
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    })
}

/// Returns the manifest that `cosign sign --key` pushes for the manifest of `digest`.
pub fn cosign(store: &Store, signer: &Signer, digest: &str) -> Value {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/acme/vault" },
            "image": { "docker-manifest-digest": format!("sha256:{digest}") },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string();
    store.blob(payload.as_bytes());
    let mut signature = layer(
        "application/vnd.dev.cosign.simplesigning.v1+json",
        payload.as_bytes(),
    );
    signature["annotations"] = json!({
        "dev.cosignproject.cosign/signature": signer.sign_as_text(payload.as_bytes()),
    });
    image(&[signature])
}
