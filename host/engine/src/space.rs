use wasmtime::ResourceLimiter;

/// The maximum size of a table element, in bytes. It is a pointer in most tables and twice that size in
/// others.
const ELEMENT: usize = 16;

/// The memory budget of one running engine: all of its linear memories and tables together.
///
/// wasmtime's own limits apply to each memory alone, and a component may have many memories. WebAssembly
/// can't shrink memory, so the claimed amount only grows.
#[derive(Debug)]
pub(super) struct Space {
    claimed: usize,
    allowed: usize,
}

/// The error of an engine that exceeds its memory budget.
#[derive(Debug, thiserror::Error)]
#[error("it requested more memory than allowed")]
pub(super) struct OutOfSpace;

impl Space {
    /// Creates a budget of `allowed` bytes.
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            claimed: 0,
            allowed,
        }
    }

    /// Claims bytes of the budget. Beyond the budget the call ends instead of the allocation. Few engines
    /// handle a failed allocation, and an engine that aborts gives no clear reason.
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
        // The engine declared this maximum, so the growth fails anyway and claims nothing.
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

    /// Ends the call, because the system has no memory left. See [`Space::claim`] for the reason.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context("the system gives it no memory"))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context("the system gives it no memory"))
    }

    /// Returns the maximum number of core module instances: one component instantiates several. Each costs
    /// the host a few kilobytes besides its memories.
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
        // This is a second memory that starts empty.
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
