use std::fmt;

use jiff::Timestamp;

use crate::{Hold, Within};

/// A reason to keep a copy. `Display` has the words for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The copy is one of the newest copies that count; the number is its place, from 1.
    Last(u32),
    /// The copy is the newest that counts in this hour, such as `2026-11-27T14+01:00`.
    Hourly(String),
    /// The copy is the newest that counts on this day, such as `2026-11-27`.
    Daily(String),
    /// The copy is the newest that counts in this ISO week, such as `2026-W48`.
    Weekly(String),
    /// The copy is the newest that counts in this month, such as `2026-11`.
    Monthly(String),
    /// The copy is the newest that counts in this year, such as `2026`.
    Yearly(String),
    /// The newest good copy was made within this length of time after the copy.
    Within(Within),
    /// A person pinned the copy.
    Pinned,
    /// The store's object lock protects the copy.
    Locked {
        /// When the lock ends.
        until: Timestamp,
    },
    /// A run still writes the copy.
    UnderWay,
    /// The time of the copy is in the future: a clock was wrong, so its age is not known.
    Future,
    /// The copy is the newest good one.
    LastGood,
    /// The copy is the newest good one whose last check succeeded.
    LastVerified,
    /// The copy is broken, but the source has no good copy.
    NoGoodCopy,
}

impl Reason {
    /// Returns the reason's name for programs. Names don't change.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Last(_) => "last",
            Self::Hourly(_) => "hourly",
            Self::Daily(_) => "daily",
            Self::Weekly(_) => "weekly",
            Self::Monthly(_) => "monthly",
            Self::Yearly(_) => "yearly",
            Self::Within(_) => "within",
            Self::Pinned => "pinned",
            Self::Locked { .. } => "locked",
            Self::UnderWay => "underWay",
            Self::Future => "future",
            Self::LastGood => "lastGood",
            Self::LastVerified => "lastVerified",
            Self::NoGoodCopy => "noGoodCopy",
        }
    }
}

impl From<Hold> for Reason {
    fn from(hold: Hold) -> Self {
        match hold {
            Hold::Pinned => Self::Pinned,
            Hold::Locked { until } => Self::Locked { until },
            Hold::UnderWay => Self::UnderWay,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(place) => write!(formatter, "last {place}"),
            Self::Hourly(label) => write!(formatter, "hourly {label}"),
            Self::Daily(label) => write!(formatter, "daily {label}"),
            Self::Weekly(label) => write!(formatter, "weekly {label}"),
            Self::Monthly(label) => write!(formatter, "monthly {label}"),
            Self::Yearly(label) => write!(formatter, "yearly {label}"),
            Self::Within(length) => write!(formatter, "within {length}"),
            Self::Pinned => formatter.write_str("pinned"),
            Self::Locked { until } => write!(formatter, "locked until {until}"),
            Self::UnderWay => formatter.write_str("under way"),
            Self::Future => formatter.write_str("dated in the future"),
            Self::LastGood => formatter.write_str("newest good copy"),
            Self::LastVerified => formatter.write_str("newest verified copy"),
            Self::NoGoodCopy => formatter.write_str("no good copy exists"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_and_words_of_its_own() {
        let until = "2026-12-01T00:00:00Z".parse().expect("a time");
        let reasons = [
            Reason::Last(2),
            Reason::Hourly("2026-11-27T14+01:00".to_owned()),
            Reason::Daily("2026-11-27".to_owned()),
            Reason::Weekly("2026-W48".to_owned()),
            Reason::Monthly("2026-11".to_owned()),
            Reason::Yearly("2026".to_owned()),
            Reason::Within("1y6m".parse().expect("a length")),
            Reason::from(Hold::Pinned),
            Reason::from(Hold::Locked { until }),
            Reason::from(Hold::UnderWay),
            Reason::Future,
            Reason::LastGood,
            Reason::LastVerified,
            Reason::NoGoodCopy,
        ];
        let names: BTreeSet<_> = reasons.iter().map(Reason::name).collect();
        assert_eq!(names.len(), reasons.len());
        let words: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let expected = [
            "last 2",
            "hourly 2026-11-27T14+01:00",
            "daily 2026-11-27",
            "weekly 2026-W48",
            "monthly 2026-11",
            "yearly 2026",
            "within 1y6m",
            "pinned",
            "locked until 2026-12-01T00:00:00Z",
            "under way",
            "dated in the future",
            "newest good copy",
            "newest verified copy",
            "no good copy exists",
        ];
        assert_eq!(words, expected);
    }
}
