//! Hashes the stored bytes of a file, cuts them into parts, and sends the parts.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use host_base::{Failure, Problem as _, Sha256, fail_point};
use host_objectstore::Location;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutMultipartOptions, PutPayload};
use sha2::digest::common::hazmat::SerializableState as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::StoreError;
use crate::journal::{Header, Part};
use crate::manifest::Stored;
use crate::plan::{MAX_PARTS, Plan};
use crate::requests::waits;
use crate::resume::Resume;
use crate::upload::Shared;

/// The memory of a new part, in bytes. It grows to the length of a part.
const FIRST: usize = 256 << 10;

/// An order for the stored bytes.
pub(crate) enum Order {
    Bytes(Bytes),
    /// All bytes so far are void.
    Restart,
    /// These were all bytes. The answer is their length and digest.
    Seal(oneshot::Sender<(u64, Sha256)>),
    /// The bytes are right: make them an object.
    Complete(oneshot::Sender<Stored>),
}

/// Cuts the stored bytes into parts and sends them.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    object: String,
    path: Path,
    plan: Plan,
    permits: Arc<Semaphore>,
    current: Option<(BytesMut, OwnedSemaphorePermit)>,
    upload: Option<Upload>,
    running: JoinSet<Result<(usize, PartId), StoreError>>,
    /// The parts that the store has, by their numbers from 0.
    parts: BTreeMap<usize, PartId>,
    /// The states of the digest after parts that are not in the journal yet.
    states: BTreeMap<usize, String>,
    next: usize,
    noted: usize,
    fingerprint: Option<String>,
    hash: sha2::Sha256,
    pub(crate) length: u64,
    /// Whether the object may be there.
    is_sent: bool,
    is_complete: bool,
}

enum Upload {
    /// An upload in parts, by its id.
    Parts(String),
    /// A file of a folder.
    File(Box<dyn MultipartUpload>),
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>, object: String, path: Path, plan: Plan) -> Self {
        Self {
            shared,
            object,
            path,
            plan,
            permits: Arc::new(Semaphore::new(plan.in_flight)),
            current: None,
            upload: None,
            running: JoinSet::new(),
            parts: BTreeMap::new(),
            states: BTreeMap::new(),
            next: 0,
            noted: 0,
            fingerprint: None,
            hash: sha2::Digest::new(),
            length: 0,
            is_sent: false,
            is_complete: false,
        }
    }

    /// Goes on after the parts of an earlier run.
    pub(crate) fn take_up(&mut self, resume: Resume) {
        self.fingerprint = resume.fingerprint;
        let (Some(upload), Some(last)) = (resume.upload, resume.parts.last()) else {
            return;
        };
        let Some(hash) = restored(&last.state) else {
            return;
        };
        let header = Header {
            upload: upload.clone(),
            ..self.header(String::new())
        };
        if let Some(journal) = &self.shared.journal
            && journal.keep(&header, &resume.parts).is_err()
        {
            self.fingerprint = None;
        }
        self.shared.know_upload(&self.object, &upload);
        self.hash = hash;
        self.next = resume.parts.len();
        self.noted = self.next;
        self.length = self.plan.part * self.next as u64;
        self.parts = resume
            .parts
            .into_iter()
            .map(|part| PartId {
                content_id: part.etag,
            })
            .enumerate()
            .collect();
        self.upload = Some(Upload::Parts(upload));
    }

    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        unwanted: oneshot::Receiver<()>,
    ) -> Result<(), StoreError> {
        let followed = tokio::select! {
            biased;
            followed = self.follow(&mut orders) => followed,
            _ = unwanted => Ok(()),
        };
        if !self.is_complete {
            self.leave(followed.as_ref().err()).await;
        }
        followed
    }

    async fn follow(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), StoreError> {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Bytes(bytes) => self.take(&bytes).await?,
                Order::Restart => self.restart().await,
                Order::Seal(answer) => {
                    self.seal().await?;
                    let _ = answer.send((self.length, Sha256::of(self.hash.clone())));
                }
                Order::Complete(answer) => {
                    let stored = self.complete().await?;
                    self.is_complete = true;
                    let _ = answer.send(stored);
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let part = usize::try_from(self.plan.part).unwrap_or(usize::MAX);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (mut buffer, permit) = match self.current.take() {
                Some(current) => current,
                None => {
                    // The permit comes first: memory is taken only for parts that may be sent.
                    let permit = self.permit().await?;
                    (
                        BytesMut::with_capacity(part.min(rest.len().max(FIRST))),
                        permit,
                    )
                }
            };
            let (now, later) = rest.split_at(rest.len().min(part - buffer.len()));
            if buffer.capacity() < buffer.len() + now.len() {
                // The first part of a small file takes no more memory than the file.
                let more = buffer.capacity().max(now.len());
                buffer.reserve(more.min(part - buffer.len()));
            }
            buffer.extend_from_slice(now);
            sha2::Digest::update(&mut self.hash, now);
            self.length += now.len() as u64;
            rest = later;
            if buffer.len() == part {
                self.send(buffer.freeze(), permit).await?;
            } else {
                self.current = Some((buffer, permit));
            }
        }
        Ok(())
    }

    /// Waits until another part may be in flight.
    async fn permit(&mut self) -> Result<OwnedSemaphorePermit, StoreError> {
        loop {
            let permits = Arc::clone(&self.permits);
            tokio::select! {
                biased;
                Some(done) = self.running.join_next() => self.note(done)?,
                permit = permits.acquire_owned() => {
                    return permit.map_err(|_| StoreError::Stopped);
                }
            }
        }
    }

    async fn send(&mut self, bytes: Bytes, permit: OwnedSemaphorePermit) -> Result<(), StoreError> {
        let index = self.next;
        if index >= MAX_PARTS {
            let limit = self.plan.part * MAX_PARTS as u64;
            return Err(self.shared.store.too_large(&self.object, limit));
        }
        if self.upload.is_none() {
            self.begin().await?;
        }
        self.next += 1;
        // Only whole parts can be resumed after.
        if self.fingerprint.is_some() && bytes.len() as u64 == self.plan.part {
            self.states.insert(index, saved(&self.hash));
        }
        let payload = PutPayload::from_bytes(bytes);
        let shared = Arc::clone(&self.shared);
        let object = self.object.clone();
        match &mut self.upload {
            Some(Upload::File(file)) => {
                let put = file.put_part(payload);
                self.running.spawn(async move {
                    let put = put.await;
                    drop(permit);
                    put.map_err(|error| shared.store.failed("write", &object, error))?;
                    let content_id = String::new();
                    Ok((index, PartId { content_id }))
                });
            }
            Some(Upload::Parts(upload)) => {
                let Some(parts) = self.shared.handles.parts.clone() else {
                    return Err(StoreError::Stopped);
                };
                let (path, upload) = (self.path.clone(), upload.clone());
                self.running.spawn(async move {
                    let put = parts.put_part(&path, &upload, index, payload).await;
                    drop(permit);
                    let part = put.map_err(|error| shared.store.failed("write", &object, error))?;
                    Ok((index, part))
                });
            }
            None => return Err(StoreError::Stopped),
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let failed = |error| self.shared.store.failed("write", &self.object, error);
        let Some(parts) = &self.shared.handles.parts else {
            let options = PutMultipartOptions::default();
            let objects = &self.shared.handles.objects;
            let file = objects.put_multipart_opts(&self.path, options).await;
            self.upload = Some(Upload::File(file.map_err(failed)?));
            self.fingerprint = None;
            return Ok(());
        };
        let creating = self.shared.creating.parts.as_ref().unwrap_or(parts);
        let upload = creating
            .create_multipart(&self.path)
            .await
            .map_err(failed)?;
        self.upload = Some(Upload::Parts(upload.clone()));
        self.shared.note_upload(&self.object, &upload).await?;
        fail_point::reach("copy-begun");
        if let (Some(journal), Some(_)) = (&self.shared.journal, &self.fingerprint) {
            let header = self.header(upload);
            // Without a journal the upload can't be resumed, which is no reason to fail.
            if journal.begin(&header).is_err() {
                self.fingerprint = None;
            }
        }
        Ok(())
    }

    fn header(&self, upload: String) -> Header {
        Header {
            version: Header::VERSION,
            nonce: self.shared.nonce.clone(),
            object: self.object.clone(),
            upload,
            part: self.plan.part,
            fingerprint: self.fingerprint.clone().unwrap_or_default(),
        }
    }

    /// Notes a part that the store has.
    fn note(
        &mut self,
        done: Result<Result<(usize, PartId), StoreError>, tokio::task::JoinError>,
    ) -> Result<(), StoreError> {
        let (index, part) = done.map_err(|_| StoreError::Stopped)??;
        self.parts.insert(index, part);
        let Some(journal) = &self.shared.journal else {
            return Ok(());
        };
        // Parts end in any order, and the journal has them in theirs.
        while let Some(part) = self.parts.get(&self.noted)
            && let Some(state) = self.states.remove(&self.noted)
        {
            let part = Part {
                etag: part.content_id.clone(),
                state,
            };
            // A gap in the journal would be worse than its end.
            if journal.add(&part).is_err() {
                self.fingerprint = None;
                self.states.clear();
            }
            self.noted += 1;
            fail_point::reach("copy-part-noted");
        }
        Ok(())
    }

    /// Sends the last part. A file that fits into one part waits for its completion.
    async fn seal(&mut self) -> Result<(), StoreError> {
        if self.upload.is_some()
            && let Some((buffer, permit)) = self.current.take()
        {
            self.send(buffer.freeze(), permit).await?;
        }
        while let Some(done) = self.running.join_next().await {
            self.note(done)?;
        }
        fail_point::reach("copy-sealed");
        Ok(())
    }

    async fn complete(&mut self) -> Result<Stored, StoreError> {
        let shared = Arc::clone(&self.shared);
        let store = &shared.store;
        self.is_sent = true;
        let failed = |error| store.failed("complete", &self.object, error);
        let written = match &mut self.upload {
            None => {
                let bytes = self.current.take().map(|(buffer, _)| buffer.freeze());
                let payload = PutPayload::from_bytes(bytes.unwrap_or_default());
                shared.creating.objects.put(&self.path, payload).await
            }
            Some(Upload::File(file)) => file.complete().await,
            Some(Upload::Parts(upload)) => {
                let parts = mem::take(&mut self.parts).into_values().collect();
                let Some(multipart) = &shared.handles.parts else {
                    return Err(StoreError::Stopped);
                };
                multipart
                    .complete_multipart(&self.path, upload, parts)
                    .await
            }
        };
        // If the answer was lost, the object says whether it is complete.
        let found = store.look(&self.object).await;
        let found = match (written, found) {
            (Ok(_), found) => found?,
            (Err(error), Ok(Some(found))) if found.size == self.length => {
                let _ = error;
                Some(found)
            }
            (Err(error), _) => return Err(failed(error)),
        };
        let size = found.as_ref().map(|it| it.size);
        if size != Some(self.length) {
            let reason = match size {
                Some(size) => format!("it has {size} bytes instead of {}", self.length),
                None => "it is not there".to_owned(),
            };
            return Err(StoreError::NotStored {
                what: store.shown(&self.object),
                reason,
            });
        }
        // The entity tag of a folder is the time of the file, which changes when it is moved.
        let etag = found.and_then(|it| it.etag);
        Ok(Stored {
            object: self.object.clone(),
            length: self.length,
            sha256: Sha256::of(self.hash.clone()).to_string(),
            etag: etag.filter(|_| shared.handles.parts.is_some()),
        })
    }

    /// All bytes so far are void.
    async fn restart(&mut self) {
        self.discard().await;
        if let Some(journal) = &self.shared.journal {
            journal.forget();
        }
        self.current = None;
        self.parts.clear();
        self.states.clear();
        self.next = 0;
        self.noted = 0;
        self.hash = sha2::Digest::new();
        self.length = 0;
        // The bytes that come now have another identity.
        self.fingerprint = None;
    }

    /// Ends without an object: keeps the parts if the same command can go on with them. After an error that would
    /// come again, such as that the parts are gone, it begins anew.
    async fn leave(&mut self, error: Option<&StoreError>) {
        let is_final = error
            .is_some_and(|error| !error.is_passing() && error.failure() != Failure::NotAllowed);
        if self.fingerprint.is_some() && self.noted > 0 && !is_final {
            // Parts in flight may arrive, and are sent again.
            self.running.shutdown().await;
            return;
        }
        self.discard().await;
        if let Some(journal) = &self.shared.journal {
            journal.forget();
        }
    }

    /// Discards the upload. If the service refuses, `repair` finds the rest.
    async fn discard(&mut self) {
        let is_in_flight = !self.running.is_empty();
        self.running.shutdown().await;
        match self.upload.take() {
            Some(Upload::File(mut file)) => {
                let _ = file.abort().await;
            }
            Some(Upload::Parts(upload)) => self.abort(&upload, is_in_flight).await,
            None => {}
        }
        if mem::take(&mut self.is_sent) {
            // No manifest names it, whether it is there or not.
            let _ = self
                .shared
                .store
                .delete(std::slice::from_ref(&self.object))
                .await;
        }
    }

    /// Aborts an upload in parts. S3 keeps one whose parts arrive at the same time, so it is asked afterwards.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
    async fn abort(&mut self, upload: &String, is_in_flight: bool) {
        let shared = Arc::clone(&self.shared);
        let path = self.path.clone();
        let Some(parts) = &shared.handles.parts else {
            return;
        };
        for wait in waits().take(3) {
            let _ = parts.abort_multipart(&path, upload).await;
            let Some(s3) = shared.store.s3().filter(|_| is_in_flight) else {
                return;
            };
            tokio::time::sleep(wait).await;
            let at = Location {
                bucket: s3.bucket.clone(),
                key: path.to_string(),
            };
            let left = s3.client.parts(&at, upload, crate::FIRST_BYTE).await;
            if !matches!(left, Ok(Some(_))) {
                return;
            }
        }
    }
}

/// Returns the state of a digest as text.
fn saved(hash: &sha2::Sha256) -> String {
    hash.serialize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn restored(text: &str) -> Option<sha2::Sha256> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect();
    let state = bytes?;
    sha2::Sha256::deserialize(state.as_slice().try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_goes_on_from_its_text() {
        let mut hash: sha2::Sha256 = sha2::Digest::new();
        sha2::Digest::update(&mut hash, b"abc");
        let mut again = restored(&saved(&hash)).unwrap();
        for hash in [&mut hash, &mut again] {
            sha2::Digest::update(hash, b"def");
        }
        assert_eq!(Sha256::of(again), Sha256::digest(b"abcdef"));
        assert!(restored("00").is_none() && restored("zz").is_none());
    }
}
