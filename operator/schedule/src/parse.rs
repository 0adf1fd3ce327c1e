//! The text of a schedule.

use crate::Field;
use crate::calendar::Calendar;
use crate::error::{ScheduleError, excerpt};
use crate::item::Item;

/// The most bytes of a text. All values of all fields, written out, are 390.
pub(crate) const MAX_LENGTH: usize = 512;

/// The longest interval: 366 days.
const MAX_EVERY: i64 = 366 * 24 * 60;

/// A text that was read.
pub(crate) enum Parsed {
    /// Every so many minutes since 1970.
    Every(i64),
    /// Times of a local clock.
    Calendar(Calendar),
}

/// Reads a text, and returns it with its form without names and `H`.
pub(crate) fn parse(text: &str, seed: &str) -> Result<(Parsed, String), ScheduleError> {
    if text.len() > MAX_LENGTH {
        let length = text.len();
        return Err(ScheduleError::TooLong { length });
    }
    let mut words = text.split_ascii_whitespace();
    let first = words.next().ok_or(ScheduleError::Empty)?;
    if first.starts_with("TZ=") || first.starts_with("CRON_TZ=") {
        let text = excerpt(text);
        return Err(ScheduleError::ZoneInText { text });
    }
    if !first.starts_with('@') {
        return fields(text, seed);
    }
    let rest: Vec<_> = words.collect();
    let named = match (first, rest.as_slice()) {
        ("@hourly", []) => "0 * * * *",
        ("@daily" | "@midnight", []) => "0 0 * * *",
        ("@weekly", []) => "0 0 * * 0",
        ("@monthly", []) => "0 0 1 * *",
        ("@yearly" | "@annually", []) => "0 0 1 1 *",
        ("@every", rest) => return every(&rest.join(" ")),
        _ => {
            let text = excerpt(text);
            return Err(ScheduleError::UnknownName { text });
        }
    };
    fields(named, seed)
}

fn fields(text: &str, seed: &str) -> Result<(Parsed, String), ScheduleError> {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    if words.len() != Field::ALL.len() {
        return Err(ScheduleError::FieldCount {
            text: excerpt(text),
            count: words.len(),
        });
    }
    let mut values = [0; Field::ALL.len()];
    let mut is_star = [false; Field::ALL.len()];
    let mut effective = Vec::new();
    for (index, (field, word)) in Field::ALL.into_iter().zip(words).enumerate() {
        let mut items = Vec::new();
        for item in word.split(',') {
            let item = Item::parse(field, item, seed)?;
            values[index] |= item.values;
            is_star[index] |= item.is_star;
            items.push(item.effective);
        }
        effective.push(items.join(","));
    }
    let [minutes, hours, days, months, weekdays] = values;
    let [_, _, every_day, _, every_weekday] = is_star;
    let calendar = Calendar {
        minutes,
        hours,
        days,
        months,
        weekdays,
        either_day: !every_day && !every_weekday,
    };
    if calendar.is_never() {
        let text = excerpt(text);
        return Err(ScheduleError::Never { text });
    }
    Ok((Parsed::Calendar(calendar), effective.join(" ")))
}

/// Reads the length of time after `@every`: hours, minutes, or both in this order.
fn every(text: &str) -> Result<(Parsed, String), ScheduleError> {
    let invalid = || ScheduleError::Every {
        text: excerpt(text),
    };
    let (hours, minutes) = match text.split_once('h') {
        Some((hours, minutes)) => (Some(hours), (!minutes.is_empty()).then_some(minutes)),
        None => (None, Some(text)),
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        number.filter(|number| *number <= MAX_EVERY)
    };
    let hours = hours.map_or(Some(0), number).ok_or_else(invalid)?;
    let minutes = minutes.map_or(Some(0), |text| text.strip_suffix('m').and_then(number));
    let interval = hours * 60 + minutes.ok_or_else(invalid)?;
    if !(1..=MAX_EVERY).contains(&interval) {
        return Err(invalid());
    }
    let effective = match (interval / 60, interval % 60) {
        (0, minutes) => format!("@every {minutes}m"),
        (hours, 0) => format!("@every {hours}h"),
        (hours, minutes) => format!("@every {hours}h{minutes}m"),
    };
    Ok((Parsed::Every(interval), effective))
}
