use host_base::{Failure, Problem};
use testbed::scripted::{STALL, path, reply, serve};

use super::*;
use crate::testing::COMPONENT;

fn offline() -> Sources {
    Sources::new(SourceOptions {
        offline: true,
        // Reading this file would be an error.
        ca_file: Some("/nowhere/ca.pem".into()),
        ..SourceOptions::default()
    })
}

#[tokio::test]
async fn offline_there_is_nothing_that_could_open_a_socket() {
    let sources = offline();
    // Only the network contains a client and the configuration of credential helpers.
    assert!(sources.network.is_none());
    for text in [
        "https://127.0.0.1:1/vault.wasm",
        "http://localhost/vault.wasm",
        "oci://registry.example/acme/vault:1.0.0",
    ] {
        let error = sources.fetch(&text.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, SourceError::Offline { .. }), "{error}");
        assert_eq!(error.failure(), Failure::Usage);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn offline_files_are_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vault.wasm");
    std::fs::write(&file, COMPONENT).unwrap();
    let fetched = offline().fetch(&Reference::Path(file)).await.unwrap();
    assert_eq!(fetched.bytes, COMPONENT);
}

#[tokio::test]
async fn each_reference_finds_its_source() {
    let server = serve(|request| match path(request) {
        "/vault.wasm" => reply(200, "", COMPONENT),
        _ => reply(404, "", b""),
    })
    .await;
    let sources = Sources::new(SourceOptions::default());
    let reference = server.url("/vault.wasm").parse().unwrap();
    assert_eq!(sources.fetch(&reference).await.unwrap().pinned, reference);
}

#[tokio::test]
async fn a_component_that_trickles_in_is_given_up_in_the_end() {
    let server = serve(|_| [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", STALL].concat()).await;
    let sources = Sources::new(SourceOptions {
        deadlines: Deadlines {
            total: Duration::from_millis(100),
            ..Deadlines::default()
        },
        ..SourceOptions::default()
    });
    let reference = server.url("/vault.wasm").parse().unwrap();
    let error = sources.fetch(&reference).await.unwrap_err();
    assert_eq!(error.failure(), Failure::TimedOut);
    assert!(error.to_string().contains("100ms"), "{error}");
}
