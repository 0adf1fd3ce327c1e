use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;

use super::Seen;
use crate::engine::{Artifacts, SavedFile, ToSave};
use crate::model::{Report, ReportKind};
use crate::transfer::Hashing;

/// The most that is saved, in bytes: no case has more than stands in a file.
const MAX_SAVED: u64 = 64 << 20;

/// Hashes what would be saved, and keeps no more of it.
pub(super) struct Saving(pub(super) Arc<Seen>);

impl Artifacts for Saving {
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>> {
        async {
            let saved = save(to_save).await?;
            *self.0.saved() = Some(saved.clone());
            Ok(saved)
        }
        .boxed()
    }
}

async fn save(to_save: ToSave) -> Result<SavedFile, Report> {
    let mut hashing = Hashing::default();
    let mut length = 0;
    let mut body = to_save.answer.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame?.into_data() else {
            continue;
        };
        length += bytes.len() as u64;
        hashing.update(&bytes);
        if length > MAX_SAVED {
            return Err(Report::new(
                ReportKind::Failed,
                "the disk is full: the answer does not end",
            ));
        }
    }
    let sha256 = hashing.finish().to_string();
    let integrity = |message: String| Err(Report::new(ReportKind::Integrity, message));
    if let Some(expected) = to_save.length.filter(|expected| *expected != length) {
        return integrity(format!("{length} bytes came, and not {expected}"));
    }
    let expected = to_save.sha256.map(|digest| digest.to_ascii_lowercase());
    if let Some(expected) = expected.filter(|expected| *expected != sha256) {
        return integrity(format!("the SHA-256 is {sha256}, and not {expected}"));
    }
    Ok(SavedFile {
        name: to_save.name.unwrap_or_else(|| "backup".to_owned()),
        length,
        sha256,
    })
}
