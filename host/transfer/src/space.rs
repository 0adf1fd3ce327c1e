use std::path::Path;

use super::TransferError;

/// Refuses a download for which the disk has no room, before its bytes are requested.
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), TransferError> {
    decide(folder, needed, look(folder).bytes)
}

fn decide(folder: &Path, needed: u64, free: Option<u64>) -> Result<(), TransferError> {
    match free {
        Some(free) if free < needed => Err(TransferError::NoSpace {
            folder: folder.to_owned(),
            needed: Some(needed),
            free: Some(free),
            kept: 0,
        }),
        _ => Ok(()),
    }
}

/// The space that this user may still use. A field is `None` if the system does not report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: Option<u64>,
    pub(super) inodes: Option<u64>,
}

#[cfg(unix)]
pub(super) fn look(folder: &Path) -> Room {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return Room::default();
    };
    // Virtual file systems, and those without a fixed number of inodes, report 0 of 0 for values without a
    // limit.
    Room {
        bytes: (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize)),
        inodes: (found.f_files > 0).then_some(found.f_favail),
    }
}

#[cfg(not(unix))]
pub(super) fn look(_: &Path) -> Room {
    Room::default()
}

#[cfg(test)]
mod tests {
    use host_base::Problem as _;

    use super::*;

    #[test]
    fn too_little_room_is_refused_with_both_figures() {
        let error = decide(Path::new("backups"), 100, Some(99)).expect_err("no room");
        assert_eq!(
            error.to_string(),
            "folder backups has no room: 100 bytes are needed, 99 are free"
        );
        assert!(error.advice().is_some());
        assert!(decide(Path::new("backups"), 100, Some(100)).is_ok());
        assert!(decide(Path::new("backups"), 100, None).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_real_folder_has_some_room() {
        let bytes = look(&std::env::temp_dir()).bytes;
        assert!(bytes.is_some_and(|free| free > 0));
    }
}
