//! Checks whether an archive is complete by its own structure: its ends, lengths and checksums. Nothing is
//! unpacked. A hostile archive costs bounded memory and bounded time.

mod compressed;
mod counted;
mod tar;
mod zip;

use std::io::{self, BufReader, Read, Seek};

use super::verify::{Check, Outcome};
use compressed::Kind;
use counted::{Budget, is_over_budget};

/// The first bytes of formats that are recognized but not checked.
const OTHERS: [(&[u8], &str); 5] = [
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"LZIP", "lzip"),
    (b"\x02\x21\x4c\x18", "old LZ4"),
    (b"\x1f\x9d", "compress"),
];

/// The number of bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// The result of a structure check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Structure {
    pub(super) verdict: Verdict,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The whole structure is intact.
    Holds {
        /// True if the archive's own end shows that nothing is missing after it. After the end of one of
        /// several members, another member could have followed.
        ends: bool,
    },
    Damaged,
    /// The structure can't be judged.
    Unknown,
}

/// An intact structure.
struct Whole {
    message: String,
    ends: bool,
}

/// The reason why a structure is damaged or could not be checked to its end.
enum Fault {
    /// The structure is damaged.
    Damaged(String),
    /// The structure can't be judged.
    Unknown(String),
    /// The file could not be read.
    Io(io::Error),
}

impl Fault {
    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// Classifies an error while reading the content. An error of a decoder means damage. An error of the
    /// disk does not; it has an error number.
    fn of(error: io::Error, what: &str) -> Self {
        if is_over_budget(&error) {
            Self::Unknown("it expands to so much data that it was not read to its end".to_owned())
        } else if error.kind() == io::ErrorKind::Unsupported {
            Self::Unknown(format!("{error}: it was not inspected"))
        } else if error.raw_os_error().is_some() {
            Self::Io(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged(format!("{what}: it ends too early"))
        } else {
            Self::Damaged(format!("{what}: {error}"))
        }
    }
}

/// Returns a number of entries as text for a message.
fn entries(count: u64) -> String {
    match count {
        0 => "no entries".to_owned(),
        1 => "1 entry".to_owned(),
        _ => format!("{count} entries"),
    }
}

/// Checks the structure of an archive of `length` bytes. Bytes that were appended since are not read. Nothing is
/// unpacked, and memory is bounded.
///
/// # Errors
/// When the bytes can't be read. A damaged structure is not an error but a result.
pub fn check(file: &mut (impl Read + Seek), length: u64) -> io::Result<Check> {
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

/// Checks whether the structure of an archive of `length` bytes proves that nothing is missing after it.
///
/// # Errors
/// The same as [`check`].
pub fn prove_end(file: &mut (impl Read + Seek), length: u64) -> io::Result<Check> {
    let Structure { verdict, message } = look(file, length)?;
    let outcome = match verdict {
        Verdict::Holds { ends: true } => Outcome::Passed,
        Verdict::Damaged => Outcome::Failed,
        Verdict::Holds { ends: false } | Verdict::Unknown => Outcome::Skipped,
    };
    Ok(Check {
        name: "structure",
        outcome,
        message,
    })
}

/// Examines the structure of a file of `length` bytes.
///
/// # Errors
/// The same as [`check`].
pub(super) fn look(file: &mut (impl Read + Seek), length: u64) -> io::Result<Structure> {
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

fn follow(file: &mut (impl Read + Seek), length: u64, head: &[u8]) -> Result<Whole, Fault> {
    let budget = Budget::of(length);
    if length == 0 {
        // A file system may leave an empty file if the file was written just before a crash.
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
        Some((_, name)) => format!("{name} archives are not inspected"),
        None => "it is not an archive of a known kind".to_owned(),
    }))
}

#[cfg(test)]
mod tests;
