use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::Saves;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Hashing, Report, ReportKind};
use host_engine::{Artifacts, SavedFile, ToSave};
use host_transfer::{Claims, Expectation, FileName, FileNames};
use http_body_util::BodyExt as _;

use super::Seen;

/// The maximum size of a saved file, in bytes. The bodies of cases come from files of limited size.
const MAX_SAVED: u64 = 64 << 20;

/// Hashes the bytes that would be saved, and discards them.
pub(super) struct Saving {
    saves: Saves,
    seen: Arc<Seen>,
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    used: FileNames,
    /// True if a file could not be saved: nothing more is saved then.
    has_failed: bool,
}

impl Saving {
    pub(super) fn new(saves: Saves, seen: Arc<Seen>) -> Self {
        Self {
            saves,
            seen,
            names: Mutex::default(),
        }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that one more file may be saved.
    fn check(&self) -> Result<(), Report> {
        let refused = match self.saves {
            Saves::Nothing => "its manifest does not say that it saves",
            Saves::One if !self.seen.saved().is_empty() => {
                "its manifest does not say `many-files`, and a file is saved"
            }
            _ if self.names().has_failed => "a file could not be saved",
            _ => return Ok(()),
        };
        Err(Report::new(ReportKind::Denied, refused))
    }
}

impl Artifacts for Saving {
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>> {
        async {
            self.check()?;
            self.names().has_failed = true;
            let name = to_save.name.as_deref().and_then(FileName::clean);
            let name = name.or_else(|| FileName::of_headers(to_save.answer.headers()));
            if let Some(name) = &name {
                let added = self.names().used.add(name);
                added.map_err(|error| error.report())?;
            }
            let name = name.map_or_else(|| "backup".to_owned(), |name| name.to_string());
            let saved = save(to_save, name).await?;
            self.seen.saved().push(saved.clone());
            self.names().has_failed = false;
            Ok(saved)
        }
        .boxed()
    }
}

/// Checks the bytes as the host does: by the headers and by the engine's expectation.
async fn save(to_save: ToSave, name: String) -> Result<SavedFile, Report> {
    let expectation = Expectation {
        length: to_save.length,
        listed_length: None,
        sha256: to_save.sha256,
    };
    let claims = Claims::read(&to_save.answer, &expectation).map_err(|error| error.report())?;
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
        name,
        length,
        sha256: sha256.to_string(),
    })
}
