use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Hashing, Report, ReportKind};
use host_engine::{Artifacts, SavedFile, ToSave};
use host_transfer::{Claims, Expectation, FileName};
use http_body_util::BodyExt as _;

use super::Seen;

/// The maximum size of a saved file, in bytes. The bodies of cases come from files of limited size.
const MAX_SAVED: u64 = 64 << 20;

/// Hashes the bytes that would be saved, and discards them.
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

/// Checks the bytes as the host does: by the headers and by the engine's expectation.
async fn save(to_save: ToSave) -> Result<SavedFile, Report> {
    let expectation = Expectation {
        length: to_save.length,
        listed_length: None,
        sha256: to_save.sha256,
    };
    let claims = Claims::read(&to_save.answer, &expectation).map_err(|error| error.report())?;
    let name = to_save.name.as_deref().and_then(FileName::clean);
    let name = name.or_else(|| FileName::of_headers(to_save.answer.headers()));
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
    let sha256 = hashing.finish();
    let checked = claims.check(length, sha256);
    checked.map_err(|error| error.report())?;
    Ok(SavedFile {
        name: name.map_or_else(|| "backup".to_owned(), |name| name.to_string()),
        length,
        sha256: sha256.to_string(),
    })
}
