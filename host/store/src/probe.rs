//! Tests a store: each step that a copy needs, with the permission for it.

use std::sync::Arc;

use bytes::Bytes;
use host_base::{Check, Outcome};
use object_store::{PutMode, PutOptions, PutPayload};

use crate::connect::Store;
use crate::manifest::nonce;
use crate::names::{COPIES, OPEN};
use crate::requests::Created;
use crate::{FIRST_BYTE, StoreError};

impl Store {
    /// Does what a copy needs, with an object of its own, and reports each step. After a step that fails, those
    /// that depend on it are skipped.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub async fn test(self: &Arc<Self>) -> Result<Vec<Check>, StoreError> {
        let name = format!("{OPEN}/test{}.json", nonce()?);
        let text = Bytes::from(format!("{{\"test\":\"{name}\"}}"));
        let mut checks = vec![step(
            "list",
            "s3:ListBucket",
            self,
            self.list(COPIES).await.map(drop),
        )];
        let prepared = self.prepare().await;
        checks.push(step(
            "format",
            "s3:GetObject and s3:PutObject",
            self,
            prepared,
        ));
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
        let deleted = self.delete(&[name]).await.map_err(|(_, error)| error);
        checks.push(step("delete", "s3:DeleteObject", self, deleted));
        if self.settings().lock.is_some() {
            checks.push(step(
                "lock",
                "s3:GetBucketObjectLockConfiguration",
                self,
                self.test_lock().await,
            ));
        }
        Ok(checks)
    }

    /// Tries to write an object again that must be written once only.
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

    async fn test_lock(&self) -> Result<(), StoreError> {
        let Some(s3) = self.s3() else {
            return Err(self.unsupported("lock objects"));
        };
        if s3.client.can_lock(&s3.bucket, FIRST_BYTE).await? {
            Ok(())
        } else {
            Err(self.unsupported("lock objects: its bucket was made without S3 Object Lock"))
        }
    }
}

fn step(name: &str, permission: &str, store: &Store, result: Result<(), StoreError>) -> Check {
    let (outcome, message) = match result {
        Ok(()) => (Outcome::Passed, None),
        Err(error) => {
            let is_refused = host_base::Problem::failure(&error) == host_base::Failure::NotAllowed;
            let needs = if is_refused && store.url().is_s3() {
                format!(" (it needs the permission {permission})")
            } else {
                String::new()
            };
            (Outcome::Failed, Some(format!("{error}{needs}")))
        }
    };
    Check {
        name: name.to_owned(),
        outcome,
        message,
    }
}
