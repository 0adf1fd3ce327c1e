//! Whether stdout was closed when the process began (`>&-`).
//!
//! Rust's runtime opens /dev/null in its place before `main`, and what is written there is lost without an error.
//! A user who did that gets no result, and must not be told that all went well. Afterwards nothing tells that
//! /dev/null from one that the caller gave, so that it is looked at before.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Fails where stdout was closed.
pub(super) fn check() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        Err(io::Error::other("it is closed"))
    } else {
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[expect(
    unsafe_code,
    reason = "only what the linker is told to start runs before the runtime, and no safe type has a closed stdout"
)]
mod before_main {
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::Ordering;

    use rustix::io::{Errno, fcntl_getfd};

    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: nothing is done with the number but to ask whether a file has it.
        let stdout = unsafe { BorrowedFd::borrow_raw(1) };
        if fcntl_getfd(stdout) == Err(Errno::BADF) {
            super::CLOSED.store(true, Ordering::Relaxed);
        }
    }
}
