//! A file of this machine as the source of an upload.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::Report;
use host_transfer::{Answer, Source};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, RANGE};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;

use super::file_body::At;

/// Size of one read in bytes, and the number of pieces that may wait.
const PIECE: u64 = 256 << 10;
const WAITING: usize = 4;

/// A file of this machine as the source of a transfer.
pub(super) struct FileSource {
    /// Digest of the file.
    pub(super) identity: String,
    pub(super) file: Arc<File>,
    pub(super) length: u64,
}

impl FileSource {
    pub(super) fn answer(&self, from: u64) -> Answer {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let file = Arc::clone(&self.file);
        let length = self.length;
        tokio::task::spawn_blocking(move || {
            let mut at = At {
                file: &file,
                offset: from,
            };
            let mut left = length.saturating_sub(from);
            while left > 0 {
                let mut piece = Vec::new();
                let read = (&mut at).take(left.min(PIECE)).read_to_end(&mut piece);
                let piece = match read {
                    Ok(0) | Err(_) => {
                        let report = Report::new(
                            host_base::ReportKind::Failed,
                            "the file can't be read to its end",
                        );
                        let _ = pieces.blocking_send(Err(report));
                        return;
                    }
                    Ok(_) => piece,
                };
                left = left.saturating_sub(piece.len() as u64);
                if pieces.blocking_send(Ok(Bytes::from(piece))).is_err() {
                    return;
                }
            }
        });
        let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
            let piece: Result<Bytes, Report> = receiver.recv().await?;
            Some((piece.map(http_body::Frame::data), receiver))
        });
        let mut answer = http::Response::new(StreamBody::new(pieces).boxed_unsync());
        let headers = answer.headers_mut();
        headers.insert(CONTENT_LENGTH, length.saturating_sub(from).into());
        if let Ok(etag) = format!("\"{}\"", self.identity).parse() {
            headers.insert(ETAG, etag);
        }
        if from > 0 {
            let range = format!("bytes {from}-{}/{length}", length.saturating_sub(1));
            if let Ok(range) = range.parse() {
                headers.insert(CONTENT_RANGE, range);
            }
            *answer.status_mut() = http::StatusCode::PARTIAL_CONTENT;
        }
        answer
    }
}

impl Source for FileSource {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>> {
        async move {
            let range = headers.get(RANGE).and_then(|it| it.to_str().ok());
            let from = range.and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-'));
            Ok(self.answer(from.and_then(|it| it.parse().ok()).unwrap_or(0)))
        }
        .boxed()
    }
}
