use std::io;
use std::path::Path;

/// Writes the names in a folder to the disk, so that a loss of power does not undo a rename or a removal.
///
/// # Errors
/// When the folder can't be opened or written.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match std::fs::File::open(folder)?.sync_all() {
        // Some network file systems can't, and keep names by other means.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Does nothing: other systems give no handle of a folder that could be synced.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
