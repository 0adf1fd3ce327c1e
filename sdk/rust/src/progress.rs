//! The progress of a long operation.

/// Reports `done` of `total`, in bytes or in the engine's own unit. The host decides how to show it.
pub fn report(message: &str, done: u64, total: Option<u64>) {
    host(message, done, total);
}

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::progress::report as host;

/// A test needs no progress.
#[cfg(not(target_family = "wasm"))]
fn host(_: &str, _: u64, _: Option<u64>) {}
