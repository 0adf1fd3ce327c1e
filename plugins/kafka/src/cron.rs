//! Schedules as the operator reads them: by the Rust crate `cron` 0.12, with 6 or 7 fields, seconds first.

use broker_engine::{Error, ErrorKind, Result};

const SHORTHANDS: [&str; 5] = ["@yearly", "@monthly", "@weekly", "@daily", "@hourly"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
    /// Whether `?` stands for all.
    question: bool,
}

const fn field(name: &'static str, first: u32, last: u32) -> Field {
    Field {
        name,
        first,
        last,
        names: &[],
        question: false,
    }
}

const FIELDS: [Field; 7] = [
    field("second", 0, 59),
    field("minute", 0, 59),
    field("hour", 0, 23),
    Field {
        question: true,
        ..field("day of the month", 1, 31)
    },
    Field {
        names: &MONTHS,
        ..field("month", 1, 12)
    },
    Field {
        names: &DAYS,
        question: true,
        ..field("day of the week", 1, 7)
    },
    field("year", 1970, 2100),
];

/// Whether the operator can read it.
///
/// # Errors
/// Says what is wrong, and how a schedule with 5 fields is written for the operator.
pub fn check(cron: &str) -> Result<()> {
    if SHORTHANDS.contains(&cron.trim()) {
        return Ok(());
    }
    let fields: Vec<_> = cron.split_whitespace().collect();
    match fields.len() {
        6 | 7 => {}
        5 => {
            return Err(refused(
                cron,
                "has 5 fields, and the operator reads 6 or 7, seconds first",
            )
            .with_hint(format!("Write '{}'", corrected(&fields))));
        }
        count => {
            let words = format!("has {count} fields, and the operator reads 6 or 7");
            return Err(refused(cron, &words)
                .with_hint("Write second, minute, hour, day of the month, month and day of the week: '0 0 2 * * *'"));
        }
    }
    for (field, text) in FIELDS.iter().zip(fields) {
        for part in text.split(',') {
            field.check(part).map_err(|why| refused(cron, &why))?;
        }
    }
    Ok(())
}

fn refused(cron: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("the schedule {cron:?} {why}"),
    )
}

impl Field {
    /// `*`, `5`, `1-5`, and each with a step.
    fn check(&self, part: &str) -> std::result::Result<(), String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        if let Some(step) = step
            && !step.parse::<u32>().is_ok_and(|step| step > 0)
        {
            return Err(format!(
                "has {part:?} as {}: its step is no number above 0",
                self.name
            ));
        }
        if range == "*" || (range == "?" && self.question) {
            return Ok(());
        }
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => (self.value(range)?, self.last),
        };
        if first > last {
            return Err(format!(
                "has {part:?} as {}: it ends before it begins",
                self.name
            ));
        }
        Ok(())
    }

    fn value(&self, text: &str) -> std::result::Result<u32, String> {
        if let Some(at) = self.named(text) {
            return Ok(at);
        }
        let number = text.parse::<u32>().ok();
        let fits = number.filter(|number| (self.first..=self.last).contains(number));
        fits.ok_or_else(|| {
            let days = if self.names.len() == DAYS.len() {
                ", where 1 is Sunday and 7 is Saturday; SUN to SAT is clearer"
            } else {
                ""
            };
            format!(
                "has {text:?} as {}: {} to {} can be{days}",
                self.name, self.first, self.last
            )
        })
    }

    /// By its name, or the first three letters of it.
    fn named(&self, text: &str) -> Option<u32> {
        let text = text.to_ascii_lowercase();
        let mut names = self.names.iter();
        let at = names.position(|name| *name == text || name[..3] == text)?;
        u32::try_from(at).ok().map(|at| at + 1)
    }
}

/// A schedule of 5 fields, as Unix has it, for the operator: from second 0 on, and with names for days of
/// the week, whose numbers differ.
fn corrected(fields: &[&str]) -> String {
    let mut words = vec!["0".to_owned()];
    words.extend(fields[..4].iter().map(|&word| word.to_owned()));
    let days: Vec<_> = fields[4].split(',').map(days).collect();
    words.push(days.join(","));
    words.join(" ")
}

/// `1-5` is MON-FRI; what ends on Sunday is told one by one, for Sunday is the first day here.
fn days(part: &str) -> String {
    let name = |number: usize| DAYS[number % 7][..3].to_ascii_uppercase();
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number <= 7);
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, format!("/{step}")),
        None => (part, String::new()),
    };
    let translated = match range.split_once('-') {
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(7)) if first > 0 && step.is_empty() => {
                let days: Vec<_> = (first..=7).map(name).collect();
                days.join(",")
            }
            (Some(first), Some(last)) => format!("{}-{}", name(first), name(last)),
            _ => range.to_owned(),
        },
        None => number(range).map_or_else(|| range.to_owned(), name),
    };
    format!("{translated}{step}")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    const GOOD: [&str; 14] = [
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
    ];
    const BAD: [&str; 14] = [
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
    ];

    #[test]
    fn what_is_accepted_is_what_the_operator_reads() {
        for cron in GOOD {
            assert_eq!(check(cron), Ok(()), "{cron}");
            assert!(::cron::Schedule::from_str(cron).is_ok(), "{cron}");
        }
    }

    #[test]
    fn what_is_refused_is_what_the_operator_does_not_read() {
        for cron in BAD {
            assert!(check(cron).is_err(), "{cron}");
            assert!(::cron::Schedule::from_str(cron).is_err(), "{cron}");
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
            ("0 2 * * 1,3,5", "0 0 2 * * MON,WED,FRI"),
            ("0 2 * * */2", "0 0 2 * * */2"),
            ("0 2 * * tue", "0 0 2 * * tue"),
        ] {
            let error = check(unix).unwrap_err();
            assert_eq!(error.hint, Some(format!("Write '{operator}'")));
            assert_eq!(check(operator), Ok(()));
            assert!(::cron::Schedule::from_str(operator).is_ok(), "{operator}");
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_what_it_could_be() {
        let message = |cron| check(cron).unwrap_err().message;
        assert_eq!(
            message("0 0 2 * * 0"),
            "the schedule \"0 0 2 * * 0\" has \"0\" as day of the week: 1 to 7 can be, where 1 is Sunday and 7 is Saturday; SUN to SAT is clearer"
        );
        assert_eq!(
            message("0 0 24 * * *"),
            "the schedule \"0 0 24 * * *\" has \"24\" as hour: 0 to 23 can be"
        );
    }
}
