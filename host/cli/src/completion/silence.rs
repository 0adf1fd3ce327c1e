//! Silences everything that may print while a line is completed: credential plugins, warnings, panics.

/// Connects stdin and stderr to /dev/null, for this process and its children. The terminal belongs to the line
/// that the user is typing.
#[cfg(unix)]
pub(super) fn silence() {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null");
    if let Ok(null) = null {
        // Completion with stray output is still better than no completion.
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Does nothing: on other systems the completion scripts silence the program.
#[cfg(not(unix))]
pub(super) fn silence() {}
