//! The days of clock changes, with all that is expected.

use super::{schedule, ticks, time};

/// Asserts the ticks from the beginning of a local day up to the end of another, as the local clock shows them.
#[track_caller]
fn assert_days(zone: &str, text: &str, (first, last): (&str, &str), expected: &[&str]) {
    let schedule = schedule(text, zone);
    let zone = host_retention::zone(zone).expect(zone);
    let midnight = |date: &str| {
        let date: jiff::civil::Date = date.parse().expect(date);
        date.to_zoned(zone.clone()).expect("a day").timestamp()
    };
    let from = midnight(first) - jiff::SignedDuration::from_secs(1);
    let shown: Vec<_> = ticks(&schedule, from, midnight(last))
        .into_iter()
        .map(|tick| {
            let local = tick.instant().to_zoned(zone.clone());
            local.strftime("%d %H:%M %:z").to_string()
        })
        .collect();
    assert_eq!(shown, expected, "{text}");
}

/// The rows of the table in the description of the crate.
#[test]
fn in_berlin_no_fixed_time_is_skipped_or_doubled() {
    const SPRING: (&str, &str) = ("2026-03-28", "2026-03-31");
    const AUTUMN: (&str, &str) = ("2026-10-24", "2026-10-27");
    for (text, days, expected) in [
        (
            "30 2 * * *",
            SPRING,
            &["28 02:30 +01:00", "29 03:00 +02:00", "30 02:30 +02:00"][..],
        ),
        ("0,30 2 29 * *", SPRING, &["29 03:00 +02:00"]),
        ("* 2 29 3 *", SPRING, &["29 03:00 +02:00"]),
        (
            "30 2,3 29 * *",
            SPRING,
            &["29 03:00 +02:00", "29 03:30 +02:00"],
        ),
        ("0 2,3 29 * *", SPRING, &["29 03:00 +02:00"]),
        (
            "59 1,2 29 * *",
            SPRING,
            &["29 01:59 +01:00", "29 03:00 +02:00"],
        ),
        (
            "0 */2 29 * *",
            ("2026-03-29", "2026-03-30"),
            &[
                "29 00:00 +01:00",
                "29 03:00 +02:00",
                "29 04:00 +02:00",
                "29 06:00 +02:00",
                "29 08:00 +02:00",
                "29 10:00 +02:00",
                "29 12:00 +02:00",
                "29 14:00 +02:00",
                "29 16:00 +02:00",
                "29 18:00 +02:00",
                "29 20:00 +02:00",
                "29 22:00 +02:00",
            ],
        ),
        (
            "30 2 * * *",
            AUTUMN,
            &["24 02:30 +02:00", "25 02:30 +02:00", "26 02:30 +01:00"],
        ),
        (
            "0,59 1-3 25 * *",
            AUTUMN,
            &[
                "25 01:00 +02:00",
                "25 01:59 +02:00",
                "25 02:00 +02:00",
                "25 02:59 +02:00",
                "25 03:00 +01:00",
                "25 03:59 +01:00",
            ],
        ),
    ] {
        assert_days("Europe/Berlin", text, days, expected);
    }
}

#[test]
fn every_hour_follows_real_time() {
    for text in [
        "*/30 * * * *",
        "0,30 0-23 * * ?",
        "*/30 0-11,12-23 * * *",
        "0/30 */1 * * *",
    ] {
        let schedule = schedule(text, "Europe/Berlin");
        for (from, to) in [
            ("2026-03-28T22:59:59Z", "2026-03-29T22:00:00Z"),
            ("2026-10-24T21:59:59Z", "2026-10-25T23:00:00Z"),
        ] {
            let (from, to) = (time(from), time(to));
            let ticks = ticks(&schedule, from, to);
            let hours = to.duration_since(from).as_hours();
            assert_eq!(i64::try_from(ticks.len()), Ok(2 * hours), "{text}");
            let apart = ticks
                .windows(2)
                .map(|pair| pair[1].minutes() - pair[0].minutes());
            assert!(apart.into_iter().all(|minutes| minutes == 30), "{text}");
        }
    }
}

#[test]
fn a_schedule_of_every_hour_fires_at_times_that_the_clock_shows() {
    assert_days(
        "Europe/Berlin",
        "30 * 29 3 *",
        ("2026-03-29", "2026-03-30"),
        &[
            "29 00:30 +01:00",
            "29 01:30 +01:00",
            "29 03:30 +02:00",
            "29 04:30 +02:00",
            "29 05:30 +02:00",
            "29 06:30 +02:00",
            "29 07:30 +02:00",
            "29 08:30 +02:00",
            "29 09:30 +02:00",
            "29 10:30 +02:00",
            "29 11:30 +02:00",
            "29 12:30 +02:00",
            "29 13:30 +02:00",
            "29 14:30 +02:00",
            "29 15:30 +02:00",
            "29 16:30 +02:00",
            "29 17:30 +02:00",
            "29 18:30 +02:00",
            "29 19:30 +02:00",
            "29 20:30 +02:00",
            "29 21:30 +02:00",
            "29 22:30 +02:00",
            "29 23:30 +02:00",
        ],
    );
}

#[test]
fn other_zones_keep_the_rule() {
    for (zone, text, days, expected) in [
        (
            "America/New_York",
            "30 1,2 8 3 *",
            ("2026-03-07", "2026-03-10"),
            &["08 01:30 -05:00", "08 03:00 -04:00"][..],
        ),
        (
            "America/New_York",
            "30 1,2 1 11 *",
            ("2026-10-31", "2026-11-03"),
            &["01 01:30 -04:00", "01 02:30 -05:00"],
        ),
        // Half an hour: 02:00–02:29 is skipped in October, and 01:30–01:59 is repeated in April.
        (
            "Australia/Lord_Howe",
            "15,45 1,2 * * SUN",
            ("2026-10-03", "2026-10-06"),
            &[
                "04 01:15 +10:30",
                "04 01:45 +10:30",
                "04 02:30 +11:00",
                "04 02:45 +11:00",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "15,45 1,2 * * SUN",
            ("2026-04-04", "2026-04-07"),
            &[
                "05 01:15 +11:00",
                "05 01:45 +11:00",
                "05 02:15 +10:30",
                "05 02:45 +10:30",
            ],
        ),
        // Two hours.
        (
            "Antarctica/Troll",
            "30 1,2 * * SUN",
            ("2026-10-24", "2026-10-27"),
            &["25 01:30 +02:00", "25 02:30 +02:00"],
        ),
        // Midnight does not exist.
        (
            "Africa/Cairo",
            "0 0 * * *",
            ("2026-04-23", "2026-04-26"),
            &["23 00:00 +02:00", "24 01:00 +03:00", "25 00:00 +03:00"],
        ),
        (
            "Africa/Cairo",
            "0 */12 24 * *",
            ("2026-04-23", "2026-04-26"),
            &["24 01:00 +03:00", "24 12:00 +03:00"],
        ),
        // The clock goes back at midnight, to the day before.
        (
            "Africa/Cairo",
            "30 23 * * *",
            ("2026-10-28", "2026-10-31"),
            &["28 23:30 +03:00", "29 23:30 +03:00", "30 23:30 +02:00"],
        ),
        // 30 December 2011 does not exist: both times of it are reached at once.
        (
            "Pacific/Apia",
            "0 6,18 * * *",
            ("2011-12-29", "2012-01-01"),
            &[
                "29 06:00 -10:00",
                "29 18:00 -10:00",
                "31 00:00 +14:00",
                "31 06:00 +14:00",
                "31 18:00 +14:00",
            ],
        ),
        (
            "Pacific/Apia",
            "0 6 * * FRI",
            ("2011-12-25", "2012-01-10"),
            &["31 00:00 +14:00", "06 06:00 +14:00"],
        ),
        (
            "Asia/Kathmandu",
            "10 0 * * *",
            ("2026-03-29", "2026-03-31"),
            &["29 00:10 +05:45", "30 00:10 +05:45"],
        ),
        (
            "UTC",
            "30 2 * * *",
            ("2026-03-29", "2026-03-31"),
            &["29 02:30 +00:00", "30 02:30 +00:00"],
        ),
    ] {
        assert_days(zone, text, days, expected);
    }
}

/// Each of the two hours of an autumn night has minutes of its own in UTC, so names of runs differ.
#[test]
fn the_repeated_hour_has_two_ticks_in_real_time() {
    assert_days(
        "Europe/Berlin",
        "30 0-23 * 10 *",
        ("2026-10-25", "2026-10-26"),
        &[
            "25 00:30 +02:00",
            "25 01:30 +02:00",
            "25 02:30 +02:00",
            "25 02:30 +01:00",
            "25 03:30 +01:00",
            "25 04:30 +01:00",
            "25 05:30 +01:00",
            "25 06:30 +01:00",
            "25 07:30 +01:00",
            "25 08:30 +01:00",
            "25 09:30 +01:00",
            "25 10:30 +01:00",
            "25 11:30 +01:00",
            "25 12:30 +01:00",
            "25 13:30 +01:00",
            "25 14:30 +01:00",
            "25 15:30 +01:00",
            "25 16:30 +01:00",
            "25 17:30 +01:00",
            "25 18:30 +01:00",
            "25 19:30 +01:00",
            "25 20:30 +01:00",
            "25 21:30 +01:00",
            "25 22:30 +01:00",
            "25 23:30 +01:00",
        ],
    );
}
