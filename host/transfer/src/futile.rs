//! Distinguishes a stream that was cut from one that never gets further, however often it is resumed.

use super::claims::Claims;

/// The number of successive complete responses without a byte after which the transfer fails. A backend in
/// trouble may send a few of them.
const EMPTY_ENDS: u32 = 3;

/// The properties that the responses of one transfer share.
#[derive(Debug, Default)]
pub(super) struct Futile {
    /// Where the last response with bytes ended.
    last_end: Option<u64>,
    /// How many responses in a row ended there.
    ends: u32,
    /// How many responses in a row were complete and had no bytes.
    empty_ends: u32,
    /// How often a response had another ETag than the one before.
    changes: u32,
}

impl Futile {
    /// Records that a response that began at `from` ended at `to`, before the end of the backup. Returns true
    /// if the next one would end there as well, because the last ones did.
    ///
    /// `is_clean` means that the response ended as if it were complete. An interrupted response without a
    /// byte says something about the network, not about the backup.
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

    /// Compares the claims of a response with the whole body to those before it. If the ETag changed, returns
    /// how often it has changed so far.
    pub(super) fn change(&mut self, before: &Claims, now: &Claims) -> Option<u32> {
        if before.etag.is_none() || now.etag.is_none() || before.etag == now.etag {
            return None;
        }
        self.changes += 1;
        Some(self.changes)
    }

    /// Returns true if the ETag has changed since the transfer began.
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
        // The complete responses without bytes are not in a row.
        assert!(!futile.ends_at(70, 70, true));
        assert!(!futile.ends_at(70, 70, true));
        assert!(!futile.ends_at(70, 70, false));
        assert!(!futile.ends_at(70, 70, true));
    }
}
