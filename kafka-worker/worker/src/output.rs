//! Lines on stdout: JSON, one event each, and the termination message. `docs/kafka-worker.md` has their shapes.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use host_base::Failure;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::work::{Outcome, State};

/// The version of the shapes. A field is only ever added; anything else is a new version.
const VERSION: u32 = 1;
/// Kubernetes keeps this many bytes of a termination message.
const TERMINATION: usize = 4096;
/// The least time between two reports of work in small steps.
const PAUSE: Duration = Duration::from_secs(1);

/// The program's one owner of stdout.
#[derive(Clone, Debug)]
pub struct Output {
    command: &'static str,
    started: Timestamp,
    termination: Option<PathBuf>,
    /// The last report that was made only at times.
    last: Arc<Mutex<Option<Instant>>>,
}

/// The last line of stdout.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    r#type: &'static str,
    version: u32,
    command: &'a str,
    state: State,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    start_time: String,
    completion_time: String,
    warnings: &'a [String],
    status: &'a Map<String, Value>,
}

impl Output {
    pub fn new(command: &'static str, termination: Option<PathBuf>) -> Self {
        Self {
            command,
            started: Timestamp::now(),
            termination,
            last: Arc::default(),
        }
    }

    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Returns the seconds since the start, never 0.
    pub fn seconds(&self) -> f64 {
        let elapsed = Timestamp::now().duration_since(self.started).as_secs_f64();
        elapsed.max(0.001)
    }

    /// Reports the fields of a status that have changed.
    pub fn progress(&self, status: &Value) {
        line(&json!({
            "type": "progress",
            "version": VERSION,
            "command": self.command,
            "time": time(Timestamp::now()),
            "status": status,
        }));
    }

    /// Reports like [`Self::progress`], but at most once a second.
    pub fn progress_at_times(&self, status: &Value) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= PAUSE) {
            *last = Some(Instant::now());
            self.progress(status);
        }
    }

    /// Reports the end, and returns the exit code.
    pub fn result(&self, outcome: &Outcome) -> u8 {
        let failure = outcome.failure;
        let last = Line {
            r#type: "result",
            version: VERSION,
            command: self.command,
            state: outcome.state,
            exit_code: failure.map_or(0, Failure::exit_code),
            failure: failure.map(Failure::name),
            message: &outcome.message,
            hint: outcome.hint.as_deref(),
            start_time: time(self.started),
            completion_time: time(Timestamp::now()),
            warnings: &outcome.warnings,
            status: &outcome.status,
        };
        let last = serde_json::to_value(&last).unwrap_or_default();
        line(&last);
        if let Some(path) = &self.termination {
            leave(path, &shortened(last));
        }
        failure.map_or(0, Failure::exit_code)
    }
}

/// Writes a line.
fn line(line: &Value) {
    let text = format!("{line}\n");
    // One write keeps lines whole. Nothing can be done about a closed stdout.
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

fn leave(path: &Path, text: &str) {
    if let Err(error) = std::fs::write(path, text) {
        tracing::error!(
            "the termination message can't be written to {}: {error}",
            path.display()
        );
    }
}

/// Returns a time with a resolution of one millisecond.
pub fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Returns the result as a text of at most 4096 bytes. Lists lose their ends first, then the status goes.
fn shortened(mut line: Value) -> String {
    for most in [20, 5, 1, 0] {
        let text = line.to_string();
        if text.len() <= TERMINATION {
            return text;
        }
        shorten(&mut line, most);
        line["truncated"] = json!(true);
    }
    let text = line.to_string();
    if text.len() <= TERMINATION {
        return text;
    }
    line["status"] = json!({});
    line.to_string()
}

fn shorten(value: &mut Value, most: usize) {
    match value {
        Value::Array(items) => {
            items.truncate(most);
            for item in items {
                shorten(item, most);
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, most)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_termination_message_fits() {
        let results: Vec<_> = (0..5000)
            .map(|number| json!({ "groupId": format!("group-{number}") }))
            .collect();
        let long = "é".repeat(500);
        let line = json!({
            "type": "result", "state": "partial", "message": long, "hint": long,
            "warnings": vec![long.clone(); 50], "status": { "groupResults": results, "groupsReset": 4 },
        });
        let text = shortened(line);
        assert!(text.len() <= TERMINATION, "{}", text.len());
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["truncated"], true);
        assert_eq!(read["status"]["groupsReset"], 4);
    }

    #[test]
    fn a_short_result_stays_whole() {
        let line = json!({ "type": "result", "warnings": ["a"], "status": { "x": [1, 2, 3] } });
        assert_eq!(shortened(line.clone()), line.to_string());
    }
}
