//! How many components were opened: to be sure that help and completion open none.

use std::sync::atomic::{AtomicUsize, Ordering};

static LOADS: AtomicUsize = AtomicUsize::new(0);

/// A component is read from its file, or native code is made of it or taken from the cache.
pub(super) fn count() {
    LOADS.fetch_add(1, Ordering::Relaxed);
}

/// How often this process has opened the file of a component, or its native code.
#[must_use]
pub fn components_opened() -> usize {
    LOADS.load(Ordering::Relaxed)
}
