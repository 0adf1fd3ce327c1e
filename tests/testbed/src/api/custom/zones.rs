//! The parts of times in a time zone: `timestamp(…).getHours('Europe/Berlin')`.
//!
//! The functions of the crate `cel` ignore the zone, so a rule that checks a zone by such a call would always
//! be fulfilled.

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::{Context, ExecutionError, Value as Cel};

type Part = fn(&DateTime<FixedOffset>) -> i64;

const PARTS: [(&str, Part); 10] = [
    ("getFullYear", |it| it.year().into()),
    ("getMonth", |it| it.month0().into()),
    ("getDayOfYear", |it| it.ordinal0().into()),
    ("getDayOfMonth", |it| it.day0().into()),
    ("getDate", |it| it.day().into()),
    ("getDayOfWeek", |it| {
        it.weekday().num_days_from_sunday().into()
    }),
    ("getHours", |it| it.hour().into()),
    ("getMinutes", |it| it.minute().into()),
    ("getSeconds", |it| it.second().into()),
    ("getMilliseconds", |it| it.timestamp_subsec_millis().into()),
];

/// Replaces the functions that read parts of a time.
pub fn register(context: &mut Context<'_>) {
    for (name, part) in PARTS {
        context.add_function(
            name,
            move |This(this): This<Cel>, Arguments(arguments): Arguments| match (
                &this,
                &arguments[..],
            ) {
                (Cel::Timestamp(moment), []) => Ok(Cel::Int(part(&moment.to_utc().fixed_offset()))),
                (Cel::Timestamp(moment), [Cel::String(zone)]) => {
                    let local = local(moment, zone)
                        .ok_or_else(|| ExecutionError::function_error(name, unknown(zone)))?;
                    Ok(Cel::Int(part(&local)))
                }
                (Cel::Duration(duration), []) => match name {
                    "getHours" => Ok(Cel::Int(duration.num_hours())),
                    "getMinutes" => Ok(Cel::Int(duration.num_minutes())),
                    "getSeconds" => Ok(Cel::Int(duration.num_seconds())),
                    "getMilliseconds" => Ok(Cel::Int(duration.num_milliseconds() % 1000)),
                    _ => Err(ExecutionError::NoSuchOverload),
                },
                _ => Err(ExecutionError::NoSuchOverload),
            },
        );
    }
}

fn unknown(zone: &str) -> String {
    format!("unknown time zone {zone}")
}

/// Returns a time in a zone of the database, `Local`, `UTC`, or an offset such as `+02:00`.
fn local(moment: &DateTime<FixedOffset>, zone: &str) -> Option<DateTime<FixedOffset>> {
    if let Some((hours, minutes)) = zone.split_once(':') {
        let whole: i32 = hours.parse().ok()?;
        let part: i32 = minutes.parse().ok()?;
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        let offset = FixedOffset::east_opt(whole * 3600 + sign * part * 60)?;
        return Some(moment.with_timezone(&offset));
    }
    // A server's container has no zone of its own.
    if ["", "UTC", "Local"].contains(&zone) {
        return Some(moment.to_utc().fixed_offset());
    }
    let found = TimeZone::get(zone).ok()?;
    // Names of files distinguish cases, and Go reads the zones from files.
    if found.iana_name() != Some(zone) {
        return None;
    }
    let at = Timestamp::from_second(moment.timestamp()).ok()?;
    let offset = FixedOffset::east_opt(found.to_offset(at).seconds())?;
    Some(moment.with_timezone(&offset))
}

#[cfg(test)]
mod tests {
    use super::super::rules::evaluate;
    use super::*;

    #[test]
    fn times_are_read_in_zones_and_unknown_zones_are_errors() {
        for (zone, hour) in [
            ("'Europe/Berlin'", Some(13)),
            ("'Asia/Kolkata'", Some(17)),
            ("'+02:00'", Some(14)),
            ("'-03:30'", Some(8)),
            ("'Local'", Some(12)),
            ("", Some(12)),
            ("'Europe/Berlln'", None),
            ("'europe/berlin'", None),
        ] {
            let text = format!("timestamp('2026-01-01T12:00:00Z').getHours({zone})");
            assert_eq!(evaluate(&text).ok(), hour.map(Cel::Int), "{zone}");
        }
        let text = "duration('90m').getHours()";
        assert_eq!(evaluate(text).ok(), Some(Cel::Int(1)));
    }
}
