//! How a part is opened: made or found, locked, and known to be this user's own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;

use super::TransferError;
use super::destination::{Destination, remove};
use super::fail_point::{Step, reach};
use super::part::Part;
use super::record::Record;

/// Tries to get hold of a part that others finish or throw away at the same moment.
const TRIES: usize = 8;

impl Part {
    /// Opens the part of `destination` for the bytes of `wanted`.
    ///
    /// What an earlier run left is taken over if it is of the same bytes; [`Part::durable`] says how
    /// much that is, and the next byte is written there.
    pub(super) fn open(destination: &Destination, wanted: Record) -> Result<Self, TransferError> {
        let paths = destination.paths();
        fs::create_dir_all(&paths.folder)
            .map_err(|source| TransferError::io("make folder", &paths.folder, source))?;
        // Before there is a part: one that is given up removes them.
        for path in [&paths.record, &paths.new_record, &paths.new_digest] {
            refuse_special(path)?;
        }
        let file = lock(&paths.part)?;
        let part = Self::new(file, paths, wanted.clone());
        // Under the lock: whoever had it before may have finished in the meantime.
        destination.check()?;
        let failed = |source| TransferError::io("open", part.path(), source);
        reach(Step::PartOpened, part.path()).map_err(failed)?;

        let found = Record::read(&part.paths.record).filter(|found| found.is_same(&wanted));
        let length = part.file().metadata().map_err(failed)?.len();
        match found {
            Some(found) if 0 < found.durable && found.durable <= length => {
                let mut file = part.file();
                // Bytes behind the durable ones came without a record; a crash may have torn them.
                file.set_len(found.durable).map_err(failed)?;
                file.seek(SeekFrom::Start(found.durable)).map_err(failed)?;
                part.take_over(found);
            }
            _ => {
                part.restart(wanted)?;
            }
        }
        Ok(part)
    }
}

/// What lies where this program keeps its own files, and is no file, is somebody else's.
fn refuse_special(path: &Path) -> Result<(), TransferError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(unsafe_part(path, "it is not a plain file")),
        _ => Ok(()),
    }
}

/// Opens and locks the file at `path`.
fn lock(path: &Path) -> Result<File, TransferError> {
    let failed = |source| TransferError::io("open", path, source);
    for _ in 0..TRIES {
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if is_link(path) => {
                let _ = error;
                return Err(unsafe_part(path, "it is a link"));
            }
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TransferError::Busy {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(TransferError::io("lock", path, error));
            }
        }
        if is_ours_at(&file, path)? {
            return Ok(file);
        }
    }
    Err(TransferError::Busy {
        path: path.to_owned(),
    })
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A FIFO that someone put there must not hold the program up.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

fn unsafe_part(path: &Path, reason: &'static str) -> TransferError {
    TransferError::UnsafePart {
        path: path.to_owned(),
        reason,
    }
}

/// Whether the locked file is still the one at `path`, and nobody else's.
///
/// The lock belongs to the file, not to its name: between opening and locking, its owner may have
/// given it the final name, and writing to it would then destroy a whole backup.
#[cfg(unix)]
fn is_ours_at(file: &File, path: &Path) -> Result<bool, TransferError> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let failed = |source| TransferError::io("look at", path, source);
    let locked = file.metadata().map_err(failed)?;
    let named = match fs::symlink_metadata(path) {
        Ok(named) => named,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
        return Ok(false);
    }
    if !locked.is_file() {
        return Err(unsafe_part(path, "it is not a plain file"));
    }
    if locked.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsafe_part(path, "it belongs to another user"));
    }
    if locked.nlink() != 1 {
        // Another name leads to the same bytes; they are left alone.
        remove(path)?;
        return Ok(false);
    }
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(failed)?;
    Ok(true)
}

/// Other systems don't give an open file another name.
#[cfg(not(unix))]
fn is_ours_at(_: &File, _: &Path) -> Result<bool, TransferError> {
    Ok(true)
}
