//! The last steps of a download: a checked part becomes the final file.
//!
//! The order, and what a crash between two steps leaves behind:
//!
//! 1. The bytes are on the disk and checked. *A crash leaves the old file, if there is one, and a part that
//!    the next run finds whole.*
//! 2. Without an old file, `NAME.sha256` is written, and only then the part gets its name: the file is
//!    never there without its digest. *A crash between leaves a digest of a file that is not there yet.*
//! 3. With an old file, its digest is removed first, then the part gets its name, then the new digest is
//!    written. *A crash between leaves a whole file, old or new, without a digest.* In any other order it
//!    could leave a whole file beside the digest of the other, and `verify` would call it damaged.
//! 4. The record goes last. *A crash before leaves a record of a part that is not there, which the next run
//!    does not believe.*
//!
//! The folder is synced between these steps, so that a loss of power can't change their order.
//!
//! What is at the final name is looked at once more right before it is replaced: a device or a pipe that
//! came while the bytes came stays. Where nothing was, the rename itself refuses to replace anything.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use host_base::Sha256;

use super::destination::{Destination, Paths, refuse_special, remove};
use super::fail_point::{Step, reach};
use super::part::{Part, create_private};
use super::{TransferError, sum_file};

/// Gives the part its final name. All its bytes are on the disk.
pub(super) fn commit(
    part: &Part,
    destination: &Destination,
    digest: Sha256,
) -> Result<(), TransferError> {
    let paths = &part.paths;
    let step = |step| {
        reach(step, &paths.whole)
            .map_err(|source| TransferError::io("finish", &paths.whole, source))
    };
    step(Step::Verified)?;
    let line = sum_file::line(digest, destination.name.as_str());
    // Something else may have come there since the download began.
    destination.check()?;
    let replaces = exists(&paths.whole);
    if replaces {
        if remove(&paths.digest)? {
            paths.sync_folder()?;
        }
        step(Step::OldDigestRemoved)?;
    } else {
        write_digest(paths, &line)?;
    }
    rename(part, destination, replaces)?;
    part.settle();
    step(Step::Renamed)?;
    if replaces {
        paths.sync_folder()?;
        write_digest(paths, &line)?;
    } else {
        paths.sync_folder()?;
    }
    step(Step::FolderSynced)?;
    remove(&paths.record)?;
    step(Step::RecordRemoved)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn write_digest(paths: &Paths, line: &str) -> Result<(), TransferError> {
    let failed = |source| TransferError::io("write", &paths.digest, source);
    let write = || {
        let mut file = create_private(&paths.new_digest)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        reach(Step::DigestStaged, &paths.new_digest)
    };
    write()
        .map_err(failed)
        .and_then(|()| refuse_special(&paths.digest))
        .and_then(|()| fs::rename(&paths.new_digest, &paths.digest).map_err(failed))
        .inspect_err(|_| {
            let _ = fs::remove_file(&paths.new_digest);
        })?;
    paths.sync_folder()?;
    reach(Step::DigestWritten, &paths.digest).map_err(failed)
}

fn rename(part: &Part, destination: &Destination, replaces: bool) -> Result<(), TransferError> {
    let paths = &part.paths;
    let failed = |source| TransferError::io("rename the download to", &paths.whole, source);
    if !replaces {
        match rename_new(&paths.part, &paths.whole) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map_err(failed),
        }
    }
    destination.check()?;
    fs::rename(&paths.part, &paths.whole).map_err(failed)
}

/// Refuses to replace what another program has put there in the meantime.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems can't.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => look_and_rename(from, to),
        result => result.map_err(Into::into),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    look_and_rename(from, to)
}

/// Between the two, another program could make the file. This program could not: it has the lock.
fn look_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    if exists(to) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}
