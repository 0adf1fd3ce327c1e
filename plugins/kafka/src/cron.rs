//! Schedules in the operator's format, which is that of the crate `cron` 0.12: 6 or 7 fields, seconds first.
//! This module uses the same crate.

use std::str::FromStr;

use broker_engine::{Error, ErrorKind, Result};
use cron::Schedule;

/// The fields in order, with their allowed numbers.
const FIELDS: [(&str, u32, u32); 7] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    (DAY_OF_WEEK, 1, 7),
    ("year", 1970, 2100),
];
const DAY_OF_WEEK: &str = "day of the week";
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Checks whether the operator can parse the schedule.
///
/// # Errors
/// Returns the invalid part, and the operator's form of a schedule with 5 fields.
pub fn check(cron: &str) -> Result<()> {
    if is_read(cron) {
        return Ok(());
    }
    if cron.trim_start().starts_with('@') {
        return Err(refused(cron, "is not a keyword of the operator")
            .with_hint("Use @yearly, @monthly, @weekly, @daily or @hourly"));
    }
    let fields: Vec<_> = cron.split_whitespace().collect();
    let count = fields.len();
    if count != 6 && count != 7 {
        let seconds = if count == 5 { ", seconds first" } else { "" };
        let words = format!("has {count} fields; the operator needs 6 or 7{seconds}");
        let corrected = corrected(&fields).filter(|corrected| is_read(corrected));
        return Err(refused(cron, &words).with_hint(corrected.map_or_else(
            || "Write second, minute, hour, day of the month, month and day of the week: '0 0 2 * * *'".to_owned(),
            |corrected| format!("Write '{corrected}'"),
        )));
    }
    Err(wrong(cron, &fields).unwrap_or_else(|| refused(cron, "is invalid for the operator")))
}

fn is_read(cron: &str) -> bool {
    Schedule::from_str(cron).is_ok()
}

/// Returns an error about the invalid part. The crate does not report which part it is, so each part of each
/// field is tried alone.
fn wrong(cron: &str, fields: &[&str]) -> Option<Error> {
    for (at, (name, first, last)) in FIELDS.into_iter().enumerate().take(fields.len()) {
        let stumbles = |part: &&str| {
            let mut alone = ["*"; FIELDS.len()];
            alone[at] = part;
            part.is_empty() || !is_read(&alone.join(" "))
        };
        let Some(part) = fields[at].split(',').find(stumbles) else {
            continue;
        };
        let days = if name == DAY_OF_WEEK {
            "; 1 is Sunday and 7 is Saturday, and SUN to SAT is clearer"
        } else {
            ""
        };
        let error = refused(
            cron,
            &format!("is invalid: {name} must be {first}–{last}, not {part:?}{days}"),
        );
        return Some(if part.contains(['-', '/']) {
            error.with_hint("Write a range from the lower to the higher value, as 2-5. Write a step above 0 behind *, a number or a range, as */2")
        } else {
            error
        });
    }
    None
}

fn refused(cron: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("the schedule {cron:?} {why}"),
    )
}

/// Returns the operator's form of a Unix schedule with 5 fields. It starts at second 0 and uses names for
/// days of the week, because their numbers differ.
fn corrected(fields: &[&str]) -> Option<String> {
    let [first @ .., week] = fields else {
        return None;
    };
    let week: Vec<_> = week.split(',').map(days).collect();
    (fields.len() == 5).then(|| format!("0 {} {}", first.join(" "), week.join(",")))
}

/// Returns days as names: `1-5` is MON-FRI. A range that ends on Sunday becomes a list, because Sunday is the
/// operator's first day.
fn days(part: &str) -> String {
    let name = |number: usize| DAYS[number % 7];
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number <= 7);
    let (range, step) = part.split_once('/').unwrap_or((part, "1"));
    let translated = match range.split_once('-') {
        Some((first, last)) => match (number(first), number(last), step.parse()) {
            (Some(0), Some(7), _) => "SUN-SAT".to_owned(),
            (Some(first), Some(7), Ok(step @ 1..)) => {
                let days: Vec<_> = (first..=7).step_by(step).map(name).collect();
                return days.join(",");
            }
            (Some(first), Some(last), _) => format!("{}-{}", name(first), name(last)),
            _ => range.to_owned(),
        },
        None => number(range).map_or_else(|| range.to_owned(), |day| name(day).to_owned()),
    };
    match part.split_once('/') {
        Some((_, step)) => format!("{translated}/{step}"),
        None => translated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 16] = [
        "0 0 2 * * *",
        "0 0 2 * * * 2026",
        "@daily",
        "@hourly",
        "*/15 * * * * *",
        "0 30 2-4 1,15 * ?",
        "0 0 2 ? * MON-FRI",
        "0 0 2 * JAN,Mar Sunday",
        "0 0 2 * january-march 1",
        "0 0/5 * * * *",
        "0 0 2 * * 7",
        "0 0 2 * * * 2025-2030/2",
        "0  0 2 * * SUN",
        "0 0 2 1-5/2 * *",
        "0 0 2 * * Mon-Thurs/2",
        "0 0 2 1, 15 * *",
    ];
    const BAD: [&str; 17] = [
        "",
        "0 2 * * *",
        "* * * *",
        "0 0 2 * * 0",
        "0 0 2 * * 8",
        "60 0 2 * * *",
        "0 0 24 * * *",
        "0 0 2 0 * *",
        "0 0 2 * 13 *",
        "0 0 2 * * FOO",
        "0 0 2 * * * 1969",
        "0 0 2 * * * * *",
        "0 0 5-2 * * *",
        "@noon",
        "0 0 2 * * MON/2",
        "0 0 2 1,,15 * *",
        "0 */0 2 * * *",
    ];

    #[test]
    fn what_is_accepted_is_what_the_operator_reads() {
        for cron in GOOD {
            assert_eq!(check(cron), Ok(()), "{cron}");
        }
    }

    #[test]
    fn what_is_refused_is_what_the_operator_does_not_read() {
        for cron in BAD {
            assert!(check(cron).is_err(), "{cron}");
        }
    }

    #[test]
    fn five_fields_are_shown_as_the_operator_has_them() {
        for (unix, operator) in [
            ("0 2 * * *", "0 0 2 * * *"),
            ("0 2 * * 0", "0 0 2 * * SUN"),
            ("0 2 * * 7", "0 0 2 * * SUN"),
            ("*/5 * 1 1 1-5", "0 */5 * 1 1 MON-FRI"),
            ("0 2 * * 6-7", "0 0 2 * * SAT,SUN"),
            ("0 2 * * 1-7/2", "0 0 2 * * MON,WED,FRI,SUN"),
            ("0 2 * * 0-7", "0 0 2 * * SUN-SAT"),
            ("0 2 * * 1-5/2", "0 0 2 * * MON-FRI/2"),
            ("0 2 * * 1,3,5", "0 0 2 * * MON,WED,FRI"),
            ("0 2 * * */2", "0 0 2 * * */2"),
            ("0 2 * * tue", "0 0 2 * * tue"),
        ] {
            let error = check(unix).unwrap_err();
            assert_eq!(error.hint, Some(format!("Write '{operator}'")));
            assert_eq!(check(operator), Ok(()));
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_what_it_could_be() {
        let message = |cron| check(cron).unwrap_err().message;
        assert_eq!(
            message("0 0 2 * * 0"),
            "the schedule \"0 0 2 * * 0\" is invalid: day of the week must be 1–7, not \"0\"; 1 is Sunday and 7 is Saturday, and SUN to SAT is clearer"
        );
        assert_eq!(
            message("0 0 24 * * *"),
            "the schedule \"0 0 24 * * *\" is invalid: hour must be 0–23, not \"24\""
        );
        assert_eq!(
            message("0 0 2 1,32,15 * *"),
            "the schedule \"0 0 2 1,32,15 * *\" is invalid: day of the month must be 1–31, not \"32\""
        );
        assert_eq!(
            message("@noon"),
            "the schedule \"@noon\" is not a keyword of the operator"
        );
        let backwards = check("0 0 5-2 * * *").unwrap_err();
        assert_eq!(
            backwards.message,
            "the schedule \"0 0 5-2 * * *\" is invalid: hour must be 0–23, not \"5-2\""
        );
        assert!(
            backwards
                .hint
                .unwrap()
                .starts_with("Write a range from the lower")
        );
    }

    #[test]
    fn five_fields_that_are_wrong_are_not_shown_as_if_they_were_right() {
        for unix in ["99 2 * * *", "0 2 * * 5-1", "0 2 * * 8"] {
            let error = check(unix).unwrap_err();
            assert!(error.message.contains("has 5 fields"), "{unix}");
            assert!(
                error.hint.unwrap().starts_with("Write second, minute"),
                "{unix}"
            );
        }
    }
}
