//! The audit lists every call that an engine makes to the host.

use host_base::Report;
use serde_json::{Value, json};
use tracing::Level;

use super::instance::HostState;

/// The target of the events that report the calls of engines to the host, including those that were refused.
/// Their level is `TRACE`.
///
/// The fields `engine` and `call` name the engine, as `publisher/name`, and the function, such as `http.send`.
/// The fields `arguments` and `outcome` are JSON. The outcome is `ok` with some facts about the value, or
/// `error` with kind and message.
///
/// There are no secrets in it: an engine never sees credentials. There are only the names of headers, and only
/// the lengths of bodies, files and output.
pub const HOST_CALLS: &str = "engine-calls";

/// Returns true if something listens to the calls of engines.
fn is_heard() -> bool {
    tracing::enabled!(target: HOST_CALLS, Level::TRACE)
}

impl HostState {
    /// Counts a call that leaves the sandbox, and the bytes that it sends.
    ///
    /// # Errors
    /// When the engine has made more calls or sent more bytes than any engine needs. The error ends the
    /// engine.
    pub(super) fn count(&mut self, sent: usize) -> wasmtime::Result<()> {
        Ok(self.tally.one(sent)?)
    }

    /// Counts a batch of requests as one call, and the bytes that they send.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub(super) fn count_batch(&mut self, requests: usize, sent: usize) -> wasmtime::Result<()> {
        Ok(self.tally.batch(requests, sent)?)
    }

    /// Returns the arguments of a call, or none if nothing listens.
    pub(super) fn asked(arguments: impl FnOnce() -> Value) -> Option<Value> {
        is_heard().then(arguments)
    }

    /// Reports a call that has ended. `known` extracts the facts about a successful result.
    pub(super) fn tell<T>(
        &self,
        call: &'static str,
        asked: Option<Value>,
        result: &Result<T, Report>,
        known: impl FnOnce(&T) -> Value,
    ) {
        let Some(arguments) = asked else {
            return;
        };
        let outcome = match result {
            Ok(value) => json!({ "ok": known(value) }),
            Err(report) => json!({
                "error": { "kind": report.kind.name(), "message": report.message },
            }),
        };
        self.ledger.tell(call, arguments, outcome);
    }
}
