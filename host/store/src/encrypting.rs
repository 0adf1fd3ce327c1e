//! Encrypts the bytes of an upload on a thread of its own.

use std::io::{self, Write};
use std::mem;

use bytes::Bytes;
use host_base::{Hashing, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::crypt;
use crate::sender::Order;

/// The bytes that the encryption passes on at once.
const PIECE: usize = 256 << 10;

/// An order for the plain bytes.
pub(crate) enum Plain {
    Bytes(Bytes),
    Restart,
    Seal(oneshot::Sender<(u64, Sha256)>),
}

/// Encrypts the plain bytes until there are no more.
pub(crate) fn encrypt(
    recipients: &[age::x25519::Recipient],
    mut pieces: mpsc::Receiver<Plain>,
    to: &mpsc::Sender<Order>,
) -> io::Result<()> {
    let begin = || crypt::encrypt(recipients, Pieces::new(to.clone()));
    let mut writer = begin()?;
    let mut hash = Hashing::default();
    let mut length = 0;
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Plain::Bytes(bytes) => {
                hash.update(&bytes);
                length += bytes.len() as u64;
                writer.write_all(&bytes)?;
            }
            Plain::Restart => {
                to.blocking_send(Order::Restart).map_err(io::Error::other)?;
                writer = begin()?;
                hash = Hashing::default();
                length = 0;
            }
            Plain::Seal(answer) => {
                let finished = mem::replace(&mut writer, begin()?);
                finished.finish()?.flush()?;
                let (sealed, is_sealed) = oneshot::channel();
                to.blocking_send(Order::Seal(sealed))
                    .map_err(io::Error::other)?;
                if is_sealed.blocking_recv().is_ok() {
                    let _ = answer.send((length, mem::take(&mut hash).finish()));
                }
            }
        }
    }
    Ok(())
}

/// Passes encrypted bytes on in larger pieces.
struct Pieces {
    buffer: Vec<u8>,
    to: mpsc::Sender<Order>,
}

impl Pieces {
    fn new(to: mpsc::Sender<Order>) -> Self {
        Self {
            buffer: Vec::with_capacity(PIECE),
            to,
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        let sent = self.to.blocking_send(Order::Bytes(full.into()));
        sent.map_err(io::Error::other)
    }
}
