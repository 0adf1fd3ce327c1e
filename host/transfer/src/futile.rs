//! Tells a stream that was cut from one that can't get further, however often it is taken up again.

use super::claims::Claims;

/// So many answers in a row that end well and have no byte are enough. A backend in trouble gives some,
/// too.
const EMPTY_ENDS: u32 = 3;

/// What the answers of one transfer have in common.
#[derive(Debug, Default)]
pub(super) struct Futile {
    /// Where the last answer ended that had bytes.
    last_end: Option<u64>,
    /// How many of these in a row ended there.
    ends: u32,
    /// How many answers in a row ended well and had no bytes.
    empty_ends: u32,
    /// How often an answer had another ETag than the one before.
    changes: u32,
}

impl Futile {
    /// Notes that an answer whose first byte was that of `from` ended at `to`, before the end.
    /// Returns whether the next one would end there as well: the last ones did. That nothing comes at
    /// all is no reason.
    ///
    /// `is_clean` says that it ended as if it were complete. An answer without a byte that broke off
    /// tells of the way to the backend, and not of the backup.
    pub(super) fn ends_at(&mut self, from: u64, to: u64, is_clean: bool) -> bool {
        if from < to {
            self.empty_ends = 0;
            if self.last_end == Some(to) {
                self.ends += 1;
            } else {
                (self.last_end, self.ends) = (Some(to), 1);
            }
            return self.ends >= 2;
        }
        self.empty_ends = if is_clean { self.empty_ends + 1 } else { 0 };
        to > 0 && self.empty_ends >= EMPTY_ENDS
    }

    /// Compares the claims of an answer with the whole body with those before it. Returns how often
    /// the ETag has changed by now, if it did.
    pub(super) fn change(&mut self, before: &Claims, now: &Claims) -> Option<u32> {
        if before.etag.is_none() || now.etag.is_none() || before.etag == now.etag {
            return None;
        }
        self.changes += 1;
        Some(self.changes)
    }

    /// Whether the ETag has changed since the transfer began.
    pub(super) fn has_changed(&self) -> bool {
        self.changes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_answers_that_end_at_the_same_byte_are_enough() {
        let mut futile = Futile::default();
        assert!(!futile.ends_at(0, 70, false));
        assert!(!futile.ends_at(70, 90, false));
        assert!(!futile.ends_at(0, 70, true));
        assert!(futile.ends_at(0, 70, false));
    }

    #[test]
    fn answers_without_a_byte_may_be_trouble_for_a_while() {
        let mut futile = Futile::default();
        assert!(!futile.ends_at(0, 70, true));
        assert!(!futile.ends_at(70, 70, true));
        assert!(!futile.ends_at(70, 70, true));
        assert!(futile.ends_at(70, 70, true));
        let mut futile = Futile::default();
        assert!((0..9).all(|_| !futile.ends_at(0, 0, true)));
    }

    #[test]
    fn what_breaks_off_without_a_byte_says_nothing_of_the_backup() {
        let mut futile = Futile::default();
        assert!(!futile.ends_at(0, 70, false));
        assert!((0..9).all(|_| !futile.ends_at(70, 70, false)));
        // Not in a row.
        assert!(!futile.ends_at(70, 70, true));
        assert!(!futile.ends_at(70, 70, true));
        assert!(!futile.ends_at(70, 70, false));
        assert!(!futile.ends_at(70, 70, true));
    }
}
