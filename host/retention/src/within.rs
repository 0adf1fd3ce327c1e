use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::RetentionError;

/// The letter of each unit in the order of a text, and how often the unit fits into the longest allowed time.
const UNITS: [(char, u32); 5] = [
    ('y', 1_000),
    ('m', 12_000),
    ('w', 52_000),
    ('d', 365_000),
    ('h', 8_760_000),
];

/// A length of time in years, months, weeks, days and hours: `30d`, `36h` or `1y6m`.
///
/// All units but hours are those of the calendar: a day across a clock change has 23 or 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Within {
    /// A number for each of [`UNITS`]; at least one is not zero.
    numbers: [u32; 5],
}

impl Within {
    /// Returns when this length of time after `time` ends, with the calendar of a time zone.
    ///
    /// Years and months are added before weeks and days, and hours last. A day that the month lacks is the month's
    /// last, and a local time that a clock change skips is moved forward by the change. An end beyond the calendar
    /// is the calendar's end.
    pub(crate) fn end(self, time: Timestamp, zone: &TimeZone) -> Timestamp {
        let span = self.span();
        let end = span.and_then(|span| time.to_zoned(zone.clone()).checked_add(span));
        end.map_or(Timestamp::MAX, |end| end.timestamp())
    }

    fn span(self) -> Result<Span, jiff::Error> {
        let [years, months, weeks, days, hours] = self.numbers;
        Span::new()
            .try_years(years)?
            .try_months(months)?
            .try_weeks(weeks)?
            .try_days(days)?
            .try_hours(hours)
    }
}

impl FromStr for Within {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let invalid = || RetentionError::InvalidWithin {
            text: text.to_owned(),
        };
        let out_of_range = || RetentionError::WithinOutOfRange {
            text: text.to_owned(),
        };
        let mut numbers = [0; UNITS.len()];
        let mut next = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest
                .find(|letter: char| !letter.is_ascii_digit())
                .filter(|digits| *digits > 0)
                .ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(digits);
            let mut letters = tail.chars();
            let letter = letters.next();
            rest = letters.as_str();
            let unit = (next..UNITS.len())
                .find(|unit| Some(UNITS[*unit].0) == letter)
                .ok_or_else(invalid)?;
            numbers[unit] = number
                .parse()
                .ok()
                .filter(|number| *number <= UNITS[unit].1)
                .ok_or_else(out_of_range)?;
            next = unit + 1;
        }
        if next == 0 {
            return Err(invalid());
        }
        if numbers == [0; UNITS.len()] {
            return Err(out_of_range());
        }
        Ok(Self { numbers })
    }
}

impl fmt::Display for Within {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.numbers.iter().zip(UNITS);
        for (number, (letter, _)) in numbers.filter(|(number, _)| **number > 0) {
            write!(formatter, "{number}{letter}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Within {
    type Error = RetentionError;

    fn try_from(text: String) -> Result<Self, RetentionError> {
        text.parse()
    }
}

impl From<Within> for String {
    fn from(within: Within) -> Self {
        within.to_string()
    }
}

impl JsonSchema for Within {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Within".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Kubernetes has no lookahead in patterns: the length excludes the empty text.
        json_schema!({
            "type": "string",
            "minLength": 2,
            "pattern": "^([0-9]+y)?([0-9]+m)?([0-9]+w)?([0-9]+d)?([0-9]+h)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(text: &str) -> Within {
        text.parse().expect(text)
    }

    fn end(text: &str, time: &str, zone: &str) -> String {
        let zone = crate::zone(zone).expect("a zone");
        let end = within(text).end(time.parse().expect("a time"), &zone);
        end.to_zoned(zone).strftime("%Y-%m-%dT%H:%M%:z").to_string()
    }

    #[test]
    fn a_length_of_time_is_read_and_shown() {
        for text in ["30d", "36h", "2w", "6m", "1y6m", "1y2m3w4d5h", "1000y"] {
            assert_eq!(within(text).to_string(), text);
        }
        assert_eq!(within("0y30d"), within("030d"));
        assert_eq!(within("0y030d").to_string(), "30d");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "30",
            "d",
            "-1d",
            "+1d",
            "1.5d",
            "1 d",
            " 1d",
            "1d ",
            "1d1",
            "1s",
            "1M",
            "1D",
            "1d1d",
            "1h1d",
            "1dd",
            "P1D",
            "1é",
            "١d",
            "unlimited",
        ] {
            let text = text.to_owned();
            assert_eq!(
                text.parse::<Within>(),
                Err(RetentionError::InvalidWithin { text })
            );
        }
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        for text in [
            "0d",
            "0y0h",
            "1001y",
            "12001m",
            "52001w",
            "365001d",
            "8760001h",
            "4294967296d",
            "99999999999999999999999999999999999999999999h",
        ] {
            let text = text.to_owned();
            assert_eq!(
                text.parse::<Within>(),
                Err(RetentionError::WithinOutOfRange { text })
            );
        }
    }

    #[test]
    fn every_allowed_length_is_added() {
        let longest = within("1000y12000m52000w365000d8760000h");
        longest.span().expect("a span that jiff can hold");
        for zone in ["UTC", "Europe/Berlin"] {
            let zone = crate::zone(zone).expect("a zone");
            for time in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
                assert!(longest.end(time, &zone) >= time);
            }
            assert_eq!(longest.end(Timestamp::MAX, &zone), Timestamp::MAX);
        }
    }

    #[test]
    fn calendar_units_follow_the_zone_and_hours_do_not() {
        let berlin = "Europe/Berlin";
        // The night of 25 October 2026 has one hour more.
        assert_eq!(
            end("1d", "2026-10-24T12:00:00+02:00", berlin),
            "2026-10-25T12:00+01:00"
        );
        assert_eq!(
            end("24h", "2026-10-24T12:00:00+02:00", berlin),
            "2026-10-25T11:00+01:00"
        );
        // 02:30 on 29 March 2026 is skipped.
        assert_eq!(
            end("1d", "2026-03-28T02:30:00+01:00", berlin),
            "2026-03-29T03:30+02:00"
        );
        assert_eq!(
            end("1d", "2026-10-03T02:15:00+10:30", "Australia/Lord_Howe"),
            "2026-10-04T02:45+11:00"
        );
        assert_eq!(
            end("1m", "2027-01-31T10:00:00Z", "UTC"),
            "2027-02-28T10:00+00:00"
        );
        assert_eq!(
            end("1y", "2028-02-29T10:00:00Z", "UTC"),
            "2029-02-28T10:00+00:00"
        );
        assert_eq!(
            end("1m1d", "2027-01-31T10:00:00Z", "UTC"),
            "2027-03-01T10:00+00:00"
        );
    }
}
