use std::io::{self, Read};

/// The number of bytes that all entries of an archive together may expand to.
#[derive(Clone, Copy)]
pub(super) struct Budget(u64);

/// A limit, in bytes, below which the budget never is.
const SMALL: u64 = 1 << 30;

/// The maximum expansion. Database dumps shrink to a hundredth at best, so a higher ratio is an attack.
const RATIO: u64 = 200;

impl Budget {
    pub(super) fn of(length: u64) -> Self {
        Self(length.saturating_mul(RATIO).max(SMALL))
    }

    #[cfg(test)]
    pub(super) fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// Reads expanded bytes until the budget is used up.
pub(super) struct Counted<'a, R> {
    inner: R,
    budget: &'a mut Budget,
}

impl<'a, R> Counted<'a, R> {
    pub(super) fn new(inner: R, budget: &'a mut Budget) -> Self {
        Self { inner, budget }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("more than was allowed for")]
struct OverBudget;

pub(super) fn is_over_budget(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync + 'static>::is::<OverBudget>)
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.budget.0.checked_sub(count as u64) {
            Some(left) => self.budget.0 = left,
            None => return Err(io::Error::other(OverBudget)),
        }
        Ok(count)
    }
}
