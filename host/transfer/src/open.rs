//! Opens a partial download: creates or finds it, locks it, and checks that it is this user's own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;

use host_base::LockedFile;

use super::TransferError;
use super::destination::{Destination, remove};
use super::fail_point::{Step, reach};
use super::part::Part;
use super::record::Record;

/// The maximum number of attempts if other processes complete or discard the partial download meanwhile.
const TRIES: usize = 8;

impl Part {
    /// Opens the partial download of `destination` for the bytes of `wanted`.
    ///
    /// The bytes of an earlier run are reused if they are of the same content. [`Part::durable`] returns
    /// their number, and the next byte is written after them.
    pub(super) fn open(destination: &Destination, wanted: Record) -> Result<Self, TransferError> {
        let paths = destination.paths();
        fs::create_dir_all(&paths.folder)
            .map_err(|source| TransferError::io("make folder", &paths.folder, source))?;
        // The check comes before the file exists, because discarding a partial download removes these paths.
        for path in [&paths.record, &paths.new_record, &paths.new_digest] {
            refuse_special(path)?;
        }
        let file = lock(&paths.part)?;
        let part = Self::new(file, paths, wanted.clone());
        // The check runs under the lock: the process that held it before may have completed the file.
        destination.check()?;
        let failed = |source| TransferError::io("open", part.path(), source);
        reach(Step::PartOpened, part.path()).map_err(failed)?;

        let found = Record::read(&part.paths.record).filter(|found| found.is_same(&wanted));
        let length = part.file().metadata().map_err(failed)?.len();
        match found {
            Some(found) if 0 < found.durable && found.durable <= length => {
                let mut file = part.file();
                // Bytes after the durable ones have no record; a crash may have torn them.
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

/// Refuses if one of the program's own paths is not a plain file: somebody else created it.
fn refuse_special(path: &Path) -> Result<(), TransferError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(unsafe_part(path, "it is not a plain file")),
        _ => Ok(()),
    }
}

/// Opens and locks the file at `path`.
fn lock(path: &Path) -> Result<LockedFile, TransferError> {
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
        let locked = LockedFile::attempt(file);
        let locked = locked.map_err(|error| TransferError::io("lock", path, error))?;
        let Ok(file) = locked else {
            return Err(TransferError::Busy {
                path: path.to_owned(),
            });
        };
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
        // Without this flag, opening a FIFO at this path would block.
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

/// Returns true if the locked file is still the one at `path` and has no other name.
///
/// The lock belongs to the file, not to its name. Between opening and locking, its owner may have given it
/// the final name. Writing to it would then destroy a complete backup.
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
        // Another name refers to the same bytes, so the bytes must not be changed.
        remove(path)?;
        return Ok(false);
    }
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(failed)?;
    Ok(true)
}

/// Returns true: these systems don't rename an open file.
#[cfg(not(unix))]
fn is_ours_at(_: &File, _: &Path) -> Result<bool, TransferError> {
    Ok(true)
}
