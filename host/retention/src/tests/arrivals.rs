//! Properties of stores over time: copies arrive, and each arrival is followed by a decision.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::histories::{for_each_history, seconds};
use super::{copy, decided, kept, time};
use crate::{Decision, Hold, Policy};

/// Each copy has its results of checks from its arrival; pins and runs end at random moments, and locks in their
/// time. Copies arrive in the order of their times or in any other.
#[test]
fn pruning_after_each_arrival_is_pruning_once() {
    for_each_history(|history| {
        let mut random = history.random();
        let mut arriving = history.copies.clone();
        if random.one_in(2) {
            arriving.sort_by_key(|copy| (copy.time, copy.key));
        }
        let mut store = Vec::new();
        let mut now = history.now - SignedDuration::from_hours(24 * 60);
        for mut copy in arriving {
            if random.one_in(3) {
                copy.holds.push(Hold::Pinned);
            }
            if random.one_in(5) {
                copy.holds.push(Hold::UnderWay);
            }
            store.push(copy);
            now = (now + seconds(random.below(60 * 24 * 3600 / 6))).min(history.now);
            let kept = kept(&decided(&store, &history.policy, &history.zone, now));
            store.retain(|copy| kept.contains(&copy.key));
            // A hold ends: from now on the copy has those only that it has at the end.
            for copy in &mut store {
                if random.one_in(4) {
                    let mut copies = history.copies.iter();
                    let last = copies.find(|last| last.key == copy.key);
                    copy.holds.clone_from(&last.expect("the copy").holds);
                }
            }
        }
        let mut end = history.clone();
        end.copies = store;
        for copy in &mut end.copies {
            let mut copies = history.copies.iter();
            let last = copies.find(|last| last.key == copy.key);
            copy.holds.clone_from(&last.expect("the copy").holds);
        }
        let mut often = end.decide();
        often.retain(Decision::is_kept);
        let mut once = history.decide();
        once.retain(Decision::is_kept);
        (often == once)
            .then_some(())
            .ok_or_else(|| format!("often {often:?}\nonce {once:?}"))
    });
}

/// The new copy is of any kind, and arrives at once or days later.
#[test]
fn a_new_copy_resurrects_no_other() {
    for_each_history(|history| {
        let mut random = history.random();
        let before = kept(&history.decide());
        let mut times: Vec<_> = history.copies.iter().map(|copy| copy.time).collect();
        times.push(history.now);
        for _ in 0..4 {
            let mut after = history.clone();
            let moved = SignedDuration::from_secs(i64::from(random.small(4 * 3600)) - 2 * 3600);
            let mut new = copy(1_000, random.pick(&times) + moved);
            new.is_verified = random.one_in(2);
            new.is_broken = random.one_in(6);
            new.holds = random.pick(&[vec![], vec![], vec![Hold::Pinned], vec![Hold::UnderWay]]);
            let arrived = format!("{new:?}");
            after.copies.push(new);
            after.now += seconds(random.below(3) * 24 * 3600);
            let mut kept = kept(&after.decide());
            kept.remove(&1_000);
            if !kept.is_subset(&before) {
                return Err(format!("{arrived} at {} makes {kept:?} kept", after.now));
            }
        }
        Ok(())
    });
}

/// The reason for the conditions in the description of the crate.
#[test]
fn a_pin_that_comes_late_finds_the_older_copy_gone() {
    let policy = Policy {
        keep_last: 1,
        ..Policy::default()
    };
    let now = time("2026-11-27T10:00:00Z");
    let kept = |copies: &[_]| kept(&decided(copies, &policy, &TimeZone::UTC, now));
    let older = copy(0, time("2026-11-25T10:00:00Z"));
    let mut newer = copy(1, time("2026-11-26T10:00:00Z"));
    assert_eq!(kept(&[older.clone(), newer.clone()]), BTreeSet::from([1]));
    newer.holds.push(Hold::Pinned);
    assert_eq!(kept(&[older, newer]), BTreeSet::from([0, 1]));
}
