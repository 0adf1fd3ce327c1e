use jiff::Zoned;
use jiff::tz::Offset;

use crate::{Policy, Reason};

/// A kind of period of which the newest copies are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    /// All kinds, shortest first.
    pub(crate) const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Returns the number of periods of which a policy keeps a copy.
    pub(crate) fn count(self, policy: &Policy) -> u32 {
        match self {
            Self::Hour => policy.keep_hourly,
            Self::Day => policy.keep_daily,
            Self::Week => policy.keep_weekly,
            Self::Month => policy.keep_monthly,
            Self::Year => policy.keep_yearly,
        }
    }

    /// Returns the label of the period that a local time is in. Two times have the same label if and only if they
    /// are in the same period.
    ///
    /// The label of an hour has the offset from UTC: an hour that a clock change repeats is two hours.
    pub(crate) fn label(self, time: &Zoned) -> String {
        let date = time.date();
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self {
            Self::Hour => {
                let offset = offset(time.offset());
                format!("{year:04}-{month:02}-{day:02}T{:02}{offset}", time.hour())
            }
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
            Self::Week => {
                // The year of the week: 1 January may be in the last week of the year before.
                let week = date.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Self::Month => format!("{year:04}-{month:02}"),
            Self::Year => format!("{year:04}"),
        }
    }

    /// Returns the reason to keep the newest copy of the period with a label.
    pub(crate) fn reason(self, label: String) -> Reason {
        match self {
            Self::Hour => Reason::Hourly(label),
            Self::Day => Reason::Daily(label),
            Self::Week => Reason::Weekly(label),
            Self::Month => Reason::Monthly(label),
            Self::Year => Reason::Yearly(label),
        }
    }
}

/// Returns an offset from UTC as `+05:45`, with seconds if it has any, as offsets before 1972 do.
fn offset(offset: Offset) -> String {
    let sign = if offset.seconds() < 0 { '-' } else { '+' };
    let seconds = offset.seconds().unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{sign}{hours:02}:{minutes:02}");
    if seconds > 0 {
        text.push_str(&format!(":{seconds:02}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn labels(time: &str, zone: &str) -> [String; 5] {
        let time: Timestamp = time.parse().expect(time);
        let time = time.to_zoned(crate::zone(zone).expect(zone));
        Period::ALL.map(|period| period.label(&time))
    }

    #[test]
    fn labels_are_those_of_the_zone() {
        assert_eq!(
            labels("2026-12-31T23:30:00Z", "UTC"),
            [
                "2026-12-31T23+00:00",
                "2026-12-31",
                "2026-W53",
                "2026-12",
                "2026"
            ]
        );
        assert_eq!(
            labels("2026-12-31T23:30:00Z", "Europe/Berlin"),
            [
                "2027-01-01T00+01:00",
                "2027-01-01",
                "2026-W53",
                "2027-01",
                "2027"
            ]
        );
        assert_eq!(
            labels("2026-11-26T18:20:00Z", "Asia/Kathmandu"),
            [
                "2026-11-27T00+05:45",
                "2026-11-27",
                "2026-W48",
                "2026-11",
                "2026"
            ]
        );
        assert_eq!(
            labels("2026-11-27T03:00:00Z", "America/New_York"),
            [
                "2026-11-26T22-05:00",
                "2026-11-26",
                "2026-W48",
                "2026-11",
                "2026"
            ]
        );
    }

    #[test]
    fn a_week_belongs_to_the_year_of_its_thursday() {
        assert_eq!(labels("2027-01-03T23:59:59Z", "UTC")[2], "2026-W53");
        assert_eq!(labels("2027-01-04T00:00:00Z", "UTC")[2], "2027-W01");
        assert_eq!(labels("2029-12-31T00:00:00Z", "UTC")[2], "2030-W01");
    }

    #[test]
    fn a_repeated_hour_has_two_labels() {
        let first = labels("2026-10-25T00:30:00Z", "Europe/Berlin");
        let second = labels("2026-10-25T01:30:00Z", "Europe/Berlin");
        assert_eq!(first[0], "2026-10-25T02+02:00");
        assert_eq!(second[0], "2026-10-25T02+01:00");
        assert_eq!(first[1..], second[1..]);
    }

    #[test]
    fn an_offset_may_have_seconds() {
        assert_eq!(
            labels("1880-01-01T12:00:00Z", "Europe/Berlin")[0],
            "1880-01-01T12+00:53:28"
        );
    }
}
