//! Passes the bytes of a download to a receiver of any kind.

use bytes::Bytes;
use host_base::Sha256;

use super::claims::Claims;
use super::fetch::Fetch;
use super::record::Record;
use super::{Download, Proof, TransferError};

/// A receiver of the bytes of one download.
pub trait Sink: Send {
    /// The error of the receiver. It contains those of the transfer.
    type Error: From<TransferError> + Send;

    /// Takes the next bytes. Waits while the receiver has no room.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Discards the written bytes; those of `claims` follow, from the first byte on.
    ///
    /// # Errors
    /// When the written bytes can't be taken back.
    fn restart(&mut self, claims: &Claims) -> Result<(), Self::Error>;

    /// Processes the last bytes and returns the digest of all of them.
    fn finish(&mut self) -> impl Future<Output = Result<Sha256, Self::Error>> + Send;
}

/// The result of a download that a [`Sink`] received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// Length in bytes.
    pub length: u64,
    /// Digest of the bytes.
    pub sha256: Sha256,
    /// How certain it is that the bytes are complete. Nothing has looked at their structure.
    pub proof: Proof,
    /// The number of bytes that an earlier run had passed on.
    pub resumed: u64,
}

/// Identifies the bytes of a download in a later run, so that it can resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Record);

impl Fingerprint {
    /// Returns the fingerprint of a download. None if a later run can't know that its bytes are the same.
    fn of(download: &Download<'_>, claims: &Claims) -> Option<Self> {
        let record = Record::new(download.source.identity(), claims);
        record.is_resumable().then_some(Self(record))
    }

    /// Returns the fingerprint as JSON, without line breaks.
    #[must_use]
    pub fn to_json(&self) -> String {
        String::from_utf8_lossy(&self.0.to_json()).into_owned()
    }

    /// Returns true if an earlier fingerprint, as JSON, certainly is of the same bytes.
    #[must_use]
    pub fn is_same(&self, earlier: &str) -> bool {
        Record::parse(earlier.as_bytes()).is_some_and(|earlier| earlier.is_same(&self.0))
    }
}

/// Passes the bytes of a download to a sink, which `open` creates. `open` gets the likely length, and the
/// fingerprint for a later run. It returns how many bytes an earlier run has passed on.
///
/// # Errors
/// Those of [`super::save()`] about the bytes, and those of the sink.
pub async fn hand_over<S: Sink>(
    download: Download<'_>,
    open: impl AsyncFnOnce(Option<u64>, Option<Fingerprint>) -> Result<(S, u64), S::Error>,
) -> Result<(S, HandedOver), (S::Error, Option<S>)> {
    let prepared = Claims::read(&download.first, &download.expectation);
    let mut claims = prepared.map_err(|error| (error.into(), None))?;
    if !download.source.can_repeat() {
        claims.forget_validators();
    }
    let fingerprint = Fingerprint::of(&download, &claims);
    let opened = open(claims.likely_total(), fingerprint).await;
    let (mut sink, resumed) = opened.map_err(|error| (error, None))?;
    let mut fetch = Fetch::new(download, claims, resumed);
    let finished = match fetch.run(&mut sink).await {
        Ok(()) => sink.finish().await,
        Err(error) => Err(error),
    };
    let checked = finished.and_then(|sha256| {
        let proof = fetch.claims.check(fetch.position, sha256)?;
        Ok((sha256, proof))
    });
    match checked {
        Ok((sha256, proof)) => {
            let handed = HandedOver {
                length: fetch.position,
                sha256,
                proof,
                resumed: if fetch.restarted() { 0 } else { resumed },
            };
            Ok((sink, handed))
        }
        Err(error) => Err((error, Some(sink))),
    }
}
