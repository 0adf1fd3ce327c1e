use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// The minute at which a run begins, counted in UTC since 1970-01-01T00:00Z.
///
/// A tick has exactly eight digits, so that names of runs are as long, and sort as their ticks do. That covers the
/// time from January 1989 to February 2160. Before and after, no schedule fires: a clock that shows such a time is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u32);

impl Tick {
    /// The first tick: 1989-01-05T10:40Z.
    pub const MIN: Self = Self(10_000_000);
    /// The last tick: 2160-02-18T10:39Z.
    pub const MAX: Self = Self(99_999_999);

    /// Returns the tick with this number of minutes, if it has eight digits.
    pub fn new(minutes: i64) -> Option<Self> {
        let minutes = u32::try_from(minutes).ok()?;
        (Self::MIN.0..=Self::MAX.0)
            .contains(&minutes)
            .then_some(Self(minutes))
    }

    /// Returns the number of minutes since 1970-01-01T00:00Z.
    pub fn minutes(self) -> i64 {
        self.0.into()
    }

    /// Returns the beginning of the minute.
    pub fn instant(self) -> Timestamp {
        instant(self.minutes())
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Returns the minute in UTC that an instant is in.
pub(crate) fn minute(instant: Timestamp) -> i64 {
    // The whole second of an instant before 1970 is the one after it. Rounding down needs the fraction, too.
    let nanoseconds = instant.as_nanosecond();
    let minute = nanoseconds.div_euclid(60_000_000_000);
    i64::try_from(minute).unwrap_or(i64::MIN)
}

/// Returns the beginning of a minute in UTC. A minute beyond the ticks is drawn to them, with a margin of years.
pub(crate) fn instant(minute: i64) -> Timestamp {
    let minute = minute.clamp(0, 2 * Tick::MAX.minutes());
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_eight_digits() {
        assert_eq!(Tick::MIN.instant().to_string(), "1989-01-05T10:40:00Z");
        assert_eq!(Tick::MAX.instant().to_string(), "2160-02-18T10:39:00Z");
        assert_eq!(Tick::new(10_000_000), Some(Tick::MIN));
        assert_eq!(Tick::new(99_999_999), Some(Tick::MAX));
        for minutes in [i64::MIN, -1, 0, 9_999_999, 100_000_000, i64::MAX] {
            assert_eq!(Tick::new(minutes), None);
        }
        assert_eq!(Tick::MIN.to_string(), "10000000");
    }

    #[test]
    fn an_instant_is_in_the_minute_that_has_begun() {
        for (text, expected) in [
            ("1970-01-01T00:00:59.999999999Z", 0),
            ("1970-01-01T00:01:00Z", 1),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("1969-12-31T23:59:00Z", -1),
            ("1969-12-31T23:58:59.5Z", -2),
        ] {
            let time: Timestamp = text.parse().expect("a time");
            assert_eq!(minute(time), expected, "{text}");
        }
        assert!(minute(Timestamp::MIN) < 0);
        assert!(minute(Timestamp::MAX) > Tick::MAX.minutes());
    }
}
