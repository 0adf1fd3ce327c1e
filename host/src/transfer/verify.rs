//! A file where it lies: is it what was downloaded, and is it whole by its own structure?

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::{Progress, Sha256, TransferError, archive, sum_file};
use crate::files;

/// What a file should be, where that is known from elsewhere than `NAME.sha256`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Length in bytes.
    pub length: Option<u64>,
    pub sha256: Option<Sha256>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// There is nothing to check it by.
    Skipped,
}

/// One check. Its message may have text from the file: escape it before it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `length`, `sha256` or `structure`.
    pub name: &'static str,
    pub outcome: Outcome,
    pub message: String,
}

/// What was found in a file.
#[derive(Debug)]
pub struct Verification {
    pub path: PathBuf,
    /// Length in bytes.
    pub length: u64,
    pub sha256: Sha256,
    pub checks: Vec<Check>,
    /// The file that was checked, at its start. Whoever sends these bytes on should read them from
    /// here: another file may have the name by now.
    pub file: File,
}

impl Verification {
    /// Whether no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.outcome != Outcome::Failed)
    }

    /// Whether a digest or a length from elsewhere was there to compare with.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        let passed = |check: &Check| check.outcome == Outcome::Passed;
        self.checks
            .iter()
            .any(|check| check.name != "structure" && passed(check))
    }

    /// This, if no check failed.
    ///
    /// # Errors
    /// [`TransferError::Damaged`] with the first that did.
    pub fn require(self) -> Result<Self, TransferError> {
        let failed = |check: &&Check| check.outcome == Outcome::Failed;
        match self.checks.iter().find(failed) {
            Some(check) => Err(TransferError::Damaged {
                reason: check.message.clone(),
                path: self.path,
            }),
            None => Ok(self),
        }
    }
}

/// Checks a file against `NAME.sha256` beside it, against `wanted`, and by its own structure if it is
/// an archive of a known kind. Nothing is unpacked; memory is bounded whatever the file holds.
///
/// It reads the file, at most twice, and so is for a thread that may wait.
///
/// # Errors
/// When the file, or a `NAME.sha256` that is there, can't be read or is no plain file. That a check
/// fails is no error.
pub fn verify(
    path: &Path,
    wanted: &Wanted,
    progress: &dyn Progress,
) -> Result<Verification, TransferError> {
    let failed = |source| TransferError::io("read", path, source);
    let mut file = match files::open_plain(path) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(TransferError::NotAFile {
                path: path.to_owned(),
            });
        }
        opened => opened.map_err(failed)?,
    };
    let before = file.metadata().map_err(failed)?;
    let (length, sha256) = digest(&mut file, before.len(), progress).map_err(failed)?;
    let sha256_check = check_sha256(path, sha256, wanted.sha256)?;
    let structure = archive::check(&mut file, length).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let checks = vec![
        check_length(length, wanted.length, is_same(&before, &after)),
        sha256_check,
        structure,
    ];
    Ok(Verification {
        path: path.to_owned(),
        length,
        sha256,
        checks,
        file,
    })
}

/// Whether nothing was written to a file in between.
fn is_same(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Reads the `total` bytes that the file has, and not those that are added meanwhile: their end may
/// never come.
fn digest(file: &mut File, total: u64, progress: &dyn Progress) -> io::Result<(u64, Sha256)> {
    let mut bytes = file.take(total);
    let mut state = sha2::Sha256::new();
    let mut block = vec![0; 256 << 10];
    let mut length = 0;
    loop {
        match bytes.read(&mut block) {
            Ok(0) => return Ok((length, Sha256::of(state))),
            Ok(count) => {
                state.update(&block[..count]);
                length += count as u64;
                progress.bytes(length, Some(total));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn check_length(actual: u64, wanted: Option<u64>, is_same: bool) -> Check {
    let (outcome, message) = match wanted {
        _ if !is_same => (
            Outcome::Failed,
            "it changed while it was read: something still writes to it".to_owned(),
        ),
        None => (
            Outcome::Skipped,
            format!("{actual} bytes; no length is known"),
        ),
        Some(wanted) if wanted == actual => (Outcome::Passed, format!("{actual} bytes")),
        Some(wanted) => (
            Outcome::Failed,
            format!("it has {actual} bytes and should have {wanted}"),
        ),
    };
    Check {
        name: "length",
        outcome,
        message,
    }
}

fn check_sha256(
    path: &Path,
    actual: Sha256,
    given: Option<Sha256>,
) -> Result<Check, TransferError> {
    let name = path.file_name().unwrap_or_default();
    let mut beside = name.to_owned();
    beside.push(".sha256");
    let beside = path.with_file_name(beside);
    let name = name.to_string_lossy();
    let recorded = match read_sum_file(&beside) {
        Ok(text) => Some(sum_file::find(&text, &name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(TransferError::io("read", &beside, error)),
    };
    let differs = |wanted: &Sha256| *wanted != actual;
    let (outcome, message) = match (given, recorded) {
        (Some(wanted), _) if differs(&wanted) => (
            Outcome::Failed,
            format!("the SHA-256 is {actual} and should be {wanted}"),
        ),
        (_, Some(Some(wanted))) if differs(&wanted) => (
            Outcome::Failed,
            format!("the SHA-256 is {actual} and should be {wanted}, as {name}.sha256 says"),
        ),
        (None, Some(None)) => (
            Outcome::Failed,
            format!("{name}.sha256 has no digest of this file"),
        ),
        (None, None) => (
            Outcome::Skipped,
            format!("{actual}; there is no {name}.sha256 to compare with"),
        ),
        (Some(_), None) => (Outcome::Passed, format!("{actual}, as given")),
        (Some(_), Some(Some(_))) => (
            Outcome::Passed,
            format!("{actual}, as given and as in {name}.sha256"),
        ),
        // What was given counts for more than what happens to lie there.
        (Some(_), Some(None)) => (
            Outcome::Passed,
            format!("{actual}, as given; {name}.sha256 has no digest of this file"),
        ),
        (None, Some(Some(_))) => (Outcome::Passed, format!("{actual}, as in {name}.sha256")),
    };
    Ok(Check {
        name: "sha256",
        outcome,
        message,
    })
}

fn read_sum_file(path: &Path) -> io::Result<String> {
    let bytes = files::read_plain(path, sum_file::LONGEST)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
