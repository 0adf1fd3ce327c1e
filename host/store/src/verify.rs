//! Checks copies: quickly by the facts that the service reports, or by every byte.

use std::io::{self, Read};
use std::sync::Arc;

use host_base::{Check, Hashing, Outcome, Sha256};
use host_transfer::Progress;
use jiff::Timestamp;

use crate::StoreError;
use crate::connect::Store;
use crate::copies::{CheckMark, CheckResult, Copy, Depth};
use crate::crypt::Identities;
use crate::manifest::{CopyFile, CopyManifest};
use crate::names::short;
use crate::reader::{Ranges, sequential};
use crate::requests::Object;

/// The check that can't tell whether bytes have changed.
const ENTITY_TAG: &str = "entity-tag";
/// The bytes that are hashed at once.
const BLOCK: usize = 256 << 10;

/// The result of a check of one copy.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The copy.
    pub copy: Copy,
    /// How it was checked. An encrypted copy without an identity is read and not decrypted.
    pub depth: Depth,
    /// All checks, with the name of the file if there are several.
    pub checks: Vec<Check>,
    /// When the check ended.
    pub time: Timestamp,
    /// The digest of the entity tags, if they are not those of the manifest.
    tags: Option<String>,
}

impl Verified {
    /// Returns true if no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed().is_none()
    }

    /// Returns the first check that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&Check> {
        self.checks
            .iter()
            .find(|check| check.outcome == Outcome::Failed)
    }

    /// Returns true if only an entity tag differs.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let failed = self
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed);
        let mut failed = failed.peekable();
        failed.peek().is_some() && failed.all(|check| check.name == ENTITY_TAG)
    }

    /// Returns the damage that an earlier check found, if this one can't disprove it.
    #[must_use]
    pub fn known_damage(&self) -> Option<&CheckMark> {
        let known = self.copy.marks.damage();
        known.filter(|known| known.depth > self.depth)
    }

    /// Returns the note for the store.
    #[must_use]
    pub fn mark(&self, by: &str) -> CheckMark {
        CheckMark {
            time: self.time,
            depth: self.depth,
            result: match (self.failed(), self.is_doubtful()) {
                (None, false) => CheckResult::Good,
                (_, true) => CheckResult::Doubt,
                (Some(_), false) => CheckResult::Bad,
            },
            by: by.to_owned(),
            seen: self
                .tags
                .clone()
                .filter(|_| self.depth != Depth::Quick && self.holds()),
        }
    }
}

/// How to check copies.
#[derive(Clone, Debug)]
pub struct VerifyOrder {
    /// Whether to read every byte.
    pub is_deep: bool,
    /// Identities for encrypted copies.
    pub identities: Option<Arc<Identities>>,
}

impl Store {
    /// Checks a copy. Damage is a result; an error means that the copy could not be checked.
    ///
    /// # Errors
    /// When the store can't be asked, and [`StoreError::NoCopy`] if the copy was deleted meanwhile: a copy that retention
    /// removes is not damaged.
    pub async fn verify(
        self: &Arc<Self>,
        copy: Copy,
        order: &VerifyOrder,
        progress: &Arc<dyn Progress>,
    ) -> Result<Verified, StoreError> {
        let name = copy.name.clone();
        let verified = self.verify_all(copy, order, progress).await;
        let is_good = verified.as_ref().is_ok_and(Verified::holds);
        if !is_good && matches!(self.manifest_of(&name).await, Ok(None)) {
            return Err(StoreError::NoCopy {
                reference: name.id,
                store: self.called().to_owned(),
            });
        }
        verified
    }

    async fn verify_all(
        self: &Arc<Self>,
        copy: Copy,
        order: &VerifyOrder,
        progress: &Arc<dyn Progress>,
    ) -> Result<Verified, StoreError> {
        let mut checks = Vec::new();
        let mut depth = if order.is_deep {
            Depth::Deep
        } else {
            Depth::Quick
        };
        let manifest = match self.manifest(&copy).await {
            Ok(manifest) => {
                checks.push(passed("manifest", "it belongs to the copy".to_owned()));
                Some(manifest)
            }
            Err(StoreError::BadManifest { reason, .. }) => {
                checks.push(failed("manifest", reason));
                None
            }
            Err(error) => return Err(error),
        };
        let mut tags = None;
        if let Some(manifest) = manifest {
            let looks = manifest.files.iter().map(|it| self.look(&it.stored.object));
            // The tags are older than the bytes that are read after them.
            let found = futures_util::future::try_join_all(looks).await?;
            tags = other_tags(&manifest, &found);
            let is_seen = tags.as_ref().is_some_and(|it| copy.marks.seen.contains(it));
            let is_open = can_open(&manifest, order);
            if order.is_deep && !is_open {
                depth = Depth::Bytes;
            }
            let is_several = manifest.files.len() > 1;
            for (file, object) in manifest.files.iter().zip(found) {
                let found = if order.is_deep {
                    let identities = order.identities.clone().filter(|_| is_open);
                    let is_encrypted = manifest.encryption.is_some();
                    self.check_bytes(file, object, is_encrypted, identities, progress)
                        .await?
                } else {
                    check_facts(file, object, is_seen)
                };
                checks.extend(found.into_iter().map(|check| Check {
                    message: match check.message {
                        Some(message) if is_several => Some(format!("{}: {message}", file.name)),
                        message => message,
                    },
                    ..check
                }));
            }
        }
        Ok(Verified {
            copy,
            depth,
            checks,
            time: Timestamp::now(),
            tags,
        })
    }

    /// Reads every byte of an object.
    async fn check_bytes(
        self: &Arc<Self>,
        file: &CopyFile,
        found: Option<Object>,
        is_encrypted: bool,
        identities: Option<Arc<Identities>>,
        progress: &Arc<dyn Progress>,
    ) -> Result<Vec<Check>, StoreError> {
        let Some(found) = found else {
            return Ok(vec![missing()]);
        };
        let size = length(found.size, file.stored.length);
        if size.outcome == Outcome::Failed {
            return Ok(vec![size]);
        }
        let reading = Reading {
            store: Arc::clone(self),
            file: file.clone(),
            is_encrypted,
            identities,
            progress: Arc::clone(progress),
        };
        let runtime = tokio::runtime::Handle::current();
        let read = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            reading.run()
        });
        let checks = read.await.map_err(|_| StoreError::Stopped)??;
        Ok([vec![size], checks].concat())
    }
}

/// Compares the facts that the service reports about an object. `is_seen` says that its bytes were read since it was
/// written.
fn check_facts(file: &CopyFile, found: Option<Object>, is_seen: bool) -> Vec<Check> {
    let stored = &file.stored;
    let Some(found) = found else {
        return vec![missing()];
    };
    let tag = match (&stored.etag, &found.etag) {
        (Some(then), Some(now)) if bare(then) == bare(now) => {
            passed(ENTITY_TAG, "the service has seen no change".to_owned())
        }
        (Some(_), Some(_)) if is_seen => passed(
            ENTITY_TAG,
            "the service has seen no change since the bytes were read".to_owned(),
        ),
        (Some(_), Some(_)) => failed(
            ENTITY_TAG,
            "something has written the object since the copy was made; `--deep` reads its bytes"
                .to_owned(),
        ),
        _ => skipped(ENTITY_TAG, "the service gives none".to_owned()),
    };
    vec![length(found.size, stored.length), tag]
}

/// Returns the digest of the entity tags of all objects, if they are not those of the manifest.
fn other_tags(manifest: &CopyManifest, found: &[Option<Object>]) -> Option<String> {
    let found: Option<Vec<_>> = found
        .iter()
        .map(|it| Some(bare(it.as_ref()?.etag.as_ref()?)))
        .collect();
    let known = manifest.files.iter();
    let known: Option<Vec<_>> = known
        .map(|it| Some(bare(it.stored.etag.as_ref()?)))
        .collect();
    let (found, known) = (found?, known?);
    (found != known).then(|| short(Sha256::digest(found.join("\n").as_bytes())))
}

/// Returns an entity tag without quotation marks.
fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// Returns true if the plain bytes can be read.
fn can_open(manifest: &CopyManifest, order: &VerifyOrder) -> bool {
    match (&manifest.encryption, &order.identities) {
        (None, _) => true,
        (Some(encryption), Some(own)) => own.can_open(&encryption.recipients),
        (Some(_), None) => false,
    }
}

/// The work of a deep check, on a thread that may block.
struct Reading {
    store: Arc<Store>,
    file: CopyFile,
    is_encrypted: bool,
    identities: Option<Arc<Identities>>,
    progress: Arc<dyn Progress>,
}

impl Reading {
    fn ranges(&self) -> Ranges {
        Ranges::new(&self.store, &self.file)
    }

    fn run(&self) -> Result<Vec<Check>, StoreError> {
        let mut checks = Vec::new();
        let mut stored = Hashed::new(self.ranges(), self.file.stored.length, &self.progress);
        let plain = match (&self.identities, self.is_encrypted) {
            (Some(identities), true) => {
                let plain = identities.decrypt(&mut stored).and_then(digest);
                match plain {
                    Ok(plain) => Some(plain),
                    Err(error) => {
                        let error = self.damage(error)?;
                        checks.push(failed("decryption", error.to_string()));
                        None
                    }
                }
            }
            _ => None,
        };
        // The end of the encrypted stream need not be the end of the object.
        io::copy(&mut stored, &mut io::sink()).map_err(|it| self.error(it))?;
        let (length, sha256) = stored.finish();
        checks.insert(
            0,
            compare(
                "sha256",
                (length, sha256),
                (self.file.stored.length, &self.file.stored.sha256),
            ),
        );
        if self.is_encrypted {
            let wanted = (self.file.length, &self.file.sha256);
            match (plain, &self.identities) {
                (Some(found), _) => checks.push(compare("plain-sha256", found, wanted)),
                (None, None) => {
                    checks.push(skipped("decryption", "no identity decrypts it".to_owned()));
                }
                (None, Some(_)) => {}
            }
        } else if (self.file.length, &self.file.sha256)
            != (self.file.stored.length, &self.file.stored.sha256)
        {
            checks.push(failed(
                "plain-sha256",
                "the manifest gives two digests for the same bytes".to_owned(),
            ));
        }
        let is_good = checks.iter().all(|check| check.outcome != Outcome::Failed);
        if is_good {
            checks.extend(self.structure()?);
        }
        Ok(checks)
    }

    fn structure(&self) -> Result<Option<Check>, StoreError> {
        let length = self.file.length;
        let check = match (&self.identities, self.is_encrypted) {
            (None, true) => return Ok(None),
            (_, false) => host_transfer::check_structure(&mut sequential(self.ranges()), length),
            (Some(identities), true) => {
                let mut plain = identities
                    .decrypt(self.ranges())
                    .map_err(|it| self.error(it))?;
                host_transfer::check_structure(&mut plain, length)
            }
        };
        let found = check.map_err(|error| self.error(error))?;
        let outcome = match found.outcome {
            host_transfer::Outcome::Passed => Outcome::Passed,
            host_transfer::Outcome::Failed => Outcome::Failed,
            host_transfer::Outcome::Skipped => Outcome::Skipped,
        };
        Ok(Some(self::check(found.name, outcome, found.message)))
    }

    /// Returns an error that means damage. One of the store means that nothing is known.
    fn damage(&self, error: io::Error) -> Result<io::Error, StoreError> {
        let is_stores = error
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<StoreError>);
        if is_stores {
            Err(self.error(error))
        } else {
            Ok(error)
        }
    }

    fn error(&self, error: io::Error) -> StoreError {
        match error.downcast::<StoreError>() {
            Ok(error) => error,
            Err(error) => {
                let object = &self.file.stored.object;
                self.store.damaged(object, error.to_string())
            }
        }
    }
}

/// A reader that hashes what is read.
struct Hashed<'a> {
    from: Ranges,
    hash: Hashing,
    length: u64,
    total: u64,
    progress: &'a Arc<dyn Progress>,
}

impl<'a> Hashed<'a> {
    fn new(from: Ranges, total: u64, progress: &'a Arc<dyn Progress>) -> Self {
        Self {
            from,
            hash: Hashing::default(),
            length: 0,
            total,
            progress,
        }
    }

    fn finish(self) -> (u64, Sha256) {
        (self.length, self.hash.finish())
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.length += count as u64;
        self.progress.bytes(self.length, Some(self.total));
        Ok(count)
    }
}

fn digest(mut from: impl Read) -> io::Result<(u64, Sha256)> {
    let mut hash = Hashing::default();
    let mut length = 0;
    let mut block = vec![0; BLOCK];
    loop {
        let count = from.read(&mut block)?;
        if count == 0 {
            return Ok((length, hash.finish()));
        }
        hash.update(&block[..count]);
        length += count as u64;
    }
}

fn check(name: &str, outcome: Outcome, message: String) -> Check {
    Check {
        name: name.to_owned(),
        outcome,
        message: Some(message),
    }
}

fn passed(name: &str, message: String) -> Check {
    check(name, Outcome::Passed, message)
}

fn failed(name: &str, message: String) -> Check {
    check(name, Outcome::Failed, message)
}

fn skipped(name: &str, message: String) -> Check {
    check(name, Outcome::Skipped, message)
}

fn missing() -> Check {
    failed("length", "its data are not in the store".to_owned())
}

fn length(found: u64, wanted: u64) -> Check {
    if found == wanted {
        passed("length", format!("{found} bytes"))
    } else {
        failed(
            "length",
            format!("it has {found} bytes and should have {wanted}"),
        )
    }
}

fn compare(name: &str, found: (u64, Sha256), wanted: (u64, &String)) -> Check {
    let (length, sha256) = found;
    if length == wanted.0 && sha256.to_string() == *wanted.1 {
        passed(name, format!("{sha256}, as in the manifest"))
    } else {
        failed(
            name,
            format!(
                "it is {sha256} ({length} bytes) and should be {} ({} bytes)",
                wanted.1, wanted.0
            ),
        )
    }
}
