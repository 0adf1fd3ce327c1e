//! The audit lists every call that an engine makes to the host.

use host_base::Report;
use serde::Serialize;
use serde_json::{Value, json};

use super::instance::HostState;

/// One call of an engine that leaves the sandbox.
///
/// It contains no secrets: an engine never sees credentials. It has only the names of headers, and only the
/// lengths of bodies, files and output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostCall {
    /// Id of the engine, in the form `publisher/name`.
    pub engine: String,
    /// Interface and function, such as `http.send`.
    pub call: &'static str,
    /// Arguments of the call, without secrets.
    pub arguments: Value,
    /// Result of the call: `ok` with some facts about the value, or `error` with kind and message.
    pub outcome: Value,
}

/// A receiver of every host call, including those that were refused.
pub trait Auditor: Send + Sync {
    /// Receives one call after it has ended.
    fn heard(&self, call: &HostCall);
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

    /// Returns the arguments of a call, or none if no auditor listens.
    pub(super) fn asked(&self, arguments: impl FnOnce() -> Value) -> Option<Value> {
        self.ledger.as_ref().map(|_| arguments())
    }

    /// Reports a call to the auditor. `known` extracts the facts about a successful result.
    pub(super) fn tell<T>(
        &self,
        call: &'static str,
        asked: Option<Value>,
        result: &Result<T, Report>,
        known: impl FnOnce(&T) -> Value,
    ) {
        let (Some(ledger), Some(arguments)) = (&self.ledger, asked) else {
            return;
        };
        let outcome = match result {
            Ok(value) => json!({ "ok": known(value) }),
            Err(report) => json!({
                "error": { "kind": report.kind.name(), "message": report.message },
            }),
        };
        ledger.tell(call, arguments, outcome);
    }
}
