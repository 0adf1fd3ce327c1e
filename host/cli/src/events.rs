//! Shows the events of the layers below: steps on stderr with `--verbose`, and the calls of engines in the
//! file of `--audit`.

use std::fmt::{Debug, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use host_engine::HOST_CALLS;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::error::CliError;
use crate::ui::Ui;

/// The beginning of the names of our crates, which are the targets of their events.
const OURS: &str = "host_";

/// Begins to show events. Without `--verbose` and `--audit`, no event costs anything.
///
/// # Errors
/// When the file can't be opened.
pub(super) fn show(ui: Ui, is_verbose: bool, audit: Option<&Path>) -> Result<(), CliError> {
    let audit = audit.map(|path| AuditFile::open(path, ui)).transpose()?;
    if !is_verbose && audit.is_none() {
        return Ok(());
    }
    let of = |target, level| Targets::new().with_target(target, level);
    let steps = is_verbose.then(|| Steps(ui).with_filter(of(OURS, LevelFilter::DEBUG)));
    let calls = audit.map(|file| file.with_filter(of(HOST_CALLS, LevelFilter::TRACE)));
    let shown = Registry::default().with(steps).with(calls);
    if tracing::subscriber::set_global_default(shown).is_err() {
        ui.warn(
            "another part of this process takes the events: no step is shown, and no call recorded",
        );
    }
    Ok(())
}

/// Prints a line for each event: its message, then its other fields.
struct Steps(Ui);

impl<S: Subscriber> Layer<S> for Steps {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.debug(&format!("{}{}", line.message, line.fields));
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Appends a line of JSON for each call of an engine, and keeps the existing lines.
struct AuditFile {
    file: Mutex<File>,
    path: PathBuf,
    has_failed: AtomicBool,
    ui: Ui,
}

/// A call of an engine. Its fields are those of the event.
#[derive(Default, Serialize)]
struct Record {
    time: Timestamp,
    engine: String,
    call: String,
    arguments: Box<RawValue>,
    outcome: Box<RawValue>,
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Invalid JSON becomes `null`. The crate of engines writes only valid JSON.
        let json = || RawValue::from_string(value.to_owned()).unwrap_or_default();
        match field.name() {
            "engine" => value.clone_into(&mut self.engine),
            "call" => value.clone_into(&mut self.call),
            "arguments" => self.arguments = json(),
            "outcome" => self.outcome = json(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl AuditFile {
    fn open(path: &Path, ui: Ui) -> Result<Self, CliError> {
        let file = open(path).map_err(|source| CliError::Audit {
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

    fn write(&self, call: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(call)?;
        line.push(b'\n');
        // One write per line, so that the lines of several processes don't mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }
}

impl<S: Subscriber> Layer<S> for AuditFile {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut call = Record {
            time: Timestamp::now(),
            ..Record::default()
        };
        event.record(&mut call);
        if let Err(error) = self.write(&call)
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            self.ui.warn(&format!(
                "{path} is incomplete; calls of the engine could not be written: {error}"
            ));
        }
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
