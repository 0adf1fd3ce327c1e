//! Downloads a backup onto a stream, such as stdout.

use bytes::Bytes;
use host_base::Sha256;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::claims::Claims;
use super::fetch::Fetch;
use super::gather::{Gather, Piece};
use super::hasher::{self, Hasher};
use super::record::Record;
use super::worker::Order;
use super::{Download, Proof, Sink, TransferError};

/// The result of a download onto a stream, checked at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Length in bytes.
    pub length: u64,
    /// Digest of the written bytes.
    pub sha256: Sha256,
    /// How certain it is that the stream is complete. It is [`Proof::Nothing`] only if the user accepts that.
    pub proof: Proof,
}

/// Writes the bytes of a download to `output` while they arrive.
///
/// Errors in the bytes show only at the end, so the reader of the stream must check the exit code. An
/// interrupted transfer resumes if the backend supports it.
///
/// # Errors
/// Those of [`super::save()`], and [`TransferError::CannotRestart`] if written bytes would have to be taken
/// back. [`TransferError::Unproven`] if nothing proves that all bytes arrived.
pub async fn stream_to(
    download: Download<'_>,
    output: &mut (impl AsyncWrite + Unpin + Send + ?Sized),
) -> Result<Streamed, TransferError> {
    let mut claims = Claims::read(&download.first, &download.expectation)?;
    if !download.source.can_repeat() {
        claims.forget_validators();
    }
    let mut sink = StreamSink {
        gather: Gather::new(),
        hasher: hasher::start()?,
        output,
        written: 0,
    };
    let accept_unproven = download.accept_unproven;
    let mut fetch = Fetch::new(download, claims, 0);
    let fetched = fetch.run(&mut sink).await;
    // The received bytes are written even after an error.
    let finished = sink.finish().await;
    let sha256 = fetched.and(finished)?;
    let proof = fetch.claims.check(fetch.position, sha256)?;
    if proof == Proof::Nothing && !accept_unproven {
        return Err(TransferError::Unproven {
            received: fetch.position,
            kept: None,
        });
    }
    Ok(Streamed {
        length: fetch.position,
        sha256,
        proof,
    })
}

struct StreamSink<'a, W: ?Sized> {
    gather: Gather,
    hasher: Hasher,
    output: &'a mut W,
    written: u64,
}

impl<W: AsyncWrite + Unpin + Send + ?Sized> StreamSink<'_, W> {
    async fn hand_on(&mut self, piece: Piece) -> Result<(), TransferError> {
        if !self.hasher.send(Order::Bytes(Piece::clone(&piece))) {
            return Err(TransferError::Stopped);
        }
        let result = self.output.write_all(&piece).await;
        result.map_err(TransferError::Output)?;
        self.written += piece.len() as u64;
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin + Send + ?Sized> Sink for StreamSink<'_, W> {
    type Error = TransferError;

    async fn write(&mut self, bytes: Bytes) -> Result<(), TransferError> {
        let mut rest = &*bytes;
        while let Some(piece) = self.gather.add(&mut rest).await {
            self.hand_on(piece).await?;
        }
        Ok(())
    }

    fn restart(&mut self, claims: &Claims) -> Result<(), TransferError> {
        if self.written > 0 {
            return Err(TransferError::CannotRestart {
                written: self.written + self.gather.len(),
            });
        }
        self.gather.clear();
        self.hasher.send(Order::Restart(Record::new("", claims)));
        Ok(())
    }

    async fn finish(&mut self) -> Result<Sha256, TransferError> {
        if let Some(piece) = self.gather.take() {
            self.hand_on(piece).await?;
        }
        self.output.flush().await.map_err(TransferError::Output)?;
        let hashed = self.hasher.finish().await;
        hashed.unwrap_or(Err(TransferError::Stopped))
    }
}

#[cfg(test)]
mod tests;
