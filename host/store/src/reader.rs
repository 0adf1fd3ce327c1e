//! Reads the bytes of copies: as a download that can be resumed, and as a file for checks.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use host_base::{Failure, Problem as _, Report, ReportKind};
use host_transfer::{Answer, Body, Source, TransferError};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, RANGE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use object_store::GetRange;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::connect::Store;
use crate::copies::Copy;
use crate::crypt::{Identities, buffered};
use crate::manifest::{CopyFile, CopyManifest};
use crate::requests::GONE;

/// The bytes that one request reads, at most.
const WINDOW: u64 = 4 << 20;
/// The bytes of the first request after a jump.
const FIRST_WINDOW: u64 = 64 << 10;
/// The bytes that a body passes on at once, and how many such pieces wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 4;

/// A file of a copy, whose plain bytes can be read from any offset.
pub struct StoredFile {
    store: Arc<Store>,
    file: CopyFile,
    identities: Option<Arc<Identities>>,
    identity: String,
}

impl StoredFile {
    /// Returns the files of a copy.
    ///
    /// # Errors
    /// [`StoreError::NoIdentity`] if the copy is encrypted and no identity decrypts it. Nothing is read then.
    pub fn of(
        store: &Arc<Store>,
        copy: &Copy,
        manifest: &CopyManifest,
        identities: Option<&Arc<Identities>>,
    ) -> Result<Vec<Self>, StoreError> {
        let needed = match &manifest.encryption {
            None => None,
            Some(encryption) => {
                let able = identities.filter(|it| it.can_open(&encryption.recipients));
                Some(able.ok_or_else(|| StoreError::NoIdentity {
                    copy: copy.reference(),
                    given: identities.is_some(),
                })?)
            }
        };
        let file = |file: &CopyFile| Self {
            store: Arc::clone(store),
            identity: format!("{}#{}", store.shown(&file.stored.object), file.sha256),
            file: file.clone(),
            identities: needed.cloned(),
        };
        Ok(manifest.files.iter().map(file).collect())
    }

    /// Returns the file.
    #[must_use]
    pub const fn file(&self) -> &CopyFile {
        &self.file
    }

    /// Returns the error of a transfer of this file. If the bytes are wrong, the copy is damaged, and no backend is to
    /// blame.
    #[must_use]
    pub fn failed(&self, error: TransferError) -> StoreError {
        let reason = match error {
            // It is the error of the store, and says which object is damaged.
            TransferError::Source(report) | TransferError::Interrupted { report, .. }
                if report.kind == ReportKind::Integrity =>
            {
                return report.into();
            }
            TransferError::WrongLength { received, .. } => format!(
                "it has {received} bytes, and the manifest says {}",
                self.file.length
            ),
            TransferError::WrongChecksum { actual, .. } => format!(
                "its SHA-256 digest is {actual}, and the manifest says {}",
                self.file.sha256
            ),
            error if error.failure() == Failure::Integrity => error.to_string(),
            error => return error.into(),
        };
        self.store.damaged(&self.file.stored.object, reason)
    }

    /// Requests the plain bytes from the beginning.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn first(&self) -> Result<Answer, Report> {
        self.open(&HeaderMap::new()).await
    }

    async fn answer(&self, from: u64) -> Result<Answer, StoreError> {
        let length = self.file.length;
        let mut head = Response::builder()
            .header(CONTENT_LENGTH, length.saturating_sub(from))
            // The digest identifies the bytes, wherever they come from.
            .header(ETAG, format!("\"{}\"", self.file.sha256));
        if from > 0 {
            let range = format!("bytes {from}-{}/{length}", length.saturating_sub(1));
            head = head
                .status(StatusCode::PARTIAL_CONTENT)
                .header(CONTENT_RANGE, range);
        }
        let body = match &self.identities {
            None if from >= length => empty(),
            None => self.stored_from(from).await?,
            Some(identities) => {
                self.check_size().await?;
                self.decrypted(identities, from)
            }
        };
        head.body(body).map_err(|_| StoreError::Stopped)
    }

    async fn stored_from(&self, from: u64) -> Result<Body, StoreError> {
        let object = &self.file.stored.object;
        let got = self.store.open_range(object, GetRange::Offset(from)).await;
        let got = got.map_err(|error| self.store.missing_data(object, error))?;
        self.compare_size(got.meta.size)?;
        let store = Arc::clone(&self.store);
        let object = object.clone();
        let pieces = got.into_stream().map(move |piece| {
            let piece = piece.map_err(|error| store.failed("read", &object, error).report());
            piece.map(http_body::Frame::data)
        });
        Ok(StreamBody::new(pieces).boxed_unsync())
    }

    /// Checks that the object has as many bytes as the manifest says. Services refuse ranges behind its end.
    async fn check_size(&self) -> Result<(), StoreError> {
        let object = &self.file.stored.object;
        match self.store.look(object).await? {
            Some(found) => self.compare_size(found.size),
            None => Err(self.store.damaged(object, GONE)),
        }
    }

    fn compare_size(&self, found: u64) -> Result<(), StoreError> {
        let expected = self.file.stored.length;
        if found == expected {
            return Ok(());
        }
        let reason = format!("it has {found} bytes, and the manifest says {expected}");
        Err(self.store.damaged(&self.file.stored.object, reason))
    }

    fn decrypted(&self, identities: &Arc<Identities>, from: u64) -> Body {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let reader = Ranges::new(&self.store, &self.file);
        let identities = Arc::clone(identities);
        let store = Arc::clone(&self.store);
        let object = self.file.stored.object.clone();
        tokio::task::spawn_blocking(move || {
            let failed = pieces.clone();
            if let Err(error) = decrypt(&identities, reader, from, &pieces) {
                let report = report_of(&error, &store, &object);
                let _ = failed.blocking_send(Err(report));
            }
        });
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        StreamBody::new(pieces.map(|piece| piece.map(http_body::Frame::data))).boxed_unsync()
    }
}

fn empty() -> Body {
    http_body_util::Empty::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn decrypt(
    identities: &Identities,
    reader: Ranges,
    from: u64,
    pieces: &mpsc::Sender<Result<Bytes, Report>>,
) -> io::Result<()> {
    let mut plain = identities.decrypt(reader)?;
    if from > 0 {
        plain.seek(SeekFrom::Start(from))?;
    }
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        (&mut plain).take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() || pieces.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}

/// Returns an error of reading. That of the store is inside.
fn report_of(error: &io::Error, store: &Store, object: &str) -> Report {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<StoreError>());
    match inner {
        Some(error) => error.report(),
        // All bytes that the service sent are there.
        None => store
            .damaged(object, format!("it can't be decrypted: {error}"))
            .report(),
    }
}

impl Source for StoredFile {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>> {
        async move {
            let range = headers.get(RANGE).and_then(|it| it.to_str().ok());
            let from = range.and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-'));
            let from = from.and_then(|it| it.parse().ok()).unwrap_or(0);
            self.answer(from).await.map_err(|error| error.report())
        }
        .boxed()
    }
}

/// The stored bytes of a file, as a file. It is read on a thread that may block.
pub(crate) struct Ranges {
    store: Arc<Store>,
    object: String,
    length: u64,
    runtime: Handle,
    position: u64,
    /// Where the window begins, and its bytes.
    window: (u64, Bytes),
    /// The next window, which is requested while this one is read.
    next: Option<(u64, JoinHandle<Result<Bytes, StoreError>>)>,
    /// The bytes of the next request. They grow while reads follow each other.
    size: u64,
}

impl Ranges {
    pub(crate) fn new(store: &Arc<Store>, file: &CopyFile) -> Self {
        Self {
            store: Arc::clone(store),
            object: file.stored.object.clone(),
            length: file.stored.length,
            runtime: Handle::current(),
            position: 0,
            window: (0, Bytes::new()),
            next: None,
            size: FIRST_WINDOW,
        }
    }

    fn request(&self, from: u64, size: u64) -> JoinHandle<Result<Bytes, StoreError>> {
        let (store, object) = (Arc::clone(&self.store), self.object.clone());
        let to = (from + size).min(self.length);
        self.runtime.spawn(async move {
            let got = store
                .open_range(&object, GetRange::Bounded(from..to))
                .await
                .map_err(|error| store.missing_data(&object, error))?;
            let bytes = got.bytes().await;
            bytes.map_err(|error| store.failed("read", &object, error))
        })
    }

    /// Returns the rest of the window that has the position.
    fn rest(&self) -> Option<Bytes> {
        let offset = self.position.checked_sub(self.window.0)?;
        let offset = usize::try_from(offset).ok()?;
        (offset < self.window.1.len()).then(|| self.window.1.slice(offset..))
    }

    fn load(&mut self) -> io::Result<()> {
        let running = match self.next.take() {
            Some((from, running)) if from == self.position => {
                self.size = (self.size * 2).min(WINDOW);
                running
            }
            other => {
                if let Some((_, running)) = other {
                    running.abort();
                }
                self.size = FIRST_WINDOW;
                self.request(self.position, self.size)
            }
        };
        let bytes = self.runtime.block_on(running).map_err(io::Error::other)?;
        let bytes = bytes.map_err(io::Error::other)?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.window = (self.position, bytes);
        let from = self.position + self.window.1.len() as u64;
        if from < self.length {
            self.next = Some((from, self.request(from, (self.size * 2).min(WINDOW))));
        }
        Ok(())
    }
}

impl Drop for Ranges {
    fn drop(&mut self) {
        if let Some((_, running)) = self.next.take() {
            running.abort();
        }
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        if self.rest().is_none() {
            self.load()?;
        }
        let rest = self.rest().unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Returns a reader that is cheap for small reads in sequence.
pub(crate) fn sequential(reader: Ranges) -> io::BufReader<Ranges> {
    buffered(reader)
}
