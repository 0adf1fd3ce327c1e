//! Fetching engines from a real registry and over https, with keys and signatures that openssl makes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use insta::assert_snapshot;
use kubectl_broker::model::{Failure, Problem};
use kubectl_broker::plugin::{
    Fetched, PublicKey, Reference, SignatureState, SourceError, SourceOptions, Sources, TrustedKey,
    verdict,
};
use kubectl_broker::transfer::Hashing;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const ENGINE: &[u8] = b"\0asm an engine, as far as a registry can tell";
/// The user `operator` with the password `secret`, by `htpasswd -nbB operator secret`.
const HTPASSWD: &str = "operator:$2y$05$c9UjUB8Ez/eKRg8/ezbo2etGplIRRRjfe1letZBv/47oIYwPK9LP2";

/// Debian's registry on a port of loopback. It ends with the test.
struct Registry {
    process: Child,
    address: SocketAddr,
}

impl Registry {
    /// Over the files of `storage`, with `more` behind its configuration of HTTP.
    fn over(storage: &Path, more: &str) -> Self {
        let folder = storage.display();
        let config = storage.join(format!("config-{}.yml", more.len()));
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n\
             http:\n  addr: 127.0.0.1:0\n{more}"
        );
        fs::write(&config, text).expect("a configuration");
        let program = find(&["docker-registry", "registry"], "docker-registry");
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry starts");
        let mut log = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            let read = log.read_line(&mut said).expect("a log");
            assert!(read > 0, "the registry ended: {said}");
            if let Some((_, rest)) = said[before..].split_once("listening on ") {
                let end = rest.find(['"', ',']).expect("an end");
                break rest[..end].parse().expect("an address");
            }
        };
        // Whoever doesn't read its log stops it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, address }
    }

    fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first of these programs that is in `PATH`.
fn find(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("this test needs {names:?}: `apt-get install {package}`"))
}

/// A folder with the files of a registry, and the registry that they are pushed to.
struct Store {
    registry: Registry,
    folder: TempDir,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            registry: Registry::over(folder.path(), ""),
            folder,
        }
    }

    /// With the engine behind the tag `1.0.0`; gives the digest of its manifest.
    fn with_engine() -> (Self, String) {
        let store = Self::new();
        store.blob(ENGINE);
        let digest = store.manifest("1.0.0", &image(&[layer("application/wasm", ENGINE)]));
        (store, digest)
    }

    fn blob(&self, bytes: &[u8]) {
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

    fn manifest(&self, tag: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let kind = manifest["mediaType"].as_str().expect("a type");
        let path = format!("/v2/acme/vault/manifests/{tag}");
        let done = self.send("PUT", &path, kind, &bytes);
        assert!(done.starts_with("HTTP/1.1 201"), "{done}");
        sha256(&bytes)
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.registry.address).expect("a connection");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n",
            self.registry.host()
        )
        .and_then(|()| stream.write_all(body))
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    async fn get(&self, version: &str) -> Result<Fetched, SourceError> {
        get(&self.registry, version, insecure(&self.registry)).await
    }
}

fn insecure(registry: &Registry) -> SourceOptions {
    SourceOptions {
        insecure_registries: vec![registry.host()],
        ..SourceOptions::default()
    }
}

async fn get(
    registry: &Registry,
    version: &str,
    options: SourceOptions,
) -> Result<Fetched, SourceError> {
    let reference = format!("oci://{}/acme/vault{version}", registry.host());
    fetch(&reference, options).await
}

async fn fetch(reference: &str, options: SourceOptions) -> Result<Fetched, SourceError> {
    let reference: Reference = reference.parse().expect("a reference");
    let sources = Sources::new(options)?;
    sources.fetch(&reference).await
}

fn sha256(bytes: &[u8]) -> String {
    let mut state = Hashing::default();
    state.update(bytes);
    state.finish().to_string()
}

fn layer(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
}

/// As `oras push` writes it: the engine stands for its configuration as well, which the registry wants
/// to have.
fn image(layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layer("application/vnd.unknown.config.v1+json", ENGINE),
        "layers": layers,
    })
}

/// A key that openssl made.
struct Signer(TempDir);

impl Signer {
    fn new() -> Self {
        let signer = Self(tempfile::tempdir().expect("a folder"));
        signer.openssl("ecparam -name prime256v1 -genkey -noout -out private.pem");
        signer.openssl("ec -in private.pem -pubout -out public.pem");
        signer
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new(find(&["openssl"], "openssl"))
            .current_dir(self.0.path())
            .args(arguments.split(' '))
            .output()
            .expect("openssl starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    /// In DER.
    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        fs::write(self.0.path().join("file"), bytes).expect("a file");
        self.openssl("dgst -sha256 -sign private.pem -out file.sig file");
        fs::read(self.0.path().join("file.sig")).expect("a signature")
    }

    /// In base64, as cosign writes it.
    fn sign_as_text(&self, bytes: &[u8]) -> String {
        self.sign(bytes);
        self.openssl("base64 -A -in file.sig -out file.sig.txt");
        fs::read_to_string(self.0.path().join("file.sig.txt")).expect("a signature")
    }

    fn key(&self) -> TrustedKey {
        let pem = fs::read(self.0.path().join("public.pem")).expect("a key");
        TrustedKey {
            publisher: "acme".to_owned(),
            name: "main".to_owned(),
            key: PublicKey::from_pem(&pem, "public.pem").expect("a key"),
        }
    }

    fn verified(&self) -> SignatureState {
        SignatureState::Signed {
            key: self.key().key.fingerprint().to_string(),
        }
    }
}

fn judge(fetched: &Fetched, signer: Option<&Signer>) -> Result<SignatureState, Failure> {
    let keys: Vec<_> = signer.map(Signer::key).into_iter().collect();
    verdict("acme", &keys, &fetched.signatures, &fetched.bytes).map_err(|error| error.failure())
}

/// What `cosign sign --key` pushes for the manifest of `digest`.
fn cosign(store: &Store, signer: &Signer, digest: &str) -> Value {
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

#[tokio::test]
async fn an_engine_comes_by_tag_and_by_the_digest_that_the_tag_had() {
    let (store, digest) = Store::with_engine();
    let by_tag = store.get(":1.0.0").await.expect("the engine");
    assert_eq!(by_tag.bytes, ENGINE);
    let pinned = by_tag.pinned.to_string();
    assert!(
        pinned.ends_with(&format!("/acme/vault@sha256:{digest}")),
        "{pinned}"
    );
    assert_eq!(judge(&by_tag, None), Ok(SignatureState::Unsigned));

    let other = b"another engine";
    store.blob(other);
    store.manifest("1.0.0", &image(&[layer("application/wasm", other)]));
    let moved = store.get(":1.0.0").await.expect("the other engine");
    assert_eq!(moved.bytes, other);
    let again = fetch(&pinned, insecure(&store.registry))
        .await
        .expect("the engine");
    assert_eq!(again.bytes, ENGINE, "a digest does not move");
}

#[tokio::test]
async fn a_signature_behind_cosigns_tag_is_found_and_checked() {
    let (store, digest) = Store::with_engine();
    let (acme, other) = (Signer::new(), Signer::new());
    let before = store.get(":1.0.0").await.expect("the engine");
    assert_eq!(judge(&before, Some(&acme)), Err(Failure::Integrity));

    store.manifest(
        &format!("sha256-{digest}.sig"),
        &cosign(&store, &acme, &digest),
    );
    let fetched = store.get(":1.0.0").await.expect("the engine");
    assert_eq!(judge(&fetched, Some(&acme)), Ok(acme.verified()));
    assert_eq!(judge(&fetched, Some(&other)), Err(Failure::Integrity));
    assert_eq!(judge(&fetched, None), Ok(SignatureState::Unverified));
}

#[tokio::test]
async fn a_signature_that_refers_to_the_image_is_found_where_the_registry_has_no_referrers() {
    let (store, digest) = Store::with_engine();
    let signer = Signer::new();
    let mut signature = cosign(&store, &signer, &digest);
    signature["subject"] = layer("application/vnd.oci.image.manifest.v1+json", b"");
    signature["subject"]["digest"] = format!("sha256:{digest}").into();
    store.manifest("signature", &signature);
    let bytes = signature.to_string();
    let mut entry = layer(
        "application/vnd.oci.image.manifest.v1+json",
        bytes.as_bytes(),
    );
    entry["artifactType"] = "application/vnd.dev.cosign.artifact.sig.v1+json".into();
    store.manifest(&format!("sha256-{digest}"), &index(&[entry]));
    let fetched = store.get(":1.0.0").await.expect("the engine");
    assert_eq!(judge(&fetched, Some(&signer)), Ok(signer.verified()));
}

#[tokio::test]
async fn a_signature_of_another_version_does_not_do() {
    let (store, digest) = Store::with_engine();
    let signer = Signer::new();
    let other = "ab".repeat(32);
    store.manifest(
        &format!("sha256-{digest}.sig"),
        &cosign(&store, &signer, &other),
    );
    let fetched = store.get(":1.0.0").await.expect("the engine");
    for keys in [Some(&signer), None] {
        assert_eq!(judge(&fetched, keys), Err(Failure::Integrity));
    }
}

fn index(manifests: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
}

#[tokio::test]
async fn what_is_no_single_engine_is_refused_with_the_reason() {
    let (store, _) = Store::with_engine();
    let first = image(&[layer("application/wasm", ENGINE)]).to_string();
    let second = image(&[layer("application/x-tar", ENGINE)]);
    store.manifest("picture", &second);
    let entries = [first, second.to_string()].map(|bytes| {
        layer(
            "application/vnd.oci.image.manifest.v1+json",
            bytes.as_bytes(),
        )
    });
    store.manifest("both", &index(&entries));
    let host = store.registry.host();
    let mut said = String::new();
    for version in [":both", ":picture", ":2.0.0"] {
        let error = store.get(version).await.expect_err("no engine");
        let hint = error.hint().unwrap_or_default();
        let code = error.failure().exit_code();
        said += &format!("error: {error}\nhint: {hint}\nexit {code}\n\n").replace(&host, "HOST");
    }
    assert_snapshot!(said.trim_end(), @"
    error: oci://HOST/acme/vault:both is an index of 2 images, and which one is meant is not known
    hint: Name the image by its digest: oci://HOST/REPOSITORY@sha256:…
    exit 2

    error: oci://HOST/acme/vault:picture is no engine: it has no layer of WebAssembly, but application/x-tar
    hint: An engine is one layer of the type application/wasm: `oras push REF ENGINE.wasm:application/wasm`
    exit 14

    error: oci://HOST/acme/vault:2.0.0 does not exist: manifest unknown
    hint: Look at the name, the version, and the tag or digest
    exit 10
    ");
}

#[tokio::test]
async fn a_blob_that_was_changed_where_the_registry_keeps_it_is_refused() {
    let (store, _) = Store::with_engine();
    let hex = sha256(ENGINE);
    let blob = format!(
        "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    );
    let mut bytes = ENGINE.to_vec();
    bytes[9] ^= 1;
    fs::write(store.folder.path().join(blob), bytes).expect("a changed blob");
    let error = store.get(":1.0.0").await.expect_err("a changed engine");
    assert_eq!(error.failure(), Failure::Integrity, "{error}");
}

#[tokio::test]
async fn a_registry_with_a_password_gets_the_one_of_dockers_configuration() {
    let (store, _) = Store::with_engine();
    let file = store.folder.path().join("htpasswd");
    fs::write(&file, HTPASSWD).expect("a file");
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
        file.display()
    );
    let guarded = Registry::over(store.folder.path(), &auth);
    for (password, expected) in [
        (None, Some(Failure::NotAllowed)),
        (Some("wrong"), Some(Failure::NotAllowed)),
        (Some("secret"), None),
    ] {
        let home = tempfile::tempdir().expect("a folder");
        if let Some(password) = password {
            let config = json!({ "auths": { guarded.host(): {
                "username": "operator", "password": password,
            } } });
            fs::write(home.path().join("config.json"), config.to_string()).expect("a file");
        }
        let options = SourceOptions {
            docker_config: Some(home.path().to_owned()),
            ..insecure(&guarded)
        };
        let result = get(&guarded, ":1.0.0", options).await;
        let failure = result.as_ref().err().map(Problem::failure);
        assert_eq!(failure, expected, "{password:?}: {result:?}");
    }
}

/// A certificate for loopback, and the authority that made it.
struct Certificates {
    folder: TempDir,
    acceptor: TlsAcceptor,
}

impl Certificates {
    fn new() -> Self {
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

    fn trusted(&self) -> SourceOptions {
        SourceOptions {
            ca_file: Some(self.folder.path().join("ca.pem")),
            ..SourceOptions::default()
        }
    }
}

#[tokio::test]
async fn a_registry_with_tls_must_have_a_trusted_certificate() {
    let (store, _) = Store::with_engine();
    let certificates = Certificates::new();
    let folder = certificates.folder.path().display();
    let tls = format!("  tls: {{certificate: {folder}/server.pem, key: {folder}/server.key}}\n");
    let registry = Registry::over(store.folder.path(), &tls);
    let fetched = get(&registry, ":1.0.0", certificates.trusted()).await;
    assert_eq!(fetched.expect("the engine").bytes, ENGINE);

    let strangers = Certificates::new();
    let error = get(&registry, ":1.0.0", strangers.trusted())
        .await
        .expect_err("an unknown authority");
    assert!(matches!(error, SourceError::Certificate { .. }), "{error}");
}

/// Serves the engine and its signature over TLS, and a way to `elsewhere` at all other paths.
async fn serve(certificates: &Certificates, signature: Vec<u8>, elsewhere: &str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let acceptor = certificates.acceptor.clone();
    let elsewhere = elsewhere.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let (head, body) = match request.split(' ').nth(1) {
                Some("/vault.wasm") => ("200 OK".to_owned(), ENGINE),
                Some("/vault.wasm.sig" | "/latest.sig") => {
                    ("200 OK".to_owned(), signature.as_slice())
                }
                _ => (format!("302 Found\r\nlocation: {elsewhere}"), &b""[..]),
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn an_engine_comes_over_https_with_the_signature_beside_it() {
    let (certificates, signer) = (Certificates::new(), Signer::new());
    for signature in [
        signer.sign(ENGINE),
        signer.sign_as_text(ENGINE).into_bytes(),
    ] {
        let address = serve(&certificates, signature, "/vault.wasm").await;
        for path in ["vault.wasm", "latest"] {
            let url = format!("https://{address}/{path}");
            let fetched = fetch(&url, certificates.trusted()).await;
            let fetched = fetched.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(fetched.bytes, ENGINE);
            assert_eq!(judge(&fetched, Some(&signer)), Ok(signer.verified()));
        }
    }
}

#[tokio::test]
async fn https_never_leads_to_http_nor_to_a_stranger() {
    let certificates = Certificates::new();
    let address = serve(&certificates, Vec::new(), "http://127.0.0.1:1/vault.wasm").await;
    let url = format!("https://{address}/latest");
    let error = fetch(&url, certificates.trusted())
        .await
        .expect_err("a way to http");
    assert!(matches!(error, SourceError::Downgrade { .. }), "{error}");

    let strangers = Certificates::new();
    let url = format!("https://{address}/vault.wasm");
    let error = fetch(&url, strangers.trusted())
        .await
        .expect_err("an unknown authority");
    assert!(matches!(error, SourceError::Certificate { .. }), "{error}");
}

#[tokio::test]
async fn a_file_is_read_with_the_signature_that_openssl_wrote_beside_it() {
    let signer = Signer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("vault.wasm");
    fs::write(&file, ENGINE).expect("a file");
    let offline = SourceOptions {
        offline: true,
        ..SourceOptions::default()
    };
    for signature in [
        signer.sign(ENGINE),
        signer.sign_as_text(ENGINE).into_bytes(),
    ] {
        fs::write(folder.path().join("vault.wasm.sig"), signature).expect("a file");
        let fetched = fetch(file.to_str().expect("a path"), offline.clone()).await;
        let mut fetched = fetched.expect("the engine");
        assert_eq!(judge(&fetched, Some(&signer)), Ok(signer.verified()));
        assert_eq!(judge(&fetched, None), Ok(SignatureState::Unverified));
        fetched.bytes[0] ^= 1;
        assert_eq!(judge(&fetched, Some(&signer)), Err(Failure::Integrity));
    }
}
