//! Random histories of copies, and a check that shows the smallest one that fails.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::random::Random;
use super::{Copy, copy};
use crate::{Decision, FUTURE_ALLOWANCE, Hold, Policy, Reason};

/// How many histories each property is checked with.
const HISTORIES: u64 = 4_000;

/// Zones with every kind of clock change: by an hour, by half an hour, none, and one that repeats parts of two days.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
];

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The copies of one source in a store with a policy.
#[derive(Clone)]
pub(super) struct History {
    seed: u64,
    pub(super) zone: TimeZone,
    pub(super) policy: Policy,
    pub(super) now: Timestamp,
    pub(super) copies: Vec<Copy>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let zone = crate::zone(random.pick(&ZONES)).expect("a zone");
        let policy = policy(&mut random);
        let copies = copies(&mut random, &zone);
        let mut history = Self {
            seed,
            zone,
            policy,
            now: Timestamp::UNIX_EPOCH,
            copies,
        };
        // The present is after all copies, or somewhere among them.
        let times = history.copies.iter().map(|copy| copy.time);
        let anchor = match times.max() {
            Some(_) if random.one_in(3) => random.pick(&history.copies).time,
            Some(newest) => newest + seconds(HOUR),
            None => history.now,
        };
        history.now = anchor + seconds(random.below(10 * MINUTE));
        for copy in &mut history.copies {
            flags(&mut random, copy, history.now);
        }
        random.shuffle(&mut history.copies);
        history
    }

    /// Returns random numbers for the choices that a property makes about this history.
    pub(super) fn random(&self) -> Random {
        Random(!self.seed)
    }

    pub(super) fn decide(&self) -> Vec<Decision<u32>> {
        self.decide_by(&self.policy)
    }

    pub(super) fn decide_by(&self, policy: &Policy) -> Vec<Decision<u32>> {
        super::decided(&self.copies, policy, &self.zone, self.now)
    }

    /// Returns the history with those copies only for which a condition is true.
    pub(super) fn only(&self, condition: impl Fn(&Copy) -> bool) -> Self {
        let mut history = self.clone();
        history.copies.retain(condition);
        history
    }

    pub(super) fn is_future(&self, copy: &Copy) -> bool {
        copy.time - FUTURE_ALLOWANCE > self.now
    }

    /// Whether a restore could use the copy, as far as is known.
    pub(super) fn is_good(&self, copy: &Copy) -> bool {
        !copy.is_broken && !self.is_future(copy) && !copy.holds.contains(&Hold::UnderWay)
    }

    pub(super) fn is_held(&self, copy: &Copy) -> bool {
        copy.holds.iter().any(|hold| match hold {
            Hold::Pinned | Hold::UnderWay => true,
            Hold::Locked { until } => *until > self.now,
        })
    }

    fn shown(&self) -> String {
        let zone = self.zone.iana_name().unwrap_or_default();
        let mut text = format!("seed {} in {zone}, now {}\n", self.seed, self.now);
        let _ = writeln!(text, "{:?}", self.policy);
        for copy in &self.copies {
            let _ = writeln!(text, "{copy:?}");
        }
        for decision in self.decide() {
            let _ = writeln!(text, "{decision:?}");
        }
        text
    }
}

pub(super) fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).expect("a small number"))
}

/// Returns copies in a zone, often with a clock change among them. Most intervals of one history are of the same
/// kind, as a schedule's are.
fn copies(random: &mut Random, zone: &TimeZone) -> Vec<Copy> {
    const INTERVALS: [u64; 8] = [
        MINUTE / 2,
        10 * MINUTE,
        HOUR / 2,
        HOUR,
        8 * HOUR,
        DAY,
        10 * DAY,
        200 * DAY,
    ];
    let usual = random.pick(&INTERVALS);
    // A schedule is punctual, or nearly so.
    let is_punctual = random.one_in(2);
    let count = random.small(25);
    let mut time = start(random, zone, usual * u64::from(count + 1));
    let mut keys: Vec<_> = (0..count).collect();
    random.shuffle(&mut keys);
    let copies = keys.into_iter().map(|key| {
        let interval = if random.one_in(10) {
            random.pick(&INTERVALS)
        } else {
            usual
        };
        let late = if is_punctual {
            interval / 2
        } else {
            random.below(interval)
        };
        if !random.one_in(10) {
            time += seconds(interval / 2 + late);
        }
        copy(key, time)
    });
    copies.collect()
}

/// Returns a time to begin at, mostly less than `length` seconds before a clock change.
fn start(random: &mut Random, zone: &TimeZone, length: u64) -> Timestamp {
    // Newfoundland changed its clocks at one minute after midnight until 2011.
    let is_st_johns = zone.iana_name() == Some("America/St_Johns");
    let first_year = if is_st_johns { 2005 } else { 2026 };
    let days = (first_year - 1970) * 365 + random.below(5 * 365);
    let start = Timestamp::UNIX_EPOCH + seconds(days * DAY + random.below(DAY));
    let change = zone.following(start).next();
    match change {
        Some(change) if !random.one_in(4) => change.timestamp() - seconds(random.below(length)),
        _ => start,
    }
}

/// Gives a copy random results of checks and random holds.
fn flags(random: &mut Random, copy: &mut Copy, now: Timestamp) {
    copy.is_broken = random.one_in(5);
    copy.is_verified = random.one_in(3);
    if random.one_in(8) {
        copy.holds.push(Hold::Pinned);
    }
    if random.one_in(8) {
        let days = SignedDuration::from_hours(24 * (i64::from(random.small(40)) - 20));
        copy.holds.push(Hold::Locked { until: now + days });
    }
    if random.one_in(12) {
        copy.holds.push(Hold::UnderWay);
    }
}

/// The lengths of time of policies.
pub(super) const LENGTHS: [&str; 10] = [
    "1h", "5h", "1d", "1d6h", "3d", "2w", "1m", "1m1d", "6m", "1y",
];

/// Returns a policy with at least one rule.
pub(super) fn policy(random: &mut Random) -> Policy {
    loop {
        let mut count = || {
            if random.one_in(2) { random.small(5) } else { 0 }
        };
        let counts = [count(), count(), count(), count(), count(), count()];
        let [last, hourly, daily, weekly, monthly, yearly] = counts;
        let within = random.one_in(2).then(|| random.pick(&LENGTHS));
        let policy = Policy {
            keep_last: last,
            keep_hourly: hourly,
            keep_daily: daily,
            keep_weekly: weekly,
            keep_monthly: monthly,
            keep_yearly: yearly,
            keep_within: within.map(|text| text.parse().expect(text)),
        };
        if policy.check().is_ok() {
            return policy;
        }
    }
}

/// Checks a property with many histories. Of the first that fails, shows one from which no copy can be taken away.
pub(super) fn for_each_history(property: impl Fn(&History) -> Result<(), String>) {
    for seed in 0..HISTORIES {
        let history = History::new(seed);
        if let Err(mut failure) = property(&history) {
            let smallest = shrink(history, |smaller| match property(smaller) {
                Ok(()) => false,
                Err(other) => {
                    failure = other;
                    true
                }
            });
            panic!("{failure}\n{}", smallest.shown());
        }
    }
}

/// Takes copies away as long as the history still fails.
fn shrink(mut history: History, mut fails: impl FnMut(&History) -> bool) -> History {
    let mut index = 0;
    while index < history.copies.len() {
        let mut smaller = history.clone();
        smaller.copies.remove(index);
        if fails(&smaller) {
            history = smaller;
            index = 0;
        } else {
            index += 1;
        }
    }
    history
}

/// A generator that never makes the hard cases would let every property pass.
#[test]
fn the_histories_have_the_cases_that_properties_are_about() {
    let (mut ties, mut futures, mut all_broken, mut repeated_hours) = (0, 0, 0, 0);
    let mut names = std::collections::BTreeMap::new();
    let (mut kept, mut gone) = (0, 0);
    for seed in 0..HISTORIES {
        let history = History::new(seed);
        let decisions = history.decide();
        for pair in decisions.windows(2) {
            ties += u32::from(pair[0].time == pair[1].time);
            let [one, other] =
                [&pair[0], &pair[1]].map(|copy| copy.time.to_zoned(history.zone.clone()));
            let same_hour = (one.date(), one.hour()) == (other.date(), other.hour());
            repeated_hours += u32::from(same_hour && one.offset() != other.offset());
        }
        futures += u32::from(history.copies.iter().any(|copy| history.is_future(copy)));
        all_broken += u32::from(
            decisions
                .iter()
                .any(|copy| copy.reasons.contains(&Reason::NoGoodCopy)),
        );
        for decision in &decisions {
            *(if decision.is_kept() {
                &mut kept
            } else {
                &mut gone
            }) += 1;
            for reason in &decision.reasons {
                *names.entry(reason.name()).or_insert(0) += 1;
            }
        }
    }
    for count in [ties, futures, all_broken, repeated_hours] {
        assert!(count > 50, "{ties} {futures} {all_broken} {repeated_hours}");
    }
    assert_eq!(names.len(), 14, "{names:?}");
    assert!(names.values().all(|count| *count > 100), "{names:?}");
    assert!(kept > 5_000 && gone > 5_000, "{kept} {gone}");
}

#[test]
fn a_failure_is_shown_with_the_smallest_history() {
    let mut histories = (0..HISTORIES).map(History::new);
    let history = histories.find(|history| history.copies.len() > 9);
    let history = history.expect("a longer history");
    let keys = [history.copies[1].key, history.copies[3].key];
    let smallest = shrink(history, |history| {
        let found = |key| history.copies.iter().any(|copy| copy.key == key);
        keys.into_iter().all(found)
    });
    let left: Vec<_> = smallest.copies.iter().map(|copy| copy.key).collect();
    assert_eq!(left, keys);
}
