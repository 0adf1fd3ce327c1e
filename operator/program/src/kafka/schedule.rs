//! Schedules of the kinds for Kafka. They are those of the crate `cron` 0.12, in UTC: 6 or 7 fields, seconds first.
//!
//! `operator-schedule` reads other texts: a schedule with 5 fields is valid there, and means something else here.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use cron::Schedule;
use jiff::Timestamp;

/// A schedule that was read.
#[derive(Clone, Debug)]
pub(super) struct Ticks(Schedule);

impl Ticks {
    /// Reads a schedule. The problem is a clause about `spec.schedule`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        Schedule::from_str(text).map(Self).map_err(|_| {
            let fields = text.split_whitespace().count();
            let hint = if fields == 5 {
                format!(": write the seconds first, such as \"0 {}\"", text.trim())
            } else {
                String::new()
            };
            format!("spec.schedule must have 6 or 7 fields, or be a keyword such as @daily, not {text:?}{hint}")
        })
    }

    /// Returns the first tick after a time. None if there is none, such as in a year that has passed.
    pub(super) fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let nanoseconds = u32::try_from(time.subsec_nanosecond()).ok()?;
        let time: DateTime<Utc> = DateTime::from_timestamp(time.as_second(), nanoseconds)?;
        let tick = self.0.after(&time).next()?;
        Timestamp::from_second(tick.timestamp()).ok()
    }
}

/// Whether a scheduled object should begin a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A tick has passed since the last run. Ticks that were missed give one run.
    Now,
    /// The next tick.
    At(Timestamp),
    /// There is no tick any more.
    Never,
}

impl Ticks {
    /// Returns whether a run is due. `last` is the start of the last one, or the creation of the object.
    pub(super) fn due(&self, last: Timestamp, now: Timestamp) -> Due {
        match self.after(last) {
            None => Due::Never,
            Some(tick) if tick <= now => Due::Now,
            Some(tick) => Due::At(tick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_tick_is_in_utc_and_after_the_last_run() {
        let daily = Ticks::read("0 0 2 * * *").expect("a schedule");
        let noon = time("2025-09-06T12:00:00Z");
        let next = time("2025-09-07T02:00:00Z");
        assert_eq!(daily.due(noon, noon), Due::At(next));
        assert_eq!(daily.due(noon, next), Due::Now);
        // A week without an operator gives one run.
        let later = time("2025-09-14T12:00:00Z");
        assert_eq!(daily.due(noon, later), Due::Now);
        assert_eq!(
            daily.due(later, later),
            Due::At(time("2025-09-15T02:00:00Z"))
        );
        assert_eq!(daily.after(time("2025-09-07T01:59:59.5Z")), Some(next));
    }

    #[test]
    fn days_of_the_week_begin_with_sunday() {
        let sunday = Ticks::read("0 0 2 * * 1").expect("a schedule");
        let tick = sunday.after(time("2025-09-06T12:00:00Z"));
        assert_eq!(tick, Some(time("2025-09-07T02:00:00Z")));
    }

    #[test]
    fn a_schedule_without_seconds_is_refused_with_the_corrected_one() {
        let problem = Ticks::read("0 2 * * *").expect_err("5 fields");
        assert!(problem.ends_with("such as \"0 0 2 * * *\""), "{problem}");
        assert!(Ticks::read("@daily").is_ok());
        assert!(Ticks::read("* * * * * 0").is_err(), "the days are 1–7");
    }

    #[test]
    fn a_year_that_has_passed_has_no_tick() {
        let past = Ticks::read("0 0 0 1 1 * 2020").expect("a schedule");
        let now = time("2025-09-06T12:00:00Z");
        assert_eq!(past.due(now, now), Due::Never);
    }
}
