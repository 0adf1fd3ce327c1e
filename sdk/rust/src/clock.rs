//! Time, as the host tells it.

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::clock as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::clock as host;

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now() -> u64 {
    host::now()
}
