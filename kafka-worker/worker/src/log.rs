//! Lines on stderr: JSON, one event each.

use tracing_subscriber::EnvFilter;

/// The levels of this program and of the library.
const DEFAULT: &str = "warn,broker_kafka_worker=info";

/// Starts the log. `level` is a filter of `tracing`, such as `debug`.
pub fn start(level: Option<&str>) -> Result<(), String> {
    let level = level.unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("{level:?} is not a level of the log: {error}"))?;
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    // Only a second call in one process fails. The first log stays.
    started.or(Ok(()))
}
