use std::io;
use std::path::Path;

/// Syncs the names in a folder to the disk, so that a power loss does not undo a rename or a removal.
///
/// # Errors
/// When the folder can't be opened or synced.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match std::fs::File::open(folder)?.sync_all() {
        // Some network file systems don't support this, and keep names by other means.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Does nothing: other systems give no handle of a folder to sync.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
