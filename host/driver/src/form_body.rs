//! A form as the body of a request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use host_cluster::{RequestBody, StreamError};
use host_engine::{Form, FormPiece};
use http_body::{Body, Frame, SizeHint};

use super::file_body::FileBody;

struct FormBody {
    pieces: VecDeque<FormPiece>,
    /// The file that is being sent. A file is opened when all before it is sent, because a form may contain the
    /// same file twice.
    file: Option<FileBody>,
    /// Number of bytes that are still unsent.
    left: u64,
}

/// Returns a form as a body. Each of its files is hashed again while it is sent. If one has changed, the request
/// fails before the last piece of that file.
pub(super) fn form_body(form: &Form) -> RequestBody {
    RequestBody::stream(FormBody::new(form.pieces()))
}

impl FormBody {
    fn new(pieces: Vec<FormPiece>) -> Self {
        Self {
            left: pieces.iter().map(FormPiece::length).sum(),
            pieces: pieces.into(),
            file: None,
        }
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let frame = loop {
            if let Some(file) = &mut self.file {
                match ready!(Pin::new(file).poll_frame(context)) {
                    Some(frame) => break frame?,
                    None => self.file = None,
                }
            }
            match self.pieces.pop_front() {
                Some(FormPiece::Bytes(bytes)) => break Frame::data(bytes),
                Some(FormPiece::File(artifact)) => self.file = Some(FileBody::open(artifact)),
                None => return Poll::Ready(None),
            }
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.left = self.left.saturating_sub(length as u64);
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use host_base::Hashing;
    use host_engine::Artifact;
    use http_body_util::BodyExt as _;

    use super::*;

    fn file(content: &[u8]) -> Artifact {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(content).expect("written");
        let mut hashing = Hashing::default();
        hashing.update(content);
        Artifact {
            name: "a.zip".to_owned(),
            length: content.len() as u64,
            sha256: hashing.finish().to_string(),
            file: Arc::new(file),
        }
    }

    fn bytes(text: &'static str) -> FormPiece {
        FormPiece::Bytes(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn all_pieces_are_sent_in_order_even_the_same_file_twice() {
        let content: Vec<_> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        let whole = file(&content);
        let pieces = vec![
            bytes("<"),
            FormPiece::File(whole.clone()),
            bytes("|"),
            FormPiece::File(file(b"")),
            FormPiece::File(whole),
            bytes(">"),
        ];
        let body = FormBody::new(pieces);
        let announced = body.size_hint().exact();
        let sent = body.collect().await.expect("sent").to_bytes();
        assert_eq!(announced, Some(sent.len() as u64));
        let expected = [b"<", &content[..], b"|", &content[..], b">"].concat();
        assert!(sent == expected);
    }

    #[tokio::test]
    async fn a_file_that_has_changed_is_not_sent_to_its_end() {
        let mut changed = file(b"a backup");
        changed.sha256 = file(b"a backuq").sha256;
        let mut shorter = file(b"a backup");
        shorter.length += 1;
        for file in [changed, shorter] {
            let mut body = FormBody::new(vec![bytes("<"), FormPiece::File(file), bytes(">")]);
            let first = body.frame().await.expect("a frame").expect("bytes");
            assert_eq!(first.into_data().ok().as_deref(), Some(&b"<"[..]));
            let error = body.frame().await.expect("a frame").expect_err("changed");
            let message = "the file a.zip changed while it was sent";
            assert_eq!(error.to_string(), message);
            assert!(!body.is_end_stream());
        }
    }
}
