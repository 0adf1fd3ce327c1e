use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_manifest::Operation;
use host_base::{Failure, text};
use host_transfer::{History, Outcome, Proven, Verification, Wanted};

use super::history::{Deed, in_background, last_saved};
use super::observer::TransferObserver;
use super::status::{Which, ask, latest};
use super::{Host, OpsError, Session};
use crate::results::{BackupChecks, CheckedFile, Verified};

/// Which files to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyRequest {
    /// Paths of the files.
    pub files: Vec<PathBuf>,
}

/// Lets the backend check a backup.
///
/// # Errors
/// When no engine can verify backups, when the backup does not exist, or when the backend could not check it. A
/// check that fails is part of the result.
pub async fn verify_backup(session: &Session, which: &Which) -> Result<BackupChecks, OpsError> {
    let operation = Operation::Verify;
    let mut running = session.engine_for(operation).await?;
    let id = match which {
        Which::Id(id) => id.clone(),
        Which::Latest => latest(session, &mut running).await?.id,
        Which::Ask => ask(session, &mut running, operation).await?.id,
    };
    let options = session.options(&running.manifest, operation);
    let mut deed = Deed::of("verify", session, &running);
    deed.id = Some(id.clone());
    let verified = running.instance().verify(&id, &options).await;
    let verified = running.original(verified).map(|checks| BackupChecks {
        scope: running.scope(),
        id,
        checks,
    });
    if let Ok(verified) = &verified
        && let Some(failure) = verified.failure()
    {
        deed.ended(failure.name(), verified.finding());
    }
    deed.record(&verified).await;
    verified
}

/// The message in the history for a file that could not be compared with anything.
const UNVERIFIED: &str = "not verified: no digest, no length and no structure to check it by";

/// Verifies that files are complete and equal to what was downloaded. All are checked, also after a failure. A
/// file with nothing to compare it with is part of the result, as not verified.
///
/// # Errors
/// When a file is damaged or can't be read.
pub async fn verify(host: &Host, request: VerifyRequest) -> Result<Verified, OpsError> {
    let reporter = host.reporter();
    let of = request.files.len();
    let mut files = Vec::new();
    let mut failed = Vec::new();
    for path in request.files {
        let mut deed = Deed::at(host, "verify");
        deed.file = Some(path.canonicalize().unwrap_or_else(|_| path.clone()));
        let result = verify_one(host, path).await;
        if let Ok(verification) = &result {
            deed.bytes = Some(verification.length);
            deed.sha256 = Some(verification.sha256.to_string());
            match verification.proven() {
                Proven::Nothing => deed.ended(Failure::Partial.name(), UNVERIFIED),
                Proven::Structure => deed.ended("Succeeded", "by its structure only"),
                Proven::Checksum | Proven::Length => {}
            }
        }
        deed.record(&result).await;
        match result {
            Ok(verification) => {
                if let Some(note) = &verification.note {
                    reporter.note(&text::printable(note, 600));
                }
                files.push(checked(verification));
            }
            Err(OpsError::Transfer(error)) => failed.push(*error),
            Err(error) => return Err(error),
        }
    }
    if failed.is_empty() {
        return Ok(Verified { files });
    }
    for file in &files {
        reporter.note(&file.sentence());
    }
    Err(OpsError::Files { of, failed })
}

/// Opens and verifies a file. The returned file is positioned at its start.
pub(super) async fn verify_one(host: &Host, path: PathBuf) -> Result<Verification, OpsError> {
    let observer = TransferObserver::new(Arc::clone(host.reporter()), "Checked");
    let history = host.history();
    let verified = in_background(move || {
        let wanted = wanted(history.as_ref(), &path);
        host_transfer::verify(&path, &wanted, &observer).and_then(Verification::require)
    });
    Ok(verified.await??)
}

/// Returns what the history of this machine says about a file.
fn wanted(history: Option<&History>, path: &Path) -> Wanted {
    let last = history.and_then(|history| last_saved(history, path));
    last.unwrap_or_default()
}

fn checked(verification: Verification) -> CheckedFile {
    let is_compared = verification.is_compared();
    let verified_by = match verification.proven() {
        Proven::Checksum => "checksum",
        Proven::Length => "length",
        Proven::Structure => "structure",
        Proven::Nothing => "nothing",
    };
    CheckedFile {
        verified_by,
        path: verification.path,
        bytes: verification.length,
        sha256: verification.sha256.to_string(),
        is_compared,
        checks: verification
            .checks
            .into_iter()
            .map(|check| {
                let outcome = match check.outcome {
                    Outcome::Passed => "passed",
                    Outcome::Failed => "failed",
                    Outcome::Skipped => "skipped",
                };
                (check.name, outcome, check.message)
            })
            .collect(),
    }
}
