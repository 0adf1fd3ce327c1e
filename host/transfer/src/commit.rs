//! Completes a download: a checked partial download becomes the final file.
//!
//! The steps, and what a crash between two steps leaves behind:
//!
//! 1. The bytes are on the disk and checked. *A crash leaves the old file, if there is one, and a partial
//!    download that the next run finds complete.*
//! 2. Without an old file, `NAME.sha256` is written first, and then the partial download gets the final name.
//!    The file never exists without its digest. *A crash in between leaves the digest of a file that does not
//!    exist yet.*
//! 3. With an old file, its digest is removed first. Then the partial download gets the final name, and then
//!    the new digest is written. *A crash in between leaves a complete file, old or new, without a digest.*
//!    In any other order, a crash could leave a file with the digest of the other one. `verify` would call it
//!    damaged.
//! 4. The record is removed last. *A crash before that leaves a record without a partial download. The next
//!    run ignores it.*
//!
//! The folder is synced between these steps, so that a power loss can't change their order.
//!
//! The final path is checked once more right before it is replaced: a device or a pipe that appeared during
//! the download stays. If nothing was there, the rename itself refuses to replace anything.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use host_base::Sha256;

use super::destination::{Destination, Paths, refuse_special, remove};
use super::fail_point::{Step, reach};
use super::part::{Part, create_private};
use super::{TransferError, sum_file};

/// Gives the partial download its final name. All its bytes must be on the disk.
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
    // Another program may have created something there since the download began.
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

/// Renames a file and refuses to replace a file that another program created in the meantime.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems don't support the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => look_and_rename(from, to),
        result => result.map_err(Into::into),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    look_and_rename(from, to)
}

/// Checks, then renames. Between the two steps another program could create the file. Another kubectl-broker
/// could not: this process holds the lock.
fn look_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    if exists(to) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}
