//! Engines from a real registry and over https, with keys and signatures of openssl.

use std::fs;
use std::net::SocketAddr;

use host_base::{Failure, Problem};
use host_installed::{
    Fetched, PublicKey, Reference, SignatureState, SourceError, SourceOptions, Sources, TrustedKey,
    verdict,
};
use host_web::WebError;
use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Certificates, Registry, Signer, Store, cosign, image, layer, sha256};

const ENGINE: &[u8] = b"\0asm an engine, as far as a registry can tell";
/// The user `operator` with the password `secret`, by `htpasswd -nbB operator secret`.
const HTPASSWD: &str = "operator:$2y$05$c9UjUB8Ez/eKRg8/ezbo2etGplIRRRjfe1letZBv/47oIYwPK9LP2";

/// Returns a registry with the engine under the tag `1.0.0`, and the digest of its manifest.
fn with_engine() -> (Store, String) {
    let store = Store::new();
    let digest = store.engine("1.0.0", ENGINE);
    (store, digest)
}

fn insecure(registry: &Registry) -> SourceOptions {
    SourceOptions {
        insecure_registries: vec![registry.host()],
        ..SourceOptions::default()
    }
}

async fn of(store: &Store, version: &str) -> Result<Fetched, SourceError> {
    get(&store.registry, version, insecure(&store.registry)).await
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
    let sources = Sources::new(options);
    sources.fetch(&reference).await
}

fn key(signer: &Signer) -> TrustedKey {
    TrustedKey {
        publisher: "acme".to_owned(),
        name: "main".to_owned(),
        key: PublicKey::from_pem(&signer.pem(), "public.pem").expect("a key"),
    }
}

fn verified(signer: &Signer) -> SignatureState {
    SignatureState::Signed {
        key: key(signer).key.fingerprint().to_string(),
    }
}

fn judge(fetched: &Fetched, signer: Option<&Signer>) -> Result<SignatureState, Failure> {
    let keys: Vec<_> = signer.map(key).into_iter().collect();
    verdict("acme", &keys, &fetched.signatures, &fetched.bytes).map_err(|error| error.failure())
}

#[tokio::test]
async fn an_engine_comes_by_tag_and_by_the_digest_that_the_tag_had() {
    let (store, digest) = with_engine();
    let by_tag = of(&store, ":1.0.0").await.expect("the engine");
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
    let moved = of(&store, ":1.0.0").await.expect("the other engine");
    assert_eq!(moved.bytes, other);
    let again = fetch(&pinned, insecure(&store.registry))
        .await
        .expect("the engine");
    assert_eq!(again.bytes, ENGINE, "a digest does not move");
}

#[tokio::test]
async fn a_signature_behind_cosigns_tag_is_found_and_checked() {
    let (store, digest) = with_engine();
    let (acme, other) = (Signer::new(), Signer::new());
    let before = of(&store, ":1.0.0").await.expect("the engine");
    assert_eq!(judge(&before, Some(&acme)), Err(Failure::Integrity));

    store.sign(&acme, &digest);
    let fetched = of(&store, ":1.0.0").await.expect("the engine");
    assert_eq!(judge(&fetched, Some(&acme)), Ok(verified(&acme)));
    assert_eq!(judge(&fetched, Some(&other)), Err(Failure::Integrity));
    assert_eq!(judge(&fetched, None), Ok(SignatureState::Unverified));
}

#[tokio::test]
async fn a_signature_that_refers_to_the_image_is_found_where_the_registry_has_no_referrers() {
    let (store, digest) = with_engine();
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
    let fetched = of(&store, ":1.0.0").await.expect("the engine");
    assert_eq!(judge(&fetched, Some(&signer)), Ok(verified(&signer)));
}

#[tokio::test]
async fn a_signature_of_another_version_does_not_do() {
    let (store, digest) = with_engine();
    let signer = Signer::new();
    let other = "ab".repeat(32);
    store.manifest(
        &format!("sha256-{digest}.sig"),
        &cosign(&store, &signer, &other),
    );
    let fetched = of(&store, ":1.0.0").await.expect("the engine");
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
    let (store, _) = with_engine();
    let first = image(&[layer("application/wasm", ENGINE)]).to_string();
    let second = image(&[layer("application/x-tar", ENGINE)]);
    store.manifest("picture", &second);
    let other = b"another engine";
    store.blob(other);
    let third = image(&[layer("application/wasm", other)]);
    store.manifest("other", &third);
    let entry = |bytes: &str| {
        layer(
            "application/vnd.oci.image.manifest.v1+json",
            bytes.as_bytes(),
        )
    };
    let [picture, other] = [second, third].map(|image| entry(&image.to_string()));
    let engine = entry(&first);
    store.manifest("both", &index(&[engine.clone(), picture.clone(), other]));
    store.manifest("one", &index(&[engine, picture]));
    let only = of(&store, ":one").await.expect("the only engine");
    assert_eq!(only.bytes, ENGINE);
    let host = store.registry.host();
    let digest = Regex::new("[0-9a-f]{64}").expect("a pattern");
    let mut said = String::new();
    for version in [":both", ":picture", ":2.0.0"] {
        let error = of(&store, version).await.expect_err("no engine");
        let hint = error.advice().unwrap_or_default();
        let code = error.failure().exit_code();
        let text = format!("error: {error}\nhint: {hint}\nexit {code}\n\n");
        said += &digest.replace_all(&text.replace(&host, "HOST"), "DIGEST");
    }
    assert_snapshot!(said.trim_end(), @"
    error: oci://HOST/acme/vault:both is an index of 2 possible images
    hint: Name one of them: oci://HOST/acme/vault@sha256:DIGEST, oci://HOST/acme/vault@sha256:DIGEST
    exit 2

    error: oci://HOST/acme/vault:picture is not an engine: it has no layer of WebAssembly, but application/x-tar
    hint: An engine is one layer of the type application/wasm: `oras push REF ENGINE.wasm:application/wasm`
    exit 14

    error: oci://HOST/acme/vault:2.0.0 does not exist: manifest unknown
    hint: Check the name, the version, and the tag or digest
    exit 10
    ");
}

#[tokio::test]
async fn a_blob_that_was_changed_where_the_registry_keeps_it_is_refused() {
    let (store, _) = with_engine();
    let hex = sha256(ENGINE);
    let blob = format!(
        "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    );
    let mut bytes = ENGINE.to_vec();
    bytes[9] ^= 1;
    fs::write(store.folder.path().join(blob), bytes).expect("a changed blob");
    let error = of(&store, ":1.0.0").await.expect_err("a changed engine");
    assert_eq!(error.failure(), Failure::Integrity, "{error}");
}

#[tokio::test]
async fn a_registry_with_a_password_gets_the_one_of_dockers_configuration() {
    let (store, _) = with_engine();
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

fn trusted(certificates: &Certificates) -> SourceOptions {
    SourceOptions {
        ca_file: Some(certificates.folder.path().join("ca.pem")),
        ..SourceOptions::default()
    }
}

#[tokio::test]
async fn a_registry_with_tls_must_have_a_trusted_certificate() {
    let (store, _) = with_engine();
    let certificates = Certificates::new();
    let registry = Registry::over(store.folder.path(), &certificates.registry());
    let fetched = get(&registry, ":1.0.0", trusted(&certificates)).await;
    assert_eq!(fetched.expect("the engine").bytes, ENGINE);

    let strangers = Certificates::new();
    let error = get(&registry, ":1.0.0", trusted(&strangers))
        .await
        .expect_err("an unknown authority");
    assert!(
        matches!(error, SourceError::Web(WebError::Certificate { .. })),
        "{error}"
    );
}

/// Serves the engine and its signature over TLS, and redirects all other paths to `elsewhere`.
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
            let fetched = fetch(&url, trusted(&certificates)).await;
            let fetched = fetched.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(fetched.bytes, ENGINE);
            assert_eq!(judge(&fetched, Some(&signer)), Ok(verified(&signer)));
        }
    }
}

#[tokio::test]
async fn https_never_leads_to_http_nor_to_a_stranger() {
    let certificates = Certificates::new();
    let address = serve(&certificates, Vec::new(), "http://127.0.0.1:1/vault.wasm").await;
    let url = format!("https://{address}/latest");
    let error = fetch(&url, trusted(&certificates))
        .await
        .expect_err("a way to http");
    assert!(matches!(error, SourceError::Downgrade { .. }), "{error}");

    let strangers = Certificates::new();
    let url = format!("https://{address}/vault.wasm");
    let error = fetch(&url, trusted(&strangers))
        .await
        .expect_err("an unknown authority");
    assert!(
        matches!(error, SourceError::Web(WebError::Certificate { .. })),
        "{error}"
    );
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
        assert_eq!(judge(&fetched, Some(&signer)), Ok(verified(&signer)));
        assert_eq!(judge(&fetched, None), Ok(SignatureState::Unverified));
        fetched.bytes[0] ^= 1;
        assert_eq!(judge(&fetched, Some(&signer)), Err(Failure::Integrity));
    }
}
