//! Notes for whoever looks for a fault.

pub use crate::bindings::kubectl_broker::engine::log::Level;

/// Shown when the user asks for more.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Shown to people on stderr, each sentence once: what the engine waits for, for example.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Always shown to the user, on stderr.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

#[cfg(target_family = "wasm")]
fn write(level: Level, message: &str) {
    crate::bindings::kubectl_broker::engine::log::write(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn write(level: Level, message: &str) {
    crate::mock::log(level, message);
}
