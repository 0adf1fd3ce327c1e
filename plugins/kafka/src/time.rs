//! Times: the end of a generated name, and RFC 3339 as the user writes it.

use broker_engine::{Error, ErrorKind, Result, clock};

const DAY: i64 = 86_400;

/// `20250906-120000` in UTC, as the operator ends the ids of backups.
pub fn stamp() -> String {
    let seconds = i64::try_from(clock::now() / 1000).unwrap_or_default();
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}{:02}",
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

/// The date of a day since 1970, in the Gregorian calendar. The year begins in March here, so that the
/// day that comes and goes is its last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Milliseconds since 1970 of a time in RFC 3339.
///
/// # Errors
/// Names the flag that has no such time.
pub fn millis(flag: &str, text: &str) -> Result<i64> {
    parse(text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("--{flag} {text:?} is no time in RFC 3339"),
        )
        .with_hint(
            "Write it like 2025-09-06T12:00:00Z, or with an offset: 2025-09-06T14:00:00+02:00",
        )
    })
}

fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (millis, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = rest.split_at(end);
            let three: String = digits.chars().chain("00".chars()).take(3).collect();
            (three.parse::<i64>().ok()?, rest)
        }
        None => (0, rest),
    };
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.chars().next()? {
                '+' => 1,
                '-' => -1,
                _ => return None,
            };
            let [hours, minutes] = numbers(&rest[1..], ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 3600 + minutes * 60)
        }
    };
    let number = days(year, month, day);
    // A date that the calendar does not have comes back as another.
    if self::date(number) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = number * DAY + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * 1000 + millis)
}

/// Numbers of so many digits, between separators.
fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        *number = digits.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_engine::mock::Host;

    #[test]
    fn a_stamp_is_the_time_of_the_host_in_utc() {
        let at = |ms| Host::without_manifest().at(ms).run(stamp);
        assert_eq!(at(0), "19700101-000000");
        assert_eq!(at(1_757_160_000_999), "20250906-120000");
        assert_eq!(at(1_709_251_199_000), "20240229-235959");
    }

    #[test]
    fn a_time_has_an_offset_and_perhaps_a_fraction() {
        let at = |text| millis("to-time", text).ok();
        assert_eq!(at("2025-09-06T12:00:00Z"), Some(1_757_160_000_000));
        assert_eq!(at("2025-09-06T14:00:00.5+02:00"), Some(1_757_160_000_500));
        assert_eq!(at("2024-02-29T23:59:59z"), Some(1_709_251_199_000));
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_flag() {
        for text in [
            "",
            "2025-09-06",
            "2025-09-06 12:00:00Z",
            "2025-09-06T12:00:00",
            "2025-02-29T12:00:00Z",
            "2025-13-01T12:00:00Z",
            "2025-09-06T24:00:00Z",
            "2025-09-06T12:00:00+25:00",
            "2025-09-06T12:00:00.Z1",
            "yesterday",
        ] {
            let error = millis("to-time", text).unwrap_err();
            assert!(error.message.starts_with("--to-time "), "{text}");
        }
    }
}
