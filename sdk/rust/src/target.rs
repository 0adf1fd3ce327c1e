//! The target of the command.

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::target as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::target as host;

pub use crate::bindings::kubectl_broker::engine::target::Target;

/// Returns the target of the command: namespace, StatefulSet, pod and context.
#[must_use]
pub fn get() -> Target {
    host::get()
}
