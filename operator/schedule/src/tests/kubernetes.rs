//! Random texts with the ticks of the library that Kubernetes reads schedules with. In UTC both must agree.

use super::{SEED, schedule};
use crate::tick::instant;
use crate::{Schedule, ScheduleError};

const TEXTS: &str = include_str!("kubernetes.tsv");

#[test]
fn in_utc_schedules_fire_as_in_kubernetes() {
    let (mut agreed, mut refused) = (0, 0);
    for line in TEXTS.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let text = columns.next().expect("a text");
        let start = columns.next().expect("a start");
        let Ok(start) = start.parse::<i64>() else {
            let read = Schedule::parse(text, None, SEED);
            assert!(read.is_err(), "{text} is refused by Kubernetes");
            refused += 1;
            continue;
        };
        let expected: Vec<i64> = columns.map(|tick| tick.parse().expect("a tick")).collect();
        if expected.is_empty() {
            // Kubernetes accepts it, and it never fires.
            let read = Schedule::parse(text, None, SEED);
            assert!(matches!(read, Err(ScheduleError::Never { .. })), "{text}");
            continue;
        }
        let schedule = schedule(text, "UTC");
        let mut found = Vec::new();
        let mut next = schedule.after(instant(start));
        while let Some(tick) = next.filter(|_| found.len() < expected.len()) {
            found.push(tick.minutes());
            next = schedule.after(tick.instant());
        }
        assert_eq!(found, expected, "{text}");
        agreed += 1;
    }
    assert!(agreed > 300 && refused > 40, "{agreed} and {refused}");
}
