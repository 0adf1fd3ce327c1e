use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use host_base::sync_folder;
use host_transfer::write_target;

use super::AuthoringError;

/// Writes a file completely or not at all. An existing file keeps its permissions. An item that is not a
/// plain file is never replaced.
pub(super) fn whole(path: &Path, content: &[u8]) -> Result<(), AuthoringError> {
    replace(path, content).map_err(|source| AuthoringError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = &write_target(path)?.path;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    // Without this check, the error of the next step would contain a path that means nothing to people.
    fs::metadata(folder)?;
    let mut file = tempfile::Builder::new();
    // These are the permissions of a new file, which the user's mask reduces.
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = file.tempfile_in(folder)?;
    if let Ok(present) = fs::metadata(path) {
        file.as_file().set_permissions(present.permissions())?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    // Another program may have created something there meanwhile.
    write_target(path)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_plain_file_stays_and_a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        symlink("/dev/null", at("null")).expect("linked");
        for name in ["pipe", "null"] {
            let error = whole(&at(name), b"new").expect_err("refused");
            assert!(matches!(error, AuthoringError::Write { .. }), "{error}");
        }
        let kept = fs::symlink_metadata(at("pipe")).expect("there");
        assert!(kept.file_type().is_fifo() && at("null").is_symlink());
        fs::write(at("old.wasm"), "old").expect("written");
        symlink("old.wasm", at("link")).expect("linked");
        whole(&at("link"), b"new").expect("written");
        assert!(at("link").is_symlink());
        assert_eq!(fs::read(at("old.wasm")).expect("there"), b"new");
    }
}
