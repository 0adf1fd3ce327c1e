//! Tests of decisions: examples with dates, and properties of thousands of random histories.

mod arrivals;
mod clock_changes;
mod examples;
mod histories;
mod model;
mod properties;
mod random;
mod safety;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Candidate, Decision, Policy, decide};

/// The present of the examples.
const NOW: &str = "2026-11-28T12:00:00Z";

/// A copy with a number as key.
type Copy = Candidate<u32>;

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// A good copy that was never checked and has no hold.
fn copy(key: u32, time: Timestamp) -> Copy {
    Candidate {
        key,
        time,
        is_broken: false,
        is_verified: false,
        holds: Vec::new(),
    }
}

fn decided(
    copies: &[Copy],
    policy: &Policy,
    zone: &TimeZone,
    now: Timestamp,
) -> Vec<Decision<u32>> {
    decide(copies.to_vec(), policy, zone, now).expect("a policy with a rule")
}

/// Returns the keys of the copies that stay.
fn kept(decisions: &[Decision<u32>]) -> BTreeSet<u32> {
    let kept = decisions.iter().filter(|decision| decision.is_kept());
    kept.map(|decision| decision.key).collect()
}

/// Returns a line for each copy, newest first: its time in UTC, and why it stays. A copy that goes has no reasons.
fn shown(copies: &[Copy], policy: Policy) -> Vec<String> {
    let decisions = decided(copies, &policy, &TimeZone::UTC, time(NOW));
    let lines = decisions.iter().map(|decision| {
        let reasons: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
        let time = decision.time.strftime("%Y-%m-%d %H:%M");
        format!("{time}: {}", reasons.join(", "))
    });
    lines.collect()
}

/// Returns good copies at times such as `2026-11-27 10:00`; their keys count from 0.
fn copies<const N: usize>(times: [&str; N]) -> Vec<Copy> {
    let times = times
        .iter()
        .map(|text| time(&format!("{}:00Z", text.replace(' ', "T"))));
    (0..)
        .zip(times)
        .map(|(key, time)| copy(key, time))
        .collect()
}
