//! Whether an archive is whole by its own structure: its ends, lengths and checksums. Nothing is
//! unpacked, and an archive made to hurt costs bounded memory and bounded time.

mod compressed;
mod counted;
mod tar;
mod zip;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use super::verify::{Check, Outcome};
use compressed::Kind;
use counted::{Budget, is_over_budget};

/// What stands at the start of files that are known and not checked here.
const OTHERS: [(&[u8], &str); 5] = [
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"LZIP", "lzip"),
    (b"\x02\x21\x4c\x18", "old LZ4"),
    (b"\x1f\x9d", "compress"),
];

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// What the structure of a file shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Structure {
    pub(super) verdict: Verdict,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it holds.
    Holds {
        /// Whether its own end shows that nothing is missing behind it. After the end of one of
        /// several members there could have been one more.
        ends: bool,
    },
    Damaged,
    /// It can't be judged.
    Unknown,
}

/// A structure that holds.
struct Whole {
    message: String,
    ends: bool,
}

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
        } else if error.kind() == io::ErrorKind::Unsupported {
            Self::Unknown(format!("{error}: it was not followed"))
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
    let Structure { verdict, message } = look(file, length)?;
    let outcome = match verdict {
        Verdict::Holds { .. } => Outcome::Passed,
        Verdict::Damaged => Outcome::Failed,
        Verdict::Unknown => Outcome::Skipped,
    };
    Ok(Check {
        name: "structure",
        outcome,
        message,
    })
}

/// Follows the structure of a file of `length` bytes.
///
/// # Errors
/// As [`check`].
pub(super) fn look(file: &mut File, length: u64) -> io::Result<Structure> {
    file.rewind()?;
    let mut head = Vec::new();
    file.take(length.min(512)).read_to_end(&mut head)?;
    file.rewind()?;
    let (verdict, message) = match follow(file, length, &head) {
        Ok(Whole { message, ends }) => (Verdict::Holds { ends }, message),
        Err(Fault::Damaged(message)) => (Verdict::Damaged, message),
        Err(Fault::Unknown(message)) => (Verdict::Unknown, message),
        Err(Fault::Io(error)) => return Err(error),
    };
    Ok(Structure { verdict, message })
}

fn follow(file: &mut File, length: u64, head: &[u8]) -> Result<Whole, Fault> {
    let budget = Budget::of(length);
    if length == 0 {
        // A file system may leave this of a file that was written just before a crash.
        return Err(Fault::damaged("it is empty"));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let message = zip::check(file, length, budget)?;
        return Ok(Whole {
            message,
            ends: true,
        });
    }
    let mut archive = BufReader::with_capacity(BUFFER, file.take(length));
    if let Some(kind) = Kind::of(head) {
        return compressed::check(kind, archive, budget);
    }
    if tar::is_header(head) {
        let followed = tar::check(&mut archive)?;
        return Ok(Whole {
            message: format!("tar, {followed}; a tar has no checksums of contents"),
            ends: true,
        });
    }
    let known = OTHERS.iter().find(|(magic, _)| head.starts_with(magic));
    Err(Fault::Unknown(match known {
        Some((_, name)) => format!("{name} archives are not looked into"),
        None => "it is no archive of a known kind".to_owned(),
    }))
}

#[cfg(test)]
mod tests;
