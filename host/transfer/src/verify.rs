//! Verifies an existing file: is it what was downloaded, and is its own structure intact?

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use host_base::{Sha256, files};
use sha2::Digest as _;

use super::sum_file::Found;
use super::{Progress, TransferError, archive, sum_file};

/// The expected properties of a file, from the record of its download. They count if `NAME.sha256` has no
/// digest: a file that somebody replaced together with its digest is a different one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Length in bytes.
    pub length: Option<u64>,
    /// Digest of the file.
    pub sha256: Option<Sha256>,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The check passed.
    Passed,
    /// The check failed.
    Failed,
    /// There is nothing to check the file by.
    Skipped,
}

/// One check. Its message may contain text from the file: escape it before you show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the check: `length`, `sha256` or `structure`.
    pub name: &'static str,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason for the outcome, for people.
    pub message: String,
}

/// The proof that a file is what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// Its digest equals the recorded one.
    Checksum,
    /// Its length equals the recorded one.
    Length,
    /// Its own structure is intact: the file is complete, but could be another backup.
    Structure,
    /// The file was read, and nothing more is known.
    Nothing,
}

/// The result of a verification.
#[derive(Debug)]
pub struct Verification {
    /// Path of the file.
    pub path: PathBuf,
    /// Length in bytes.
    pub length: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// All checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// A note for the user about the digest file beside the file. It may contain text from there: escape it
    /// before you show it.
    pub note: Option<String>,
    /// The verified file, positioned at its start. Callers that send the bytes must read them from here,
    /// because another file may have the name by now.
    pub file: File,
}

impl Verification {
    /// Returns true if no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.outcome != Outcome::Failed)
    }

    /// Returns the strongest proof among the passed checks.
    #[must_use]
    pub fn proven(&self) -> Proven {
        let passed = |name| {
            let mut checks = self.checks.iter();
            checks.any(|check| check.name == name && check.outcome == Outcome::Passed)
        };
        if passed("sha256") {
            Proven::Checksum
        } else if passed("length") {
            Proven::Length
        } else if passed("structure") {
            Proven::Structure
        } else {
            Proven::Nothing
        }
    }

    /// Returns true if a digest or a length from elsewhere was compared.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        matches!(self.proven(), Proven::Checksum | Proven::Length)
    }

    /// Returns itself if no check failed.
    ///
    /// # Errors
    /// [`TransferError::Damaged`] with the first failed check.
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

/// Verifies a file against `NAME.sha256` beside it and against `wanted`. If the file is an archive of a known
/// format, its structure is checked, too. Nothing is unpacked; memory is bounded whatever the file contains.
///
/// The function reads the file up to two times, so call it on a thread that may block.
///
/// # Errors
/// When the file is not a plain file, or when the file or an existing `NAME.sha256` can't be read. A failed
/// check is not an error but part of the result.
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
    let recorded = Recorded::read(path, sha256)?;
    let nothing = Wanted::default();
    let wanted = if recorded.has_digest() {
        &nothing
    } else {
        wanted
    };
    let sha256_check = recorded.check(sha256, wanted.sha256);
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
        note: recorded.note(),
        file,
    })
}

/// Returns true if the file was not written between two looks at its metadata.
fn is_same(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Hashes the `total` bytes that the file has now. Bytes that are added meanwhile are not read: their end may
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

/// The content of the digest file beside a file.
struct Recorded {
    /// Name of the digest file, or the name that it would have.
    sums: String,
    /// `None` if there is no digest file.
    found: Option<Found>,
}

impl Recorded {
    /// Reads `NAME.sha256` beside the file, or beside the file that a link points to.
    ///
    /// # Errors
    /// When the digest file exists and the system refuses to read it. If it is not a plain readable text, it
    /// counts as a file without a digest.
    fn read(path: &Path, actual: Sha256) -> Result<Self, TransferError> {
        let real = path.canonicalize().ok();
        let real = real.filter(|real| real.file_name() != path.file_name());
        for path in [Some(path), real.as_deref()].into_iter().flatten() {
            let sums = beside(path);
            let found = match read_sum_file(&sums) {
                Ok(bytes) => {
                    let absolute = std::path::absolute(path);
                    let absolute = absolute.as_deref().unwrap_or(path);
                    sum_file::find(&bytes, absolute, actual)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => match no_sum_file(&error) {
                    Some(why) => Found::Nothing(why.to_owned()),
                    None => return Err(TransferError::io("read", &sums, error)),
                },
            };
            return Ok(Self {
                sums: file_name(&sums),
                found: Some(found),
            });
        }
        Ok(Self {
            sums: file_name(&beside(path)),
            found: None,
        })
    }

    const fn has_digest(&self) -> bool {
        matches!(self.found, Some(Found::Digests { .. }))
    }

    /// Compares the digest of the file with the digest file, or, without one, with the record.
    fn check(&self, actual: Sha256, of_record: Option<Sha256>) -> Check {
        let sums = &self.sums;
        let recorded = "as recorded when it was downloaded".to_owned();
        let (wanted, origin, claim) = match (&self.found, of_record) {
            (
                Some(Found::Digests {
                    digests,
                    other_name,
                }),
                _,
            ) => (
                digests.clone(),
                format!("as in {sums}"),
                match other_name {
                    Some(name) => format!("as {sums} says of `{name}`"),
                    None => format!("as {sums} says"),
                },
            ),
            (_, Some(digest)) => (vec![digest], recorded.clone(), recorded),
            (Some(Found::Nothing(why)), None) => {
                return sha256_check(Outcome::Skipped, format!("{actual}; {sums} {why}"));
            }
            (None, None) => {
                let message = format!("{actual}; there is no {sums} to compare with");
                return sha256_check(Outcome::Skipped, message);
            }
        };
        match wanted.first() {
            Some(first) if !wanted.contains(&actual) => sha256_check(
                Outcome::Failed,
                format!("the SHA-256 is {actual} and should be {first}, {claim}"),
            ),
            _ => sha256_check(Outcome::Passed, format!("{actual}, {origin}")),
        }
    }

    fn note(&self) -> Option<String> {
        let sums = &self.sums;
        match self.found.as_ref()? {
            Found::Digests {
                other_name: Some(name),
                ..
            } => Some(format!(
                "{sums} names the file `{name}`; its digest was compared nevertheless"
            )),
            Found::Digests { .. } => None,
            Found::Nothing(why) => Some(format!("{sums} {why}, and was not compared")),
        }
    }
}

fn sha256_check(outcome: Outcome, message: String) -> Check {
    Check {
        name: "sha256",
        outcome,
        message,
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".sha256");
    path.with_file_name(name)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns why an unreadable item is not a digest file; `None` if it may be one.
fn no_sum_file(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::IsADirectory => "is a folder",
        io::ErrorKind::InvalidInput => "is a pipe or a device",
        io::ErrorKind::FileTooLarge => "is too long for a file of digests",
        _ => return None,
    })
}

fn read_sum_file(path: &Path) -> io::Result<Vec<u8>> {
    files::read_plain(path, sum_file::LONGEST)
}

#[cfg(test)]
mod tests;
