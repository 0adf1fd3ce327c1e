use host_base::{Failure, Problem};
use testbed::scripted::{Server, path, reply, serve};

use super::*;
use crate::source::{DockerConfig, SourceOptions};
use crate::testing::{COMPONENT, SIGNATURE};

fn network() -> Network {
    let options = SourceOptions::default();
    Network {
        docker: DockerConfig::of(&options),
        signatures: options.deadlines.signatures,
        client: Client::new(options).unwrap(),
    }
}

async fn fetched(server: &Server, path: &str) -> Result<Fetched, SourceError> {
    fetch(&network(), &server.url(path)).await
}

/// Returns a server of one engine that gives `status` and `body` for its signature.
async fn with_beside(status: u16, body: &'static str) -> Server {
    serve(move |request| match path(request) {
        "/vault.wasm?version=1" => reply(200, "", COMPONENT),
        "/vault.wasm.sig?version=1" => reply(status, "", body.as_bytes()),
        other => panic!("{other}"),
    })
    .await
}

#[tokio::test]
async fn a_file_is_fetched_with_the_signature_beside_it() {
    let server = with_beside(200, SIGNATURE).await;
    let engine = fetched(&server, "/vault.wasm?version=1").await.unwrap();
    assert_eq!(engine.bytes, COMPONENT);
    assert_eq!(
        engine.pinned,
        Reference::Url(server.url("/vault.wasm?version=1"))
    );
    assert_eq!(engine.signatures.len(), 1);
    assert_eq!(engine.signatures[0].origin, server.url("/vault.wasm.sig"));
    assert_eq!(engine.signatures[0].payload, None);
}

#[tokio::test]
async fn a_missing_signature_is_none() {
    for status in [403, 404, 410] {
        let server = with_beside(status, "no").await;
        let engine = fetched(&server, "/vault.wasm?version=1").await.unwrap();
        assert_eq!(engine.signatures, []);
        assert!(engine.not_looked_up.is_none());
    }
}

#[tokio::test]
async fn a_signature_that_cannot_be_read_is_not_a_missing_one() {
    for (status, body, failure) in [
        (200, "<html>", Failure::Integrity),
        (500, "no", Failure::Failed),
        (401, "no", Failure::NotAllowed),
    ] {
        let server = with_beside(status, body).await;
        let engine = fetched(&server, "/vault.wasm?version=1").await.unwrap();
        assert_eq!(engine.signatures, []);
        let error = engine.not_looked_up.unwrap();
        assert_eq!(error.failure(), failure, "{error}");
        assert!(error.to_string().contains("/vault.wasm.sig"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_file_is_named_and_nothing_else_is_asked_for() {
    let server = serve(|_| reply(404, "", b"")).await;
    let error = fetched(&server, "/vault.wasm").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} does not exist", server.url("/vault.wasm"))
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_is_no_address_is_refused_without_its_password() {
    let network = network();
    for url in ["https://", "https:// x", "https://me:canary@exa mple/x"] {
        let error = fetch(&network, url).await.unwrap_err();
        assert_eq!(error.failure(), Failure::Usage);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
