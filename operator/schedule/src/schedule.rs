use host_retention::zone;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{Calendar, Local};
use crate::clock::Clock;
use crate::error::{ScheduleError, excerpt};
use crate::parse::{Parsed, parse};
use crate::tick::minute;
use crate::{Tick, interval};

/// The period that an interval is about: a year, and a leap day.
const YEAR: i64 = 366 * 24 * 60;

/// When the runs of one backup begin. The [page of the crate](crate) has the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    rule: Rule,
    effective: String,
}

/// A minute of UTC, in which all rules calculate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each whole multiple of this many minutes.
    Every(i64),
    /// Fixed times: at the first minute at which the clock shows the time, or a later one.
    Fixed(Calendar, Clock),
    /// Every minute at which the clock shows a time of the calendar.
    RealTime(Calendar, Clock),
}

impl Schedule {
    /// Reads the text of a schedule, with a time zone of the IANA database (UTC if there is none).
    ///
    /// `seed` decides the values of `H`. It must be the same in every process: the namespace and name of the
    /// schedule, as `NAMESPACE/NAME`.
    ///
    /// # Errors
    ///
    /// A [`ScheduleError`] that says which part of the text is wrong, and what to write instead.
    pub fn parse(text: &str, zone_name: Option<&str>, seed: &str) -> Result<Self, ScheduleError> {
        let name = zone_name.unwrap_or("UTC");
        let clock = zone(name).map(Clock).map_err(|_| {
            let name = excerpt(name);
            ScheduleError::UnknownZone { name }
        })?;
        let (parsed, effective) = parse(text, seed)?;
        let rule = match parsed {
            Parsed::Every(interval) => Rule::Every(interval),
            Parsed::Calendar(calendar) if calendar.has_every_hour() => {
                Rule::RealTime(calendar, clock)
            }
            Parsed::Calendar(calendar) => Rule::Fixed(calendar, clock),
        };
        Ok(Self { rule, effective })
    }

    /// Returns the schedule with each `H` replaced by its values, and a name such as `@daily` by its fields.
    pub fn effective(&self) -> &str {
        &self.effective
    }

    /// Returns the first tick after an instant. There is none near the end of ticks.
    pub fn after(&self, instant: Timestamp) -> Option<Tick> {
        let minute = minute(instant).clamp(Tick::MIN.minutes() - 1, Tick::MAX.minutes());
        Tick::new(self.rule.after(minute)?)
    }

    /// Returns the newest tick at or before an instant. There is none near the beginning of ticks.
    pub fn latest(&self, instant: Timestamp) -> Option<Tick> {
        let minute = minute(instant).clamp(Tick::MIN.minutes() - 1, Tick::MAX.minutes());
        Tick::new(self.rule.latest(minute)?)
    }

    /// Returns the longest time from one tick to the next in the year to come.
    ///
    /// The year has 366 days, and begins with the newest tick at or before the instant. Every pair of ticks counts
    /// whose first tick is within the year, so a schedule that fires once in four years has an interval, too. Clock
    /// changes count. There is no interval if the schedule has no tick left.
    ///
    /// An alert about old backups needs this number. It costs some thousand steps at most, however often the schedule
    /// fires. A day later it may be another number, but rarely is.
    pub fn interval(&self, at: Timestamp) -> Option<SignedDuration> {
        let first = self.latest(at).or_else(|| self.after(at))?.minutes();
        let longest = self.rule.longest(first, first + YEAR)?;
        Some(SignedDuration::from_mins(longest))
    }
}

#[cfg(test)]
impl Schedule {
    /// Returns what decides the ticks, to compare two texts.
    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl Rule {
    /// Returns the first minute of the rule after another.
    fn after(&self, minute: i64) -> Option<i64> {
        match self {
            Self::Every(interval) => Some((minute.div_euclid(*interval) + 1) * interval),
            Self::Fixed(calendar, clock) => {
                let shown = clock.latest_shown(minute);
                let next = calendar.next(Local(shown.0 + 1))?;
                Some(clock.first(next))
            }
            Self::RealTime(calendar, clock) => {
                let mut from = minute + 1;
                while from <= Tick::MAX.minutes() {
                    let shown = clock.shown(from);
                    let next = from + (calendar.next(shown)?.0 - shown.0);
                    let turned = clock.change_after(from);
                    if next < turned {
                        return Some(next);
                    }
                    from = turned;
                }
                None
            }
        }
    }

    /// Returns the longest time from one minute of the rule to the next, from a first one on. The end counts only if
    /// a time begins before it.
    pub(crate) fn longest(&self, first: i64, end: i64) -> Option<i64> {
        match self {
            Self::Every(interval) => Some(*interval),
            Self::Fixed(calendar, clock) | Self::RealTime(calendar, clock) => {
                interval::longest(calendar, clock, |minute| self.after(minute), first..end)
            }
        }
    }

    /// Returns the last minute of the rule up to another.
    fn latest(&self, minute: i64) -> Option<i64> {
        match self {
            Self::Every(interval) => Some(minute.div_euclid(*interval) * interval),
            Self::Fixed(calendar, clock) => {
                let latest = calendar.previous(clock.latest_shown(minute))?;
                Some(clock.first(latest))
            }
            Self::RealTime(calendar, clock) => {
                let mut until = minute;
                while until >= Tick::MIN.minutes() {
                    let shown = clock.shown(until);
                    let latest = until - (shown.0 - calendar.previous(shown)?.0);
                    let turned = clock.change_until(until);
                    if latest >= turned {
                        return Some(latest);
                    }
                    until = turned - 1;
                }
                None
            }
        }
    }
}
