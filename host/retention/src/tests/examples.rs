//! Each rule with dates.

use jiff::tz::TimeZone;

use super::{NOW, copies, copy, decided, shown, time};
use crate::{Hold, Policy};

#[test]
fn the_last_copies_stay() {
    let copies = copies(["2026-11-24 10:00", "2026-11-27 10:00", "2026-11-25 10:00"]);
    let policy = Policy {
        keep_last: 2,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 10:00: last 1, newest good copy",
            "2026-11-25 10:00: last 2",
            "2026-11-24 10:00: ",
        ]
    );
}

#[test]
fn hours_without_a_copy_use_up_nothing() {
    let copies = copies([
        "2026-11-20 09:00",
        "2026-11-27 10:00",
        "2026-11-27 10:59",
        "2026-11-27 11:00",
    ]);
    let policy = Policy {
        keep_hourly: 3,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 11:00: hourly 2026-11-27T11+00:00, newest good copy",
            "2026-11-27 10:59: hourly 2026-11-27T10+00:00",
            "2026-11-27 10:00: ",
            "2026-11-20 09:00: hourly 2026-11-20T09+00:00",
        ]
    );
}

#[test]
fn the_newest_of_each_day_week_month_and_year_stays() {
    let copies = copies([
        "2024-05-01 00:00",
        "2025-12-28 23:59",
        "2025-12-29 00:00",
        "2026-10-31 23:59",
        "2026-11-22 23:59",
        "2026-11-23 00:00",
        "2026-11-26 23:59",
        "2026-11-27 00:00",
        "2026-11-27 23:59",
    ]);
    let policy = Policy {
        keep_daily: 2,
        keep_weekly: 2,
        keep_monthly: 3,
        keep_yearly: 2,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 23:59: daily 2026-11-27, weekly 2026-W48, monthly 2026-11, yearly 2026, newest good copy",
            "2026-11-27 00:00: ",
            "2026-11-26 23:59: daily 2026-11-26",
            "2026-11-23 00:00: ",
            "2026-11-22 23:59: weekly 2026-W47",
            "2026-10-31 23:59: monthly 2026-10",
            "2025-12-29 00:00: monthly 2025-12, yearly 2025",
            "2025-12-28 23:59: ",
            "2024-05-01 00:00: ",
        ]
    );
}

/// 29 December 2025 is in the first week of 2026.
#[test]
fn a_week_may_span_two_years() {
    let copies = copies([
        "2025-12-28 23:59",
        "2025-12-29 00:00",
        "2026-01-04 23:59",
        "2026-01-05 00:00",
    ]);
    let policy = Policy {
        keep_weekly: 9,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-01-05 00:00: weekly 2026-W02, newest good copy",
            "2026-01-04 23:59: weekly 2026-W01",
            "2025-12-29 00:00: ",
            "2025-12-28 23:59: weekly 2025-W52",
        ]
    );
}

/// Others keep the oldest copy while a count is left, which surprises people.
#[test]
fn the_oldest_copy_is_not_kept_to_fill_a_count() {
    let copies = copies(["2026-11-01 10:00", "2026-11-02 10:00"]);
    let policy = Policy {
        keep_monthly: 12,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-02 10:00: monthly 2026-11, newest good copy",
            "2026-11-01 10:00: "
        ]
    );
}

#[test]
fn of_equal_times_the_greater_key_is_the_newer_copy() {
    let policy = Policy {
        keep_daily: 1,
        ..Policy::default()
    };
    let same = time("2026-11-27T10:00:00Z");
    for keys in [[1, 2], [2, 1]] {
        let copies = keys.map(|key| copy(key, same));
        let decisions = decided(&copies, &policy, &TimeZone::UTC, time(NOW));
        let kept: Vec<_> = decisions
            .iter()
            .map(|copy| (copy.key, copy.is_kept()))
            .collect();
        assert_eq!(kept, [(2, true), (1, false)]);
    }
}

/// Backups have failed since July: a length of time counted from the present would keep the newest copy only.
#[test]
fn a_length_of_time_counts_from_the_newest_good_copy() {
    let mut copies = copies([
        "2026-05-31 09:59",
        "2026-05-31 10:00",
        "2026-06-30 10:00",
        "2026-11-27 10:00",
    ]);
    copies[3].is_broken = true;
    let policy = Policy {
        keep_within: Some("30d".parse().expect("a length")),
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 10:00: ",
            "2026-06-30 10:00: within 30d, newest good copy",
            "2026-05-31 10:00: within 30d",
            "2026-05-31 09:59: ",
        ]
    );
    // A pinned copy is good, so the time counts from it.
    copies[3].is_broken = false;
    copies[3].holds.push(Hold::Pinned);
    assert_eq!(
        shown(&copies, policy)[..2],
        [
            "2026-11-27 10:00: pinned, newest good copy",
            "2026-06-30 10:00: "
        ]
    );
}

/// One month before 31 March 01:00 is 28 February 01:00, which is less than a month before 30 March 23:00.
#[test]
fn a_length_of_time_never_reaches_further_back_as_copies_arrive() {
    let mut copies = copies(["2026-02-28 02:00", "2026-03-30 23:00"]);
    let policy = Policy {
        keep_within: Some("1m".parse().expect("a length")),
        ..Policy::default()
    };
    assert_eq!(shown(&copies, policy)[1], "2026-02-28 02:00: ");
    copies.push(copy(2, time("2026-03-31T01:00:00Z")));
    assert_eq!(shown(&copies, policy)[2], "2026-02-28 02:00: ");
}
