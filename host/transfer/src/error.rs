use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use host_base::text::printable;
use host_base::{Failure, Problem as _, Report, ReportKind};

use super::space::{self, Room};

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 200;

/// The place where a length or a checksum was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A header of the response.
    Header(&'static str),
    /// The engine, before the bytes arrived.
    Engine,
    /// The list of backups.
    List,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header {name}"),
            Self::Engine => f.write_str("the backend's description"),
            Self::List => f.write_str("the list of backups"),
        }
    }
}

/// An error between a response and a file.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The name is not allowed for a file.
    #[error("`{}` can't be the name of a backup file", show(given))]
    BadFileName {
        given: String,
        /// A similar name that is allowed.
        better: Option<String>,
    },
    /// The file exists and may not be replaced.
    #[error("{} exists already", at(path))]
    Exists { path: PathBuf },
    /// Two files of one command have the same name.
    #[error("two files have the name {}", show(name))]
    SameName { name: String },
    /// One command saves more files than it may.
    #[error("more than {most} files are to be saved")]
    TooManyFiles { most: usize },
    /// The path is a folder.
    #[error("{} is a folder, not a file", at(path))]
    NotAFile { path: PathBuf },
    /// The path is something that is never replaced.
    #[error("{} is {what}, not a plain file, and is never replaced", at(path))]
    NotPlain {
        path: PathBuf,
        /// The kind of the existing item, with its article.
        what: &'static str,
    },
    /// Another process writes the same file.
    #[error("another process is downloading to {}", at(path))]
    Busy { path: PathBuf },
    /// The path of the partial download is a link, is not a plain file, or belongs to another user.
    #[error("the partial download {} can't be used: {reason}", at(path))]
    UnsafePart { path: PathBuf, reason: &'static str },
    /// An access to the file system failed.
    #[error("can't {doing} {}: {source}", at(path))]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
        /// The number of bytes that the next run can reuse.
        kept: u64,
    },
    /// The disk has no room.
    #[error("folder {} has no room{}", at(folder), room(*needed, *free))]
    NoSpace {
        folder: PathBuf,
        /// The number of bytes that are still to come, if it is known.
        needed: Option<u64>,
        free: Option<u64>,
        /// The number of bytes that the next run can reuse.
        kept: u64,
    },
    /// The file system has no inodes left.
    #[error(
        "folder {} has no room for another file: its file system has no inodes left",
        at(folder)
    )]
    NoInodes { folder: PathBuf, kept: u64 },
    /// The user's quota is used up.
    #[error("your quota is used up in folder {}", at(folder))]
    QuotaUsedUp { folder: PathBuf, kept: u64 },

    /// The status of the response is not that of a backup.
    #[error("the backend answered {status} instead of the bytes of the backup")]
    Status { status: http::StatusCode },
    /// The response is a web page.
    #[error(
        "the backend answered with a web page ({}) instead of the backup",
        show(content_type)
    )]
    WebPage { content_type: String },
    /// The response is encoded although the request forbids it.
    #[error(
        "the backend encoded the backup as `{}`, although it was asked not to",
        show(encoding)
    )]
    Encoded { encoding: String },
    /// The response has an empty body.
    #[error("the backend answered with an empty body")]
    Empty,
    /// Two claims about the bytes differ.
    #[error(
        "the backend contradicts itself: {} says {}, and {} says {}",
        first.0, show(&first.1), second.0, show(&second.1)
    )]
    Contradiction {
        first: (Origin, String),
        second: (Origin, String),
    },
    /// An announced checksum is not a SHA-256 digest.
    #[error("{origin} has `{}`, which is not a SHA-256 digest", show(value))]
    BadChecksum { origin: Origin, value: String },
    /// The response has another range than the requested one.
    #[error(
        "the request was for the bytes from {asked} on, but the backend answered with `{}`",
        show(got)
    )]
    WrongRange { asked: u64, got: String },
    /// The request failed.
    #[error("{0}")]
    Source(Report),
    /// The stream was interrupted too often.
    #[error("the download was interrupted{}: {}", so_far(*received, *total), show(&report.message))]
    Interrupted {
        report: Report,
        received: u64,
        total: Option<u64>,
        /// The number of bytes that the next run can reuse.
        kept: u64,
    },

    /// The stream ends at the same place each time.
    #[error("{}: {}", ends_there(*received, announced.as_ref()), show(&report.message))]
    EndsThere {
        received: u64,
        announced: Option<(Origin, u64)>,
        /// The error of the last attempt.
        report: Report,
        /// The number of bytes that the next run can reuse.
        kept: u64,
    },
    /// The ETag changes with each response, so nothing can be resumed.
    #[error(
        "the backup has another ETag in each answer, so no download can resume; the last was interrupted after {received} bytes"
    )]
    KeepsChanging { received: u64 },

    /// Nothing proves that the bytes are complete.
    #[error(
        "nothing proves that the backup is complete: the backend gave neither length nor checksum; {received} bytes arrived before the connection closed{}",
        kept_in(kept.as_deref())
    )]
    Unproven {
        received: u64,
        /// Path of the received bytes; `None` if they went to stdout or into a store.
        kept: Option<PathBuf>,
    },
    /// The structure of the bytes shows that they are incomplete.
    #[error(
        "the backup is not complete: {}; {received} bytes arrived before the connection closed{}",
        show(reason),
        kept_in(kept.as_deref())
    )]
    CutShort {
        received: u64,
        /// Path of the received bytes; `None` if they went into a store.
        kept: Option<PathBuf>,
        /// The damage that the structure shows.
        reason: String,
    },
    /// The number of bytes differs from the announced one.
    #[error("{received} bytes arrived, but {origin} says {expected}")]
    WrongLength {
        received: u64,
        expected: u64,
        origin: Origin,
    },
    /// The digest differs from the announced one.
    #[error("the bytes have the SHA-256 digest {actual}, but {origin} says {expected}")]
    WrongChecksum {
        actual: host_base::Sha256,
        expected: host_base::Sha256,
        origin: Origin,
    },
    /// A check of the file failed.
    #[error("{} is damaged: {}", at(path), show(reason))]
    Damaged { path: PathBuf, reason: String },

    /// Writing to the output failed.
    #[error("can't write to the output: {0}")]
    Output(io::Error),
    /// The download must begin again, but written bytes can't be taken back.
    #[error(
        "the download was interrupted after {written} bytes, which are written already, and the backend can't resume"
    )]
    CannotRestart { written: u64 },
    /// A thread of this program panicked.
    #[error("the download was stopped by a bug of kubectl-broker")]
    Stopped,
}

impl TransferError {
    /// Converts the error to the terms of the engine interface.
    #[must_use]
    pub fn report(&self) -> Report {
        let kind = match self {
            Self::Source(report) | Self::Interrupted { report, .. } => report.kind,
            error => match error.failure() {
                Failure::NotFound => ReportKind::NotFound,
                Failure::Conflict => ReportKind::Conflict,
                Failure::Integrity => ReportKind::Integrity,
                Failure::TimedOut => ReportKind::TimedOut,
                Failure::Usage | Failure::PluginFault => ReportKind::InvalidArgument,
                _ => ReportKind::Failed,
            },
        };
        let mut report = Report::new(kind, self.to_string());
        report.hint = self.advice();
        report
    }

    /// Converts an error of the file system. A full disk becomes an error variant of its own.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let folder = path.parent().unwrap_or(path);
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Self::of_io(doing, path, source, folder, space::look(folder))
    }

    pub(super) fn of_io(
        doing: &'static str,
        path: &Path,
        source: io::Error,
        folder: &Path,
        room: Room,
    ) -> Self {
        let (folder, kept) = (folder.to_owned(), 0);
        match source.kind() {
            io::ErrorKind::QuotaExceeded => Self::QuotaUsedUp { folder, kept },
            io::ErrorKind::StorageFull if room.inodes == Some(0) => Self::NoInodes { folder, kept },
            io::ErrorKind::StorageFull => Self::NoSpace {
                folder,
                needed: None,
                free: room.bytes,
                kept,
            },
            _ => Self::Io {
                doing,
                path: path.to_owned(),
                source,
                kept,
            },
        }
    }

    /// Returns true if the received bytes are in doubt, so that a later run must not reuse them.
    pub(super) const fn spoils(&self) -> bool {
        const WRONG: ReportKind = ReportKind::Integrity;
        matches!(
            self,
            Self::Source(Report { kind: WRONG, .. })
                | Self::Interrupted {
                    report: Report { kind: WRONG, .. },
                    ..
                }
                | Self::WrongLength { .. }
                | Self::WrongChecksum { .. }
                | Self::WrongRange { .. }
                | Self::Contradiction { .. }
                | Self::KeepsChanging { .. }
                | Self::Empty
        )
    }

    /// Sets the number of bytes that the next run can reuse.
    pub(super) fn keeping(mut self, bytes: u64) -> Self {
        if let Self::Io { kept, .. }
        | Self::NoSpace { kept, .. }
        | Self::NoInodes { kept, .. }
        | Self::QuotaUsedUp { kept, .. }
        | Self::Interrupted { kept, .. }
        | Self::EndsThere { kept, .. } = &mut self
        {
            *kept = bytes;
        }
        self
    }

    /// Returns how many bytes were received before the error, if the error says something about that.
    #[must_use]
    pub fn received(&self) -> Option<u64> {
        match self {
            Self::Interrupted { received, .. }
            | Self::EndsThere { received, .. }
            | Self::KeepsChanging { received }
            | Self::Unproven { received, .. }
            | Self::CutShort { received, .. }
            | Self::WrongLength { received, .. } => Some(*received),
            _ => None,
        }
    }

    /// Returns the file that contains the received bytes, although it is not the expected backup.
    #[must_use]
    pub fn kept_file(&self) -> Option<&Path> {
        match self {
            Self::Unproven { kept, .. } | Self::CutShort { kept, .. } => kept.as_deref(),
            _ => None,
        }
    }
}

pub(super) fn show(text: &str) -> Cow<'_, str> {
    printable(text, SHOWN)
}

pub(super) fn at(path: &Path) -> String {
    printable(&path.to_string_lossy(), 1000).into_owned()
}

fn room(needed: Option<u64>, free: Option<u64>) -> String {
    match (needed, free) {
        (Some(needed), Some(free)) => format!(": {needed} bytes are needed, {free} are free"),
        (None, Some(0)) => " left".to_owned(),
        (None, Some(free)) => format!(" left: {free} bytes are free"),
        _ => String::new(),
    }
}

fn ends_there(received: u64, announced: Option<&(Origin, u64)>) -> String {
    match announced {
        Some((origin, announced)) => format!(
            "the backend ended the backup after {received} bytes each time, but {origin} says {announced}"
        ),
        None => format!("the backend ended the backup after {received} bytes each time"),
    }
}

fn kept_in(path: Option<&Path>) -> String {
    path.map(|path| format!("; they are kept in {}", at(path)))
        .unwrap_or_default()
}

fn so_far(received: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!(" after {received} of {total} bytes"),
        None => format!(" after {received} bytes"),
    }
}

#[cfg(test)]
mod messages;
