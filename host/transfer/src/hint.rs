//! Gives the hint for each error of this layer.

use std::path::Path;

use host_base::shell::word;
use host_base::{Failure, Problem};

use super::error::at;
use super::{Origin, TransferError};

impl Problem for TransferError {
    fn failure(&self) -> Failure {
        match self {
            Self::BadFileName { .. } | Self::NotAFile { .. } | Self::NotPlain { .. } => {
                Failure::Usage
            }
            Self::Exists { .. } | Self::Busy { .. } => Failure::Conflict,
            Self::TooManyFiles { .. } => Failure::PluginFault,
            Self::Status { status } => match status.as_u16() {
                401 | 403 => Failure::NotAllowed,
                404 | 410 => Failure::NotFound,
                409 | 423 => Failure::Conflict,
                408 | 504 => Failure::TimedOut,
                _ => Failure::Failed,
            },
            Self::Source(report) | Self::Interrupted { report, .. } => report.kind.failure(),
            Self::Unproven { .. } | Self::CutShort { .. } => Failure::Partial,
            Self::EndsThere {
                announced: None, ..
            } => Failure::Failed,
            Self::EndsThere { .. }
            | Self::WebPage { .. }
            | Self::Encoded { .. }
            | Self::Empty
            | Self::Contradiction { .. }
            | Self::BadChecksum { .. }
            | Self::WrongRange { .. }
            | Self::WrongLength { .. }
            | Self::WrongChecksum { .. }
            | Self::Damaged { .. } => Failure::Integrity,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Failure::NotFound
            }
            Self::UnsafePart { .. }
            | Self::Io { .. }
            | Self::NoSpace { .. }
            | Self::NoInodes { .. }
            | Self::QuotaUsedUp { .. }
            | Self::KeepsChanging { .. }
            | Self::SameName { .. }
            | Self::Output(_)
            | Self::CannotRestart { .. }
            | Self::Stopped => Failure::Failed,
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::BadFileName { better, .. } => match better {
                Some(better) => format!("choose another name, for example `{better}`"),
                None => "choose a name of letters, digits, dots and dashes".to_owned(),
            },
            Self::Exists { .. } => {
                "give another name with `--output-file`, or replace the file with `--force`: the old file stays until the new one is complete and verified"
                    .to_owned()
            }
            Self::SameName { .. } | Self::TooManyFiles { .. } => {
                "report this to the engine's author".to_owned()
            }
            Self::NotAFile { .. } => "name a file in this folder, or another file".to_owned(),
            Self::Busy { .. } => {
                "wait until the other download has ended, or give another name with `--output-file`".to_owned()
            }
            Self::UnsafePart { path, .. } => format!(
                "check who created it, remove it with `rm {}`, and run the same command again",
                word(&at(path))
            ),
            Self::NotPlain { path, what } => not_plain_hint(path, what),
            Self::Io { source, kept, .. } => return io_hint(source, *kept),
            Self::NoSpace { folder, kept, .. } => room_hint("make room (`df -h", folder, *kept),
            Self::NoInodes { folder, kept } => {
                room_hint("remove unused files (`df -i", folder, *kept)
            }
            Self::QuotaUsedUp { folder, kept } => {
                room_hint("remove files of yours, or ask for more (`quota -s`; `df -h", folder, *kept)
            }
            Self::Status { status } => match status.as_u16() {
                401 => "check the user name and the password".to_owned(),
                403 => "ask for the permission to download backups".to_owned(),
                404 | 410 => "check the id with `kubectl broker backup list`".to_owned(),
                _ => return None,
            },
            Self::WebPage { .. } => {
                "a login page or a proxy may have answered: check the port and the credentials with \
                 `kubectl broker backup test`"
                    .to_owned()
            }
            Self::Encoded { .. } => {
                "something between this machine and the backend compresses: reach the pod directly with `--pod`"
                    .to_owned()
            }
            Self::Empty => {
                "check whether the backup is complete with `kubectl broker backup list`".to_owned()
            }
            Self::Contradiction { .. } | Self::BadChecksum { .. } => {
                "nothing was kept; check the log of the backend".to_owned()
            }
            Self::EndsThere { report, kept, .. } => {
                let look = report.hint.as_deref().unwrap_or("check the log of the backend");
                let hint = format!(
                    "another attempt ends at the same byte until the backend is repaired: {look}"
                );
                match kept {
                    0 => hint,
                    kept => format!("{hint}; the {kept} received bytes are kept"),
                }
            }
            Self::KeepsChanging { .. } => {
                "wait until nothing writes to the backup, or reach one pod directly with `--pod`: several pods behind one port may give different ETags"
                    .to_owned()
            }
            Self::Unproven { kept, .. } => unproven_hint(kept.is_some()),
            Self::CutShort { kept, .. } => cut_short_hint(kept.is_some()),
            Self::WrongRange { .. } => {
                "the partial download was discarded: run the same command again".to_owned()
            }
            Self::WrongLength { .. } | Self::WrongChecksum { origin: Origin::Header(_), .. } => {
                "nothing was kept: run the same command again, and check the log of the backend if it happens twice"
                    .to_owned()
            }
            Self::WrongChecksum { origin: Origin::Engine | Origin::List, .. } => {
                "nothing was kept: the backup may be damaged in its store; `kubectl broker backup list` shows others"
                    .to_owned()
            }
            Self::Source(report) => return report.hint.clone(),
            Self::Interrupted { kept: 0, report, .. } => report
                .hint
                .clone()
                .unwrap_or_else(|| "run the same command again".to_owned()),
            Self::Interrupted { kept, .. } => {
                format!("run the same command again: it {}", goes_on(*kept))
            }
            Self::Damaged { .. } => {
                "download it again with `--force`; `kubectl broker backup list` shows the backups".to_owned()
            }
            Self::Output(_) | Self::CannotRestart { .. } => {
                "the output is not a complete backup: discard it; a download to a file can resume"
                    .to_owned()
            }
            Self::Stopped => return None,
        })
    }
}

impl TransferError {
    /// Returns whether the file could be saved under another name. The hint then advises one.
    #[must_use]
    pub fn wants_other_name(&self) -> bool {
        match self {
            Self::Exists { .. } | Self::Busy { .. } | Self::NotPlain { .. } => true,
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::InvalidFilename,
            _ => false,
        }
    }
}

fn goes_on(kept: u64) -> String {
    format!("resumes after the {kept} bytes that are kept")
}

/// Returns the hint for a full disk. `what` begins a command that takes the folder.
fn room_hint(what: &str, folder: &Path, kept: u64) -> String {
    let mut hint = format!(
        "{what} {}`), or choose another folder with `--output-dir`",
        word(&at(folder))
    );
    if kept > 0 {
        hint.push_str(&format!("; the same command {}", goes_on(kept)));
    }
    hint
}

/// Returns the hint if `what` is there instead of a plain file.
fn not_plain_hint(path: &Path, what: &str) -> String {
    match what {
        "a device"
        | "a named pipe"
        | "a link to a device"
        | "a link to a named pipe"
        | "a link to what a process has open" => format!(
            "write to stdout with `--output-file -`, and redirect it, as in `--output-file - > {}`",
            word(&at(path))
        ),
        "a link of another user" | "a link to a file that does not exist" => {
            "name the target of the link, or another file, with `--output-file`".to_owned()
        }
        _ => "name another file with `--output-file`".to_owned(),
    }
}

fn unproven_hint(is_file: bool) -> String {
    if is_file {
        "check that file, and rename it if it is complete; `--accept-unproven` gives such a file its final name"
            .to_owned()
    } else {
        "download it to a file to check it; `--accept-unproven` accepts it as complete".to_owned()
    }
}

fn cut_short_hint(is_file: bool) -> String {
    let accepts = if is_file {
        "gives even such a file its final name"
    } else {
        "accepts even such a backup as complete"
    };
    format!(
        "run the same command again, and check the log of the backend if it happens twice; `--accept-unproven` {accepts}"
    )
}

fn io_hint(source: &std::io::Error, kept: u64) -> Option<String> {
    let hint = hint_of_kind(source.kind(), source.raw_os_error());
    match (hint, kept) {
        (hint, 0) => hint,
        (None, kept) => Some(format!("the same command {}", goes_on(kept))),
        (Some(hint), kept) => Some(format!("{hint}; the same command {}", goes_on(kept))),
    }
}

fn hint_of_kind(kind: std::io::ErrorKind, number: Option<i32>) -> Option<String> {
    use std::io::ErrorKind;
    if number.is_some_and(is_too_many_files) {
        return Some("close other programs, or allow more open files (`ulimit -n`)".to_owned());
    }
    Some(match kind {
        ErrorKind::PermissionDenied => {
            "check the permissions (`ls -l`), or choose another folder for downloads with `--output-dir`".to_owned()
        }
        ErrorKind::ReadOnlyFilesystem => {
            "this file system is mounted read-only: choose a folder on another file system with \
             `--output-dir`"
                .to_owned()
        }
        ErrorKind::InvalidFilename => {
            "this name is too long for the file system: give a shorter one with `--output-file`"
                .to_owned()
        }
        ErrorKind::FileTooLarge => {
            "this file is too large for the file system, or for the limit of this shell (`ulimit -f`): choose a folder on another file system with `--output-dir`"
                .to_owned()
        }
        ErrorKind::NotADirectory => {
            "a part of this path is a file: choose another folder with `--output-dir`".to_owned()
        }
        ErrorKind::Unsupported => {
            "this file system lacks a feature that safe downloads need: choose a folder on another file system with \
             `--output-dir`"
                .to_owned()
        }
        ErrorKind::NotFound => "check the path".to_owned(),
        _ => return None,
    })
}

/// Returns true if the process, or the machine, has too many open files.
#[cfg(unix)]
fn is_too_many_files(number: i32) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE]
        .map(Errno::raw_os_error)
        .contains(&number)
}

#[cfg(not(unix))]
fn is_too_many_files(_: i32) -> bool {
    false
}
