//! A file where it lies: is it what was downloaded, and is it whole by its own structure?

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use host_base::{Sha256, files};
use sha2::Digest as _;

use super::sum_file::Found;
use super::{Progress, TransferError, archive, sum_file};

/// What a file should be by the record of its download. It counts where `NAME.sha256` says nothing: a file
/// that somebody replaced together with its digest is another one.
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

/// By what it is known that a file is what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// Its digest is the one that was written down.
    Checksum,
    /// Its length is the one that was written down.
    Length,
    /// Its own structure holds: it is whole, and could be another backup.
    Structure,
    /// It could be read.
    Nothing,
}

/// What was found in a file.
#[derive(Debug)]
pub struct Verification {
    pub path: PathBuf,
    /// Length in bytes.
    pub length: u64,
    pub sha256: Sha256,
    pub checks: Vec<Check>,
    /// What the user may want to know of the file of digests beside it. It may have text from there:
    /// escape it before it is shown.
    pub note: Option<String>,
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

    /// The strongest of the checks that passed.
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

    /// Whether a digest or a length from elsewhere was there to compare with.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        matches!(self.proven(), Proven::Checksum | Proven::Length)
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
/// When the file is no plain file, and when it or a `NAME.sha256` that is there can't be read. That a
/// check fails is no error.
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

/// What the file of digests beside a file says of it.
struct Recorded {
    /// Its name, or the one that it would have.
    sums: String,
    /// None where there is none.
    found: Option<Found>,
}

impl Recorded {
    /// Reads `NAME.sha256` beside the file, or beside the one that a link leads to.
    ///
    /// # Errors
    /// When it is there and the system does not let it be read. Whatever else it is, it only has no
    /// digest.
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

    /// Compares the digest with the one of this file, or where it has none, with the one of the record.
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
                "{sums} names the file `{name}`; its digest was compared all the same"
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

/// Why what could not be read is no file of digests; none where it may be one.
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
