//! Counts opened components. Tests use the number to prove that help and completion open none.

use std::sync::atomic::{AtomicUsize, Ordering};

static LOADS: AtomicUsize = AtomicUsize::new(0);

/// Counts one opened component: its file is read, its native code is compiled, or the code is taken from the
/// cache.
pub(super) fn count() {
    LOADS.fetch_add(1, Ordering::Relaxed);
}

/// Returns how often this process has opened the file of a component, or its native code.
#[must_use]
pub fn components_opened() -> usize {
    LOADS.load(Ordering::Relaxed)
}
