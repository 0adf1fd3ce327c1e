//! Whatever wants to speak while a line is completed: credential plugins, warnings, panics.

/// Lets stderr lead nowhere and stdin hold nothing, for this process and those that it starts. The
/// terminal belongs to the line that is being typed.
#[cfg(unix)]
pub(super) fn silence() {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null");
    if let Ok(null) = null {
        // What can't be silenced speaks; it is not worse than no completion.
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Elsewhere the scripts do it.
#[cfg(not(unix))]
pub(super) fn silence() {}
