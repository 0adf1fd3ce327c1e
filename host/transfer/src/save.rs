//! Downloads a backup into a file.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use host_base::Sha256;

use super::blocking::blocking;
use super::claims::Claims;
use super::commit::commit;
use super::destination::Destination;
use super::fetch::Fetch;
use super::gather::Gather;
use super::hasher::{self, Hasher};
use super::part::Part;
use super::record::Record;
use super::unproven::{self, Judgement};
use super::worker::Order;
use super::writer::{self, Writer};
use super::{Download, Event, Progress, Proof, Sink, TransferError, space};

/// A written file that is complete and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Path of the file.
    pub path: PathBuf,
    /// Length in bytes.
    pub length: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// How certain it is that the file is complete. It is [`Proof::Nothing`] only if the user accepts that.
    pub proof: Proof,
    /// The damage that the structure shows, if the user accepts damaged files.
    pub damage: Option<String>,
    /// The number of bytes that an earlier run had left.
    pub resumed: u64,
}

/// Writes the bytes of a download to a file, and `NAME.sha256` beside it.
///
/// The file gets its name only when it is complete and every claim about it is correct. Until then its bytes
/// are in `.NAME.part`. If the download fails or the future is dropped, the partial download stays if the
/// backend gave a strong ETag. The next call for the same bytes resumes it. Dropping waits until the bytes
/// are on the disk.
///
/// # Errors
/// Before any byte is requested or written:
/// - The file exists and may not be replaced.
/// - Another process is writing it.
/// - The disk has no room.
/// - The response can't be a backup.
///
/// Later:
/// - The stream is interrupted more often than [`super::Retry`] allows.
/// - Length or checksum are wrong; then nothing is kept.
/// - Nothing proves that all bytes arrived; then they are kept under another name.
pub async fn save(
    download: Download<'_>,
    destination: &Destination,
) -> Result<Saved, TransferError> {
    let destination = &destination.followed()?;
    let mut claims = Claims::read(&download.first, &download.expectation)?;
    if !download.source.can_repeat() {
        claims.forget_validators();
    }
    let source = download.source.identity().to_owned();
    let record = Record::new(&source, &claims);
    let part = {
        let (destination, total) = (destination.clone(), claims.likely_total());
        blocking(move || {
            let part = Part::open(&destination, record)?;
            let missing = total.unwrap_or(0).saturating_sub(part.durable());
            space::check(&destination.folder, missing)
                .map_err(|error| error.keeping(part.kept()))?;
            Ok(Arc::new(part))
        })
        .await?
    };
    let resumed = part.durable();
    let mut sink = FileSink::start(Arc::clone(&part), source, download.progress).await?;
    let accept_unproven = download.accept_unproven;
    let mut fetch = Fetch::new(download, claims, resumed);
    let fetched = fetch.run(&mut sink).await;
    // The received bytes are synced even after an error.
    let finished = sink.finish().await;
    let checked = fetched.and(finished).and_then(|sha256| {
        let proof = fetch.claims.check(fetch.position, sha256)?;
        Ok((sha256, proof))
    });
    let (sha256, proof) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            if error.spoils() {
                part.discard();
            }
            return Err(error.keeping(part.kept()));
        }
    };
    let length = fetch.position;
    let resumed = if fetch.restarted() { 0 } else { resumed };
    let Judgement { proof, damage } = match proof {
        Proof::Nothing => unproven::judge(&part, length, accept_unproven).await?,
        proof => Judgement {
            proof,
            damage: None,
        },
    };
    let final_destination = destination.clone();
    blocking(move || {
        commit(&part, &final_destination, sha256).map_err(|error| error.keeping(part.kept()))
    })
    .await?;
    Ok(Saved {
        path: destination.path(),
        length,
        sha256,
        proof,
        damage,
        resumed,
    })
}

/// A sink that hashes and writes at the same time.
struct FileSink {
    gather: Gather,
    // Fields are dropped in this order. The writer comes last because its drop takes long.
    hasher: Hasher,
    writer: Writer,
    source: String,
}

impl FileSink {
    async fn start(
        part: Arc<Part>,
        source: String,
        progress: &dyn Progress,
    ) -> Result<Self, TransferError> {
        let bytes = part.durable();
        let hasher = if bytes == 0 {
            hasher::start()?
        } else {
            progress.event(&Event::Rereading { bytes });
            let (mut hasher, ready) = hasher::start_after(&part, bytes)?;
            if ready.await.is_err() {
                let failed = hasher.finish().await;
                return Err(failed
                    .and_then(Result::err)
                    .unwrap_or(TransferError::Stopped));
            }
            hasher
        };
        Ok(Self {
            gather: Gather::new(),
            hasher,
            writer: writer::start(part)?,
            source,
        })
    }

    fn order(&self, order: Order) -> bool {
        self.hasher.send(order.clone()) && self.writer.send(order)
    }

    /// Passes the gathered bytes to the threads.
    fn hand_over(&mut self) {
        if let Some(piece) = self.gather.take() {
            // If a thread takes no more orders, it has failed, and its result has the reason.
            self.order(Order::Bytes(piece));
        }
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // A stopped download keeps all received bytes.
        self.hand_over();
    }
}

impl Sink for FileSink {
    type Error = TransferError;

    async fn write(&mut self, bytes: Bytes) -> Result<(), TransferError> {
        let mut rest = &*bytes;
        while let Some(piece) = self.gather.add(&mut rest).await {
            if !self.order(Order::Bytes(piece)) {
                // If a thread takes no more orders, it has failed, and its result has the reason.
                return self.finish().await.and(Err(TransferError::Stopped));
            }
        }
        Ok(())
    }

    fn restart(&mut self, claims: &Claims) -> Result<(), TransferError> {
        self.gather.clear();
        // A thread that has ended is noticed with the next bytes, or at the end.
        self.order(Order::Restart(Record::new(&self.source, claims)));
        Ok(())
    }

    async fn finish(&mut self) -> Result<Sha256, TransferError> {
        self.hand_over();
        // Both threads get the end of their orders before the code waits for either.
        let (hashed, written) = tokio::join!(self.hasher.finish(), self.writer.finish());
        written.unwrap_or(Err(TransferError::Stopped))?;
        hashed.unwrap_or(Err(TransferError::Stopped))
    }
}

#[cfg(test)]
mod tests;
