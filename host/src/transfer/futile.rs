//! Tells a stream that was cut from one that can't get further, however often it is taken up again.

use super::claims::Claims;

/// How often an answer without a single byte may leave a transfer where it is. A backend in trouble
/// does that, too.
const EMPTY_ENDS: u32 = 3;

/// What the answers of one transfer have in common.
#[derive(Debug, Default)]
pub(super) struct Futile {
    /// Where the last answer ended.
    last_end: Option<u64>,
    /// How many answers in a row ended there.
    ends: u32,
    /// How often an answer had another ETag than the one before.
    changes: u32,
}

impl Futile {
    /// Notes that an answer whose first byte was that of `from` ended at `to`, before the end.
    /// Returns whether the next one would end there as well: the last ones did. That nothing comes at
    /// all is no reason.
    pub(super) fn ends_at(&mut self, from: u64, to: u64) -> bool {
        if self.last_end == Some(to) {
            self.ends += 1;
        } else {
            (self.last_end, self.ends) = (Some(to), 1);
        }
        let enough = if from < to { 2 } else { EMPTY_ENDS };
        to > 0 && self.ends >= enough
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
        assert!(!futile.ends_at(0, 70));
        assert!(!futile.ends_at(70, 90));
        assert!(!futile.ends_at(0, 70));
        assert!(futile.ends_at(0, 70));
    }

    #[test]
    fn answers_without_a_byte_may_be_trouble_for_a_while() {
        let mut futile = Futile::default();
        assert!(!futile.ends_at(0, 70));
        assert!(!futile.ends_at(70, 70));
        assert!(futile.ends_at(70, 70));
        let mut futile = Futile::default();
        assert!((0..9).all(|_| !futile.ends_at(0, 0)));
    }
}
