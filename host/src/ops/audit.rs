//! The calls of engines as JSON lines in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::OpsError;
use crate::engine::{Auditor, HostCall};
use crate::ui::Ui;

/// Adds a line for each call. What was there before stays.
pub(super) struct AuditFile {
    file: Mutex<File>,
    path: PathBuf,
    has_failed: AtomicBool,
    ui: Ui,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    call: &'a HostCall,
}

impl AuditFile {
    pub(super) fn open(path: &Path, ui: Ui) -> Result<Self, OpsError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| OpsError::Audit {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file: Mutex::new(file),
            path: path.to_owned(),
            has_failed: AtomicBool::new(false),
            ui,
        })
    }

    fn write(&self, call: &HostCall) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            time: Timestamp::now().to_string(),
            call,
        })?;
        line.push(b'\n');
        // One write, so that lines of several processes don't mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }
}

impl Auditor for AuditFile {
    fn heard(&self, call: &HostCall) {
        if let Err(error) = self.write(call)
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            self.ui
                .warn(&format!("{path} misses calls of the engine: {error}"));
        }
    }
}
