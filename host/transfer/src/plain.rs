//! Decides where bytes may be written: to a plain file, and never in place of anything else.
//!
//! A device, a named pipe, a socket or a folder is never replaced, whatever the user forces. A symbolic link
//! stays as well: the file that it points to is written, as `cp` and `tee` do. The link must belong to the
//! user or to root, and must point to a plain file. Links of other users could point anywhere. Those in
//! `/dev` and `/proc` point to the open files of a process.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// The maximum number of links that are followed in a row, equal to Linux's limit.
const MOST_LINKS: usize = 40;

/// The reason why nothing is written to a path.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// The path is not a plain file.
    #[error("it is {what}, not a plain file")]
    NotPlain {
        /// The kind of the existing item, with its article.
        what: &'static str,
    },
    /// An access to the file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Unwritable> for io::Error {
    fn from(error: Unwritable) -> Self {
        match error {
            Unwritable::NotPlain { .. } => Self::new(io::ErrorKind::InvalidInput, error),
            Unwritable::Io(error) => error,
        }
    }
}

/// The file that is written for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path itself, or the file that its link points to.
    pub path: PathBuf,
    /// True if a plain file exists there.
    pub(crate) exists: bool,
}

/// Checks a path before it is written or replaced.
///
/// # Errors
/// [`Unwritable::NotPlain`] if the path is something that must stay.
pub fn target(path: &Path) -> Result<Target, Unwritable> {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && at == path => {
                return Ok(Target {
                    path: at,
                    exists: false,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(not_plain("a link to a file that does not exist"));
            }
            Err(error) => return Err(error.into()),
        };
        if !found.is_symlink() {
            return match special(found.file_type()) {
                None => Ok(Target {
                    path: at,
                    exists: true,
                }),
                Some(what) if at == path => Err(not_plain(what)),
                Some(what) => Err(not_plain(linked(what))),
            };
        }
        at = follow(&at, &found)?;
    }
    Err(not_plain("a link in a circle of links"))
}

/// Returns the target of a link if the link may be followed.
fn follow(link: &Path, found: &Metadata) -> Result<PathBuf, Unwritable> {
    let folder = match link.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let real = folder.canonicalize()?;
    let is_open_file =
        real.starts_with("/proc") || (real.starts_with("/dev") && !real.starts_with("/dev/shm"));
    if is_open_file {
        return Err(not_plain("a link to what a process has open"));
    }
    if !is_trusted(found) {
        return Err(not_plain("a link of another user"));
    }
    Ok(folder.join(fs::read_link(link)?))
}

#[cfg(unix)]
fn is_trusted(link: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    link.uid() == 0 || link.uid() == rustix::process::geteuid().as_raw()
}

/// Returns true: on these systems only administrators create links.
#[cfg(not(unix))]
fn is_trusted(_: &Metadata) -> bool {
    true
}

/// Returns the kind of a file with its article; `None` for a plain file.
pub(super) fn special(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;

        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
        if kind.is_fifo() {
            return Some("a named pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a folder"),
        _ if kind.is_symlink() => Some("a link"),
        _ => Some("of another kind"),
    }
}

fn linked(what: &str) -> &'static str {
    match what {
        "a device" => "a link to a device",
        "a named pipe" => "a link to a named pipe",
        "a socket" => "a link to a socket",
        "a folder" => "a link to a folder",
        _ => "a link to something else",
    }
}

const fn not_plain(what: &'static str) -> Unwritable {
    Unwritable::NotPlain { what }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn refused(path: &Path) -> String {
        target(path).expect_err("refused").to_string()
    }

    #[test]
    fn a_plain_file_or_nothing_is_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let at = |exists| Target {
            path: path.clone(),
            exists,
        };
        assert_eq!(target(&path).expect("nothing"), at(false));
        fs::write(&path, "a").expect("written");
        assert_eq!(target(&path).expect("a file"), at(true));
    }

    #[test]
    fn what_is_no_plain_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let pipe = Command::new("mkfifo").arg(at("pipe")).status();
        assert!(pipe.expect("mkfifo").success());
        let _socket = UnixListener::bind(at("socket")).expect("a socket");
        fs::create_dir(at("folder")).expect("made");
        symlink("/dev/null", at("to-null")).expect("linked");
        symlink(at("pipe"), at("to-pipe")).expect("linked");
        symlink(at("to-null"), at("to-link")).expect("linked");
        symlink("nowhere", at("dead")).expect("linked");
        symlink("circle", at("circle")).expect("linked");
        symlink("/proc/self/fd/1", at("to-stdout")).expect("linked");
        for (path, what) in [
            (Path::new("/dev/null"), "a device"),
            (&at("pipe"), "a named pipe"),
            (&at("socket"), "a socket"),
            (&at("folder"), "a folder"),
            (&at("to-null"), "a link to a device"),
            (&at("to-link"), "a link to a device"),
            (&at("to-pipe"), "a link to a named pipe"),
            (&at("dead"), "a link to a file that does not exist"),
            (&at("circle"), "a link in a circle of links"),
            (&at("to-stdout"), "a link to what a process has open"),
            (
                Path::new("/proc/self/fd/1"),
                "a link to what a process has open",
            ),
        ] {
            let message = format!("it is {what}, not a plain file");
            assert_eq!(refused(path), message, "{}", path.display());
        }
    }

    #[test]
    fn a_link_to_a_plain_file_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).expect("made");
        fs::write(at("real/file"), "a").expect("written");
        symlink("real/file", at("first")).expect("linked");
        symlink(at("first"), at("second")).expect("linked");
        for name in ["first", "second"] {
            let found = target(&at(name)).expect("a file");
            assert_eq!((found.path, found.exists), (at("real/file"), true));
        }
    }
}
