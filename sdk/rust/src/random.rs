//! Random text for names.

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::random as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::random as host;

/// Returns 1–64 random lower-case consonants and digits, which fit into the name of a Kubernetes object.
///
/// A [`mock::Host`](crate::mock::Host) gives the same text in each run.
#[must_use]
pub fn token(length: u32) -> String {
    host::token(length)
}
