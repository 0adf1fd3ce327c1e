use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::{Failure, Problem};
use host_web::WebError;
use testbed::scripted::{Server, header, path, reply, serve};

use super::*;
use crate::signature::digest;
use crate::source::{SourceOptions, Sources};
use crate::testing::{COMPONENT, SIGNATURE};

const REPOSITORY: &str = "/v2/acme/vault";

/// The content of a registry by path.
#[derive(Clone, Default)]
struct Content(HashMap<String, (String, Vec<u8>)>);

impl Content {
    /// Returns a registry with one engine at the tag `1`.
    fn engine() -> Self {
        Self::default()
            .manifest("1", &manifest(COMPONENT))
            .blob(COMPONENT)
    }

    fn with(mut self, path: &str, headers: &str, body: &[u8]) -> Self {
        let value = (headers.to_owned(), body.to_vec());
        self.0.insert(format!("{REPOSITORY}/{path}"), value);
        self
    }

    /// Adds a manifest at a tag and at its digest.
    fn manifest(self, tag: &str, bytes: &[u8]) -> Self {
        let stated = format!("docker-content-digest: sha256:{}\r\n", digest(bytes));
        self.with(&format!("manifests/{tag}"), &stated, bytes).with(
            &format!("manifests/sha256:{}", digest(bytes)),
            &stated,
            bytes,
        )
    }

    fn blob(self, bytes: &[u8]) -> Self {
        self.with(&format!("blobs/sha256:{}", digest(bytes)), "", bytes)
    }

    fn answer(&self, request: &str) -> Vec<u8> {
        match self.0.get(path(request)) {
            Some((headers, body)) => reply(200, headers, body),
            None => reply(404, "", br#"{"errors":[{"message":"manifest unknown"}]}"#),
        }
    }

    async fn serve(self) -> Server {
        serve(move |request| self.answer(request)).await
    }
}

fn layer(kind: &str, bytes: &[u8], signature: &str) -> serde_json::Value {
    serde_json::json!({
        "mediaType": kind,
        "digest": format!("sha256:{}", digest(bytes)),
        "size": bytes.len(),
        "annotations": { "dev.cosignproject.cosign/signature": signature },
    })
}

fn manifest(component: &[u8]) -> Vec<u8> {
    let layers = [layer("application/wasm", component, "")];
    serde_json::json!({ "schemaVersion": 2, "layers": layers })
        .to_string()
        .into_bytes()
}

fn index(manifests: &[&[u8]], artifact_type: Option<&str>) -> Vec<u8> {
    let entries: Vec<_> = manifests
        .iter()
        .map(|bytes| {
            let mut entry = layer("application/vnd.oci.image.manifest.v1+json", bytes, "");
            entry["artifactType"] = artifact_type.into();
            entry
        })
        .collect();
    serde_json::json!({ "schemaVersion": 2, "manifests": entries })
        .to_string()
        .into_bytes()
}

async fn get_with(
    server: &Server,
    version: &str,
    change: impl FnOnce(&mut SourceOptions),
) -> Result<Fetched, SourceError> {
    let mut options = SourceOptions {
        insecure_registries: vec![server.address.to_string()],
        ..SourceOptions::default()
    };
    change(&mut options);
    let sources = Sources::new(options);
    let reference = format!("oci://{}/acme/vault{version}", server.address);
    sources.fetch(&reference.parse().unwrap()).await
}

async fn get(server: &Server, version: &str) -> Result<Fetched, SourceError> {
    get_with(server, version, |_| ()).await
}

fn pinned(fetched: &Fetched) -> String {
    match &fetched.pinned {
        Reference::Oci { version, .. } => version.to_string(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_tag_is_pinned_to_the_digest_of_its_manifest() {
    let server = Content::engine().serve().await;
    let version = format!("@sha256:{}", digest(&manifest(COMPONENT)));
    for asked in [":1", &version] {
        let fetched = get(&server, asked).await.unwrap();
        assert_eq!(fetched.bytes, COMPONENT);
        assert_eq!(pinned(&fetched), version);
        assert_eq!(fetched.signatures, []);
    }
}

#[tokio::test]
async fn every_digest_is_checked() {
    let good = manifest(COMPONENT);
    let other = manifest(b"other");
    let by_digest = format!("manifests/sha256:{}", digest(&good));
    let blob = format!("blobs/sha256:{}", digest(COMPONENT));
    let stated = format!("docker-content-digest: sha256:{}\r\n", digest(&good));
    for (what, content, version) in [
        (
            "the manifest against the reference",
            Content::engine().with(&by_digest, "", &other),
            format!("@sha256:{}", digest(&good)),
        ),
        (
            "the manifest against the header",
            Content::engine().with("manifests/1", &stated, &other),
            ":1".to_owned(),
        ),
        (
            "the layer against the manifest",
            Content::engine().with(&blob, "", b"componemt"),
            ":1".to_owned(),
        ),
        (
            "a layer that is cut",
            Content::engine().with(&blob, "", b"comp"),
            ":1".to_owned(),
        ),
    ] {
        let error = get(&content.serve().await, &version).await.unwrap_err();
        assert_eq!(error.failure(), Failure::Integrity, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_layer_longer_than_it_should_be_is_not_read() {
    let blob = format!("blobs/sha256:{}", digest(COMPONENT));
    let longer = Content::engine().with(&blob, "", b"component and more");
    let error = get(&longer.serve().await, ":1").await.unwrap_err();
    assert!(matches!(error, SourceError::TooLong { .. }), "{error}");

    let text = String::from_utf8(manifest(COMPONENT)).unwrap();
    let huge = text.replace("\"size\":9", "\"size\":67108865");
    assert_ne!(huge, text);
    let server = Content::engine()
        .manifest("1", huge.as_bytes())
        .serve()
        .await;
    let error = get(&server, ":1").await.unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::TooLong {
                limit: MAX_ENGINE,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1, "the layer is not asked for");
}

#[tokio::test]
async fn an_index_is_followed_when_it_leaves_no_choice() {
    let engine = manifest(COMPONENT);
    let one = Content::engine().manifest("1", &index(&[&engine], None));
    let fetched = get(&one.serve().await, ":1").await.unwrap();
    assert_eq!(pinned(&fetched), format!("@sha256:{}", digest(&engine)));
}

#[tokio::test]
async fn two_engines_of_one_index_are_named() {
    let (engine, other) = (manifest(COMPONENT), manifest(b"other"));
    let two = Content::engine()
        .manifest("other", &other)
        .manifest("1", &index(&[&engine, &other], None));
    let server = two.serve().await;
    let error = get(&server, ":1").await.unwrap_err();
    let SourceError::Index { images, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(images.len(), 2);
    assert_eq!(error.failure(), Failure::Usage);
    let hint = error.advice().unwrap();
    for bytes in [&engine, &other] {
        let name = format!(
            "oci://{}/acme/vault@sha256:{}",
            server.address,
            digest(bytes)
        );
        assert!(hint.contains(&name), "{hint}");
    }
}

/// Returns an index with platforms and annotations, as buildx pushes it.
fn built(images: &[(&[u8], serde_json::Value)]) -> Vec<u8> {
    let entries: Vec<_> = images
        .iter()
        .map(|(bytes, more)| {
            let mut entry = layer("application/vnd.oci.image.manifest.v1+json", bytes, "");
            for (name, value) in more.as_object().unwrap() {
                entry[name] = value.clone();
            }
            entry
        })
        .collect();
    serde_json::json!({ "schemaVersion": 2, "manifests": entries })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn the_one_engine_of_an_index_is_found_whatever_else_is_in_it() {
    let engine = manifest(COMPONENT);
    let unpushed = manifest(b"of a machine that nobody mirrors");
    let picture = br#"{"layers":[]}"#;
    let nested = index(&[&engine], None);
    let none = || serde_json::json!({});
    let on = |os: &str, architecture: &str| serde_json::json!({ "platform": { "os": os, "architecture": architecture } });
    let about = serde_json::json!({
        "platform": { "os": "unknown", "architecture": "unknown" },
        "annotations": { "vnd.docker.reference.type": "attestation-manifest" },
    });
    for (what, top) in [
        (
            "an attestation",
            built(&[(&engine, on("wasip2", "wasm")), (b"attestation", about)]),
        ),
        (
            "another platform",
            built(&[
                (b"linux", on("linux", "amd64")),
                (&engine, on("wasi", "wasm")),
            ]),
        ),
        (
            "an image without a component",
            built(&[(picture, none()), (&engine, none())]),
        ),
        (
            "an image that is not there",
            built(&[(&unpushed, none()), (&engine, none())]),
        ),
        ("an index", built(&[(&nested, none())])),
        (
            "an index and an image",
            built(&[(picture, none()), (&nested, none())]),
        ),
        (
            "an index of indexes",
            index(&[&index(&[&nested], None)], None),
        ),
    ] {
        let server = Content::engine()
            .manifest("picture", picture)
            .manifest("nested", &nested)
            .manifest("indexes", &index(&[&nested], None))
            .manifest("1", &top)
            .serve()
            .await;
        let fetched = get(&server, ":1").await;
        let fetched = fetched.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(fetched.bytes, COMPONENT, "{what}");
        assert_eq!(
            pinned(&fetched),
            format!("@sha256:{}", digest(&engine)),
            "{what}"
        );
    }
    for (what, top) in [
        ("nothing", built(&[])),
        (
            "an attestation alone",
            built(&[(
                b"x",
                serde_json::json!({ "artifactType": "application/vnd.in-toto+json" }),
            )]),
        ),
        (
            "no engine",
            built(&[(picture, none()), (&unpushed, none())]),
        ),
    ] {
        let server = Content::engine()
            .manifest("picture", picture)
            .manifest("1", &top)
            .serve()
            .await;
        let error = get(&server, ":1").await.unwrap_err();
        assert!(
            matches!(error, SourceError::NotAnEngine { .. }),
            "{what}: {error}"
        );
    }
}

#[tokio::test]
async fn indexes_are_not_followed_for_ever() {
    let mut content = Content::engine();
    let mut document = manifest(COMPONENT);
    for depth in 0..6 {
        document = index(&[&document], None);
        content = content.manifest(&format!("depth-{depth}"), &document);
    }
    let server = content.serve().await;
    assert!(get(&server, ":depth-3").await.is_ok());
    let error = get(&server, ":depth-4").await.unwrap_err();
    assert!(matches!(error, SourceError::NotAnEngine { .. }), "{error}");
}

#[tokio::test]
async fn a_tag_with_a_digest_is_that_digest_and_a_longer_digest_is_checked_as_well() {
    let good = manifest(COMPONENT);
    let hex: String = <sha2::Sha512 as sha2::Digest>::digest(&good)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = format!("manifests/sha512:{hex}");
    let server = Content::engine().with(&path, "", &good).serve().await;
    for (asked, expected) in [
        (
            format!(":moved@sha256:{}", digest(&good)),
            format!("@sha256:{}", digest(&good)),
        ),
        (format!(":1@sha512:{hex}"), format!("@sha512:{hex}")),
    ] {
        let fetched = get(&server, &asked).await.unwrap();
        assert_eq!(fetched.bytes, COMPONENT);
        assert_eq!(pinned(&fetched), expected);
    }
    let other = Content::engine().with(&path, "", &manifest(b"other"));
    let error = get(&other.serve().await, &format!("@sha512:{hex}"))
        .await
        .unwrap_err();
    assert_eq!(error.failure(), Failure::Integrity, "{error}");
}

/// Returns a registry that gives `odd` for all requests about signatures.
async fn odd_signatures(odd: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let content = Content::engine();
    serve(move |request| {
        let path = path(request);
        if path.contains("/referrers/")
            || path.contains("/manifests/sha256-")
            || path == "/elsewhere"
        {
            odd(path)
        } else {
            content.answer(request)
        }
    })
    .await
}

#[tokio::test]
async fn an_odd_answer_about_signatures_is_kept_and_blocks_nothing() {
    let answers: [(&str, Vec<u8>); 12] = [
        (
            "a page",
            reply(200, "content-type: text/html\r\n", b"<html>"),
        ),
        ("nothing", reply(200, "", b"")),
        ("other JSON", reply(200, "", b"[1]")),
        ("null", reply(200, "", b"null")),
        (
            "an index of an odd form",
            reply(200, "", br#"{"manifests":7}"#),
        ),
        ("a limit", reply(429, "", b"Too many requests")),
        ("a refusal", reply(403, "", b"denied")),
        (
            "a question for a login",
            reply(401, "www-authenticate: Basic realm=x\r\n", b""),
        ),
        ("a fault", reply(500, "", b"<html>")),
        ("a way to nowhere", reply(302, "", b"")),
        (
            "a way to http",
            reply(301, "location: ftp://r.example/\r\n", b""),
        ),
        (
            "an end in the middle",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec(),
        ),
    ];
    for (what, answer) in answers {
        let server = odd_signatures(move |_| answer.clone()).await;
        let fetched = get(&server, ":1").await;
        let fetched = fetched.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(fetched.signatures, [], "{what}");
        assert!(fetched.not_looked_up.is_some(), "{what}");
    }
    // ghcr.io responds like this.
    let server = odd_signatures(|path| match path {
        "/elsewhere" => reply(429, "", b"Too many requests"),
        path if path.contains("/referrers/") => reply(303, "location: /elsewhere\r\n", b""),
        _ => reply(404, "", b""),
    })
    .await;
    let problem = get(&server, ":1").await.unwrap().not_looked_up.unwrap();
    assert!(
        matches!(*problem, SourceError::Status { status: 429, .. }),
        "{problem}"
    );
}

#[tokio::test]
async fn a_registry_that_never_answers_about_signatures_costs_one_deadline() {
    let server = odd_signatures(|_| Vec::new()).await;
    let fetched = get_with(&server, ":1", |options| {
        options.deadlines.signatures = std::time::Duration::from_millis(100);
    })
    .await
    .unwrap();
    assert_eq!(fetched.bytes, COMPONENT);
    let problem = fetched.not_looked_up.unwrap();
    assert_eq!(problem.failure(), Failure::TimedOut);
}

#[tokio::test]
async fn what_one_place_of_signatures_lacks_takes_nothing_from_the_others() {
    let engine = manifest(COMPONENT);
    let tag = format!("manifests/sha256-{}.sig", digest(&engine));
    let content = Content::engine()
        .blob(PAYLOAD)
        .with(&tag, "", &signed_image(None));
    let server = serve(move |request| {
        if path(request).contains("/referrers/") {
            reply(503, "", b"")
        } else {
            content.answer(request)
        }
    })
    .await;
    let fetched = get(&server, ":1").await.unwrap();
    assert_eq!(fetched.signatures.len(), 1);
    assert!(fetched.not_looked_up.is_some());
}

#[tokio::test]
async fn what_is_missing_is_named_in_the_registrys_words() {
    let server = Content::default().serve().await;
    let error = get(&server, ":2").await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound);
    let expected = format!(
        "oci://{}/acme/vault:2 does not exist: manifest unknown",
        server.address
    );
    assert_eq!(error.to_string(), expected);
}

const PAYLOAD: &[u8] = br#"{"critical":{}}"#;

fn signed_image(subject: Option<&[u8]>) -> Vec<u8> {
    let layers = [
        layer(
            "application/vnd.dev.cosign.simplesigning.v1+json",
            PAYLOAD,
            SIGNATURE,
        ),
        layer(
            "application/vnd.dev.cosign.simplesigning.v1+json",
            PAYLOAD,
            "no signature",
        ),
        layer("application/octet-stream", b"x", SIGNATURE),
    ];
    serde_json::json!({
        "layers": layers,
        "subject": subject.map(|bytes| layer("x", bytes, "")),
    })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn signatures_are_found_behind_each_of_the_places_that_cosign_uses() {
    let engine = manifest(COMPONENT);
    let hex = digest(&engine).to_string();
    let referring = signed_image(Some(&engine));
    let artifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let referrers = index(&[&referring], Some(artifact));
    let common = || Content::engine().blob(PAYLOAD).manifest("x", &referring);
    for (place, content) in [
        (
            "the tag",
            common().manifest(&format!("sha256-{hex}.sig"), &signed_image(None)),
        ),
        (
            "the referrers",
            common().with(&format!("referrers/sha256:{hex}"), "", &referrers),
        ),
        (
            "the tag that stands for the referrers",
            common().manifest(&format!("sha256-{hex}"), &referrers),
        ),
        (
            "all of them",
            common()
                .manifest(&format!("sha256-{hex}.sig"), &signed_image(None))
                .with(&format!("referrers/sha256:{hex}"), "", &referrers),
        ),
    ] {
        let fetched = get(&content.serve().await, ":1").await.unwrap();
        let [signature] = fetched.signatures.as_slice() else {
            panic!("{place}: {:?}", fetched.signatures)
        };
        assert_eq!(signature.der, BASE64_STANDARD.decode(SIGNATURE).unwrap());
        let payload = signature.payload.as_ref().unwrap();
        assert_eq!(payload.document, PAYLOAD, "{place}");
        assert_eq!(payload.manifest, engine, "{place}");
    }
}

#[tokio::test]
async fn what_refers_to_another_image_or_is_no_signature_is_passed_over() {
    let engine = manifest(COMPONENT);
    let hex = digest(&engine).to_string();
    let artifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let elsewhere = signed_image(Some(b"another"));
    let ours = signed_image(Some(&engine));
    for (image, kind) in [
        (&elsewhere, Some(artifact)),
        (&ours, Some("application/spdx+json")),
        (&ours, None),
    ] {
        let content = Content::engine().blob(PAYLOAD).manifest("x", image).with(
            &format!("referrers/sha256:{hex}"),
            "",
            &index(&[image], kind),
        );
        let fetched = get(&content.serve().await, ":1").await.unwrap();
        assert_eq!(fetched.signatures, [], "{kind:?}");
    }
}

/// Returns a registry that demands the token `t`, and issues it at `/token` for the right request.
async fn with_tokens(wanted: &'static str) -> Server {
    let content = Content::engine();
    serve(move |request| {
        let said = header(request, "authorization");
        if path(request).starts_with("/token") {
            return if said == Some(wanted) || request.ends_with(wanted) {
                reply(200, "", br#"{"access_token":"t","expires_in":300}"#)
            } else {
                reply(401, "", b"who are you?")
            };
        }
        if said == Some("Bearer t") {
            return content.answer(request);
        }
        let host = header(request, "host").unwrap();
        let challenge = format!(
            "www-authenticate: Bearer realm=\"http://{host}/token?a=b\",service=\"the registry\"\r\n"
        );
        reply(401, &challenge, b"")
    })
    .await
}

fn docker_config(server: &Server, login: serde_json::Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut auths = serde_json::Map::new();
    auths.insert(server.address.to_string(), login);
    let config = serde_json::json!({ "auths": auths }).to_string();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    folder
}

#[tokio::test]
async fn a_token_is_asked_for_once_with_the_password_of_dockers_configuration() {
    let server = with_tokens("Basic bWU6eA==").await;
    let config = docker_config(&server, serde_json::json!({ "auth": "bWU6eA==" }));
    let fetched = get_with(&server, ":1", |options| {
        options.docker_config = Some(config.path().to_owned());
    })
    .await
    .unwrap();
    assert_eq!(fetched.bytes, COMPONENT);
    let requests = server.requests();
    let tokens: Vec<_> = requests
        .iter()
        .map(|it| path(it))
        .filter(|it| it.starts_with("/token"))
        .collect();
    assert_eq!(
        tokens,
        ["/token?a=b&scope=repository%3Aacme%2Fvault%3Apull&service=the%20registry"]
    );
    let with_password = requests.iter().filter(|it| it.contains("bWU6eA==")).count();
    assert_eq!(
        with_password, 1,
        "the password goes to the server of tokens alone"
    );
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token() {
    let server = with_tokens("&refresh_token=my%2Btoken").await;
    let login = serde_json::json!({ "identitytoken": "my+token" });
    let config = docker_config(&server, login);
    let fetched = get_with(&server, ":1", |options| {
        options.docker_config = Some(config.path().to_owned());
    })
    .await;
    assert_eq!(fetched.unwrap().bytes, COMPONENT);
}

#[tokio::test]
async fn without_the_right_password_nothing_is_allowed() {
    let server = with_tokens("Basic bWU6eA==").await;
    let error = get(&server, ":1").await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotAllowed);
    assert!(error.to_string().contains("who are you?"), "{error}");
}

#[tokio::test]
async fn a_registry_that_takes_no_credentials_back_is_asked_twice_and_not_for_ever() {
    let server = serve(|_| reply(401, "www-authenticate: Basic realm=x\r\n", b"")).await;
    let config = docker_config(&server, serde_json::json!({ "auth": "bWU6eA==" }));
    let error = get_with(&server, ":1", |options| {
        options.docker_config = Some(config.path().to_owned());
    })
    .await
    .unwrap_err();
    assert_eq!(error.failure(), Failure::NotAllowed);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_registry_is_spoken_to_over_tls_unless_it_is_named() {
    let server = Content::engine().serve().await;
    let error = get_with(&server, ":1", |options| options.insecure_registries.clear())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SourceError::Web(WebError::Unreachable { .. })),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("--insecure-registry"));
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_login_that_can_not_be_got_is_an_error_only_where_one_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let configure = |content: &str| std::fs::write(folder.path().join("config.json"), content);
    let with_config = |options: &mut SourceOptions| {
        options.docker_config = Some(folder.path().to_owned());
        options.helper_path = Some(folder.path().into());
    };
    // The server issues a token to everybody.
    let content = Content::engine();
    let open = serve(move |request| {
        if path(request).starts_with("/token") {
            reply(200, "", br#"{"token":"t"}"#)
        } else if header(request, "authorization") == Some("Bearer t") {
            content.answer(request)
        } else {
            let host = header(request, "host").unwrap();
            reply(
                401,
                &format!("www-authenticate: Bearer realm=\"http://{host}/token\"\r\n"),
                b"",
            )
        }
    })
    .await;
    let closed = with_tokens("Basic bWU6eA==").await;
    let basic = serve(|_| reply(401, "www-authenticate: Basic realm=x\r\n", b"")).await;
    for (config, failure) in [
        (r#"{"credsStore":"missing"}"#, Failure::NotAllowed),
        ("{damaged", Failure::Usage),
        ("[]", Failure::Usage),
    ] {
        configure(config).unwrap();
        let fetched = get_with(&open, ":1", with_config).await;
        assert_eq!(fetched.unwrap().bytes, COMPONENT, "{config}");
        for server in [&closed, &basic] {
            let error = get_with(server, ":1", with_config).await.unwrap_err();
            assert_eq!(error.failure(), failure, "{config}: {error}");
            let names_it = matches!(
                error,
                SourceError::Helper { .. } | SourceError::Configuration { .. }
            );
            assert!(names_it, "{config}: {error}");
        }
    }
}
