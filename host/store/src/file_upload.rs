//! Uploads one file in parts, with constant memory.
//!
//! ```text
//! write ─→ [age: encrypt, hash the plain bytes] ─→ hash the stored bytes, cut parts ─→ up to 8 parts in flight
//! ```

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use host_base::{Failure, Hashing, Problem as _, Sha256, fail_point};
use host_objectstore::{Location, S3Error};
use host_transfer::{Claims, Fingerprint, Sink};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutMultipartOptions, PutPayload};
use sha2::digest::common::hazmat::SerializableState as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::journal::{Header, Journal, Part};
use crate::manifest::Stored;
use crate::requests::WAITS;
use crate::upload::Shared;
use crate::{StoreError, crypt};

const MIB: u64 = 1 << 20;
/// The minimum length of a part. All services accept parts of this length.
const MIN_PART: u64 = 5 * MIB;
/// The length of a part if the length of the file is unknown.
const UNKNOWN_PART: u64 = 16 * MIB;
/// The bytes of all parts in flight.
const IN_FLIGHT: u64 = 40 * MIB;
/// How many parts a file of known length may have. S3 allows 10,000.
const PLANNED: u64 = 9_900;
const MAX_PARTS: usize = 10_000;
/// The maximum length of an object of S3, in bytes.
const MAX_OBJECT: u64 = 5 << 40;
/// The bytes that the encryption passes on at once.
const PIECE: usize = 256 << 10;
/// How many pieces wait for the next step.
const WAITING: usize = 4;

/// A file that is being uploaded.
pub struct FileUpload {
    /// The stored bytes.
    stored: mpsc::Sender<Order>,
    /// The plain bytes, if they are encrypted.
    plain: Option<mpsc::Sender<Plain>>,
    task: Option<JoinHandle<Result<(), StoreError>>>,
    /// Dropping it ends the task, also while a part hangs.
    _wanted: oneshot::Sender<()>,
    /// Length and digest of the plain bytes, when all are there.
    sealed: Option<(u64, Sha256)>,
    /// Whether the bytes so far are void, and the next step does not know that yet.
    is_void: bool,
}

enum Order {
    Bytes(Bytes),
    /// All bytes so far are void.
    Restart,
    /// These were all bytes. The answer is their length and digest.
    Seal(oneshot::Sender<(u64, Sha256)>),
    /// The bytes are right: make them an object.
    Complete(oneshot::Sender<Stored>),
}

enum Plain {
    Bytes(Bytes),
    Restart,
    Seal(oneshot::Sender<(u64, Sha256)>),
}

/// The parts that an earlier run uploaded.
#[derive(Default)]
pub(crate) struct Resume {
    fingerprint: Option<String>,
    upload: Option<String>,
    parts: Vec<Part>,
}

/// The length of the parts, and the number of parts in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    part: u64,
    in_flight: usize,
}

impl Plan {
    fn of(length: Option<u64>) -> Self {
        let part = match length {
            // Encryption adds less than 2 %. Whole MiB keep the parts equal, which R2 wants.
            Some(length) => {
                let length = length.min(MAX_OBJECT);
                let needed = (length + length / 50).div_ceil(PLANNED);
                needed.div_ceil(MIB).saturating_mul(MIB).max(MIN_PART)
            }
            None => UNKNOWN_PART,
        };
        let in_flight = (IN_FLIGHT / part).clamp(2, 8);
        Self {
            part,
            in_flight: usize::try_from(in_flight).unwrap_or(2),
        }
    }
}

impl Resume {
    /// Looks for parts of the same bytes that the store still has.
    pub(crate) async fn find(
        shared: &Shared,
        object: &str,
        length: Option<u64>,
        fingerprint: &Fingerprint,
    ) -> Result<Self, StoreError> {
        let fresh = Self {
            fingerprint: Some(fingerprint.to_json()),
            ..Self::default()
        };
        let found = shared.journal.as_ref().and_then(Journal::read);
        let Some((header, mut parts)) = found else {
            return Ok(fresh);
        };
        let is_same = fingerprint.is_same(&header.fingerprint)
            && header.object == object
            && header.part == Plan::of(length).part;
        let store = &shared.store;
        let path = store.path(&header.object)?;
        if !is_same {
            discard(shared, &path, &header.upload).await;
            return Ok(fresh);
        }
        if let Some(s3) = store.s3() {
            let at = Location {
                bucket: s3.bucket.clone(),
                key: path.to_string(),
            };
            let there = match s3
                .client
                .parts(&at, &header.upload, crate::FIRST_BYTE)
                .await
            {
                // Without the permission to list parts, all are sent again.
                Err(S3Error::Refused { status: 403, .. }) => None,
                there => there?,
            };
            let there = there.unwrap_or_default();
            let is_there = |(part, index): (&Part, u64)| {
                there.iter().any(|it| {
                    it.number == index + 1
                        && it.size == header.part
                        && it.etag.trim_matches('"') == entity_tag(&part.etag)
                })
            };
            let whole = parts.iter().zip(0..).take_while(|it| is_there(*it)).count();
            parts.truncate(whole);
        }
        if parts.is_empty() {
            discard(shared, &path, &header.upload).await;
            return Ok(fresh);
        }
        Ok(Self {
            upload: Some(header.upload),
            parts,
            ..fresh
        })
    }
}

/// Discards an upload in parts. If the service refuses, `repair` finds it.
async fn discard(shared: &Shared, path: &Path, upload: &str) {
    if let Some(parts) = &shared.handles.parts {
        let _ = parts.abort_multipart(path, &upload.to_owned()).await;
    }
}

impl FileUpload {
    pub(crate) fn begin(
        shared: Arc<Shared>,
        object: String,
        length: Option<u64>,
        resume: Resume,
    ) -> Result<(Self, u64), StoreError> {
        if length.is_some_and(|length| length > MAX_OBJECT) {
            return Err(StoreError::TooLarge {
                what: shared.store.shown(&object),
                limit: MAX_OBJECT,
            });
        }
        let plan = Plan::of(length);
        let path = shared.store.path(&object)?;
        let recipients = shared.recipients.clone();
        let working = (shared.store.cleanup.begin(), shared.running.begin());
        let mut sender = Sender::new(shared, object, path, plan);
        sender.take_up(resume);
        let resumed = sender.length;
        let (stored, orders) = mpsc::channel(WAITING);
        let (wanted, unwanted) = oneshot::channel();
        let task = tokio::spawn(async move {
            let result = sender.run(orders, unwanted).await;
            drop(working);
            result
        });
        let closed = if recipients.is_empty() {
            None
        } else {
            let (to_encrypt, pieces) = mpsc::channel(WAITING);
            let to = stored.clone();
            std::thread::Builder::new()
                .name("age".to_owned())
                .spawn(move || {
                    // The next step ends when this one does, and knows why.
                    let _ = encrypt(&recipients, pieces, &to);
                })
                .map_err(|_| StoreError::Stopped)?;
            Some(to_encrypt)
        };
        let upload = Self {
            stored,
            plain: closed,
            task: Some(task),
            _wanted: wanted,
            sealed: None,
            is_void: false,
        };
        Ok((upload, resumed))
    }

    /// Makes the bytes an object. Returns length and digest of the plain bytes, and the object.
    pub(crate) async fn complete(mut self) -> Result<(u64, Sha256, Stored), StoreError> {
        let Some((length, sha256)) = self.sealed else {
            return Err(StoreError::Stopped);
        };
        let (answer, stored) = oneshot::channel();
        let sent = self.stored.send(Order::Complete(answer)).await;
        match (sent, stored.await) {
            (Ok(()), Ok(stored)) => Ok((length, sha256, stored)),
            _ => Err(self.reason().await),
        }
    }

    async fn pass_restart(&mut self) -> Result<(), StoreError> {
        if !mem::take(&mut self.is_void) {
            return Ok(());
        }
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Restart).await.is_ok(),
            None => self.stored.send(Order::Restart).await.is_ok(),
        };
        if sent {
            Ok(())
        } else {
            Err(self.reason().await)
        }
    }

    /// Returns why the upload takes no more orders.
    async fn reason(&mut self) -> StoreError {
        match self.task.take() {
            Some(task) => match task.await {
                Ok(Err(error)) => error,
                _ => StoreError::Stopped,
            },
            None => StoreError::Stopped,
        }
    }
}

impl Sink for FileUpload {
    type Error = StoreError;

    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.pass_restart().await?;
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Bytes(bytes)).await.is_ok(),
            None => self.stored.send(Order::Bytes(bytes)).await.is_ok(),
        };
        if sent {
            Ok(())
        } else {
            Err(self.reason().await)
        }
    }

    fn restart(&mut self, _: &Claims) -> Result<(), StoreError> {
        self.is_void = true;
        Ok(())
    }

    async fn finish(&mut self) -> Result<Sha256, StoreError> {
        self.pass_restart().await?;
        let (answer, sealed) = oneshot::channel();
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Seal(answer)).await.is_ok(),
            None => self.stored.send(Order::Seal(answer)).await.is_ok(),
        };
        match (sent, sealed.await) {
            (true, Ok(sealed)) => Ok(self.sealed.insert(sealed).1),
            _ => Err(self.reason().await),
        }
    }
}

/// Cuts the stored bytes into parts and sends them.
struct Sender {
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
    length: u64,
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
    fn new(shared: Arc<Shared>, object: String, path: Path, plan: Plan) -> Self {
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
    fn take_up(&mut self, resume: Resume) {
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

    async fn run(
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
                        BytesMut::with_capacity(part.min(rest.len().max(PIECE))),
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
            return Err(StoreError::TooLarge {
                what: self.shared.store.shown(&self.object),
                limit: self.plan.part * MAX_PARTS as u64,
            });
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
        for wait in WAITS.into_iter().take(3) {
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

/// Returns the entity tag of a part, without quotation marks. With a checksum, the library keeps both as XML.
fn entity_tag(content_id: &str) -> &str {
    let inner = content_id
        .split_once("<e_tag>")
        .and_then(|(_, rest)| rest.split_once("</e_tag>"));
    let tag = inner.map_or(content_id, |(tag, _)| tag);
    let tag = tag.strip_prefix("&quot;").unwrap_or(tag);
    let tag = tag.strip_suffix("&quot;").unwrap_or(tag);
    tag.trim_matches('"')
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

/// Encrypts the plain bytes until there are no more.
fn encrypt(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_few_and_bounded_in_memory() {
        let plan = |length| Plan::of(length);
        assert_eq!(
            plan(Some(0)),
            Plan {
                part: MIN_PART,
                in_flight: 8
            }
        );
        assert_eq!(
            plan(None),
            Plan {
                part: UNKNOWN_PART,
                in_flight: 2
            }
        );
        for length in [1, MIN_PART, 40 << 30, 1 << 40, 5 << 40] {
            let Plan { part, in_flight } = plan(Some(length));
            assert!(part.is_multiple_of(MIB));
            assert!((length + length / 50).div_ceil(part) <= PLANNED, "{length}");
            assert!(part * in_flight as u64 <= IN_FLIGHT.max(2 * part));
        }
    }

    #[test]
    fn the_entity_tag_of_a_part_is_found() {
        for content_id in [
            "a1",
            "\"a1\"",
            "<PartMetadata><e_tag>\"a1\"</e_tag><checksum_sha256>b=</checksum_sha256></PartMetadata>",
            "<PartMetadata><e_tag>&quot;a1&quot;</e_tag></PartMetadata>",
        ] {
            assert_eq!(entity_tag(content_id), "a1", "{content_id}");
        }
    }

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
