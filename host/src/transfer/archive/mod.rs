//! Whether an archive is whole by its own structure: its ends, lengths and checksums. Nothing is
//! unpacked, and an archive made to hurt costs bounded memory and bounded time.

mod counted;
mod gzip;
mod tar;
mod zip;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use super::verify::{Check, Outcome};
use counted::{Budget, is_over_budget};

/// What stands at the start of files that are known and not checked here.
const OTHERS: [(&[u8], &str); 5] = [
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\xfd7zXZ\0", "XZ"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x04\x22\x4d\x18", "LZ4"),
];

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// Why a structure does not hold, or could not be followed to its end.
enum Fault {
    /// It is damaged.
    Damaged(String),
    /// It can't be judged.
    Unknown(String),
    /// The file could not be read.
    Io(io::Error),
}

impl Fault {
    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// An error of a decoder is damage; one of the disk is not, and has an error number.
    fn of(error: io::Error, what: &str) -> Self {
        if is_over_budget(&error) {
            Self::Unknown("it expands to so much that it was not followed to its end".to_owned())
        } else if error.raw_os_error().is_some() {
            Self::Io(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged(format!("{what}: it ends too early"))
        } else {
            Self::Damaged(format!("{what}: {error}"))
        }
    }
}

/// A number of entries, for a message.
fn entries(count: u64) -> String {
    match count {
        0 => "no entries".to_owned(),
        1 => "1 entry".to_owned(),
        _ => format!("{count} entries"),
    }
}

/// Checks the structure of a file of `length` bytes. What was written behind them since is not read.
///
/// # Errors
/// When the file can't be read. That its structure does not hold is no error.
pub(super) fn check(file: &mut File, length: u64) -> io::Result<Check> {
    file.rewind()?;
    let mut head = Vec::new();
    file.take(512).read_to_end(&mut head)?;
    file.rewind()?;
    let budget = Budget::of(length);
    let result = if length == 0 {
        // A file system may leave this of a file that was written just before a crash.
        Err(Fault::damaged("it is empty"))
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        zip::check(file, length, budget)
    } else if head.starts_with(b"\x1f\x8b") {
        gzip::check(BufReader::with_capacity(BUFFER, file.take(length)), budget)
    } else if tar::is_header(&head) {
        let mut archive = BufReader::with_capacity(BUFFER, file.take(length));
        tar::check(&mut archive).map(|it| format!("tar, {it}; a tar has no checksums of contents"))
    } else {
        let known = OTHERS.iter().find(|(magic, _)| head.starts_with(magic));
        Err(Fault::Unknown(match known {
            Some((_, name)) => format!("{name} archives are not looked into"),
            None => "it is no archive of a known kind".to_owned(),
        }))
    };
    let (outcome, message) = match result {
        Ok(message) => (Outcome::Passed, message),
        Err(Fault::Damaged(message)) => (Outcome::Failed, message),
        Err(Fault::Unknown(message)) => (Outcome::Skipped, message),
        Err(Fault::Io(error)) => return Err(error),
    };
    Ok(Check {
        name: "structure",
        outcome,
        message,
    })
}

#[cfg(test)]
mod tests;
