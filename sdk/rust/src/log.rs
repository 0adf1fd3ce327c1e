//! Messages for troubleshooting.

pub use crate::bindings::kubectl_broker::engine::log::Level;

/// Writes a message that is shown when the user asks for details.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a message to stderr, once per text: for example the state that the engine waits for.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a warning to stderr. It is always shown.
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
