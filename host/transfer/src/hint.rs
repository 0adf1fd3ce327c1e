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
                "give another name with `--output-file`, or replace it with `--force`: the old file \
                 stays until the new one is whole and checked"
                    .to_owned()
            }
            Self::NotAFile { .. } => "name a file in it, or another one".to_owned(),
            Self::Busy { .. } => {
                "wait until it is done, or give another name with `--output-file`".to_owned()
            }
            Self::UnsafePart { path, .. } => format!(
                "look who made it, remove it with `rm {}`, and run the same command again",
                word(&at(path))
            ),
            Self::NotPlain { path, what } => not_plain_hint(path, what),
            Self::Io { source, kept, .. } => return io_hint(source, *kept),
            Self::NoSpace { folder, kept, .. } => room_hint("make room (`df -h", folder, *kept),
            Self::NoInodes { folder, kept } => {
                room_hint("remove files that nobody needs (`df -i", folder, *kept)
            }
            Self::QuotaUsedUp { folder, kept } => {
                room_hint("remove files of yours, or ask for more (`quota -s`; `df -h", folder, *kept)
            }
            Self::Status { status } => match status.as_u16() {
                401 => "check the user name and the password".to_owned(),
                403 => "ask for the permission to download backups".to_owned(),
                404 | 410 => "see which backups there are with `kubectl broker backup list`".to_owned(),
                _ => return None,
            },
            Self::WebPage { .. } => {
                "this is what a login page or a proxy sends: check the port and the credentials with \
                 `kubectl broker backup test`"
                    .to_owned()
            }
            Self::Encoded { .. } => {
                "something between here and the backend compresses: reach the pod directly, with `--pod`"
                    .to_owned()
            }
            Self::Empty => {
                "see whether the backup is complete with `kubectl broker backup list`".to_owned()
            }
            Self::Contradiction { .. } | Self::BadChecksum { .. } => {
                "nothing was kept; look at the log of the backend".to_owned()
            }
            Self::EndsThere { report, kept, .. } => {
                let look = report.hint.as_deref().unwrap_or("look at the log of the backend");
                let hint = format!(
                    "another try ends at the same byte until the backend is repaired: {look}"
                );
                match kept {
                    0 => hint,
                    kept => format!("{hint}; the {kept} bytes that came are kept"),
                }
            }
            Self::KeepsChanging { .. } => {
                "wait until nothing writes to the backup, or reach one pod directly with `--pod`: \
                 several behind one port may give different ETags"
                    .to_owned()
            }
            Self::Unproven { kept, .. } => unproven_hint(kept.is_some()),
            Self::CutShort { .. } => {
                "run the same command again, and look at the log of the backend if it happens twice; \
                 `--accept-unproven` gives even such a file its name"
                    .to_owned()
            }
            Self::WrongRange { .. } => {
                "the unfinished download was thrown away: run the same command again".to_owned()
            }
            Self::WrongLength { .. } | Self::WrongChecksum { origin: Origin::Header(_), .. } => {
                "nothing was kept: run the same command again, and look at the log of the backend if it \
                 happens twice"
                    .to_owned()
            }
            Self::WrongChecksum { origin: Origin::Engine | Origin::List, .. } => {
                "nothing was kept: the backup may be damaged where it is stored; `kubectl broker backup \
                 list` shows others"
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
                "download it again, with `--force`; `kubectl broker backup list` shows what there is".to_owned()
            }
            Self::Output(_) | Self::CannotRestart { .. } => {
                "what was written is not a whole backup: throw it away; a download to a file can be resumed"
                    .to_owned()
            }
            Self::Stopped => return None,
        })
    }
}

fn goes_on(kept: u64) -> String {
    format!("goes on after the {kept} bytes that are kept")
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
            "write to stdout with `--output-file -`, and send that where you want it, as in \
             `--output-file - > {}`",
            word(&at(path))
        ),
        "a link of another user" | "a link to a file that does not exist" => {
            "name the file that it leads to, or another one, with `--output-file`".to_owned()
        }
        _ => "name another file with `--output-file`".to_owned(),
    }
}

fn unproven_hint(is_file: bool) -> String {
    if is_file {
        "check that file, and rename it if it is whole; `--accept-unproven` gives such a file its name"
            .to_owned()
    } else {
        "check what was written; `--accept-unproven` takes it for a whole backup".to_owned()
    }
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
            "check the rights (`ls -l`); a download goes elsewhere with `--output-dir`".to_owned()
        }
        ErrorKind::ReadOnlyFilesystem => {
            "this file system is mounted read-only: choose a folder on another one with \
             `--output-dir`"
                .to_owned()
        }
        ErrorKind::InvalidFilename => {
            "this file system allows no name so long: give a shorter one with `--output-file`"
                .to_owned()
        }
        ErrorKind::FileTooLarge => {
            "this file system, or the limit of this shell (`ulimit -f`), allows no file so large: \
             choose a folder on another one with `--output-dir`"
                .to_owned()
        }
        ErrorKind::NotADirectory => {
            "a part of this path is a file: choose another folder with `--output-dir`".to_owned()
        }
        ErrorKind::Unsupported => {
            "this file system lacks what a safe download needs: choose a folder on another one with \
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
