use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Minutes of a day without a clock change.
const DAY: i64 = 24 * 60;
/// The years in which dates are looked for. All ticks and all clocks that show them are well within.
const YEARS: std::ops::RangeInclusive<i16> = 1980..=2170;

/// The local times of five fields: sets of values, the lowest bit for 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calendar {
    pub(crate) minutes: u64,
    pub(crate) hours: u64,
    pub(crate) days: u64,
    pub(crate) months: u64,
    pub(crate) weekdays: u64,
    /// Whether a date needs only one of the day of month and the day of week. Otherwise it needs both.
    pub(crate) either_day: bool,
}

/// A time that a local clock shows, in minutes since the clock showed 1970-01-01T00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Local(pub(crate) i64);

impl Local {
    fn new(date: Date, time: i64) -> Option<Self> {
        let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Self(midnight.as_second() / 60 + time))
    }

    fn date(self) -> Option<Date> {
        let shown = Timestamp::from_duration(SignedDuration::from_mins(self.0)).ok()?;
        Some(Offset::UTC.to_datetime(shown).date())
    }

    /// Returns the minutes since midnight.
    pub(crate) fn time(self) -> i64 {
        self.0.rem_euclid(DAY)
    }
}

impl Calendar {
    /// Returns whether all hours are named, so that the times are real time.
    pub(crate) fn has_every_hour(&self) -> bool {
        self.hours.count_ones() == 24
    }

    /// Returns whether no date has a day and a month of this calendar.
    pub(crate) fn is_never(&self) -> bool {
        let longest = (1..=12)
            .filter(|month| has(self.months, *month))
            .map(|month| match month {
                2 => 29,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            });
        let first = i64::from(self.days.trailing_zeros());
        // A day of the week is in every month.
        !self.either_day && longest.max().is_none_or(|longest| longest < first)
    }

    /// Returns the first time of this calendar at or after another.
    pub(crate) fn next(&self, from: Local) -> Option<Local> {
        let mut date = from.date()?;
        let mut time = from.time();
        while YEARS.contains(&date.year()) {
            let is_month = has(self.months, date.month());
            if is_month
                && self.has_date(date)
                && let Some(time) = self.time_from(time)
            {
                return Local::new(date, time);
            }
            let last = if is_month { date } else { date.last_of_month() };
            date = last.tomorrow().ok()?;
            time = 0;
        }
        None
    }

    /// Returns the last time of this calendar at or before another.
    pub(crate) fn previous(&self, until: Local) -> Option<Local> {
        let mut date = until.date()?;
        let mut time = until.time();
        while YEARS.contains(&date.year()) {
            let is_month = has(self.months, date.month());
            if is_month
                && self.has_date(date)
                && let Some(time) = self.time_until(time)
            {
                return Local::new(date, time);
            }
            let first = if is_month {
                date
            } else {
                date.first_of_month()
            };
            date = first.yesterday().ok()?;
            time = DAY - 1;
        }
        None
    }

    /// Returns the first time of a day.
    pub(crate) fn first_time(&self) -> i64 {
        lowest(self.hours) * 60 + lowest(self.minutes)
    }

    /// Returns the last time of a day.
    pub(crate) fn last_time(&self) -> i64 {
        highest(self.hours) * 60 + highest(self.minutes)
    }

    /// Returns the first time of a day at or after another.
    pub(crate) fn time_from(&self, time: i64) -> Option<i64> {
        let (hour, minute) = (time / 60, time % 60);
        let minutes = self.minutes & (u64::MAX << minute);
        if has(self.hours, hour) && minutes > 0 {
            return Some(hour * 60 + lowest(minutes));
        }
        let hours = self.hours & (u64::MAX << (hour + 1));
        (hours > 0).then(|| lowest(hours) * 60 + lowest(self.minutes))
    }

    /// Returns the last time of a day at or before another.
    fn time_until(&self, time: i64) -> Option<i64> {
        let (hour, minute) = (time / 60, time % 60);
        let minutes = self.minutes & !(u64::MAX << (minute + 1));
        if has(self.hours, hour) && minutes > 0 {
            return Some(hour * 60 + highest(minutes));
        }
        let hours = self.hours & !(u64::MAX << hour);
        (hours > 0).then(|| highest(hours) * 60 + highest(self.minutes))
    }

    fn has_date(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.either_day {
            day || weekday
        } else {
            day && weekday
        }
    }
}

fn has(values: u64, value: impl Into<i64>) -> bool {
    values & (1 << value.into()) != 0
}

fn lowest(values: u64) -> i64 {
    i64::from(values.trailing_zeros())
}

fn highest(values: u64) -> i64 {
    i64::from(values.ilog2())
}
