use host_base::{Failure, Problem as _};

use super::*;
use crate::testing::{Backend, Framing, Observer, Turn, lock, noise};

async fn run(backend: &Backend) -> (Result<Streamed, TransferError>, Vec<u8>) {
    let mut output = Vec::new();
    let observer = Observer::default();
    let result = stream_to(backend.download(&observer), &mut output).await;
    (result, output)
}

#[tokio::test]
async fn a_cut_stream_goes_on_without_a_gap() {
    let backend = Backend::new(noise(200_000, 1)).script([Turn::Cut(70_000), Turn::Cut(1)]);
    let (result, output) = run(&backend).await;
    assert_eq!(result.expect("streamed").sha256, backend.sha256());
    assert!(output == *lock(&backend.content));
}

#[tokio::test]
async fn bytes_that_were_written_are_not_written_again() {
    let mut backend = Backend::new(noise(200_000, 2)).script([Turn::Cut(70_000)]);
    backend.etag = None.into();
    let (result, output) = run(&backend).await;
    assert!(
        matches!(
            result,
            Err(TransferError::CannotRestart { written: 70_000 })
        ),
        "{result:?}"
    );
    assert_eq!(output.len(), 70_000);
    // Before the first byte is written, a restart is possible.
    let backend = backend.script([Turn::Cut(0)]);
    assert!(run(&backend).await.0.is_ok());
}

#[tokio::test]
async fn what_does_not_hold_at_the_end_is_an_error() {
    let mut backend = Backend::new(noise(5000, 3));
    backend.headers.push(("x-checksum-sha256", "0".repeat(64)));
    let error = run(&backend).await.0.expect_err("wrong");
    assert_eq!(error.failure(), Failure::Integrity);
}

#[tokio::test]
async fn nothing_beyond_the_announced_length_is_written() {
    let mut backend = Backend::new(noise(5000, 4));
    backend.framing = Framing::Chunked;
    backend.headers.push(("x-size", "4500".into()));
    let (result, output) = run(&backend).await;
    assert!(matches!(result, Err(TransferError::WrongLength { .. })));
    assert!(output.len() <= 4500);
}

#[tokio::test]
async fn a_reader_that_goes_away_is_an_error() {
    let (mut output, reader) = tokio::io::duplex(64);
    drop(reader);
    let backend = Backend::new(noise(5000, 5));
    let observer = Observer::default();
    let result = stream_to(backend.download(&observer), &mut output).await;
    assert!(matches!(result, Err(TransferError::Output(_))));
}
