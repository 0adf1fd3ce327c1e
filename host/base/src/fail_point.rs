//! Places where a test can end the process, or plant a panic.
//!
//! In a build with debug assertions the variable `KUBECTL_BROKER_FAIL_POINT` names the step at which the process
//! aborts, as if it were killed; with `panic:` before the name, the thread that is at the step panics there. A
//! release has nothing of this.
//!
//! The steps of a download stand in `transfer::fail_point`, those of an installation in `plugin::steps`. Beside
//! them there is `looking`: a command waits for what it began, and is about to look how far that is.

/// What a test sets.
#[cfg(any(test, debug_assertions))]
pub const VARIABLE: &str = "KUBECTL_BROKER_FAIL_POINT";

/// The process is at a step of this name.
///
/// # Panics
/// When a test wants the thread to panic at this step.
#[cfg(any(test, debug_assertions))]
pub fn reach(step: &str) {
    let Ok(wanted) = std::env::var(VARIABLE) else {
        return;
    };
    if wanted == step {
        // As `kill -9`: no destructor runs, nothing is flushed.
        std::process::abort();
    }
    assert!(
        wanted.strip_prefix("panic:") != Some(step),
        "planted at {step}"
    );
}

/// The process is at a step of this name.
#[cfg(not(any(test, debug_assertions)))]
pub const fn reach(_: &str) {}
