//! The days of clock changes, with all that is expected.

use super::{Copy, copy, decided, time};
use crate::Policy;

/// Returns the local times of the copies that stay, newest first.
fn kept(zone: &str, copies: &[Copy], policy: Policy) -> Vec<String> {
    let zone = crate::zone(zone).expect(zone);
    let decisions = decided(copies, &policy, &zone, time("2030-01-01T00:00:00Z"));
    let kept = decisions.iter().filter(|decision| decision.is_kept());
    kept.map(|decision| {
        let local = decision.time.to_zoned(zone.clone());
        local.strftime("%m-%d %H:%M%:z").to_string()
    })
    .collect()
}

/// Copies every so many minutes, from a time on.
fn every(minutes: i64, from: &str, count: u32) -> Vec<Copy> {
    let interval = jiff::SignedDuration::from_mins(minutes);
    let mut next = time(from);
    let copies = (0..count).map(|key| {
        let copy = copy(key, next);
        next += interval;
        copy
    });
    copies.collect()
}

fn hourly(count: u32) -> Policy {
    Policy {
        keep_hourly: count,
        ..Policy::default()
    }
}

fn daily(count: u32) -> Policy {
    Policy {
        keep_daily: count,
        ..Policy::default()
    }
}

#[test]
fn an_hour_that_is_repeated_in_berlin_is_two_hours() {
    // Every half hour, from 01:00 to 04:00 local time, with the hour from 02:00 twice.
    let copies = every(30, "2026-10-25T01:00:00+02:00", 9);
    assert_eq!(
        kept("Europe/Berlin", &copies, hourly(4)),
        [
            "10-25 04:00+01:00",
            "10-25 03:30+01:00",
            "10-25 02:30+01:00",
            "10-25 02:30+02:00",
        ]
    );
}

#[test]
fn an_hour_that_is_skipped_in_new_york_uses_up_nothing() {
    // Every half hour, from 01:00 to 04:00 local time, without the hour from 02:00.
    let copies = every(30, "2026-03-08T01:00:00-05:00", 5);
    assert_eq!(
        kept("America/New_York", &copies, hourly(3)),
        [
            "03-08 04:00-04:00",
            "03-08 03:30-04:00",
            "03-08 01:30-05:00"
        ]
    );
}

#[test]
fn half_an_hour_that_is_repeated_on_lord_howe_is_an_hour_of_its_own() {
    // At 02:00 the clocks go back to 01:30.
    let copies = every(15, "2026-04-05T01:00:00+11:00", 8);
    assert_eq!(
        kept("Australia/Lord_Howe", &copies, hourly(3)),
        [
            "04-05 02:15+10:30",
            "04-05 01:45+10:30",
            "04-05 01:45+11:00"
        ]
    );
}

#[test]
fn half_an_hour_that_is_skipped_on_lord_howe_leaves_a_shorter_hour() {
    // At 02:00 the clocks go forward to 02:30.
    let copies = every(15, "2026-10-04T01:30:00+10:30", 5);
    assert_eq!(
        kept("Australia/Lord_Howe", &copies, hourly(3)),
        [
            "10-04 03:00+11:00",
            "10-04 02:45+11:00",
            "10-04 01:45+10:30"
        ]
    );
}

#[test]
fn days_of_23_and_25_hours_are_one_day_each() {
    let copies = every(60, "2026-03-28T23:00:00+01:00", 26);
    assert_eq!(
        kept("Europe/Berlin", &copies, daily(9)),
        [
            "03-30 01:00+02:00",
            "03-29 23:00+02:00",
            "03-28 23:00+01:00"
        ]
    );
    let copies = every(60, "2026-10-24T23:00:00+02:00", 27);
    assert_eq!(
        kept("Europe/Berlin", &copies, daily(9)),
        [
            "10-26 00:00+01:00",
            "10-25 23:00+01:00",
            "10-24 23:00+02:00"
        ]
    );
}

/// Kathmandu has no clock changes, but its day begins at 18:15 UTC.
#[test]
fn days_begin_where_the_zone_says() {
    let copies = every(15, "2026-11-27T17:45:00Z", 4);
    assert_eq!(
        kept("Asia/Kathmandu", &copies, daily(9)),
        ["11-28 00:15+05:45", "11-27 23:45+05:45"]
    );
    assert_eq!(kept("UTC", &copies, daily(9)), ["11-27 18:30+00:00"]);
}

/// Until 2011, clocks in Newfoundland went back one minute after midnight, so that the date went back as well.
#[test]
fn of_two_days_that_overlap_the_one_with_the_newest_copy_is_newer() {
    let copies = [
        copy(0, time("2010-11-06T12:00:00-02:30")),
        copy(1, time("2010-11-07T00:00:30-02:30")),
        copy(2, time("2010-11-06T23:30:00-03:30")),
    ];
    let zone = "America/St_Johns";
    assert_eq!(kept(zone, &copies, daily(1)), ["11-06 23:30-03:30"]);
    assert_eq!(
        kept(zone, &copies, daily(2)),
        ["11-06 23:30-03:30", "11-07 00:00-02:30"]
    );
    // The day that comes back is still one day.
    let [first, second, third] = copies;
    let copies = [
        first,
        second,
        third,
        copy(3, time("2010-11-07T08:00:00-03:30")),
    ];
    assert_eq!(
        kept(zone, &copies, daily(9)),
        ["11-07 08:00-03:30", "11-06 23:30-03:30"]
    );
}

/// Samoa had no 30 December 2011.
#[test]
fn a_day_that_a_zone_skips_uses_up_nothing() {
    let copies = every(12 * 60, "2011-12-28T06:00:00-10:00", 6);
    assert_eq!(
        kept("Pacific/Apia", &copies, daily(3)),
        [
            "12-31 18:00+14:00",
            "12-29 18:00-10:00",
            "12-28 18:00-10:00"
        ]
    );
}

#[test]
fn a_length_of_days_across_a_clock_change_is_one_of_the_calendar() {
    let within = |text: &str| Policy {
        keep_within: Some(text.parse().expect(text)),
        ..Policy::default()
    };
    // 11:59, 12:00 and 13:00 on the day before, and noon on the day of 25 hours.
    let copies = [
        copy(0, time("2026-10-24T11:59:00+02:00")),
        copy(1, time("2026-10-24T12:00:00+02:00")),
        copy(2, time("2026-10-24T13:00:00+02:00")),
        copy(3, time("2026-10-25T12:00:00+01:00")),
    ];
    let zone = "Europe/Berlin";
    assert_eq!(
        kept(zone, &copies, within("1d")),
        [
            "10-25 12:00+01:00",
            "10-24 13:00+02:00",
            "10-24 12:00+02:00"
        ]
    );
    assert_eq!(
        kept(zone, &copies, within("24h")),
        ["10-25 12:00+01:00", "10-24 13:00+02:00"]
    );
}
