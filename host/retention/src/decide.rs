use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::period::Period;
use crate::{Candidate, Hold, Policy, Reason, RetentionError};

/// How far the time of a copy may be ahead of the present before the copy counts as dated in the future.
///
/// The clocks of the cluster and of this machine differ a little. Five minutes is as much as Kerberos allows.
pub const FUTURE_ALLOWANCE: SignedDuration = SignedDuration::from_mins(5);

/// The decision about one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<K> {
    /// The key of the candidate.
    pub key: K,
    /// The time of the backup.
    pub time: Timestamp,
    /// Whether the copy is known to be damaged or incomplete.
    pub is_broken: bool,
    /// Every reason to keep the copy: rules first, then holds, then the safety of the source. A copy without a
    /// reason goes.
    pub reasons: Vec<Reason>,
}

impl<K> Decision<K> {
    /// Returns whether the copy stays.
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// Decides which copies of one source are kept, and returns the decisions newest first.
///
/// The candidates must be all copies of one source, in any order. `zone` is the store's time zone, whose periods
/// count. The rules are in the [description of the crate](crate).
///
/// # Errors
///
/// [`RetentionError::KeepsNothing`] if the policy has no rule.
pub fn decide<K: Ord>(
    candidates: Vec<Candidate<K>>,
    policy: &Policy,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Vec<Decision<K>>, RetentionError> {
    policy.check()?;
    let mut copies: Vec<_> = candidates
        .into_iter()
        .map(|candidate| Ranked::new(candidate, now))
        .collect();
    copies.sort_by(|one, other| (other.time, &other.key).cmp(&(one.time, &one.key)));
    apply_rules(&mut copies, policy, zone);
    for copy in &mut copies {
        copy.reasons
            .extend(copy.holds.iter().copied().map(Reason::from));
        if copy.is_future {
            copy.reasons.push(Reason::Future);
        }
    }
    secure(&mut copies);
    Ok(copies.into_iter().map(Ranked::decision).collect())
}

/// A candidate and what is known about it at present.
struct Ranked<K> {
    key: K,
    time: Timestamp,
    is_broken: bool,
    is_verified: bool,
    is_future: bool,
    /// The holds that have not ended.
    holds: Vec<Hold>,
    reasons: Vec<Reason>,
}

impl<K> Ranked<K> {
    fn new(candidate: Candidate<K>, now: Timestamp) -> Self {
        let Candidate {
            key,
            time,
            is_broken,
            is_verified,
            mut holds,
        } = candidate;
        holds.retain(|hold| hold.holds_at(now));
        Self {
            key,
            time,
            is_broken,
            is_verified,
            is_future: time.duration_since(now) > FUTURE_ALLOWANCE,
            holds,
            reasons: Vec::new(),
        }
    }

    /// Whether a restore could use the copy, as far as is known. A copy with a wrong date does not stand for the
    /// newest state.
    fn is_good(&self) -> bool {
        !self.is_broken && !self.is_future && !self.holds.contains(&Hold::UnderWay)
    }

    /// Whether rules apply to the copy. A held copy stays anyhow, and would use up the place of another.
    fn counts(&self) -> bool {
        self.is_good() && self.holds.is_empty()
    }

    fn decision(self) -> Decision<K> {
        Decision {
            key: self.key,
            time: self.time,
            is_broken: self.is_broken,
            reasons: self.reasons,
        }
    }
}

/// Adds the reasons of the policy's rules. The copies are sorted, newest first.
fn apply_rules<K>(copies: &mut [Ranked<K>], policy: &Policy, zone: &TimeZone) {
    let newest_good = copies.iter().find(|copy| copy.is_good());
    let newest_good = newest_good.map(|copy| copy.time);
    let mut counted: Vec<_> = copies.iter_mut().filter(|copy| copy.counts()).collect();
    for (copy, place) in counted.iter_mut().zip(1..=policy.keep_last) {
        copy.reasons.push(Reason::Last(place));
    }
    for period in Period::ALL {
        // Periods rank by their newest copy. Most have no gap, but where a clock change repeats a part of two
        // days, the later time may have the earlier date.
        let mut seen = BTreeSet::new();
        let newest = counted.iter_mut().filter_map(|copy| {
            let label = period.label(&copy.time.to_zoned(zone.clone()));
            seen.insert(label.clone()).then_some((copy, label))
        });
        for (copy, label) in newest.take(period.count(policy) as usize) {
            copy.reasons.push(period.reason(label));
        }
    }
    if let (Some(length), Some(newest_good)) = (policy.keep_within, newest_good) {
        // Each copy has an end of its own that no later copy moves. A limit counted back from the newest copy could
        // move back as that copy becomes newer. A month before 30 March 23:00 is 28 February 23:00, but a month before
        // 31 March 01:00 is 28 February 01:00.
        for copy in counted {
            if length.end(copy.time, zone) >= newest_good {
                copy.reasons.push(Reason::Within(length));
            }
        }
    }
}

/// Adds the reasons that hold under every policy. The copies are sorted, newest first.
fn secure<K>(copies: &mut [Ranked<K>]) {
    let mut good = copies.iter_mut().filter(|copy| copy.is_good());
    let Some(newest) = good.next() else {
        for copy in copies.iter_mut().filter(|copy| copy.is_broken) {
            copy.reasons.push(Reason::NoGoodCopy);
        }
        return;
    };
    newest.reasons.push(Reason::LastGood);
    let verified = std::iter::once(newest)
        .chain(good)
        .find(|copy| copy.is_verified);
    if let Some(verified) = verified {
        verified.reasons.push(Reason::LastVerified);
    }
}
