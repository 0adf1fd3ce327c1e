//! Reads files that a user names: kubeconfigs, tokens, certificates, keys, passwords, lockfiles.
//!
//! Opening never blocks, whatever the path is, and reading is limited in bytes and time. A device has no end
//! and a named pipe may have no writer, and neither shows before it is opened.
//!
//! Symbolic links are followed. Kubernetes mounts Secrets and tokens behind links, and users may link their
//! own files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a named pipe may have no writer.
const WRITER_COMES: Duration = Duration::from_secs(2);
/// How long the writer of a pipe may take in total. `<(op read …)` may ask its user first.
const WRITER_ENDS: Duration = Duration::from_mins(1);
/// The pause between two reads of a pipe that has no data yet.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The kind of file at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// A named pipe, or one that the shell has created: `<(command)` is `/dev/fd/63`.
    Pipe {
        /// True if this process inherited the open pipe, so that its writer exists already.
        connected: bool,
    },
    Device,
}

/// Reads a whole file of at most `limit` bytes. A pipe is read to its end if that arrives in time;
/// `/dev/null` is empty.
///
/// # Errors
/// When the file can't be opened or read, is a folder or a device, is larger, or is a pipe without a writer.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, kind) = open(path)?;
    read_opened(file, kind, limit, WRITER_COMES)
}

/// Reads a whole file as text, like [`read`].
///
/// # Errors
/// Those of [`read`], and when the content is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Opens a plain file for reading in pieces. Every read of a plain file gives the same bytes.
///
/// # Errors
/// When the file can't be opened, or is not a plain file.
pub fn open_plain(path: &Path) -> io::Result<File> {
    match open(path)? {
        (file, Kind::Plain) => Ok(file),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a pipe or a device, not a plain file",
        )),
    }
}

/// Reads a whole plain file of at most `limit` bytes.
///
/// # Errors
/// Those of [`open_plain`], and when the file is larger.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_whole(open_plain(path)?, limit)
}

/// Reads an open plain file of at most `limit` bytes.
///
/// # Errors
/// When the file can't be read, or is larger.
pub fn read_whole(file: File, limit: u64) -> io::Result<Vec<u8>> {
    read_opened(file, Kind::Plain, limit, Duration::ZERO)
}

/// Opens a file and inspects the open file, because the path could name another one the next time.
fn open(path: &Path) -> io::Result<(File, Kind)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Without this flag, opening a named pipe waits for its writer.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let kind = kind(&file, path)?;
    Ok((file, kind))
}

fn kind(file: &File, path: &Path) -> io::Result<Kind> {
    let found = file.metadata()?.file_type();
    if found.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a folder",
        ));
    }
    if found.is_file() {
        return Ok(Kind::Plain);
    }
    #[cfg(unix)]
    if std::os::unix::fs::FileTypeExt::is_fifo(&found) {
        let given = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];
        return Ok(Kind::Pipe {
            connected: given.iter().any(|folder| path.starts_with(folder)),
        });
    }
    let _ = path;
    Ok(Kind::Device)
}

fn read_opened(file: File, kind: Kind, limit: u64, patience: Duration) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match kind {
        Kind::Plain => {
            // One byte more than allowed is read, so that a file that grows meanwhile is noticed.
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        }
        Kind::Pipe { connected } => read_pipe(file, connected, limit, patience, &mut bytes)?,
        Kind::Device => {
            // Of all devices, only /dev/null ends at its beginning.
            let mut file = file;
            if !matches!(file.read(&mut [0; 1]), Ok(0)) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is a device, not a file",
                ));
            }
        }
    }
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {}", size(limit)),
        ));
    }
    Ok(bytes)
}

/// Reads a pipe that was opened in non-blocking mode. Without a writer it reads as empty, and a slow writer
/// causes `WouldBlock`.
fn read_pipe(
    mut pipe: File,
    connected: bool,
    limit: u64,
    patience: Duration,
    bytes: &mut Vec<u8>,
) -> io::Result<()> {
    let begun = Instant::now();
    let mut has_writer = connected;
    let mut block = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut block) {
            Ok(0) if has_writer => return Ok(()),
            Ok(0) if begun.elapsed() >= patience => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "it is a named pipe, and nobody writes to it",
                ));
            }
            Ok(0) => {}
            Ok(count) => {
                has_writer = true;
                bytes.extend_from_slice(&block[..count]);
                if bytes.len() as u64 > limit {
                    return Ok(());
                }
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => has_writer = true,
            Err(error) => return Err(error),
        }
        if begun.elapsed() >= WRITER_ENDS {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it is a pipe, and its writer did not end within {WRITER_ENDS:?}"),
            ));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Returns a size limit in words.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn why(result: io::Result<Vec<u8>>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read_plain(&path, 4).unwrap(), b"four");
        assert_eq!(why(read(&path, 3)), "it has more than 3 bytes");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(why(read(&path, 1 << 20)), "it has more than 1 MiB");
        assert_eq!(why(read(&path, 2 << 10)), "it has more than 2 KiB");
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "text").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read_text(&link, 10).unwrap(), "text");
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        for device in ["/dev/zero", "/dev/urandom", "/dev/full"] {
            let path = Path::new(device);
            assert_eq!(why(read(path, 10)), "it is a device, not a file");
            assert!(read_plain(path, 10).is_err());
        }
        assert_eq!(why(read(Path::new("/"), 10)), "it is a folder");
        assert_eq!(read(Path::new("/dev/null"), 10).unwrap(), b"");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(
            read_text(&path, 10).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn a_named_pipe_without_a_writer_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let (file, kind) = open(&path).unwrap();
        let error = read_opened(file, kind, 10, Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is a named pipe, and nobody writes to it"
        );
        assert!(open_plain(&path).is_err());
    }

    #[test]
    fn a_named_pipe_with_a_writer_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::write(path, "secret"))
        };
        assert_eq!(read(&path, 10).unwrap(), b"secret");
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn a_pipe_of_the_shell_is_read_to_its_end_or_its_limit() {
        for (limit, expected) in [(100, Some("text")), (3, None)] {
            let (reader, mut writer) = io::pipe().unwrap();
            io::Write::write_all(&mut writer, b"text").unwrap();
            drop(writer);
            let path = format!("/dev/fd/{}", reader.as_raw_fd());
            let read = read_text(Path::new(&path), limit).ok();
            assert_eq!(read.as_deref(), expected);
        }
    }
}
