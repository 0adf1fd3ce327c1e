//! Tests each step that a copy needs, and names the permission for it.

use std::sync::Arc;

use bytes::Bytes;
use host_base::{Check, Failure, Outcome, Problem as _};
use host_objectstore::{Location, Retention};
use jiff::{SignedDuration, Timestamp};
use object_store::{PutMode, PutOptions, PutPayload};

use crate::connect::Store;
use crate::manifest::nonce;
use crate::names::{COPIES, DATA, OPEN};
use crate::requests::Created;
use crate::settings::LockSettings;
use crate::{FIRST_BYTE, StoreError, StoreUrl};

/// How long the object of a test is locked: long enough for a slow request.
const TEST_LOCK: SignedDuration = SignedDuration::from_secs(15);

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreCheck {
    /// The check.
    pub check: Check,
    /// The kind of failure, if it failed.
    pub failure: Option<Failure>,
    /// The next step for the user, if it failed.
    pub hint: Option<String>,
}

impl Store {
    /// Takes each step that a copy needs, with an object of its own, and reports it. If the object can't be
    /// written, the steps after that are left out. Nothing is written to a folder that may not be mounted.
    ///
    /// If `create` is set, the place becomes a store.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub async fn test(self: &Arc<Self>, create: bool) -> Result<Vec<StoreCheck>, StoreError> {
        let name = test_name()?;
        let text = Bytes::from(format!("{{\"test\":\"{name}\"}}"));
        let mut checks = vec![step(
            "list",
            "s3:ListBucket",
            self,
            self.list(COPIES).await.map(drop),
        )];
        let prepared = self.prepare(create).await;
        let is_folder = matches!(self.url(), StoreUrl::Folder(_));
        let is_mounted = !is_folder || !matches!(prepared, Err(StoreError::NoStore { .. }));
        checks.push(step(
            "format",
            "s3:GetObject and s3:PutObject",
            self,
            prepared,
        ));
        if !is_mounted {
            return Ok(checks);
        }
        let written = self.create(self.handles(), &name, text.clone()).await;
        let written = written.and_then(Created::certain).map(drop);
        let is_written = written.is_ok();
        checks.push(step("write", "s3:PutObject", self, written));
        if !is_written {
            return Ok(checks);
        }
        let conditions = self.test_conditions(&name).await;
        checks.push(step("conditions", "s3:PutObject", self, conditions));
        let read = self.read(&name, 1000).await.and_then(|found| {
            if found == Some(text) {
                Ok(())
            } else {
                Err(StoreError::NotStored {
                    what: self.shown(&name),
                    reason: "it has other bytes".to_owned(),
                })
            }
        });
        checks.push(step("read", "s3:GetObject", self, read));
        if self.handles().parts.is_some() {
            let parts = self.test_parts(&name).await;
            checks.push(step(
                "parts",
                "s3:PutObject and s3:AbortMultipartUpload",
                self,
                parts,
            ));
        }
        if let Some(s3) = self.s3() {
            let prefix = self.key(DATA);
            let uploads = s3
                .client
                .open_uploads(&s3.bucket, &prefix, FIRST_BYTE)
                .await;
            let uploads = uploads.map(drop).map_err(StoreError::from);
            let permission = "s3:ListBucketMultipartUploads, for `store repair`";
            checks.push(minor_step("uploads", permission, self, uploads));
        }
        let deleted = self.delete(&[name]).await.map_err(|(_, error)| error);
        checks.push(step("delete", "s3:DeleteObject", self, deleted));
        if let Some(lock) = self.settings().lock {
            checks.extend(self.test_lock(lock).await?);
        }
        Ok(checks)
    }

    /// Checks that an object which must be written only once can't be overwritten.
    async fn test_conditions(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        let options = PutOptions::from(PutMode::Create);
        let again = PutPayload::from_static(b"{}");
        let put = self.handles().objects.put_opts(&path, again, options).await;
        match put.map_err(|error| self.failed("write", name, error)) {
            Ok(_) => Err(StoreError::NoConditions {
                store: self.called().to_owned(),
            }),
            Err(error) if error.is_existing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins an upload in parts, and aborts it.
    async fn test_parts(&self, name: &str) -> Result<(), StoreError> {
        let Some(parts) = &self.handles().parts else {
            return Ok(());
        };
        let path = self.path(name)?;
        let failed = |error| self.failed("write parts of", name, error);
        let upload = parts.create_multipart(&path).await.map_err(failed)?;
        let payload = PutPayload::from_static(b"{}");
        let put = parts.put_part(&path, &upload, 0, payload).await;
        let aborted = parts.abort_multipart(&path, &upload).await;
        put.map_err(failed)?;
        aborted.map_err(failed)
    }

    /// Writes an object with a short lock, and reads the lock.
    ///
    /// S3 takes every end in the future. Until that end nothing can delete the version; a deletion hides it.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html>
    async fn test_lock(&self, lock: LockSettings) -> Result<Vec<StoreCheck>, StoreError> {
        let permission = "s3:GetBucketObjectLockConfiguration";
        let mut checks = vec![step(
            "lock",
            permission,
            self,
            self.test_bucket_lock().await,
        )];
        // Users who may not ask may lock all the same.
        if checks
            .iter()
            .any(|it| it.failure.is_some_and(|it| it != Failure::NotAllowed))
        {
            return Ok(checks);
        }
        let name = test_name()?;
        let until = match self.write_locked(&name, lock).await {
            Ok(until) => until,
            Err(error) => {
                let permission = "s3:PutObjectRetention, also for a lock of some seconds";
                checks.push(step("lock-write", permission, self, Err(error)));
                return Ok(checks);
            }
        };
        let mut written = step("lock-write", "", self, Ok(()));
        written.check.message = Some(format!("a hidden test object is locked until {until}"));
        checks.push(written);
        let read = self.test_retention(&name, lock, until).await;
        checks.push(step("lock-read", "s3:GetObjectRetention", self, read));
        // `repair` finds what is left.
        let _ = self.delete(&[name]).await;
        Ok(checks)
    }

    async fn test_bucket_lock(&self) -> Result<(), StoreError> {
        let Some(s3) = self.s3() else {
            return Err(self.unsupported("lock objects"));
        };
        if s3.client.can_lock(&s3.bucket, FIRST_BYTE).await? {
            Ok(())
        } else {
            Err(self.unsupported("lock objects: its bucket was made without S3 Object Lock"))
        }
    }

    /// Writes a locked object, and returns the end of its lock.
    async fn write_locked(&self, name: &str, lock: LockSettings) -> Result<Timestamp, StoreError> {
        let now = self.service_now().await?;
        let until = now.saturating_add(TEST_LOCK).unwrap_or(Timestamp::MAX);
        let handles = self.locking(lock, until)?;
        self.put(&handles, name, Bytes::from_static(b"{}")).await?;
        Ok(until)
    }

    /// Checks that an object has the lock with which it was written.
    async fn test_retention(
        &self,
        name: &str,
        lock: LockSettings,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(s3) = self.s3() else {
            return Err(self.unsupported("lock objects"));
        };
        let at = Location {
            bucket: s3.bucket.clone(),
            key: self.path(name)?.to_string(),
        };
        let found = s3.client.retention(&at, FIRST_BYTE).await?;
        let is_it = |it: &Retention| {
            let end: Option<Timestamp> = it.until.parse().ok();
            it.mode == lock.mode.name()
                && end.is_some_and(|end| end.as_second() >= until.as_second())
        };
        if found.as_ref().is_some_and(is_it) {
            Ok(())
        } else {
            Err(self.unsupported("lock objects: it ignores the lock of a new object"))
        }
    }
}

/// Returns the name of an object for a test, which no other test has.
pub(crate) fn test_name() -> Result<String, StoreError> {
    Ok(format!("{OPEN}/test{}.json", nonce()?))
}

fn step(name: &str, permission: &str, store: &Store, result: Result<(), StoreError>) -> StoreCheck {
    let check = |outcome, message| Check {
        name: name.to_owned(),
        outcome,
        message,
    };
    let Err(error) = result else {
        return StoreCheck {
            check: check(Outcome::Passed, None),
            failure: None,
            hint: None,
        };
    };
    let failure = error.failure();
    let needs = if failure == Failure::NotAllowed && store.url().is_s3() {
        format!(" (needs the permission {permission})")
    } else {
        String::new()
    };
    StoreCheck {
        check: check(Outcome::Failed, Some(format!("{error}{needs}"))),
        failure: Some(failure),
        hint: error.advice(),
    }
}

/// Returns a step that only a part of the work needs. Its failure is a warning.
fn minor_step(
    name: &str,
    permission: &str,
    store: &Store,
    result: Result<(), StoreError>,
) -> StoreCheck {
    let found = step(name, permission, store, result);
    match found.failure {
        Some(Failure::NotAllowed) => StoreCheck {
            check: Check {
                outcome: Outcome::Warned,
                ..found.check
            },
            failure: None,
            hint: None,
        },
        _ => found,
    }
}
