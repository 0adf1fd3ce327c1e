//! A file as the body of a request.

use std::fs::File;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use host_base::Hashing;
use host_cluster::{RequestBody, StreamError};
use host_engine::Artifact;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Size of one read in bytes, and the number of pieces that may be queued.
const PIECE: u64 = 256 << 10;
const WAITING: usize = 4;

/// The bytes of the file differ from those that were verified.
#[derive(Debug, thiserror::Error)]
#[error("the file {name} changed while it was sent")]
struct Changed {
    name: String,
}

type Piece = Result<Bytes, StreamError>;

pub(super) struct FileBody {
    pieces: mpsc::Receiver<Piece>,
    /// Number of bytes that are still unread.
    left: u64,
}

/// Returns the bytes of a verified file as a body. They are hashed again while they are sent. If they have
/// changed, the request fails before its last piece.
pub(super) fn file_body(artifact: Artifact) -> RequestBody {
    RequestBody::stream(FileBody::open(artifact))
}

impl FileBody {
    /// Begins to read a file. Several bodies of the same file may be read at the same time. A request may be
    /// answered before its body was read to the end.
    pub(super) fn open(artifact: Artifact) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING);
        let left = artifact.length;
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&artifact, &sender) {
                // The receiver is gone when the request has ended.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self { pieces, left }
    }
}

fn read(artifact: &Artifact, sender: &mpsc::Sender<Piece>) -> Result<(), StreamError> {
    let changed = || Changed {
        name: artifact.name.clone(),
    };
    let mut hashing = Hashing::default();
    let mut file = At {
        file: &artifact.file,
        offset: 0,
    };
    let mut left = artifact.length;
    while left > 0 {
        let mut piece = Vec::new();
        let length = left.min(PIECE);
        (&mut file).take(length).read_to_end(&mut piece)?;
        hashing.update(&piece);
        left -= piece.len() as u64;
        let is_cut = (piece.len() as u64) < length;
        if is_cut || (left == 0 && hashing.clone().finish().to_string() != artifact.sha256) {
            return Err(changed().into());
        }
        if sender.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A reader with a position of its own. The file's own position is shared by all who have the file.
pub(super) struct At<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.offset)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Ok(bytes)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => {
                Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()))
            }
            None => None,
        })
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

    use host_base::Sha256;
    use http_body_util::BodyExt as _;

    use super::*;

    /// An answer may come before the body was read, and the engine sends the file once more.
    #[tokio::test]
    async fn two_bodies_of_one_file_do_not_disturb_each_other() {
        let content: Vec<u8> = (0..8 * PIECE).map(|at| (at / 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let artifact = Artifact {
            name: "a.zip".to_owned(),
            length: content.len() as u64,
            sha256: Sha256::digest(&content).to_string(),
            file: Arc::new(file),
        };
        let mut first = FileBody::open(artifact.clone());
        let frame = first.frame().await.unwrap().unwrap();
        let second = FileBody::open(artifact).collect().await.unwrap();
        assert!(second.to_bytes() == content);
        let mut received = frame.into_data().unwrap().to_vec();
        received.extend_from_slice(&first.collect().await.unwrap().to_bytes());
        assert!(received == content);
    }
}
