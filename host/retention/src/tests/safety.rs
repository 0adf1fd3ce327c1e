//! Copies that stay or go under every policy, with dates.

use jiff::Timestamp;

use super::{copies, copy, decided, shown, time};
use crate::{Decision, Hold, Policy};

#[test]
fn held_copies_stay_and_use_up_no_count() {
    let mut copies = copies([
        "2026-11-22 10:00",
        "2026-11-23 10:00",
        "2026-11-24 10:00",
        "2026-11-25 10:00",
        "2026-11-26 10:00",
        "2026-11-27 10:00",
    ]);
    let until = time("2026-12-24T00:00:00Z");
    copies[5].holds.push(Hold::UnderWay);
    copies[4]
        .holds
        .extend([Hold::Pinned, Hold::Locked { until }]);
    copies[2].holds.push(Hold::Locked { until });
    let policy = Policy {
        keep_last: 2,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 10:00: under way",
            "2026-11-26 10:00: pinned, locked until 2026-12-24T00:00:00Z, newest good copy",
            "2026-11-25 10:00: last 1",
            "2026-11-24 10:00: locked until 2026-12-24T00:00:00Z",
            "2026-11-23 10:00: last 2",
            "2026-11-22 10:00: ",
        ]
    );
}

#[test]
fn a_lock_that_has_ended_holds_nothing() {
    let mut copies = copies(["2026-11-25 10:00", "2026-11-26 10:00", "2026-11-27 10:00"]);
    copies[0].holds.push(Hold::Locked {
        until: time("2026-11-28T12:00:00Z"),
    });
    copies[1].holds.push(Hold::Locked {
        until: time("2026-11-28T12:00:01Z"),
    });
    let policy = Policy {
        keep_last: 1,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy)[1..],
        [
            "2026-11-26 10:00: locked until 2026-11-28T12:00:01Z",
            "2026-11-25 10:00: "
        ]
    );
}

#[test]
fn broken_copies_do_not_count_and_go() {
    let mut copies = copies([
        "2026-11-24 10:00",
        "2026-11-25 10:00",
        "2026-11-26 10:00",
        "2026-11-27 10:00",
    ]);
    copies[3].is_broken = true;
    copies[1].is_broken = true;
    // It means nothing for a broken copy.
    copies[1].is_verified = true;
    let policy = Policy {
        keep_last: 2,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 10:00: ",
            "2026-11-26 10:00: last 1, newest good copy",
            "2026-11-25 10:00: ",
            "2026-11-24 10:00: last 2",
        ]
    );
}

#[test]
fn broken_copies_stay_if_there_is_no_good_one() {
    let mut copies = copies([
        "2026-11-24 10:00",
        "2026-11-25 10:00",
        "2026-11-27 10:00",
        "2026-12-27 10:00",
    ]);
    copies[0].is_broken = true;
    copies[1].is_broken = true;
    copies[2].holds.push(Hold::UnderWay);
    let policy = Policy {
        keep_last: 1,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-12-27 10:00: dated in the future",
            "2026-11-27 10:00: under way",
            "2026-11-25 10:00: no good copy exists",
            "2026-11-24 10:00: no good copy exists",
        ]
    );
}

#[test]
fn the_newest_verified_copy_stays() {
    let mut copies = copies([
        "2026-10-01 10:00",
        "2026-10-02 10:00",
        "2026-11-26 10:00",
        "2026-11-27 10:00",
    ]);
    copies[0].is_verified = true;
    copies[1].is_verified = true;
    let policy = Policy {
        keep_last: 1,
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-11-27 10:00: last 1, newest good copy",
            "2026-11-26 10:00: ",
            "2026-10-02 10:00: newest verified copy",
            "2026-10-01 10:00: ",
        ]
    );
}

/// A source whose clock is a month ahead must not displace the good copies.
#[test]
fn copies_from_the_future_stay_and_do_not_count() {
    let mut copies = copies([
        "2026-11-26 10:00",
        "2026-11-28 12:05",
        "2026-11-28 12:06",
        "2026-12-27 10:00",
    ]);
    copies[3].is_verified = true;
    let policy = Policy {
        keep_last: 1,
        keep_within: Some("1d".parse().expect("a length")),
        ..Policy::default()
    };
    assert_eq!(
        shown(&copies, policy),
        [
            "2026-12-27 10:00: dated in the future",
            "2026-11-28 12:06: dated in the future",
            "2026-11-28 12:05: last 1, within 1d, newest good copy",
            "2026-11-26 10:00: ",
        ]
    );
}

#[test]
fn extreme_times_are_decided_about() {
    let copies = [
        copy(0, Timestamp::MIN),
        copy(1, Timestamp::UNIX_EPOCH),
        copy(2, Timestamp::MAX),
    ];
    let policy = Policy {
        keep_last: u32::MAX,
        keep_hourly: u32::MAX,
        keep_daily: u32::MAX,
        keep_weekly: u32::MAX,
        keep_monthly: u32::MAX,
        keep_yearly: u32::MAX,
        keep_within: Some("1000y".parse().expect("a length")),
    };
    for name in ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"] {
        let zone = crate::zone(name).expect("a zone");
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let decisions = decided(&copies, &policy, &zone, now);
            assert!(decisions.iter().all(Decision::is_kept), "{name} {now}");
        }
    }
}
