//! What to do about each error of this layer.

use super::error::at;
use super::{Origin, TransferError};
use crate::model::shell::word as quoted;
use crate::model::{Failure, Problem};

impl Problem for TransferError {
    fn failure(&self) -> Failure {
        match self {
            Self::BadFileName { .. } | Self::NotAFile { .. } => Failure::Usage,
            Self::Exists { .. } | Self::Busy { .. } => Failure::Conflict,
            Self::Status { status } => match status.as_u16() {
                401 | 403 => Failure::NotAllowed,
                404 | 410 => Failure::NotFound,
                409 | 423 => Failure::Conflict,
                408 | 504 => Failure::TimedOut,
                _ => Failure::Failed,
            },
            Self::Source(report) | Self::Interrupted { report, .. } => report.kind.failure(),
            Self::WebPage { .. }
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
            | Self::Output(_)
            | Self::CannotRestart { .. }
            | Self::Stopped => Failure::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
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
                quoted(&at(path))
            ),
            Self::Io { source, .. } => return io_hint(source.kind()),
            Self::NoSpace { folder, kept, .. } => format!(
                "make room (`df -h {}`), or choose another folder with `--output-dir`{}",
                quoted(&at(folder)),
                if *kept > 0 {
                    format!("; the same command goes on after the {kept} bytes that are kept")
                } else {
                    String::new()
                }
            ),
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
                "nothing was written; look at the log of the backend".to_owned()
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
            Self::Interrupted { kept, report, .. } => match (*kept, &report.hint) {
                (0, hint) => hint
                    .clone()
                    .unwrap_or_else(|| "run the same command again".to_owned()),
                (kept, _) => {
                    format!("run the same command again: it goes on after the {kept} bytes that are kept")
                }
            },
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

fn io_hint(kind: std::io::ErrorKind) -> Option<String> {
    use std::io::ErrorKind;
    Some(match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "check the rights (`ls -l`); a download goes elsewhere with `--output-dir`".to_owned()
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
