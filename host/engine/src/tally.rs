//! Limits how much an engine may ask and say: without a limit it could fill disks, terminals and backends.
//!
//! The budgets for host calls and reports start anew with each call of the engine. Warnings and the audit
//! have one budget for as long as the engine runs, because a command that waits calls the engine again and
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

use super::{HOST_CALLS, Level, Observer};

/// The maximum number of host calls that leave the sandbox, per call of the engine.
const MAX_CALLS: u64 = 10_000;
/// The maximum number of requests in batches, per call of the engine.
const MAX_BATCHED: u64 = 200_000;
/// The maximum size of bodies and objects that an engine may send, in bytes. Files of the user don't count.
const MAX_SENT: u64 = 64 << 20;
/// The maximum number of shown warnings, for all calls together.
const MAX_WARNINGS: u64 = 20;
/// The maximum number of other messages and progress reports that are shown, per call.
const MAX_MESSAGES: u64 = 200;
/// The maximum length of one line of the audit, and of all its lines together, in bytes.
const MAX_LINE: usize = 16 << 10;
const MAX_LINES: u64 = 8 << 20;
/// The maximum length of a text within a line, in bytes, and the maximum number of values of a list.
const MAX_TEXT: usize = 512;
const MAX_VALUES: usize = 32;

/// Counts what one call of the engine asked of the host.
#[derive(Debug, Default)]
pub(super) struct Asked {
    calls: u64,
    batched: u64,
    sent: u64,
}

/// The error of an engine that asks for more than any engine needs.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooMuch {
    #[error("it called the host more than {MAX_CALLS} times")]
    Calls,
    #[error("it sent more than {MAX_BATCHED} requests in batches")]
    Batched,
    #[error("it sent more than {} MiB", MAX_SENT >> 20)]
    Sent,
}

impl Asked {
    /// Counts one host call that leaves the sandbox, and the bytes that it sends.
    pub(super) fn one(&mut self, sent: usize) -> Result<(), TooMuch> {
        self.calls += 1;
        self.sent = self.sent.saturating_add(sent as u64);
        if self.calls > MAX_CALLS {
            return Err(TooMuch::Calls);
        }
        if self.sent > MAX_SENT {
            return Err(TooMuch::Sent);
        }
        Ok(())
    }

    /// Counts a batch of requests as one call, and the bytes that they send.
    pub(super) fn batch(&mut self, requests: usize, sent: usize) -> Result<(), TooMuch> {
        self.batched = self.batched.saturating_add(requests as u64);
        if self.batched > MAX_BATCHED {
            return Err(TooMuch::Batched);
        }
        self.one(sent)
    }
}

/// Forwards an engine's messages up to the limits. At the end of each call it reports how many were left out.
pub(super) struct Voice {
    observer: Arc<dyn Observer>,
    engine: String,
    warnings: AtomicU64,
    messages: AtomicU64,
}

impl Voice {
    pub(super) fn new(observer: Arc<dyn Observer>, engine: &str) -> Self {
        Self {
            observer,
            engine: engine.to_owned(),
            warnings: AtomicU64::new(0),
            messages: AtomicU64::new(0),
        }
    }

    pub(super) fn log(&self, level: Level, message: &str) {
        let (said, most) = match level {
            Level::Warn => (&self.warnings, MAX_WARNINGS),
            Level::Info | Level::Debug => (&self.messages, MAX_MESSAGES),
        };
        if said.fetch_add(1, Relaxed) < most {
            self.observer.log(&self.engine, level, message);
        }
    }

    pub(super) fn progress(&self, message: &str, done: u64, total: Option<u64>) {
        if self.messages.fetch_add(1, Relaxed) < MAX_MESSAGES {
            self.observer.progress(&self.engine, message, done, total);
        }
    }

    /// Ends a call of the engine: reports the number of messages that were left out.
    pub(super) fn close(&self) {
        // The warning budget stays used up. Only the excess is reset, because it has just been reported.
        let warnings = self.warnings.fetch_min(MAX_WARNINGS, Relaxed);
        let messages = self.messages.swap(0, Relaxed);
        let counts = [
            (warnings, MAX_WARNINGS, Level::Warn, "warnings"),
            (messages, MAX_MESSAGES, Level::Debug, "messages"),
        ];
        for (said, most, level, what) in counts {
            let left_out = said.saturating_sub(most);
            if left_out > 0 {
                let message = format!("{left_out} more {what} are left out");
                self.observer.log(&self.engine, level, &message);
            }
        }
    }
}

/// A call of the engine that was cancelled reports its excess, too.
impl Drop for Voice {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reports host calls as events, cut to a bounded size. At the end of each call of the engine it
/// reports how many were left out.
pub(super) struct Ledger {
    engine: String,
    bytes: AtomicU64,
    left_out: AtomicU64,
}

impl Ledger {
    pub(super) fn new(engine: &str) -> Self {
        Self {
            engine: engine.to_owned(),
            bytes: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    pub(super) fn tell(&self, call: &'static str, arguments: Value, outcome: Value) {
        if self.bytes.load(Relaxed) > MAX_LINES {
            self.left_out.fetch_add(1, Relaxed);
            return;
        }
        let arguments = bounded(arguments);
        let outcome = bounded(outcome);
        let bytes = length(&arguments) + length(&outcome);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.report(call, &arguments, &outcome);
    }

    fn report(&self, call: &str, arguments: &Value, outcome: &Value) {
        let (arguments, outcome) = (arguments.to_string(), outcome.to_string());
        tracing::trace!(target: HOST_CALLS, engine = self.engine, call, arguments, outcome);
    }

    /// Ends a call of the engine: reports the number of host calls that were left out.
    pub(super) fn close(&self) {
        let left_out = self.left_out.swap(0, Relaxed);
        if left_out > 0 {
            self.report("left-out", &json!({ "calls": left_out }), &json!({}));
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

/// Shortens a value to the limits of a line. A cut text or list says how long it was.
fn bounded(value: Value) -> Value {
    let value = cut(value);
    match length(&value) {
        bytes if bytes > MAX_LINE => json!({ "leftOutBytes": bytes }),
        _ => value,
    }
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(mut text) if text.len() > MAX_TEXT => {
            let bytes = text.len();
            text.truncate(text.floor_char_boundary(MAX_TEXT));
            text.push_str(&format!("… ({bytes} bytes)"));
            Value::String(text)
        }
        Value::Array(mut values) => {
            let more = values.len().saturating_sub(MAX_VALUES);
            values.truncate(MAX_VALUES);
            let mut values: Vec<_> = values.into_iter().map(cut).collect();
            if more > 0 {
                values.push(Value::String(format!("… ({more} more)")));
            }
            Value::Array(values)
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, cut(value)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

fn length(value: &Value) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::{Mutex, Once, PoisonError};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry::Registry;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn add(&self, line: String) {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }

        fn lines(&self) -> Vec<String> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        }
    }

    impl Observer for Heard {
        fn log(&self, _: &str, level: Level, message: &str) {
            self.add(format!("{level:?}: {message}"));
        }

        fn progress(&self, _: &str, message: &str, done: u64, _: Option<u64>) {
            self.add(format!("{message} {done}"));
        }
    }

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Keeps call, arguments and outcome of the events of a thread.
    struct Listening;

    impl<S: Subscriber> Layer<S> for Listening {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            LINES.with_borrow_mut(|lines| lines.push(fields.0));
        }
    }

    #[derive(Default)]
    struct Fields(String);

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.push_str(&format!("{field}={value} "));
        }

        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }

    /// Returns the lines that `work` reports. The listener is that of the whole process: an event that another
    /// thread reaches first is otherwise off for good.
    fn lines_of(work: impl FnOnce()) -> Vec<String> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let listening = Registry::default().with(Listening);
            tracing::subscriber::set_global_default(listening).expect("the only listener");
        });
        LINES.take();
        work();
        LINES.take()
    }

    #[test]
    fn what_an_engine_says_is_bounded_and_what_is_left_out_is_counted() {
        let heard = Arc::new(Heard::default());
        let voice = Voice::new(heard.clone(), "acme/x");
        for n in 0..1000 {
            voice.log(Level::Warn, "w");
            voice.log(Level::Info, "i");
            voice.progress("p", n, None);
        }
        voice.close();
        let lines = heard.lines();
        assert_eq!(lines.len(), 222);
        assert_eq!(
            lines[220..],
            [
                "Warn: 980 more warnings are left out",
                "Debug: 1800 more messages are left out"
            ]
        );
        // The next call may report again but not warn, and nothing is repeated.
        voice.log(Level::Warn, "again");
        voice.log(Level::Info, "again");
        drop(voice);
        assert_eq!(
            heard.lines()[222..],
            ["Info: again", "Warn: 1 more warnings are left out"]
        );
    }

    #[test]
    fn lines_of_the_audit_are_short_and_their_number_is_bounded() {
        let long = "x".repeat(1 << 20);
        let many = json!({ "list": vec!["x".repeat(500); 40], "more": vec!["x".repeat(500); 40] });
        let line = json!({ "list": vec!["x".repeat(400); 30] });
        let lines = lines_of(|| {
            let ledger = Ledger::new("acme/x");
            let arguments = json!({ "name": long, "list": vec![1; 1000] });
            ledger.tell("http.send", arguments, json!({}));
            ledger.tell("http.send", many, json!({}));
            for _ in 0..2000 {
                ledger.tell("http.send", line.clone(), json!({}));
            }
        });
        assert!(lines[0].contains("… (1048576 bytes)") && lines[0].contains("… (968 more)"));
        assert!(lines[1].contains("leftOutBytes"), "{}", lines[1]);
        assert!(lines.iter().all(|line| line.len() < MAX_LINE + 1000));
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!((bytes as u64) < MAX_LINES + (1 << 20), "{bytes}");
        let told = lines.len() - 1;
        let last = lines.last().expect("a line");
        let left_out = format!(r#"call=left-out arguments={{"calls":{}}}"#, 2002 - told);
        assert!(last.contains(&left_out), "{told} lines, {last}");
    }

    #[test]
    fn the_calls_of_one_engine_share_the_audit() {
        let line = json!({ "list": vec!["x".repeat(400); 30] });
        let lines = lines_of(|| {
            let ledger = Ledger::new("acme/x");
            for _ in 0..2000 {
                ledger.tell("http.send", line.clone(), json!({}));
            }
            ledger.close();
            LINES.with_borrow_mut(|lines| lines.push("closed".to_owned()));
            ledger.tell("http.send", line.clone(), json!({}));
        });
        let closed = lines.iter().position(|line| line == "closed");
        let after = &lines[closed.expect("the end of a call") + 1..];
        let [only] = after else {
            panic!("{after:?}");
        };
        assert!(
            only.contains(r#"call=left-out arguments={"calls":1}"#),
            "{only}"
        );
    }

    #[test]
    fn no_engine_calls_or_sends_without_end() {
        let mut asked = Asked::default();
        assert!((0..MAX_CALLS).all(|_| asked.one(0).is_ok()));
        assert!(matches!(asked.one(0), Err(TooMuch::Calls)));
        let mut asked = Asked::default();
        assert!((0..64).all(|_| asked.one(1 << 20).is_ok()));
        assert!(matches!(asked.one(1), Err(TooMuch::Sent)));
        let mut asked = Asked::default();
        assert!((0..200).all(|_| asked.batch(1000, 0).is_ok()));
        assert!(matches!(asked.batch(1, 0), Err(TooMuch::Batched)));
    }
}
