//! The faults of object stores, as tests switch them on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::At;
use crate::error::{Error, ErrorKind, Result};
use crate::mock::Host;

/// The faults of all stores.
#[derive(Debug, Default)]
pub(super) struct Faults {
    refused: BTreeMap<At, Error>,
    /// Changes of objects just before they are copied. `None` is a deletion.
    changes: BTreeMap<At, VecDeque<Option<Vec<u8>>>>,
    /// Sources whose copies have no digest.
    undigested: BTreeSet<At>,
    /// The store is too busy for each copy whose number is a multiple of this one. 0 is never.
    busy_every: usize,
    tried: usize,
    /// Cursors of lists have this number; others are refused.
    cursors: usize,
    /// The number of further calls until the user stops the command.
    calls_left: Option<usize>,
}

impl Faults {
    pub(super) const fn cursors(&self) -> usize {
        self.cursors
    }
}

impl Host {
    /// Changes an object just before the engine copies it, or removes it. Further changes are for further copies.
    #[must_use]
    pub fn before_copy(self, bucket: &str, key: &str, body: Option<&[u8]>) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        let changes = &mut self.0.borrow_mut().outside.faults.changes;
        let body = body.map(<[u8]>::to_vec);
        changes.entry(at).or_default().push_back(body);
        self.clone()
    }

    /// Lets the store be too busy for every third copy, for example. With 0 it is never too busy.
    #[must_use]
    pub fn busy_every(self, copies: usize) -> Self {
        self.0.borrow_mut().outside.faults.busy_every = copies;
        self
    }

    /// Lets the store keep no digest of the copies of an object.
    #[must_use]
    pub fn without_digest(self, bucket: &str, key: &str) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.faults.undigested.insert(at);
        self
    }

    /// Lets the store refuse the cursors of lists that it has given so far.
    #[must_use]
    pub fn forgetting_cursors(self) -> Self {
        self.0.borrow_mut().outside.faults.cursors += 1;
        self
    }

    /// Lets the user stop the command after this number of calls that leave the sandbox: all others fail with
    /// `cancelled`. Each copy and each deletion of a batch counts. `None` lets all calls work again.
    #[must_use]
    pub fn stopped_after(self, calls: Option<usize>) -> Self {
        self.0.borrow_mut().outside.faults.calls_left = calls;
        self
    }

    /// Lets every call for an object fail. With an empty key, it is the list of the bucket that fails.
    #[must_use]
    pub fn refused(self, bucket: &str, key: &str, error: Error) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.faults.refused.insert(at, error);
        self
    }

    /// Fails if the test refuses calls for an object.
    pub(super) fn check_refused(&self, at: &At) -> Result<()> {
        let refused = self.0.borrow().outside.faults.refused.get(at).cloned();
        refused.map_or(Ok(()), Err)
    }

    /// Returns whether the store keeps a digest of the copies of an object.
    pub(super) fn digests(&self, at: &At) -> bool {
        !self.0.borrow().outside.faults.undigested.contains(at)
    }

    /// Counts a call that leaves the sandbox.
    ///
    /// # Errors
    /// Fails if the user has stopped the command.
    pub(super) fn count(&self) -> Result<()> {
        match &mut self.0.borrow_mut().outside.faults.calls_left {
            Some(0) => {
                let message = "the command was stopped";
                Err(Error::new(ErrorKind::Cancelled, message))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a copy.
    ///
    /// # Errors
    /// Fails if the store is too busy for it.
    pub(super) fn count_copy(&self) -> Result<()> {
        let faults = &mut self.0.borrow_mut().outside.faults;
        faults.tried += 1;
        if faults.busy_every == 0 || !faults.tried.is_multiple_of(faults.busy_every) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "SlowDown").retry_can_help())
    }

    /// Makes the next change of an object that is about to be copied.
    pub(super) fn change(&self, at: &At) {
        let mut script = self.0.borrow_mut();
        let outside = &mut script.outside;
        let changes = outside.faults.changes.get_mut(at);
        match changes.and_then(VecDeque::pop_front) {
            Some(Some(body)) => {
                let kept = outside.objects.entry(at.clone()).or_default();
                (kept.body, kept.has_digest) = (body, false);
            }
            Some(None) => {
                outside.objects.remove(at);
            }
            None => {}
        }
    }
}
