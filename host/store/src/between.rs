//! Copies a copy to another store.

use std::sync::Arc;

use host_objectstore::{Copy as ServerCopy, Location};
use host_transfer::{Download, Expectation, Progress, Retry, TokioSleeper, hand_over};

use crate::connect::Store;
use crate::copies::Copy;
use crate::crypt::Identities;
use crate::manifest::{CopyFile, CopyManifest, Stored};
use crate::reader::StoredFile;
use crate::upload::{Draft, Subject, Written};
use crate::{FIRST_BYTE, StoreError};

/// How a copy goes to another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The service copies the bytes. They never come here.
    Service,
    /// The bytes come here and go on.
    Here,
}

impl Store {
    /// Copies a copy to another store. An encrypted copy keeps its bytes, and so its recipients. A plain copy is
    /// encrypted if the other store has recipients. With `is_forced`, it replaces the copy that the other store has.
    ///
    /// # Errors
    /// When one of the stores fails, or the copy is damaged.
    pub async fn copy_to(
        self: &Arc<Self>,
        copy: &Copy,
        to: &Arc<Self>,
        by: &str,
        is_forced: bool,
        progress: &dyn Progress,
    ) -> Result<(Written, Way), StoreError> {
        let manifest = self.manifest(copy).await?;
        let subject = Subject {
            origin: manifest.source.clone(),
            id: manifest.id.clone(),
            created: Some(manifest.created),
            by: by.to_owned(),
        };
        if !is_forced && let Some(found) = to.standing(&copy.name).await? {
            let written = Written {
                manifest: found,
                was_there: true,
            };
            return Ok((written, Way::Service));
        }
        let recipients = &to.settings().recipients;
        let is_as_stored = manifest.encryption.is_some() || recipients.is_empty();
        if !is_as_stored {
            let draft = Draft::begin(Arc::clone(to), subject).await?;
            let draft = draft.replacing(is_forced);
            let written = self.send_plain(copy, &manifest, draft, progress).await?;
            return Ok((written, Way::Here));
        }
        let draft =
            Draft::begin_as_stored(Arc::clone(to), subject, manifest.encryption.is_some()).await?;
        let mut draft = draft.replacing(is_forced);
        let way = if self.is_beside(to) {
            Way::Service
        } else {
            Way::Here
        };
        for file in &manifest.files {
            let stored = match way {
                Way::Service => {
                    let object = draft.object_of_service();
                    self.copy_there(file, object, to).await?
                }
                Way::Here => {
                    self.send_stored(copy, &manifest, file, &draft, progress)
                        .await?
                }
            };
            draft.add_stored(file, stored);
        }
        let written = draft.complete_as(manifest.encryption.clone()).await?;
        Ok((written, way))
    }

    /// Returns true if one service has both stores, and can copy between them.
    fn is_beside(&self, other: &Self) -> bool {
        let (a, b) = (self.settings(), other.settings());
        self.s3().is_some()
            && other.s3().is_some()
            && (&a.endpoint, &a.profile, &a.region) == (&b.endpoint, &b.profile, &b.region)
            // The copy of an object would not be locked.
            && b.lock.is_none()
    }

    async fn copy_there(
        &self,
        file: &CopyFile,
        object: String,
        to: &Self,
    ) -> Result<Stored, StoreError> {
        let (Some(source), Some(target)) = (self.s3(), to.s3()) else {
            return Err(StoreError::Stopped);
        };
        let order = ServerCopy {
            source: Location {
                bucket: source.bucket.clone(),
                key: self.path(&file.stored.object)?.to_string(),
            },
            target: Location {
                bucket: target.bucket.clone(),
                key: to.path(&object)?.to_string(),
            },
            size: Some(file.stored.length),
            etag: file.stored.etag.clone(),
        };
        let copied = target.client.copy(&order, FIRST_BYTE).await?;
        if copied
            .sha256
            .is_some_and(|sha256| sha256 != file.stored.sha256)
        {
            let reason = "its bytes have another digest than the manifest says";
            return Err(self.damaged(&file.stored.object, reason));
        }
        let found = to.look(&object).await?;
        match found {
            Some(found) if found.size == file.stored.length => Ok(Stored {
                object,
                etag: found.etag,
                ..file.stored.clone()
            }),
            _ => Err(StoreError::NotStored {
                what: to.shown(&object),
                reason: "the service has not copied all bytes".to_owned(),
            }),
        }
    }

    /// Sends the stored bytes as they are.
    async fn send_stored(
        self: &Arc<Self>,
        copy: &Copy,
        manifest: &CopyManifest,
        file: &CopyFile,
        draft: &Draft,
        progress: &dyn Progress,
    ) -> Result<Stored, StoreError> {
        // The stored bytes are read as if they were the plain ones.
        let as_stored = CopyFile {
            length: file.stored.length,
            sha256: file.stored.sha256.clone(),
            ..file.clone()
        };
        let plain = CopyManifest {
            files: vec![as_stored],
            encryption: None,
            ..manifest.clone()
        };
        let sources = StoredFile::of(self, copy, &plain, None)?;
        let source = sources.first().ok_or(StoreError::Stopped)?;
        let upload = send(source, draft, progress).await?;
        let (_, _, stored) = upload.complete().await?;
        Ok(stored)
    }

    /// Sends the plain bytes of a copy, which the other store encrypts.
    async fn send_plain(
        self: &Arc<Self>,
        copy: &Copy,
        manifest: &CopyManifest,
        mut draft: Draft,
        progress: &dyn Progress,
    ) -> Result<Written, StoreError> {
        let identities: Option<&Arc<Identities>> = None;
        for source in StoredFile::of(self, copy, manifest, identities)? {
            let upload = send(&source, &draft, progress).await?;
            let (_, _, stored) = upload.complete().await?;
            draft.add_stored(source.file(), stored);
        }
        draft.complete().await
    }
}

async fn send(
    source: &StoredFile,
    draft: &Draft,
    progress: &dyn Progress,
) -> Result<crate::FileUpload, StoreError> {
    let first = source.first().await.map_err(StoreError::from)?;
    let download = Download {
        first,
        source,
        expectation: Expectation {
            length: Some(source.file().length),
            listed_length: None,
            sha256: Some(source.file().sha256.clone()),
        },
        accept_unproven: false,
        retry: Retry::default(),
        sleeper: &TokioSleeper,
        progress,
    };
    let sent = hand_over(download, async |length, fingerprint| {
        draft.file(length, fingerprint).await
    });
    let (upload, _) = sent.await.map_err(|(error, _)| match error {
        StoreError::Transfer(error) => source.failed(*error),
        error => error,
    })?;
    Ok(upload)
}
