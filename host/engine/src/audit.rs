//! What an engine asks of the host, call by call, for whoever wants to know what it did.

use host_base::Report;
use serde::Serialize;
use serde_json::{Value, json};

use super::instance::HostState;

/// One call of an engine that leaves the sandbox.
///
/// There is no secret in it: an engine never sees credentials, of headers only the names are told, and
/// of bodies, files and output only the lengths.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostCall {
    /// `publisher/name`.
    pub engine: String,
    /// Interface and function: `http.send`.
    pub call: &'static str,
    pub arguments: Value,
    /// What it came to: `ok` with what is known of it, or `error` with kind and message.
    pub outcome: Value,
}

/// Who hears of every call. It is told of those that were refused, too.
pub trait Auditor: Send + Sync {
    fn heard(&self, call: &HostCall);
}

impl HostState {
    /// Counts a call that leaves the sandbox, and the bytes that it sends.
    ///
    /// # Errors
    /// When the engine has called or sent more than any engine needs: that ends it.
    pub(super) fn count(&mut self, sent: usize) -> wasmtime::Result<()> {
        Ok(self.tally.one(sent)?)
    }

    /// What a call was asked with; none where nobody wants to know.
    pub(super) fn asked(&self, arguments: impl FnOnce() -> Value) -> Option<Value> {
        self.ledger.as_ref().map(|_| arguments())
    }

    /// Tells of a call, with what is to be known of its result.
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
