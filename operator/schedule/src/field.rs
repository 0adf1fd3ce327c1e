use std::fmt;

/// One of the five fields of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// 1–31.
    DayOfMonth,
    /// 1–12, or the first three letters of a name.
    Month,
    /// 0–6 from Sunday, or the first three letters of a name.
    DayOfWeek,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    /// The fields in the order of a text.
    pub(crate) const ALL: [Self; 5] = [
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    /// Returns the least and the greatest value.
    pub(crate) fn bounds(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    /// Returns how many values there are.
    pub(crate) fn values(self) -> u32 {
        let (least, greatest) = self.bounds();
        greatest - least + 1
    }

    /// Returns the bounds for `H`: each month has the days up to 28.
    pub(crate) fn hash_bounds(self) -> (u32, u32) {
        match self {
            Self::DayOfMonth => (1, 28),
            _ => self.bounds(),
        }
    }

    /// Returns the name in the hash for `H`. It never changes.
    pub(crate) fn hash_name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        }
    }

    /// Returns the value with a name, such as `MON`. Case does not matter.
    pub(crate) fn named(self, text: &str) -> Option<u32> {
        let names: &[&str] = match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &DAYS,
            _ => &[],
        };
        let least = self.bounds().0;
        let mut pairs = (least..).zip(names);
        let found = pairs.find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(value, _)| value)
    }

    /// Returns a text that shows the forms of the field.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Minute => "30, 0,30, 0-20, */15 or H",
            Self::Hour => "2, 2,14, 9-17, */6 or H(0-5)",
            Self::DayOfMonth => "1, 1,15, 1-7, */10 or H",
            Self::Month => "1, JAN,JUL, 1-6, */3 or H",
            Self::DayOfWeek => "0, MON, MON-FRI, 1,3 or H",
        }
    }

    /// Describes the allowed values.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0–59",
            Self::Hour => "0–23",
            Self::DayOfMonth => "1–31",
            Self::Month => "1–12 or JAN–DEC",
            Self::DayOfWeek => "0–6 or SUN–SAT, where 0 is Sunday",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_field() {
        assert_eq!(Field::Month.named("JAN"), Some(1));
        assert_eq!(Field::Month.named("dec"), Some(12));
        assert_eq!(Field::DayOfWeek.named("Sun"), Some(0));
        assert_eq!(Field::DayOfWeek.named("SAT"), Some(6));
        for (field, name) in [
            (Field::Month, "MON"),
            (Field::DayOfWeek, "JAN"),
            (Field::DayOfWeek, "MONDAY"),
            (Field::Minute, "JAN"),
            (Field::DayOfMonth, "MON"),
        ] {
            assert_eq!(field.named(name), None);
        }
    }
}
