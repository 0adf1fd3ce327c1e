use std::path::{Path, PathBuf};

use super::OpsError;
use super::history::{Deed, in_background, last_download};
use super::observer::TransferObserver;
use crate::transfer::{self, Outcome, Verification, Wanted};
use crate::ui::{CheckedFile, Ui, VerificationView};

/// Which files are to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyRequest {
    pub files: Vec<PathBuf>,
}

/// Looks whether files are what was downloaded, and whole. All are looked at, whatever is wrong with
/// the first.
///
/// # Errors
/// When one of them is damaged, or can't be read.
pub async fn verify(request: VerifyRequest, ui: Ui) -> Result<VerificationView, OpsError> {
    let of = request.files.len();
    let mut files = Vec::new();
    let mut failed = Vec::new();
    for path in request.files {
        let result = verify_one(path.clone(), ui).await;
        let mut deed = Deed::default();
        "verify".clone_into(&mut deed.operation);
        deed.file = Some(path.canonicalize().unwrap_or(path));
        if let Ok(verification) = &result {
            deed.bytes = Some(verification.length);
            deed.sha256 = Some(verification.sha256.to_string());
        }
        deed.record(ui, &result).await;
        match result {
            Ok(verification) => files.push(checked(verification)),
            Err(OpsError::Transfer(error)) => failed.push(*error),
            Err(error) => return Err(error),
        }
    }
    if failed.is_empty() {
        return Ok(VerificationView { files });
    }
    for file in &files {
        ui.note(&file.sentence());
    }
    Err(OpsError::Files { of, failed })
}

/// The file, verified: opened, and at its start.
pub(super) async fn verify_one(path: PathBuf, ui: Ui) -> Result<Verification, OpsError> {
    let observer = TransferObserver::new(ui, "Checked");
    let verified = in_background(move || {
        let wanted = wanted(&path);
        transfer::verify(&path, &wanted, &observer).and_then(Verification::require)
    });
    Ok(verified.await??)
}

/// What the record of this machine says of a file that has no digest beside it.
fn wanted(path: &Path) -> Wanted {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sha256");
    if Path::new(&beside).exists() {
        return Wanted::default();
    }
    last_download(path).map_or_else(Wanted::default, |entry| Wanted {
        length: entry.bytes,
        sha256: entry.sha256.and_then(|digest| digest.parse().ok()),
    })
}

fn checked(verification: Verification) -> CheckedFile {
    let is_compared = verification.is_compared();
    CheckedFile {
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
