//! Detects whether stdout was closed when the process began (`>&-`).
//!
//! In this case Rust's runtime opens /dev/null as stdout before `main`, and all output is lost without an
//! error. The user gets no result, so the program must not report success.
//!
//! Later this /dev/null can't be told from one that the caller opened. So the check runs before the runtime.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Returns an error if stdout was closed.
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
        // SAFETY: the descriptor is only used to ask whether it is open.
        let stdout = unsafe { BorrowedFd::borrow_raw(1) };
        if fcntl_getfd(stdout) == Err(Errno::BADF) {
            super::CLOSED.store(true, Ordering::Relaxed);
        }
    }
}
