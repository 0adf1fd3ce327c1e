//! A model of the rules that is slow and easy to see through, against which decisions are compared.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Copy;
use super::histories::{History, LENGTHS, for_each_history};
use crate::{Hold, Reason, Within};

/// The periods as formats of strftime.
const FORMATS: [&str; 5] = ["%Y-%m-%dT%H%:z", "%Y-%m-%d", "%G-W%V", "%Y-%m", "%Y"];

/// Returns the reasons to keep each copy, by key.
fn model(history: &History) -> BTreeMap<u32, Vec<Reason>> {
    let mut reasons: BTreeMap<u32, Vec<Reason>> = BTreeMap::new();
    for copy in &history.copies {
        reasons.entry(copy.key).or_default();
    }
    let mut keep = |key: u32, reason: Reason| reasons.entry(key).or_default().push(reason);

    let good = || history.copies.iter().filter(|copy| history.is_good(copy));
    let counted: Vec<&Copy> = good().filter(|copy| !history.is_held(copy)).collect();
    let newest_good = good().map(|copy| (copy.time, copy.key)).max();

    let mut newest_first: Vec<_> = counted.iter().map(|copy| (copy.time, copy.key)).collect();
    newest_first.sort_unstable();
    newest_first.reverse();
    for (place, (_, key)) in (1..).zip(newest_first) {
        if place <= history.policy.keep_last {
            keep(key, Reason::Last(place));
        }
    }

    let policy = &history.policy;
    let counts = [
        policy.keep_hourly,
        policy.keep_daily,
        policy.keep_weekly,
        policy.keep_monthly,
        policy.keep_yearly,
    ];
    for (format, count) in FORMATS.into_iter().zip(counts) {
        let mut periods: BTreeMap<String, (Timestamp, u32)> = BTreeMap::new();
        for copy in &counted {
            let local = copy.time.to_zoned(history.zone.clone());
            let newest = periods.entry(local.strftime(format).to_string());
            let newest = newest.or_insert((copy.time, copy.key));
            *newest = (*newest).max((copy.time, copy.key));
        }
        let mut periods: Vec<_> = periods
            .into_iter()
            .map(|(label, newest)| (newest, label))
            .collect();
        periods.sort_unstable();
        for ((_, key), label) in periods.into_iter().rev().take(count as usize) {
            let reason = match format {
                "%Y" => Reason::Yearly(label),
                "%Y-%m" => Reason::Monthly(label),
                "%G-W%V" => Reason::Weekly(label),
                "%Y-%m-%d" => Reason::Daily(label),
                _ => Reason::Hourly(label),
            };
            keep(key, reason);
        }
    }

    if let (Some(length), Some((newest_good, _))) = (policy.keep_within, newest_good) {
        for copy in &counted {
            if end(&history.zone, copy.time, &length.to_string()) >= newest_good {
                keep(copy.key, Reason::Within(length));
            }
        }
    }

    for copy in &history.copies {
        for hold in &copy.holds {
            match *hold {
                Hold::Pinned => keep(copy.key, Reason::Pinned),
                Hold::Locked { until } if until > history.now => {
                    keep(copy.key, Reason::Locked { until });
                }
                Hold::Locked { .. } => {}
                Hold::UnderWay => keep(copy.key, Reason::UnderWay),
            }
        }
        if history.is_future(copy) {
            keep(copy.key, Reason::Future);
        }
        if copy.is_broken && newest_good.is_none() {
            keep(copy.key, Reason::NoGoodCopy);
        }
    }

    if let Some((_, key)) = newest_good {
        keep(key, Reason::LastGood);
    }
    let verified = good().filter(|copy| copy.is_verified);
    if let Some((_, key)) = verified.map(|copy| (copy.time, copy.key)).max() {
        keep(key, Reason::LastVerified);
    }
    reasons
}

/// Returns the end of a length of time after a time, from its text and with the arithmetic of calendars by hand.
fn end(zone: &TimeZone, time: Timestamp, length: &str) -> Timestamp {
    let mut units = BTreeMap::new();
    let mut number = 0;
    for letter in length.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = number * 10 + i64::from(digit);
        } else {
            units.insert(letter, std::mem::take(&mut number));
        }
    }
    let unit = |letter| units.get(&letter).copied().unwrap_or_default();
    let hours = SignedDuration::from_hours(unit('h'));
    if "ymwd".chars().all(|letter| unit(letter) == 0) {
        // Through the local time, the second of two equal hours would become the first.
        return time + hours;
    }

    let local: DateTime = zone.to_datetime(time);
    let months = i64::from(local.year()) * 12 + i64::from(local.month()) - 1;
    let months = months + 12 * unit('y') + unit('m');
    let small = |number: i64| i8::try_from(number).expect("a small number");
    let year = i16::try_from(months.div_euclid(12)).expect("a year");
    let first = Date::constant(year, small(months.rem_euclid(12) + 1), 1);
    let day = local.day().min(first.days_in_month());
    let mut date = Date::constant(year, first.month(), day);
    for _ in 0..unit('d') + 7 * unit('w') {
        date = date.tomorrow().expect("a day");
    }
    let end = zone.to_timestamp(date.to_datetime(local.time()));
    end.expect("a time") + hours
}

#[test]
fn decisions_and_their_reasons_are_those_of_the_model() {
    for_each_history(|history| {
        let expected = model(history);
        let decisions = history.decide();
        let actual: BTreeMap<_, _> = decisions
            .iter()
            .map(|decision| (decision.key, sorted(&decision.reasons)))
            .collect();
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(key, reasons)| (*key, sorted(reasons)))
            .collect();
        if actual != expected {
            return Err(format!("the model says {expected:?}\nnot {actual:?}"));
        }
        Ok(())
    });
}

/// Few copies of a history are so near to an end that a wrong end changes a decision.
#[test]
fn lengths_of_time_end_where_the_model_says() {
    for_each_history(|history| {
        for copy in &history.copies {
            for text in LENGTHS {
                let length: Within = text.parse().expect(text);
                let expected = end(&history.zone, copy.time, text);
                let actual = length.end(copy.time, &history.zone);
                if actual != expected {
                    return Err(format!("{text} ends at {expected}, not {actual}"));
                }
            }
        }
        Ok(())
    });
}

fn sorted(reasons: &[Reason]) -> Vec<String> {
    let mut words: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    words.sort_unstable();
    words
}
