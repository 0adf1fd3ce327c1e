//! Tests of schedules: tables of dates, a list that Kubernetes' own parser made, and properties of random schedules.

mod clock_changes;
mod decisions;
mod kubernetes;
mod model;
mod properties;
mod random;
mod texts;

use jiff::Timestamp;

use crate::{Schedule, Tick};

/// The seed of schedules in tests.
const SEED: &str = "shop/orders";

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn schedule(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, Some(zone), SEED).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the ticks after one instant and before another.
fn ticks(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut next = schedule.after(from);
    while let Some(tick) = next.filter(|tick| tick.instant() < to) {
        ticks.push(tick);
        next = schedule.after(tick.instant());
    }
    ticks
}
