//! Defines places where a test can kill the process, or make it fail.
//!
//! The steps of [`super::save()`], in the order in which they are reached:
//!
//! | name | state |
//! |---|---|
//! | `part-opened` | the temporary file exists and is locked; nothing is written |
//! | `bytes-written` | some bytes are in the file, and no record says so |
//! | `checkpoint-synced` | these bytes are on the disk, and no record says so |
//! | `checkpoint-recorded` | the record says so |
//! | `data-synced` | all bytes are on the disk |
//! | `verified` | length and checksums are correct |
//! | `old-digest-removed` | only with an old file: its `NAME.sha256` is removed |
//! | `digest-staged` | the new `NAME.sha256` is on the disk under a temporary name |
//! | `digest-written` | `NAME.sha256` has its name. Without an old file, this precedes `renamed` |
//! | `renamed` | the file has its final name |
//! | `folder-synced` | the renames are on the disk |
//! | `record-removed` | only the file and its digest are left |
//!
//! The steps of an installation have their own names: `host_installed::steps`.
//!
//! `host_base::fail_point` shows how a test selects a step.

use std::io;
use std::path::Path;

/// A step of [`super::save()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    PartOpened,
    BytesWritten,
    CheckpointSynced,
    CheckpointRecorded,
    DataSynced,
    Verified,
    OldDigestRemoved,
    DigestStaged,
    DigestWritten,
    Renamed,
    FolderSynced,
    RecordRemoved,
}

/// Does nothing: release builds have no fail points.
#[cfg(not(any(test, debug_assertions)))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "it fails in builds that have fail points"
)]
pub(super) const fn reach(_: Step, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(any(test, debug_assertions))]
pub(super) use armed::reach;

#[cfg(any(test, debug_assertions))]
mod armed {
    use host_base::fail_point;

    use super::{Path, Step, io};

    impl Step {
        #[cfg(test)]
        pub(crate) const ALL: [Self; 12] = [
            Self::PartOpened,
            Self::BytesWritten,
            Self::CheckpointSynced,
            Self::CheckpointRecorded,
            Self::DataSynced,
            Self::Verified,
            Self::OldDigestRemoved,
            Self::DigestStaged,
            Self::DigestWritten,
            Self::Renamed,
            Self::FolderSynced,
            Self::RecordRemoved,
        ];

        pub(crate) const fn name(self) -> &'static str {
            match self {
                Self::PartOpened => "part-opened",
                Self::BytesWritten => "bytes-written",
                Self::CheckpointSynced => "checkpoint-synced",
                Self::CheckpointRecorded => "checkpoint-recorded",
                Self::DataSynced => "data-synced",
                Self::Verified => "verified",
                Self::OldDigestRemoved => "old-digest-removed",
                Self::DigestStaged => "digest-staged",
                Self::DigestWritten => "digest-written",
                Self::Renamed => "renamed",
                Self::FolderSynced => "folder-synced",
                Self::RecordRemoved => "record-removed",
            }
        }
    }

    /// Signals that the process reached this step. `path` is a path in the folder of the download.
    #[cfg_attr(
        not(test),
        expect(clippy::unnecessary_wraps, reason = "it fails in unit tests")
    )]
    pub(crate) fn reach(step: Step, path: &Path) -> io::Result<()> {
        fail_point::reach(step.name());
        #[cfg(test)]
        scripted::reach(step, path)?;
        let _ = path;
        Ok(())
    }

    /// Scripted failures for the tests of one process. The tests run at the same time, in separate folders.
    #[cfg(test)]
    pub(crate) mod scripted {
        use std::path::PathBuf;
        use std::sync::Mutex;

        use super::{Path, Step, io};

        static FAILURES: Mutex<Vec<(PathBuf, Step, io::ErrorKind)>> = Mutex::new(Vec::new());

        /// Makes the next visit of `step` in `folder` fail.
        pub(crate) fn fail_once(folder: &Path, step: Step, kind: io::ErrorKind) {
            let mut failures = FAILURES.lock().expect("no test panics with the lock");
            failures.push((folder.to_owned(), step, kind));
        }

        /// Removes the failures that were not reached, so that the next run succeeds.
        pub(crate) fn fail_no_more(folder: &Path) {
            let mut failures = FAILURES.lock().expect("no test panics with the lock");
            failures.retain(|(at, _, _)| at != folder);
        }

        pub(super) fn reach(step: Step, path: &Path) -> io::Result<()> {
            let mut failures = FAILURES.lock().expect("no test panics with the lock");
            let at = failures
                .iter()
                .position(|(folder, at, _)| *at == step && path.parent() == Some(folder));
            match at {
                Some(at) => Err(failures.swap_remove(at).2.into()),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
pub(super) use armed::scripted::{fail_no_more, fail_once};
