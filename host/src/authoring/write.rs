use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::AuthoringError;
use crate::transfer::sync_folder;

/// Puts a whole file in place, or none. One that is there keeps its permissions.
pub(super) fn whole(path: &Path, content: &[u8]) -> Result<(), AuthoringError> {
    replace(path, content).map_err(|source| AuthoringError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    // An error of the next step would name a path that nobody knows.
    fs::metadata(folder)?;
    let mut file = tempfile::Builder::new();
    // What a new file has, which is less than this by the user's mask.
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = file.tempfile_in(folder)?;
    if let Ok(present) = fs::metadata(path) {
        file.as_file().set_permissions(present.permissions())?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}
