//! Texts of schedules: those that are read, and those that are refused.

use std::collections::BTreeSet;

use super::{SEED, schedule, ticks, time};
use crate::{Field, Schedule, ScheduleError};

fn refused(text: &str) -> ScheduleError {
    let parsed = Schedule::parse(text, None, SEED);
    parsed.expect_err(text)
}

#[track_caller]
fn assert_equal(one: &str, other: &str) {
    assert_eq!(
        schedule(one, "UTC").rule(),
        schedule(other, "UTC").rule(),
        "{one} and {other}"
    );
}

#[test]
fn one_schedule_has_many_texts() {
    for (one, other) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("  0\t0 * *\n* ", "0 0 * * *"),
        ("0 0 ? * ?", "0 0 * * *"),
        ("00 000 01 01 *", "0 0 1 1 *"),
        ("*/20 0 * * *", "0,20,40 0 * * *"),
        ("10/20 0 * * *", "10,30,50 0 * * *"),
        ("5-30/10 0 * * *", "5,15,25 0 * * *"),
        ("59,0,59 0 * * *", "0,59 0 * * *"),
        ("0 0 * jan,Mar-MAY *", "0 0 * 1,3,4,5 *"),
        ("0 0 * * sun,Tue-THU", "0 0 * * 0,2-4"),
        ("0 0 * * MON/2", "0 0 * * 1,3,5"),
        ("0 0 */31 * *", "0 0 1 * *"),
        ("*/60 */24 * * *", "0 0 * * *"),
        ("@every 90m", "@every 1h30m"),
        ("@every 120m", "@every 2h0m"),
        ("@every  2h", "@every 2h"),
    ] {
        assert_equal(one, other);
    }
}

/// As Kubernetes reads it, a day field with a step is a limit, and one with a bare star anywhere is none.
#[test]
fn two_limited_days_are_alternatives() {
    let days = |text: &str| {
        let (from, to) = (time("2026-05-31T23:59:00Z"), time("2026-07-01T00:00:00Z"));
        let ticks = ticks(&schedule(text, "UTC"), from, to);
        let days = ticks
            .iter()
            .map(|tick| tick.instant().to_zoned(jiff::tz::TimeZone::UTC).day());
        days.collect::<Vec<_>>()
    };
    // 1 June 2026 is a Monday.
    assert_eq!(days("0 2 3 * MON"), [1, 3, 8, 15, 22, 29]);
    assert_eq!(days("0 2 * * MON"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 2 ? * MON"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 2 3,* * MON"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 2 */1 * MON"), [1, 8, 15, 22, 29]);
    assert_eq!(days("0 2 3 * *"), [3]);
    assert_eq!(days("0 2 */10 * MON"), [1, 8, 11, 15, 21, 22, 29]);
    assert_eq!(days("0 2 1-31 * MON").len(), 30);
    assert_eq!(
        days("0 2 3 * */3"),
        [3, 6, 7, 10, 13, 14, 17, 20, 21, 24, 27, 28]
    );
}

#[test]
fn leap_days_are_found_across_the_century() {
    let leap = schedule("0 12 29 2 *", "UTC");
    for (from, expected) in [
        ("2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"),
        ("2096-02-29T12:00:00Z", "2104-02-29T12:00:00Z"),
    ] {
        let next = leap.after(time(from)).expect("a leap day");
        assert_eq!(next.instant(), time(expected));
        let latest = leap.latest(time(expected) - jiff::SignedDuration::from_nanos(1));
        assert!(
            latest.expect("a leap day").instant() <= time(from).max(time("2024-02-29T12:00:00Z"))
        );
    }
}

#[test]
fn an_interval_is_counted_from_the_same_time_everywhere() {
    let every = schedule("@every 90m", "Europe/Berlin");
    assert_equal("@every 90m", "@every 90m");
    let next = every.after(time("2026-11-27T00:00:00Z")).expect("a tick");
    assert_eq!(next.minutes() % 90, 0);
    assert_eq!(next.instant(), time("2026-11-27T01:30:00Z"));
    assert_eq!(every.rule(), schedule("@every 90m", "UTC").rule());
    assert_eq!(every.latest(next.instant()), Some(next));
}

#[test]
fn the_hash_chooses_a_value_for_each_field() {
    // The numbers are by Python's `hashlib`.
    for (text, effective) in [
        ("H H * * *", "21 21 * * *"),
        ("H H(0-5) * * *", "21 3 * * *"),
        ("H/15 * * * *", "6-59/15 * * * *"),
        ("H(10-29)/5,40 2 H H H", "11-29/5,40 2 20 4 3"),
        ("0 0 H/7 * *", "0 0 6-28/7 * *"),
        ("0 0 * H(JAN-JUN) H(MON-FRI)", "0 0 * 4 2"),
        ("@daily", "0 0 * * *"),
        ("@every 90m", "@every 1h30m"),
        ("@every 24h", "@every 24h"),
        ("@every 7m", "@every 7m"),
        (" */5 \t? 1-7/2 JAN  MON ", "*/5 ? 1-7/2 JAN MON"),
    ] {
        let schedule = schedule(text, "UTC");
        assert_eq!(schedule.effective(), effective, "{text}");
        assert_equal(text, effective);
    }
}

#[test]
fn the_hash_spreads_schedules_over_all_values() {
    let effective = |text: &str, field: usize| {
        let chosen = (0..600).map(|index| {
            let schedule = Schedule::parse(text, None, &format!("shop/orders-{index}"));
            let effective = schedule.expect(text).effective().to_owned();
            effective.split(' ').nth(field).expect("a field").to_owned()
        });
        chosen.collect::<BTreeSet<_>>().len()
    };
    assert_eq!(effective("H * * * *", 0), 60);
    assert_eq!(effective("H/15 * * * *", 0), 15);
    assert_eq!(effective("H(10-19) * * * *", 0), 10);
    assert_eq!(effective("0 H * * *", 1), 24);
    assert_eq!(effective("0 0 H * *", 2), 28);
    assert_eq!(effective("0 0 1 H *", 3), 12);
    assert_eq!(effective("0 0 * * H", 4), 7);
}

#[test]
fn zones_are_names_of_the_database() {
    let default = Schedule::parse("0 2 * * *", None, SEED).expect("a schedule");
    assert_eq!(default, schedule("0 2 * * *", "UTC"));
    for zone in [
        "",
        "Local",
        "+02:00",
        "Europe/Berlln",
        "Etc/Unknown",
        "../UTC",
        "EST5EDT4,M3.2.0,M11.1.0",
    ] {
        let refused = Schedule::parse("0 2 * * *", Some(zone), SEED);
        let name = zone.to_owned();
        assert_eq!(refused, Err(ScheduleError::UnknownZone { name }));
    }
}

/// Texts that are refused, each with the error's words.
#[test]
fn errors_say_what_to_write() {
    for (text, expected) in [
        (
            "",
            "the schedule is empty: write five fields, such as \"30 2 * * *\", or @daily",
        ),
        (
            " \n",
            "the schedule is empty: write five fields, such as \"30 2 * * *\", or @daily",
        ),
        (
            "0 30 2 * * *",
            "schedule \"0 30 2 * * *\" must have 5 fields, not 6: minute, hour, day of month, month and day of week, \
             such as \"30 2 * * *\"",
        ),
        (
            "daily",
            "schedule \"daily\" must have 5 fields, not 1: minute, hour, day of month, month and day of week, such \
             as \"30 2 * * *\"",
        ),
        (
            "TZ=Europe/Berlin 30 2 * * *",
            "schedule \"TZ=Europe/Berlin 30 2 * * *\" names a time zone: set the zone as `timeZone`, and begin the \
             schedule with its minute",
        ),
        (
            "@reboot",
            "unknown schedule \"@reboot\": use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, \
             \"@every 90m\", or five fields such as \"30 2 * * *\"",
        ),
        (
            "@every 30s",
            "invalid interval \"30s\" after @every: use whole hours and minutes from 1m to 8784h, such as 90m or 1h30m",
        ),
        (
            "60 2 * * *",
            "invalid minute \"60\": values must be 0–59, in a form such as 30, 0,30, 0-20, */15 or H",
        ),
        (
            "0 24 * * *",
            "invalid hour \"24\": values must be 0–23, in a form such as 2, 2,14, 9-17, */6 or H(0-5)",
        ),
        (
            "0 2 0 * *",
            "invalid day of month \"0\": values must be 1–31, in a form such as 1, 1,15, 1-7, */10 or H",
        ),
        (
            "0 2 * 13 *",
            "invalid month \"13\": values must be 1–12 or JAN–DEC, in a form such as 1, JAN,JUL, 1-6, */3 or H",
        ),
        (
            "0 2 * * 7",
            "invalid day of week \"7\": values must be 0–6 or SUN–SAT, where 0 is Sunday, in a form such as 0, MON, \
             MON-FRI, 1,3 or H",
        ),
        (
            "0 22-4 * * *",
            "hour range 22-4 ends before it begins: write two ranges, such as 22-23,0-4",
        ),
        (
            "*/90 * * * *",
            "invalid step \"90\" of minute: must be 1–60; for intervals across fields, use @every, such as \"@every 90m\"",
        ),
        (
            "H(0-9)/20 * * * *",
            "invalid step \"20\" of H in minute: must be at least 2, and at most the number of values (10); for every \
             value, write * instead of H",
        ),
        (
            "0 2 31 2,4 *",
            "schedule \"0 2 31 2,4 *\" never fires: none of its months has such a day; use a day that one of them has, \
             such as 28, which all have",
        ),
    ] {
        assert_eq!(refused(text).to_string(), expected);
    }
}

#[test]
fn other_forms_are_refused() {
    for (field, texts) in [
        (
            Field::Minute,
            &[
                "-1",
                "+1",
                "1.5",
                "x",
                "1-",
                "-",
                "1-2-3",
                "1--2",
                "*-5",
                "?-5",
                "**",
                "*5",
                "0x1",
                "١",
                "JAN",
                "1,,2",
                ",1",
                "1,",
                "4294967296",
                "99999999999999999999",
                "/5",
                "L",
                "1#2",
                "h",
                "HH",
                "H5",
                "H()",
                "H(5)",
                "H(0-60)",
                "H(0-5",
                "H0-5)",
                "H(-5)",
                "H(0-5)x",
                "H-5",
                "5-H",
                "%",
                "~",
                "0~30",
                "1_0",
                "\0",
            ][..],
        ),
        (Field::Hour, &["24", "0-24", "MON"]),
        (
            Field::DayOfMonth,
            &["0", "32", "0-5", "L", "15W", "MON", "H(0-5)", "H(1-32)"],
        ),
        (Field::Month, &["0", "13", "MON", "JANUARY", "H(0-3)"]),
        (
            Field::DayOfWeek,
            &["7", "5-7", "8", "JAN", "MONDAY", "5L", "MON#2", "-MON"],
        ),
    ] {
        for text in texts {
            let mut words = ["0", "0", "1", "1", "*"];
            let index = Field::ALL.iter().position(|other| *other == field);
            words[index.expect("a field")] = text;
            let ScheduleError::Value { field: found, .. } = refused(&words.join(" ")) else {
                panic!("{field} {text}");
            };
            assert_eq!(found, field, "{text}");
        }
    }
}

#[test]
fn other_steps_and_ranges_are_refused() {
    for text in [
        "*/0",
        "*/61",
        "*/",
        "*/-5",
        "*/+5",
        "*/x",
        "0-5/5/5",
        "0/5/5",
        "*/99999999999",
    ] {
        let error = refused(&format!("{text} * * * *"));
        assert!(
            matches!(
                error,
                ScheduleError::Step {
                    field: Field::Minute,
                    ..
                }
            ),
            "{text}"
        );
    }
    for text in ["H/1", "H/0", "H/61", "H/", "H/x", "H(5-5)/2", "H/5/5"] {
        let error = refused(&format!("{text} * * * *"));
        assert!(
            matches!(
                error,
                ScheduleError::HashStep {
                    field: Field::Minute,
                    ..
                }
            ),
            "{text}"
        );
    }
    for text in ["30-5", "H(9-3)", "30-5/2"] {
        let error = refused(&format!("{text} * * * *"));
        assert!(matches!(error, ScheduleError::Reversed { .. }), "{text}");
    }
}

#[test]
fn other_names_and_intervals_are_refused() {
    for text in [
        "@Daily",
        "@",
        "@dailyx",
        "@daily 0",
        "@hourly *",
        "@every5m",
        "@EVERY 5m",
    ] {
        assert!(
            matches!(refused(text), ScheduleError::UnknownName { .. }),
            "{text}"
        );
    }
    for text in [
        "",
        "0m",
        "0h0m",
        "5",
        "h",
        "m",
        "hm",
        "1hm",
        "-5m",
        "+5m",
        "1.5h",
        "30m1h",
        "1h30",
        "1h 30m",
        "1d",
        "60s",
        "1m30s",
        "8785h",
        "8784h1m",
        "527041m",
        "9223372036854775807h",
        "99999999999999999999m",
        "1h30mm",
        "1h1h",
    ] {
        assert!(
            matches!(
                refused(&format!("@every {text}")),
                ScheduleError::Every { .. }
            ),
            "{text}"
        );
    }
    for text in ["CRON_TZ=UTC 0 0 * * *", "TZ=", "CRON_TZ= @daily"] {
        assert!(
            matches!(refused(text), ScheduleError::ZoneInText { .. }),
            "{text}"
        );
    }
    schedule("@every 8784h", "UTC");
    schedule("@every 527040m", "UTC");
    schedule("@every 1m", "UTC");
}

#[test]
fn schedules_that_never_fire_are_refused() {
    for text in [
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 30-31 FEB *",
        "0 0 30/1 2 ?",
    ] {
        assert!(
            matches!(refused(text), ScheduleError::Never { .. }),
            "{text}"
        );
    }
    for text in [
        "0 0 29 2 *",
        "0 0 31 2,3 *",
        "0 0 30 4 *",
        "0 0 31 2 MON",
        "0 0 29-31 2 *",
    ] {
        let schedule = schedule(text, "UTC");
        assert!(
            schedule.after(time("2026-01-01T00:00:00Z")).is_some(),
            "{text}"
        );
    }
}

#[test]
fn hostile_texts_are_cut_and_escaped() {
    let text = format!("a\u{1b}[2J\u{202e}b{} * * * *", "é".repeat(100));
    let shown = refused(&text).to_string();
    assert!(
        shown.starts_with("invalid minute \"a\\u{1b}[2J\\u{202e}bééé"),
        "{shown}"
    );
    assert!(shown.contains("é…\": values"), "{shown}");
    assert!(shown.chars().count() < 150, "{shown}");
    let length = 1_000_000;
    assert_eq!(
        refused(&"*".repeat(length)),
        ScheduleError::TooLong { length }
    );
    let zone = Schedule::parse("@daily", Some(&"\u{1b}".repeat(length)), SEED);
    assert!(zone.expect_err("no zone").to_string().len() < 500);
    let all: Vec<_> = (0..60).map(|minute| minute.to_string()).collect();
    let hours: Vec<_> = (0..24).map(|hour| hour.to_string()).collect();
    let days: Vec<_> = (1..32).map(|day| day.to_string()).collect();
    let months: Vec<_> = (1..13).map(|month| month.to_string()).collect();
    let all = [all, hours, days, months]
        .map(|values| values.join(","))
        .join(" ");
    schedule(&format!("{all} 0,1,2,3,4,5,6"), "UTC");
}
