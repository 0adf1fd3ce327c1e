//! Lines on stderr: JSON, one event each. The library's errors are also kept, because it returns only their number.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::text::clean;

/// The levels of this program and of the library.
const DEFAULT: &str = "warn,broker_kafka_worker=info";
/// The name of the library in events.
const LIBRARY: &str = "kafka_backup_core";
/// The most errors that are kept.
const MOST_KEPT: usize = 20;

static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts the log. `level` is a filter of `tracing`, such as `debug`.
///
/// # Errors
/// When `level` is no filter.
pub fn start(level: Option<&str>) -> Result<(), String> {
    let level = level.unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("{level:?} is not a level of the log: {error}"))?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr);
    // Only a second call in one process fails. The first log stays.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(Keeper)
        .try_init();
    Ok(())
}

/// Returns the errors that the library has logged, and forgets them.
pub fn errors() -> Vec<String> {
    std::mem::take(&mut *ERRORS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps the errors of the library.
struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() != Level::ERROR || !metadata.target().starts_with(LIBRARY) {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let mut errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() < MOST_KEPT {
            errors.push(clean(&message.0));
        }
    }
}

/// The text of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
