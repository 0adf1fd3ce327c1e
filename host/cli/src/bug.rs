//! A panic is a bug of this program. It is told like any other error, after locks and unfinished files were let
//! go, and the program exits 1.
//!
//! The hook sees the panics of all threads and tasks, also those whose end nobody waits for. Running work then
//! gets [`GRACE`] to end by itself, because only that work can release its Lease.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host_base::text;
use tokio::sync::Notify;

use super::error::CliError;

/// How long a command may go on after another thread or task of it has panicked.
const GRACE: Duration = Duration::from_secs(10);
/// Longest message of a panic that is shown, in characters.
const MAX_MESSAGE: usize = 400;

static FIRST: Mutex<Option<Bug>> = Mutex::new(None);
static SEEN: Notify = Notify::const_new();

/// The first panic of this process.
#[derive(Debug)]
pub(super) struct Bug {
    message: String,
    /// `file:line:column`, where it is known.
    place: String,
    backtrace: Option<String>,
}

/// Keeps panics from writing to stderr themselves.
pub(super) fn watch() {
    panic::set_hook(Box::new(|info| {
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        // Later ones follow from it.
        if first.is_none() {
            *first = Some(Bug::of(info));
        }
        drop(first);
        SEEN.notify_one();
    }));
}

/// Runs `work`; none if it panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Only this module's own state is used afterwards, not the values that the work borrowed.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Resolves some time after a thread or a task of the command has panicked.
pub(super) async fn seen() {
    SEEN.notified().await;
    tokio::time::sleep(GRACE).await;
}

/// Whether anything panicked.
pub(super) fn is_found() -> bool {
    FIRST
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Returns the report of a panic, if anything panicked. `during` is the command, without its arguments.
pub(super) fn found(during: &str) -> Option<(CliError, Option<String>)> {
    let bug = FIRST
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()?;
    let error = CliError::Bug {
        message: bug.message,
        place: bug.place,
        during: during.to_owned(),
        has_backtrace: bug.backtrace.is_some(),
    };
    Some((error, bug.backtrace))
}

impl Bug {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let backtrace = Backtrace::capture();
        Self {
            message: text::printable(payload(info.payload()), MAX_MESSAGE).into_owned(),
            place: info
                .location()
                .map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
            backtrace: (backtrace.status() == BacktraceStatus::Captured)
                .then(|| backtrace.to_string()),
        }
    }
}

fn payload(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
