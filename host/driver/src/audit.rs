//! Writes the calls of engines to a file as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use host_base::Reporter;
use host_engine::{Auditor, HostCall};
use jiff::Timestamp;
use serde::Serialize;

use super::OpsError;

/// Appends a line for each call, and keeps the existing lines.
pub(super) struct AuditFile {
    file: Mutex<File>,
    path: PathBuf,
    has_failed: AtomicBool,
    reporter: Arc<dyn Reporter>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    call: &'a HostCall,
}

impl AuditFile {
    pub(super) fn open(path: &Path, reporter: Arc<dyn Reporter>) -> Result<Self, OpsError> {
        let file = open(path).map_err(|source| OpsError::Audit {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file: Mutex::new(file),
            path: path.to_owned(),
            has_failed: AtomicBool::new(false),
            reporter,
        })
    }

    fn write(&self, call: &HostCall) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            time: Timestamp::now().to_string(),
            call,
        })?;
        line.push(b'\n');
        // One write per line, so that the lines of several processes don't mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }
}

/// Opens a file for appending, without waiting: a named pipe without a reader is an error.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::Errno;

    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(|error| {
        if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) {
            io::Error::new(io::ErrorKind::NotConnected, "nothing reads this pipe")
        } else {
            error
        }
    })?;
    // From now on writes may block, because a slow reader of a pipe must not miss a line.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Auditor for AuditFile {
    fn heard(&self, call: &HostCall) {
        if let Err(error) = self.write(call)
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            self.reporter.warn(&format!(
                "{path} is incomplete; calls of the engine could not be written: {error}"
            ));
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use rustix::fs::{OFlags, fcntl_getfl};

    use super::*;

    #[test]
    fn a_named_pipe_without_a_reader_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.to_string(), "nothing reads this pipe");

        let mut options = OpenOptions::new();
        options.read(true);
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
        let _reader = options.open(&path).unwrap();
        let file = open(&path).unwrap();
        let flags = fcntl_getfl(&file).unwrap();
        assert!(flags.contains(OFlags::APPEND) && !flags.contains(OFlags::NONBLOCK));
    }
}
