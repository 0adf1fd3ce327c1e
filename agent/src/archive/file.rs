use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::ArchiveError;

/// A file that yields exactly as many bytes as it had when it was opened.
pub struct Exact<'a> {
    path: &'a Path,
    file: File,
    left: u64,
}

impl<'a> Exact<'a> {
    /// Opens a regular file. Returns `None` if there is no such file any more.
    ///
    /// A symbolic link that replaced the file is not followed, and a pipe does not block.
    pub fn open(path: &'a Path, follow: bool) -> Result<Option<(Self, Metadata)>, ArchiveError> {
        let at = |source| ArchiveError::Read {
            path: path.to_owned(),
            source,
        };
        let mut flags = OFlags::NONBLOCK;
        if !follow {
            flags |= OFlags::NOFOLLOW;
        }
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(at)?;
        let metadata = file.metadata().map_err(at)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let left = metadata.len();
        Ok(Some((Self { path, file, left }, metadata)))
    }
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let explain = |kind, reason: &str| {
            let path = self.path.display();
            io::Error::new(kind, format!("{path}: {reason}"))
        };
        match self.file.read(&mut buffer[..wanted]) {
            Ok(0) => {
                let reason = "it became shorter while it was read";
                Err(explain(io::ErrorKind::UnexpectedEof, reason))
            }
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => Err(explain(e.kind(), &e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_becomes_shorter_is_an_error_and_one_that_grows_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "abcdef").expect("it is written");
        let open = || {
            Exact::open(&path, false)
                .expect("it opens")
                .expect("it is a file")
                .0
        };
        let mut grows = open();
        let mut shrinks = open();
        fs::write(&path, "abcdefgh").expect("it is written");
        let mut text = String::new();
        grows.read_to_string(&mut text).expect("it is read");
        assert_eq!(text, "abcdef");
        fs::write(&path, "abc").expect("it is written");
        let error = shrinks
            .read_to_string(&mut text)
            .expect_err("something is missing");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("a link");
        assert!(matches!(
            Exact::open(&link, false),
            Err(ArchiveError::Read { .. })
        ));
        assert!(Exact::open(&link, true).is_ok_and(|opened| opened.is_some()));
    }
}
