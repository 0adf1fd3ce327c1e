use wasmtime::ResourceLimiter;

/// What an element of a table costs at most, in bytes: a pointer in most tables, twice as much in others.
const ELEMENT: usize = 16;

/// How much memory one running engine may have: all of its linear memories and tables together.
///
/// wasmtime's own limits count for each memory alone, of which a component may have many. Memory is
/// never given back (WebAssembly can't shrink it), so what was claimed only grows.
#[derive(Debug)]
pub(super) struct Space {
    claimed: usize,
    allowed: usize,
}

/// All memory that it may have is used up.
#[derive(Debug, thiserror::Error)]
#[error("it wants more memory than it may have")]
pub(super) struct OutOfSpace;

impl Space {
    /// `allowed` is in bytes.
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            claimed: 0,
            allowed,
        }
    }

    /// Beyond the limit the call ends: few engines handle a failed allocation, and one that aborts says
    /// less about the reason.
    fn claim(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let claimed = self.claimed.saturating_add(bytes);
        if claimed > self.allowed {
            return Err(OutOfSpace.into());
        }
        self.claimed = claimed;
        Ok(true)
    }
}

impl ResourceLimiter for Space {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // It fails whatever is said here, and then nothing was claimed.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.claim(desired.saturating_sub(current))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current);
        self.claim(elements.saturating_mul(ELEMENT))
    }

    /// The system has no memory left; see [`Space::claim`].
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context("the system gives it no memory"))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context("the system gives it no memory"))
    }

    /// Instances of core modules: those of a component are of several. What each costs the host beside
    /// its memories is a few kilobytes.
    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn is_refused(result: wasmtime::Result<bool>) -> bool {
        result.is_err_and(|error| error.downcast_ref::<OutOfSpace>().is_some())
    }

    #[test]
    fn memories_and_tables_share_one_budget() {
        let mut space = Space::new(4 * PAGE);
        assert!(space.memory_growing(0, PAGE, None).unwrap());
        // Another one.
        assert!(space.memory_growing(0, PAGE, Some(8 * PAGE)).unwrap());
        assert!(space.memory_growing(PAGE, 2 * PAGE, None).unwrap());
        assert!(space.table_growing(0, PAGE / ELEMENT, None).unwrap());
        assert!(is_refused(space.memory_growing(0, PAGE, None)));
        assert!(is_refused(space.table_growing(0, 1, None)));
        assert!(is_refused(space.table_growing(0, usize::MAX, None)));
    }

    #[test]
    fn what_fails_anyway_costs_nothing() {
        let mut space = Space::new(2 * PAGE);
        for _ in 0..10 {
            assert!(!space.memory_growing(PAGE, 2 * PAGE, Some(PAGE)).unwrap());
            assert!(!space.table_growing(1, 100, Some(10)).unwrap());
        }
        assert!(space.memory_growing(0, 2 * PAGE, None).unwrap());
    }
}
