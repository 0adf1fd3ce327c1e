//! Properties of the decision about one state of a store.

use std::collections::{BTreeMap, BTreeSet};

use super::histories::{History, for_each_history, policy};
use super::{Copy, kept};
use crate::{Decision, Hold, Policy, Reason, RetentionError, decide};

/// The names and words of the reasons of each copy.
fn reasons(decisions: &[Decision<u32>]) -> BTreeMap<u32, BTreeSet<String>> {
    let words =
        |decision: &Decision<u32>| decision.reasons.iter().map(ToString::to_string).collect();
    decisions
        .iter()
        .map(|decision| (decision.key, words(decision)))
        .collect()
}

/// The counts that a copy satisfies, without lengths of time, holds and safety.
fn counts(decision: &Decision<u32>) -> Vec<Reason> {
    let is_count = |reason: &&Reason| {
        matches!(
            reason,
            Reason::Last(_)
                | Reason::Hourly(_)
                | Reason::Daily(_)
                | Reason::Weekly(_)
                | Reason::Monthly(_)
                | Reason::Yearly(_)
        )
    };
    decision.reasons.iter().filter(is_count).cloned().collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(one: &T, other: &T) -> Result<(), String> {
    (one == other)
        .then_some(())
        .ok_or_else(|| format!("left {one:?}\nright {other:?}"))
}

fn check(condition: bool, message: &str) -> Result<(), String> {
    condition.then_some(()).ok_or_else(|| message.to_owned())
}

/// Returns the policy that has the larger count of each rule.
fn both(one: &Policy, other: &Policy) -> Policy {
    Policy {
        keep_last: one.keep_last.max(other.keep_last),
        keep_hourly: one.keep_hourly.max(other.keep_hourly),
        keep_daily: one.keep_daily.max(other.keep_daily),
        keep_weekly: one.keep_weekly.max(other.keep_weekly),
        keep_monthly: one.keep_monthly.max(other.keep_monthly),
        keep_yearly: one.keep_yearly.max(other.keep_yearly),
        keep_within: one.keep_within.or(other.keep_within),
    }
}

#[test]
fn two_policies_together_keep_the_union_for_the_same_reasons() {
    for_each_history(|history| {
        let one = history.policy;
        let mut other = policy(&mut history.random());
        // Of two lengths of time, neither need be the longer one: 1m and 30d.
        if one.keep_within.is_some() {
            other.keep_within = None;
            other.keep_last = other.keep_last.max(1);
        }
        let mut union = reasons(&history.decide_by(&one));
        for (key, words) in reasons(&history.decide_by(&other)) {
            union.entry(key).or_default().extend(words);
        }
        equal(&reasons(&history.decide_by(&both(&one, &other))), &union)
    });
}

#[test]
fn a_larger_rule_keeps_no_copy_less() {
    for_each_history(|history| {
        let before = kept(&history.decide());
        let mut larger: [Policy; 7] = [history.policy; 7];
        larger[0].keep_last += 1;
        larger[1].keep_hourly += 1;
        larger[2].keep_daily += 1;
        larger[3].keep_weekly += 1;
        larger[4].keep_monthly += 1;
        larger[5].keep_yearly += 1;
        let longer = match history.policy.keep_within.map(|length| length.to_string()) {
            None => "1h".to_owned(),
            Some(text) if text.ends_with('h') => text.replace('h', "0h"),
            Some(text) => format!("{text}1h"),
        };
        larger[6].keep_within = Some(longer.parse().expect("a longer time"));
        for policy in larger {
            let after = kept(&history.decide_by(&policy));
            check(
                before.is_subset(&after),
                &format!("{policy:?} keeps {after:?}"),
            )?;
        }
        Ok(())
    });
}

#[test]
fn a_count_beyond_the_copies_keeps_every_copy_that_counts() {
    for_each_history(|history| {
        let policy = Policy {
            keep_last: u32::MAX,
            ..Policy::default()
        };
        let kept = kept(&history.decide_by(&policy));
        let gone = history
            .copies
            .iter()
            .filter(|copy| !kept.contains(&copy.key));
        let broken: Vec<_> = gone.filter(|copy| !copy.is_broken).collect();
        equal(&broken, &Vec::new())
    });
}

#[test]
fn deciding_again_about_the_rest_removes_nothing_and_gives_the_same_reasons() {
    for_each_history(|history| {
        let mut first = history.decide();
        first.retain(Decision::is_kept);
        let kept = kept(&first);
        let rest = history.only(|copy| kept.contains(&copy.key));
        equal(&rest.decide(), &first)
    });
}

#[test]
fn the_order_of_the_candidates_does_not_matter() {
    for_each_history(|history| {
        let mut shuffled = history.clone();
        history.random().shuffle(&mut shuffled.copies);
        equal(&shuffled.decide(), &history.decide())
    });
}

#[test]
fn decisions_are_newest_first_and_ties_are_ordered_by_key() {
    for_each_history(|history| {
        let decisions = history.decide();
        equal(&decisions.len(), &history.copies.len())?;
        let order = |copy: &Decision<u32>| (copy.time, copy.key);
        let sorted = decisions
            .windows(2)
            .all(|pair| order(&pair[0]) > order(&pair[1]));
        check(sorted, "out of order")
    });
}

#[test]
fn the_newest_good_copy_stays() {
    for_each_history(|history| {
        let good = history.copies.iter().filter(|copy| history.is_good(copy));
        let newest = good.max_by_key(|copy| (copy.time, copy.key));
        let kept = kept(&history.decide());
        check(newest.is_none_or(|copy| kept.contains(&copy.key)), "gone")
    });
}

#[test]
fn the_newest_verified_copy_stays() {
    for_each_history(|history| {
        let good = history.copies.iter().filter(|copy| history.is_good(copy));
        let verified = good.filter(|copy| copy.is_verified);
        let newest = verified.max_by_key(|copy| (copy.time, copy.key));
        let kept = kept(&history.decide());
        check(newest.is_none_or(|copy| kept.contains(&copy.key)), "gone")
    });
}

#[test]
fn a_decision_never_leaves_a_source_without_copies() {
    for_each_history(|history| {
        let all_gone = kept(&history.decide()).is_empty();
        check(!all_gone || history.copies.is_empty(), "every copy goes")
    });
}

#[test]
fn held_copies_stay_and_use_up_no_count() {
    for_each_history(|history| {
        let decisions = history.decide();
        let kept = kept(&decisions);
        let mut held = history.copies.iter().filter(|copy| history.is_held(copy));
        check(
            held.all(|copy| kept.contains(&copy.key)),
            "a held copy goes",
        )?;
        let without = history.only(|copy| !history.is_held(copy)).decide();
        for decision in &without {
            let with = decisions.iter().find(|with| with.key == decision.key);
            let with = with.expect("a decision about each copy");
            equal(&counts(with), &counts(decision))?;
        }
        Ok(())
    });
}

#[test]
fn pinning_a_copy_makes_no_other_go() {
    for_each_history(|history| {
        let mut random = history.random();
        let mut pinned = history.clone();
        for copy in &mut pinned.copies {
            if random.one_in(4) {
                copy.holds.push(Hold::Pinned);
            }
        }
        let (before, after) = (kept(&history.decide()), kept(&pinned.decide()));
        check(
            before.is_subset(&after),
            &format!("then {after:?} are kept"),
        )
    });
}

#[test]
fn broken_copies_change_nothing_for_others_and_go_once_a_good_one_exists() {
    for_each_history(|history| {
        let (broken, mut others): (Vec<_>, Vec<_>) = {
            let decisions = history.decide();
            decisions.into_iter().partition(|copy| copy.is_broken)
        };
        others.retain(|copy| !copy.is_broken);
        equal(&others, &history.only(|copy| !copy.is_broken).decide())?;
        let no_good = !history.copies.iter().any(|copy| history.is_good(copy));
        for decision in broken {
            let mut copies = history.copies.iter();
            let copy = copies.find(|copy| copy.key == decision.key);
            let copy = copy.expect("a copy for each decision");
            let stays = history.is_held(copy) || history.is_future(copy) || no_good;
            equal(&decision.is_kept(), &stays)?;
        }
        Ok(())
    });
}

#[test]
fn future_dated_copies_stay_and_change_nothing_for_others() {
    for_each_history(|history| {
        let is_future = |key| {
            let mut copies = history.copies.iter();
            copies.any(|copy| copy.key == key && history.is_future(copy))
        };
        let decisions = history.decide();
        let (future, others): (Vec<_>, Vec<_>) = decisions
            .into_iter()
            .partition(|decision| is_future(decision.key));
        let marked = |decision: &Decision<u32>| decision.reasons.contains(&Reason::Future);
        check(
            future.iter().all(marked),
            "a future-dated copy lacks the reason",
        )?;
        equal(
            &others,
            &history.only(|copy| !history.is_future(copy)).decide(),
        )
    });
}

#[test]
fn the_present_matters_for_nothing_but_future_dates_and_locks() {
    for_each_history(|history| {
        let has_lock = |copy: &Copy| {
            let mut holds = copy.holds.iter();
            holds.any(|hold| matches!(hold, Hold::Locked { .. }))
        };
        let history = history.only(|copy| !has_lock(copy) && !history.is_future(copy));
        let mut later = history.clone();
        later.now += jiff::SignedDuration::from_hours(24 * 400);
        equal(&later.decide(), &history.decide())
    });
}

#[test]
fn a_policy_without_a_rule_decides_nothing() {
    for_each_history(|history| {
        let History {
            copies, zone, now, ..
        } = history;
        let refused = decide(copies.clone(), &Policy::default(), zone, *now);
        equal(&refused, &Err(RetentionError::KeepsNothing))
    });
}
