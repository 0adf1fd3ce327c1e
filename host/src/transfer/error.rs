use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::space::{self, Room};
use crate::model::text::printable;
use crate::model::{Failure, Problem as _, Report, ReportKind};

/// How many characters of a text from outside one message may hold.
const SHOWN: usize = 200;

/// Where a length or a checksum was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A header of the answer.
    Header(&'static str),
    /// What the engine knew before the bytes came.
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

/// Everything that can go wrong between an answer and a file.
///
/// Fields hold text as it came; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("`{}` can't be the name of a backup file", show(given))]
    BadFileName {
        given: String,
        /// A name near it that can be.
        better: Option<String>,
    },
    #[error("{} exists already", at(path))]
    Exists { path: PathBuf },
    #[error("{} is a folder, not a file", at(path))]
    NotAFile { path: PathBuf },
    #[error("{} is {what}, not a plain file, and stays as it is", at(path))]
    NotPlain {
        path: PathBuf,
        /// What it is, with its article.
        what: &'static str,
    },
    #[error("another process is downloading to {}", at(path))]
    Busy { path: PathBuf },
    #[error("the unfinished download {} can't be used: {reason}", at(path))]
    UnsafePart { path: PathBuf, reason: &'static str },
    #[error("can't {doing} {}: {source}", at(path))]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
        /// Bytes that the next run need not ask for.
        kept: u64,
    },
    #[error("folder {} has no room{}", at(folder), room(*needed, *free))]
    NoSpace {
        folder: PathBuf,
        /// Bytes that are still to come, if that is known.
        needed: Option<u64>,
        free: Option<u64>,
        /// Bytes that the next run need not ask for.
        kept: u64,
    },
    #[error(
        "folder {} has no room for another file: its file system has no inodes left",
        at(folder)
    )]
    NoInodes { folder: PathBuf, kept: u64 },
    #[error("your quota is used up in folder {}", at(folder))]
    QuotaUsedUp { folder: PathBuf, kept: u64 },

    #[error("the backend answered {status} instead of the bytes of the backup")]
    Status { status: http::StatusCode },
    #[error(
        "the backend answered with a web page ({}) instead of the backup",
        show(content_type)
    )]
    WebPage { content_type: String },
    #[error(
        "the backend encoded the backup as `{}`, although it was asked not to",
        show(encoding)
    )]
    Encoded { encoding: String },
    #[error("the backend answered with an empty body")]
    Empty,
    #[error(
        "the backend contradicts itself: {} says {}, and {} says {}",
        first.0, show(&first.1), second.0, show(&second.1)
    )]
    Contradiction {
        first: (Origin, String),
        second: (Origin, String),
    },
    #[error("{origin} has `{}`, which is no SHA-256", show(value))]
    BadChecksum { origin: Origin, value: String },
    #[error(
        "asked for the bytes from {asked} on, the backend answered with `{}`",
        show(got)
    )]
    WrongRange { asked: u64, got: String },
    #[error("{0}")]
    Source(Report),
    #[error("the download broke off{}: {}", so_far(*received, *total), show(&report.message))]
    Interrupted {
        report: Report,
        received: u64,
        total: Option<u64>,
        /// Bytes that the next run need not ask for.
        kept: u64,
    },

    #[error("{}: {}", ends_there(*received, announced.as_ref()), show(&report.message))]
    EndsThere {
        received: u64,
        announced: Option<(Origin, u64)>,
        /// How it ended the last time.
        report: Report,
        /// Bytes that the next run need not ask for.
        kept: u64,
    },
    #[error(
        "the backup has another ETag in each answer, and the last broke off after {received} bytes: nothing can be resumed"
    )]
    KeepsChanging { received: u64 },

    #[error(
        "nothing proves that the backup is complete: the backend gave neither length nor checksum, and {received} bytes came before the connection closed{}",
        kept_in(kept.as_deref())
    )]
    Unproven {
        received: u64,
        /// Where they are; none where they went to stdout.
        kept: Option<PathBuf>,
    },
    #[error(
        "the backup is not complete: {}; {received} bytes came before the connection closed{}",
        show(reason),
        kept_in(kept.as_deref())
    )]
    CutShort {
        received: u64,
        kept: Option<PathBuf>,
        /// What its structure shows.
        reason: String,
    },
    #[error("{received} bytes came, and {origin} says {expected}")]
    WrongLength {
        received: u64,
        expected: u64,
        origin: Origin,
    },
    #[error("the bytes have the SHA-256 {actual}, and {origin} says {expected}")]
    WrongChecksum {
        actual: super::Sha256,
        expected: super::Sha256,
        origin: Origin,
    },
    #[error("{} is damaged: {}", at(path), show(reason))]
    Damaged { path: PathBuf, reason: String },

    #[error("can't write to the output: {0}")]
    Output(io::Error),
    #[error(
        "the download broke off after {written} bytes that can't be taken back, and the backend can't go on from there"
    )]
    CannotRestart { written: u64 },
    /// A thread of this program died.
    #[error("the download was given up because of a fault in kubectl-broker")]
    Stopped,
}

impl TransferError {
    /// In the terms of the engine interface.
    #[must_use]
    pub fn report(&self) -> Report {
        let kind = match self {
            Self::Source(report) | Self::Interrupted { report, .. } => report.kind,
            error => match error.failure() {
                Failure::NotFound => ReportKind::NotFound,
                Failure::Conflict => ReportKind::Conflict,
                Failure::Integrity => ReportKind::Integrity,
                Failure::TimedOut => ReportKind::TimedOut,
                Failure::Usage => ReportKind::InvalidArgument,
                _ => ReportKind::Failed,
            },
        };
        let mut report = Report::new(kind, self.to_string());
        report.hint = self.hint();
        report
    }

    /// An error of the file system. What there is too little of is an error of its own.
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

    /// Whether the bytes that came so far are in doubt, and are worth nothing to a later run.
    pub(super) const fn spoils(&self) -> bool {
        matches!(
            self,
            Self::WrongLength { .. }
                | Self::WrongChecksum { .. }
                | Self::WrongRange { .. }
                | Self::Contradiction { .. }
                | Self::KeepsChanging { .. }
                | Self::Empty
        )
    }

    /// With the number of bytes that the next run need not ask for.
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

    /// How many bytes had come when it ended so; none where that says nothing.
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

    /// The file that holds what came, although it is not the backup that was wanted.
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
            "the backend ended the backup after {received} bytes each time, and {origin} says {announced}"
        ),
        None => format!("the backend ended the backup after {received} bytes each time"),
    }
}

fn kept_in(path: Option<&Path>) -> String {
    path.map(|path| format!(". They are kept in {}", at(path)))
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
