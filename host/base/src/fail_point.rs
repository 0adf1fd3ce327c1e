//! Defines places where a test can end the process or cause a panic.
//!
//! In a build with debug assertions, the variable `KUBECTL_BROKER_FAIL_POINT` names a step. The process
//! aborts at that step as if it were killed. With `panic:` before the name, the thread panics there instead.
//! A release build contains none of this.
//!
//! `host_transfer::fail_point` lists the steps of a download, `host_installed::steps` those of an installation, and
//! `host_store::upload` those of a copy. A further step is `looking`: a command waits for an operation that it started, and is about to ask for its
//! progress.

/// The environment variable that a test sets.
#[cfg(any(test, debug_assertions))]
pub const VARIABLE: &str = "KUBECTL_BROKER_FAIL_POINT";

/// Signals that the process reached the step of this name.
///
/// # Panics
/// When a test wants the thread to panic at this step.
#[cfg(any(test, debug_assertions))]
pub fn reach(step: &str) {
    let Ok(wanted) = std::env::var(VARIABLE) else {
        return;
    };
    if wanted == step {
        // Like `kill -9`, this runs no destructor and flushes nothing.
        std::process::abort();
    }
    assert!(
        wanted.strip_prefix("panic:") != Some(step),
        "planted at {step}"
    );
}

/// Does nothing: release builds have no fail points.
#[cfg(not(any(test, debug_assertions)))]
pub const fn reach(_: &str) {}
