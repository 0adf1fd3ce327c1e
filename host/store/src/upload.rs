//! Writes a copy: first an entry for the upload, then the data, and last the manifest.
//!
//! | a crash after | leaves | fail point |
//! |---|---|---|
//! | the entry in `open/` | the entry, which `repair` removes | `copy-opened` |
//! | the begin of an upload in parts | that upload, which no listing of objects shows; `repair` aborts it | `copy-begun` |
//! | some parts | the same; the same command resumes it | `copy-part-noted`, `copy-sealed` |
//! | the data | data without a manifest, which the same command overwrites and `repair` removes | `copy-stored` |
//! | the manifest | a complete copy, and the entry | `copy-named` |
//! | the removal of the entry | a complete copy | `copy-closed` |
//!
//! The answer to the manifest may be lost. Then the manifest may be there, so the data stay: `repair` finds out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use age::x25519;
use host_base::fail_point;
use host_transfer::{Fingerprint, Proof};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::cleanup::Cleanup;
use crate::connect::{Handles, Store};
use crate::file_upload::FileUpload;
use crate::journal::Journal;
use crate::manifest::{CopyFile, CopyManifest, Encryption, Lock, Origin, Stored, digest_of, nonce};
use crate::names::{COPIES, CopyName, DATA, OPEN, backup_key};
use crate::reader::{Ranges, sequential};
use crate::requests::Created;
use crate::resume::Resume;
use crate::{StoreError, crypt};

/// How often an upload writes its entry again.
const HEARTBEAT: Duration = Duration::from_mins(5);
/// How long a dropped copy waits for its uploads to end.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long an upload counts as under way after its entry was last written.
pub(crate) const ALIVE: SignedDuration = SignedDuration::from_mins(30);

/// A backup that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The origin of the backup.
    pub origin: Origin,
    /// Id of the backup.
    pub id: String,
    /// When the backup was created. None if its backend does not say it; then the time of the copy counts.
    pub created: Option<Timestamp>,
    /// User and machine that copy it, as `USER@MACHINE`.
    pub by: String,
}

/// An entry in `open/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenNote {
    pub(crate) source: Origin,
    pub(crate) id: String,
    pub(crate) by: String,
    pub(crate) begun: Timestamp,
    /// The uploads in parts, which some services don't list.
    #[serde(default)]
    pub(crate) uploads: Vec<PartsUpload>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartsUpload {
    pub(crate) object: String,
    pub(crate) upload: String,
}

/// A copy that is being written. Dropping it discards it, unless the same command can resume it.
pub struct Draft {
    pub(crate) shared: Arc<Shared>,
    subject: Subject,
    files: Vec<CopyFile>,
    /// Objects that the service writes, or has written, for this copy.
    from_service: Vec<String>,
    lock: Option<Lock>,
    heart: JoinHandle<()>,
    /// When the copy was begun.
    begun: Timestamp,
    /// Whether the stored bytes are encrypted.
    is_encrypted: bool,
    /// Whether the manifest may be there, or is. Then the data must stay.
    is_named: bool,
    /// Whether it replaces a copy of the same backup, whatever is known about that one.
    is_forced: bool,
}

/// The state that the uploads of one copy share.
pub(crate) struct Shared {
    pub(crate) store: Arc<Store>,
    pub(crate) handles: Handles,
    /// The views that create objects. Only these requests set a lock.
    pub(crate) creating: Handles,
    /// The uploads of files that have not ended.
    pub(crate) running: Cleanup,
    pub(crate) recipients: Vec<x25519::Recipient>,
    /// `BACKUP-NONCE`.
    pub(crate) name: String,
    pub(crate) nonce: String,
    pub(crate) journal: Option<Journal>,
    note: Mutex<OpenNote>,
}

/// A copy that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The manifest in the store.
    pub manifest: CopyManifest,
    /// Whether another upload of the same backup was first. Then that copy stays.
    pub was_there: bool,
}

impl Draft {
    /// Begins a copy. No byte of it is uploaded yet.
    ///
    /// # Errors
    /// When the store can't be read or written, or has another format.
    pub async fn begin(store: Arc<Store>, subject: Subject) -> Result<Self, StoreError> {
        let recipients = store.settings().recipients.clone();
        let is_encrypted = !recipients.is_empty();
        Self::begin_for(store, subject, &recipients, is_encrypted).await
    }

    /// Begins a copy whose bytes are already as they are to be stored.
    pub(crate) async fn begin_as_stored(
        store: Arc<Store>,
        subject: Subject,
        is_encrypted: bool,
    ) -> Result<Self, StoreError> {
        Self::begin_for(store, subject, &[], is_encrypted).await
    }

    async fn begin_for(
        store: Arc<Store>,
        subject: Subject,
        recipients: &[String],
        is_encrypted: bool,
    ) -> Result<Self, StoreError> {
        store.prepare(store.may_become_store()).await?;
        let settings = store.settings();
        let recipients = recipients.iter().map(|it| crypt::recipient(it));
        let recipients: Vec<_> = recipients.collect::<Result<_, _>>()?;
        // A lock can't be taken back, so it must not depend on the clock of this machine.
        let begun = match settings.lock {
            // The service says it in whole seconds.
            Some(_) => store
                .service_now()
                .await?
                .saturating_add(SignedDuration::from_secs(1))
                .unwrap_or(Timestamp::MAX),
            None => Timestamp::now(),
        };
        let lock = settings.lock.map(|lock| {
            let days = SignedDuration::from_hours(24 * i64::from(lock.days));
            (lock, begun.saturating_add(days).unwrap_or(Timestamp::MAX))
        });
        let creating = match lock {
            Some((lock, until)) => store.locking(lock, until)?,
            None => store.handles().clone(),
        };
        let key = backup_key(&subject.origin.source(), &subject.id);
        // The age crate draws its key itself, and parts of an earlier run have an earlier lock.
        let is_resumable = recipients.is_empty() && lock.is_none();
        let journal = store.state.as_ref().filter(|_| is_resumable);
        let journal = journal.and_then(|state| {
            let endpoint = settings.endpoint.as_deref().unwrap_or_default();
            let place = format!("{} {endpoint}", store.url());
            let place = host_base::Sha256::digest(place.as_bytes());
            let name = format!("{key}-{}", crate::names::short(place));
            Journal::open(&state.join("uploads"), &name)
        });
        let earlier = journal.as_ref().and_then(Journal::read);
        let nonce = match earlier {
            // The journal is forgotten before a manifest can name the object.
            Some((header, _)) if header.object.contains(&format!("{key}-{}/", header.nonce)) => {
                header.nonce
            }
            _ => nonce()?,
        };
        let note = OpenNote {
            source: subject.origin.clone(),
            id: subject.id.clone(),
            by: subject.by.clone(),
            begun,
            uploads: Vec::new(),
        };
        let shared = Arc::new(Shared {
            name: format!("{key}-{nonce}"),
            handles: store.handles().clone(),
            creating,
            running: Cleanup::default(),
            store,
            recipients,
            nonce,
            journal,
            note: Mutex::new(note),
        });
        shared.say_open().await?;
        fail_point::reach("copy-opened");
        let beating = Arc::clone(&shared);
        let heart = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                // A service that is away for a while may come back.
                let _ = beating.say_open().await;
            }
        });
        Ok(Self {
            shared,
            subject,
            files: Vec::new(),
            from_service: Vec::new(),
            lock: lock.map(|(lock, until)| Lock {
                mode: lock.mode.name().to_owned(),
                until,
            }),
            heart,
            begun,
            is_encrypted,
            is_named: false,
            is_forced: false,
        })
    }

    /// Makes this copy replace one of the same backup. Otherwise only a damaged one is replaced.
    #[must_use]
    pub const fn replacing(mut self, is_forced: bool) -> Self {
        self.is_forced = is_forced;
        self
    }

    /// Begins the upload of a file of `length` bytes, if that is known. With a fingerprint, the same command can
    /// resume it. Returns the number of bytes that the store has from an earlier run.
    ///
    /// # Errors
    /// When the store can't be asked about an earlier upload.
    pub async fn file(
        &self,
        length: Option<u64>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<(FileUpload, u64), StoreError> {
        let shared = Arc::clone(&self.shared);
        let object = self.next_object();
        let resume = match fingerprint.filter(|_| self.files.is_empty()) {
            Some(fingerprint) => Resume::find(&shared, &object, length, &fingerprint).await?,
            None => Resume::default(),
        };
        FileUpload::begin(shared, object, length, resume)
    }

    /// Completes a file, whose bytes are known to be the right ones.
    ///
    /// # Errors
    /// When the store has not all bytes.
    pub async fn add(
        &mut self,
        file: FileUpload,
        name: &str,
        proof: Proof,
    ) -> Result<&CopyFile, StoreError> {
        let (length, sha256, stored) = file.complete().await?;
        self.files.push(CopyFile {
            name: name.to_owned(),
            length,
            sha256: sha256.to_string(),
            proof: proof_name(proof).to_owned(),
            stored,
        });
        self.files.last().ok_or(StoreError::Stopped)
    }

    /// Adds a file whose stored bytes come from another copy.
    pub(crate) fn add_stored(&mut self, file: &CopyFile, stored: Stored) {
        self.files.push(CopyFile {
            stored,
            ..file.clone()
        });
    }

    /// Returns the name for the next object, which the service is going to write. If the copy fails, it is deleted.
    pub(crate) fn object_of_service(&mut self) -> String {
        let object = self.next_object();
        self.from_service.push(object.clone());
        object
    }

    /// Returns the name for the next object.
    fn next_object(&self) -> String {
        let suffix = if self.is_encrypted { ".age" } else { "" };
        format!(
            "{DATA}/{}/{}{suffix}",
            self.shared.name,
            self.files.len() + 1
        )
    }

    /// Checks whether the structure of a complete file proves that nothing is missing. The bytes are read from the
    /// store. Encrypted ones are not.
    ///
    /// # Errors
    /// When the bytes can't be read.
    pub async fn structure(&self, file: &CopyFile) -> Result<host_transfer::Check, StoreError> {
        if !self.shared.recipients.is_empty() {
            return Ok(host_transfer::Check {
                name: "structure",
                outcome: host_transfer::Outcome::Skipped,
                message: "it is encrypted".to_owned(),
            });
        }
        let length = file.length;
        let mut reader = sequential(Ranges::new(&self.shared.store, file));
        let check =
            tokio::task::spawn_blocking(move || host_transfer::prove_end(&mut reader, length));
        let check = check.await.map_err(|_| StoreError::Stopped)?;
        let store = &self.shared.store;
        check.map_err(|error| store.damaged(&file.stored.object, error.to_string()))
    }

    /// Sets what proved the last file to be complete.
    pub fn set_proof(&mut self, proof: Proof) {
        if let Some(file) = self.files.last_mut() {
            proof_name(proof).clone_into(&mut file.proof);
        }
    }

    /// Writes the manifest. From now on the copy exists.
    ///
    /// # Errors
    /// When the manifest can't be written.
    pub async fn complete(self) -> Result<Written, StoreError> {
        let recipients = self.shared.store.settings().recipients.clone();
        let encryption = (!recipients.is_empty()).then(|| Encryption {
            format: "age".to_owned(),
            recipients,
        });
        self.complete_as(encryption).await
    }

    pub(crate) async fn complete_as(
        mut self,
        encryption: Option<Encryption>,
    ) -> Result<Written, StoreError> {
        let shared = Arc::clone(&self.shared);
        let store = &shared.store;
        let length = self.files.iter().map(|it| it.length).sum();
        let sha256 = digest_of(&self.files);
        let same = match self.subject.created {
            Some(_) => None,
            None => self.same_copy(length, &sha256).await?,
        };
        let created = match same {
            Some((_, Some(manifest))) => return Ok(self.was_there(manifest)),
            // The new copy takes the place of that one.
            Some((name, None)) => Some(name.time),
            None => self.subject.created,
        };
        let manifest = CopyManifest {
            format: CopyManifest::FORMAT,
            source: self.subject.origin.clone(),
            id: self.subject.id.clone(),
            created: created.unwrap_or(self.begun),
            completed: Timestamp::now(),
            length,
            sha256,
            files: self.files.clone(),
            encryption,
            lock: self.lock.clone(),
            program: concat!("kubectl-broker ", env!("CARGO_PKG_VERSION")).to_owned(),
            nonce: shared.nonce.clone(),
        };
        let name = manifest.name().ok_or(StoreError::Stopped)?;
        let object = format!("{COPIES}/{}", name.path());
        let bytes = manifest
            .to_json()
            .map_err(|error| store.bad_manifest(&object, error.to_string()))?;
        // A machine that slept may find that its data were taken for those of a broken upload.
        shared.say_open().await?;
        if let Some(file) = store.absent(&manifest).await? {
            return Err(StoreError::NotStored {
                what: store.shown(&file),
                reason: "it was removed in the meantime".to_owned(),
            });
        }
        fail_point::reach("copy-stored");
        // A later run must not write to objects that a manifest names.
        if let Some(journal) = &shared.journal {
            journal.forget();
        }
        // Also if this future is dropped in the middle.
        self.is_named = true;
        let created = store.create(&shared.creating, &object, bytes.clone());
        match created.await {
            Ok(Created::Ours) => {}
            Ok(Created::Others) => {
                let standing = if self.is_forced {
                    None
                } else {
                    store.standing(&name).await?
                };
                if let Some(manifest) = standing {
                    // Another upload of the same bytes was first. Dropping this draft removes its data.
                    self.is_named = manifest.nonce == shared.nonce;
                    return Ok(self.was_there(manifest));
                }
                // The copy that is there is damaged, or to be replaced. At no time is there none.
                let old = store.manifest_of(&name).await.ok().flatten();
                let old = old.filter(|old| old.nonce != shared.nonce);
                store.put(&shared.creating, &object, bytes).await?;
                store.forget_damaged(&name, old.as_ref()).await;
            }
            Ok(Created::Unclear(error)) => return Err(error),
            Err(error) => {
                self.is_named = false;
                return Err(error);
            }
        }
        fail_point::reach("copy-named");
        if let Some(lock) = &manifest.lock {
            // Without the mark, the service is asked about the lock.
            let _ = store.note_lock(&name, lock.until).await;
        }
        // The copy exists. An entry that can't be removed is removed by `repair`.
        let _ = store.delete(&[shared.open_object()]).await;
        fail_point::reach("copy-closed");
        Ok(Written {
            manifest,
            was_there: false,
        })
    }

    /// Returns the name of a copy of the same backup with the same bytes, whatever its time. If that copy stays, its
    /// manifest comes with it.
    async fn same_copy(
        &self,
        length: u64,
        sha256: &str,
    ) -> Result<Option<(CopyName, Option<CopyManifest>)>, StoreError> {
        let store = &self.shared.store;
        let mut found = None;
        let source = self.subject.origin.source();
        for copy in store.copies().await? {
            let is_same = copy.name.source == source
                && copy.name.id == self.subject.id
                && copy.name.size == length
                && sha256.starts_with(&copy.name.digest);
            if !is_same {
                continue;
            }
            if !self.is_forced
                && let Some(manifest) = store.standing(&copy.name).await?
            {
                return Ok(Some((copy.name, Some(manifest))));
            }
            found.get_or_insert((copy.name, None));
        }
        Ok(found)
    }

    /// Ends a copy that the store has already. Dropping the draft removes its data.
    fn was_there(&self, manifest: CopyManifest) -> Written {
        if let Some(journal) = &self.shared.journal {
            journal.forget();
        }
        Written {
            manifest,
            was_there: true,
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.heart.abort();
        // Data that a manifest may name are never deleted here. `repair` knows whether one does.
        if self.is_named {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let objects: Vec<_> = self
            .files
            .iter()
            .map(|it| it.stored.object.clone())
            .chain(self.from_service.iter().cloned())
            .collect();
        if let Some(journal) = shared.journal.as_ref().filter(|_| !objects.is_empty()) {
            // The parts of a complete object can't be resumed.
            journal.forget();
        }
        let working = shared.store.cleanup.begin();
        runtime.spawn(async move {
            // The uploads decide whether the same command can resume them.
            shared.running.settled(PATIENCE).await;
            // Data go first: an entry without data does no harm.
            let deleted = shared.store.delete(&objects).await;
            shared
                .store
                .remove_empty(&format!("{DATA}/{}", shared.name));
            if deleted.is_ok() && !shared.is_resumable() {
                let _ = shared.store.delete(&[shared.open_object()]).await;
            }
            drop(working);
        });
    }
}

impl Shared {
    fn open_object(&self) -> String {
        format!("{OPEN}/{}.json", self.name)
    }

    /// Returns true if the same command can go on with the upload.
    pub(crate) fn is_resumable(&self) -> bool {
        let read = self.journal.as_ref().and_then(Journal::read);
        read.is_some_and(|(_, parts)| !parts.is_empty())
    }

    /// Notes an upload in parts, and says that this copy is under way.
    pub(crate) async fn note_upload(&self, object: &str, upload: &str) -> Result<(), StoreError> {
        self.know_upload(object, upload);
        self.say_open().await
    }

    /// Notes an upload in parts for the next time that this copy says that it is under way.
    pub(crate) fn know_upload(&self, object: &str, upload: &str) {
        self.note().uploads.push(PartsUpload {
            object: object.to_owned(),
            upload: upload.to_owned(),
        });
    }

    async fn say_open(&self) -> Result<(), StoreError> {
        let json = serde_json::to_vec(&*self.note());
        let json = json.map_err(|_| StoreError::Stopped)?;
        self.store.write(&self.open_object(), json.into()).await
    }

    fn note(&self) -> std::sync::MutexGuard<'_, OpenNote> {
        self.note.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name of a proof in manifests.
#[must_use]
pub const fn proof_name(proof: Proof) -> &'static str {
    match proof {
        Proof::Checksum => "checksum",
        Proof::Length => "length",
        Proof::End => "end-of-stream",
        Proof::Structure => "structure",
        Proof::Nothing => "unproven",
    }
}
