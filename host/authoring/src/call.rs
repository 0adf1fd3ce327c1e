use std::sync::Arc;

use broker_manifest::{Manifest, Operation, Saves, Verb};
use host_base::{Backup, Check, Sha256, newest_first};
use host_engine::{
    Acted, Artifact, EngineError, Instance, OptionSetting, Preparation, RestoreSource, SavedFile,
};
use serde_json::{Map, Value, json};

use super::AuthoringError;
use super::stage::Seen;

/// A call of an engine.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) about: About,
    pub(super) options: Vec<OptionSetting>,
}

/// The operation, with its arguments apart from options.
#[derive(Clone, Debug)]
pub(super) enum About {
    Detect,
    Health,
    List {
        limit: Option<u32>,
    },
    Status {
        id: String,
    },
    Prepare,
    Create {
        prepared: Option<Vec<u8>>,
    },
    Finish {
        id: String,
    },
    Download {
        id: String,
    },
    Restore {
        source: RestoreSource,
        dry_run: bool,
    },
    Delete {
        id: String,
        force: bool,
    },
    Verify {
        id: String,
    },
    Act {
        verb: String,
    },
}

impl Call {
    pub(super) fn operation(&self) -> Operation {
        match self.about {
            About::Detect => Operation::Detect,
            About::Health => Operation::Health,
            About::List { .. } => Operation::List,
            About::Status { .. } => Operation::Status,
            About::Prepare => Operation::Prepare,
            About::Create { .. } => Operation::Create,
            About::Finish { .. } => Operation::Finish,
            About::Download { .. } => Operation::Download,
            About::Restore { .. } => Operation::Restore,
            About::Delete { .. } => Operation::Delete,
            About::Verify { .. } => Operation::Verify,
            About::Act { .. } => Operation::Act,
        }
    }

    /// Returns how many files the engine may save.
    pub(super) fn saves(&self, manifest: &Manifest) -> Saves {
        match &self.about {
            About::Act { verb } => manifest.verbs.get(verb).map_or(Saves::Nothing, Verb::saves),
            _ => manifest.saves_in(self.operation()),
        }
    }

    /// Calls the engine, and converts the result to the form that cases use.
    ///
    /// # Errors
    /// The error that the engine reports, or a fault of the engine.
    pub(super) async fn make(
        &self,
        engine: &mut Instance,
        seen: &Seen,
        saves: Saves,
    ) -> Result<Value, EngineError> {
        let options = self.options.as_slice();
        let mut result = match &self.about {
            About::Detect => {
                let detection = engine.detect().await?;
                json!({
                    "product": detection.product,
                    "version": detection.version,
                    "detail": detection.detail,
                })
            }
            About::Health => {
                let reports = engine.health(options).await?;
                let reports = reports
                    .iter()
                    .map(|report| json!({ "pod": report.pod, "checks": checks(&report.checks) }));
                reports.collect()
            }
            About::List { limit } => {
                let mut backups = engine.list(*limit, options).await?;
                // The order and the limit are those of the host.
                newest_first(&mut backups);
                let wanted = limit.and_then(|limit| usize::try_from(limit).ok());
                backups.truncate(wanted.unwrap_or(usize::MAX));
                list(&backups)
            }
            About::Status { id } => backup(&engine.status(id, options).await?),
            About::Prepare => prepared(engine.prepare(options).await?),
            About::Create { prepared } => {
                backup(&engine.create(prepared.as_deref(), options).await?)
            }
            About::Finish { id } => details(engine.finish(id, options).await?),
            About::Download { id } => {
                engine.download(id, options).await?;
                match (&**seen.saved(), saves) {
                    ([], _) => Value::Null,
                    // The files follow.
                    (_, Saves::Many) => json!({}),
                    ([file, ..], _) => saved(file),
                }
            }
            About::Restore { source, dry_run } => {
                let restoration = engine.restore(source.clone(), *dry_run, options).await?;
                json!({
                    "backup": backup(&restoration.backup),
                    "details": details(restoration.details),
                })
            }
            About::Delete { id, force } => {
                let warnings = engine.delete(id, *force, options).await?;
                json!({ "done": true, "warnings": warnings })
            }
            About::Verify { id } => checks(&engine.verify(id, options).await?),
            About::Act { verb } => match engine.act(verb, options).await? {
                Acted::Done => json!({ "done": true }),
                Acted::Text(text) => json!({ "text": text }),
                Acted::Backups(backups) => json!({ "backups": list(&backups) }),
                Acted::Items(items) => json!({ "items": checks(&items) }),
            },
        };
        let is_the_file = matches!(self.about, About::Download { .. }) && saves == Saves::One;
        if saves != Saves::Nothing && !is_the_file && result.is_object() {
            result["files"] = seen.saved().iter().map(saved).collect();
        }
        Ok(result)
    }
}

/// Returns a backup with the field names of JSON documents.
fn backup(backup: &Backup) -> Value {
    json!({
        "id": backup.id,
        "activity": backup.activity.name(),
        "state": backup.state.name(),
        "reportedState": backup.reported_state,
        "sizeBytes": backup.size,
        "created": backup.created.map(|time| time.to_string()),
        "failure": backup.failure,
        "progress": backup.progress.as_ref().map(|amount| {
            json!({ "done": amount.done, "total": amount.total, "step": amount.step })
        }),
        "warnings": backup.warnings,
        "fields": backup.fields,
    })
}

/// Returns the notes; if there is a token, a table with both.
fn prepared(prepared: Preparation) -> Value {
    match prepared.token {
        None => prepared.notes.into(),
        Some(token) => json!({
            "notes": prepared.notes,
            "token": String::from_utf8_lossy(&token),
        }),
    }
}

fn checks(checks: &[Check]) -> Value {
    let checks = checks.iter().map(|check| {
        json!({
            "name": check.name,
            "outcome": check.outcome.name(),
            "message": check.message,
        })
    });
    checks.collect()
}

fn list(backups: &[Backup]) -> Value {
    backups.iter().map(backup).collect()
}

fn details(details: Vec<(String, String)>) -> Value {
    let details = details
        .into_iter()
        .map(|(name, value)| (name, value.into()));
    details.collect::<Map<_, _>>().into()
}

fn saved(saved: &SavedFile) -> Value {
    json!({ "name": saved.name, "length": saved.length, "sha256": saved.sha256 })
}

/// Returns a file of the user, in the form in which the host passes it to an engine.
///
/// # Errors
/// When the temporary file can't be written.
pub(super) fn artifact(name: &str, content: &[u8]) -> Result<Artifact, AuthoringError> {
    let write = || {
        use std::io::{Seek as _, Write as _};

        let mut file = tempfile::tempfile()?;
        file.write_all(content)?;
        file.rewind()?;
        Ok(file)
    };
    let file = write().map_err(|source| AuthoringError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    Ok(Artifact {
        name: name.to_owned(),
        length: content.len() as u64,
        sha256: Sha256::digest(content).to_string(),
        file: Arc::new(file),
    })
}
