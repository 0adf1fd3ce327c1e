//! Decisions about runs, after pauses and jumps of clocks.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::model::{for_each_schedule, instant};
use super::{SEED, schedule, time};
use crate::{Due, Handled, MAX_MISSED, Missed, Schedule, Tick, due};

fn tick(text: &str) -> Tick {
    let time = time(text);
    Tick::new(time.as_second() / 60).expect("a tick")
}

fn missed(count: usize) -> Missed {
    Missed {
        count,
        has_more: false,
    }
}

#[test]
fn a_tick_runs_once_its_minute_has_begun() {
    let daily = schedule("30 2 * * *", "UTC");
    let created = Handled::since(time("2026-11-26T12:00:00Z"));
    let before = due(&daily, created, time("2026-11-27T02:29:59.999Z"), None);
    let expected = Due {
        run: None,
        missed: missed(0),
        handled: created,
        next: Some(tick("2026-11-27T02:30:00Z")),
        ahead: SignedDuration::ZERO,
    };
    assert_eq!(before, expected);
    let then = due(&daily, created, time("2026-11-27T02:30:00Z"), None);
    let expected = Due {
        run: Some(tick("2026-11-27T02:30:00Z")),
        handled: Handled::tick(tick("2026-11-27T02:30:00Z")),
        next: Some(tick("2026-11-28T02:30:00Z")),
        ..expected
    };
    assert_eq!(then, expected);
    let again = due(&daily, then.handled, time("2026-11-27T02:30:00Z"), None);
    assert_eq!(
        again,
        Due {
            run: None,
            ..expected
        }
    );
}

#[test]
fn a_schedule_that_is_created_or_resumed_in_the_minute_of_a_tick_waits_for_the_next() {
    let daily = schedule("30 2 * * *", "UTC");
    for since in ["2026-11-27T02:30:00Z", "2026-11-27T02:30:59Z"] {
        let decision = due(
            &daily,
            Handled::since(time(since)),
            time("2026-11-27T12:00:00Z"),
            None,
        );
        assert_eq!((decision.run, decision.missed), (None, missed(0)));
    }
    let decision = due(
        &daily,
        Handled::since(time("2026-11-27T02:29:59Z")),
        time("2026-11-27T12:00:00Z"),
        None,
    );
    assert_eq!(decision.run, Some(tick("2026-11-27T02:30:00Z")));
}

#[test]
fn after_a_pause_the_newest_run_is_caught_up_and_the_others_are_missed() {
    let daily = schedule("30 2 * * *", "UTC");
    let last = Handled::tick(tick("2026-11-20T02:30:00Z"));
    let now = time("2026-11-27T12:00:00Z");
    for (deadline, run, count) in [
        (None, true, 6),
        (Some(SignedDuration::from_mins(570)), true, 6),
        (Some(SignedDuration::from_secs(570 * 60 - 1)), false, 7),
        (Some(SignedDuration::ZERO), false, 7),
    ] {
        let decision = due(&daily, last, now, deadline);
        let newest = tick("2026-11-27T02:30:00Z");
        let expected = Due {
            run: run.then_some(newest),
            missed: missed(count),
            handled: Handled::tick(newest),
            next: Some(tick("2026-11-28T02:30:00Z")),
            ahead: SignedDuration::ZERO,
        };
        assert_eq!(decision, expected);
        let again = due(&daily, decision.handled, now, deadline);
        assert_eq!((again.run, again.missed), (None, missed(0)));
    }
}

#[test]
fn the_greater_of_two_marks_counts() {
    let tick = tick("2026-11-27T02:30:00Z");
    let earlier = Handled::since(time("2026-11-27T02:29:59Z"));
    let later = Handled::since(time("2026-11-27T02:31:00Z"));
    assert_eq!(Handled::tick(tick).max(earlier), Handled::tick(tick));
    assert_eq!(Handled::tick(tick).max(later), later);
}

#[test]
fn missed_ticks_are_counted_up_to_a_limit() {
    let minutely = schedule("* * * * *", "Europe/Berlin");
    let last = tick("2025-11-27T00:00:00Z");
    let handled = Handled::tick(last);
    for (minutes, count, has_more) in [
        (1, 0, false),
        (101, MAX_MISSED, false),
        (102, MAX_MISSED, true),
        // A year.
        (525_600, MAX_MISSED, true),
    ] {
        let now = last.instant() + SignedDuration::from_mins(minutes);
        let decision = due(&minutely, handled, now, None);
        assert_eq!(decision.run, Tick::new(last.minutes() + minutes));
        assert_eq!(decision.missed, Missed { count, has_more });
    }
}

#[test]
fn a_clock_that_jumped_ahead_and_back_is_reported() {
    let hourly = schedule("@hourly", "UTC");
    let handled = Handled::tick(tick("2027-01-01T00:00:00Z"));
    let decision = due(&hourly, handled, time("2026-12-31T22:59:30Z"), None);
    let expected = Due {
        run: None,
        missed: missed(0),
        handled,
        next: Some(tick("2027-01-01T01:00:00Z")),
        ahead: SignedDuration::from_mins(61),
    };
    assert_eq!(decision, expected);
}

#[test]
fn no_clock_makes_a_decision_fail() {
    let times = [
        Timestamp::MIN,
        Timestamp::UNIX_EPOCH,
        time("2026-11-27T00:00:00Z"),
        Timestamp::MAX,
    ];
    for text in [
        "* * * * *",
        "@every 7m",
        "30 2 * * *",
        "0 0 29 2 *",
        "0 * 29 2 *",
    ] {
        let schedule = schedule(text, "Europe/Berlin");
        for since in times {
            for now in times {
                let decision = due(
                    &schedule,
                    Handled::since(since),
                    now,
                    Some(SignedDuration::MAX),
                );
                let beyond = since == Timestamp::MAX || now == Timestamp::MAX;
                assert_eq!(decision.next.is_none(), beyond, "{text} {since} {now}");
                schedule.interval(now);
            }
        }
        assert_eq!(schedule.latest(Timestamp::UNIX_EPOCH), None);
        assert!(schedule.after(Timestamp::MIN).expect("a tick") >= Tick::MIN);
        assert!(schedule.latest(Timestamp::MAX).expect("a tick") <= Tick::MAX);
    }
}

/// Looks at random times, forwards and backwards, and compares each decision with the list of all ticks.
#[test]
fn no_jump_of_a_clock_runs_a_tick_twice() {
    for_each_schedule(|place, expression, schedule, random| {
        let ticks = expression.ticks(place);
        let mut now = place.start;
        // Ticks up to here don't count: the schedule is younger.
        let mut until = place.start - 1;
        let mut handled = Handled::since(instant(until));
        let mut runs = BTreeSet::new();
        for _ in 0..15 {
            let jump = i64::from(random.small(600));
            now += if random.one_in(4) { -jump } else { jump };
            now = now.clamp(place.start, place.end() - 1);
            let deadline = random.one_in(2).then(|| i64::from(random.small(300)));
            let decision = due(
                schedule,
                handled,
                instant(now),
                deadline.map(SignedDuration::from_mins),
            );
            let open: Vec<_> = ticks
                .iter()
                .copied()
                .filter(|tick| (until + 1..=now).contains(tick))
                .collect();
            let newest = open.last().copied();
            let run = newest.filter(|tick| deadline.is_none_or(|deadline| now - tick <= deadline));
            let count = open.len() - usize::from(run.is_some());
            let expected = Missed {
                count: count.min(MAX_MISSED),
                has_more: count > MAX_MISSED,
            };
            until = newest.unwrap_or(until);
            if (decision.run.map(Tick::minutes), decision.missed) != (run, expected) {
                return Err(format!(
                    "{decision:?} at {now}, not {run:?} and {expected:?}"
                ));
            }
            if decision.run.is_some_and(|tick| !runs.insert(tick)) {
                return Err(format!("{decision:?} a second time"));
            }
            if decision
                .next
                .is_some_and(|next| next.minutes() <= now.max(until))
            {
                return Err(format!("{decision:?} at {now}"));
            }
            handled = decision.handled;
        }
        Ok(())
    });
}

#[test]
fn the_interval_is_what_an_alert_needs() {
    let at = time("2026-11-27T12:00:00Z");
    for (text, zone, hours) in [
        ("@hourly", "UTC", 1),
        ("@every 36h", "UTC", 36),
        ("@daily", "UTC", 24),
        // The longest day has 25 hours.
        ("@daily", "Europe/Berlin", 25),
        ("0 2 * * MON-FRI", "UTC", 72),
        ("@monthly", "UTC", 31 * 24),
        ("@yearly", "UTC", 365 * 24),
        ("0 0 29 2 *", "UTC", (4 * 365 + 1) * 24),
    ] {
        let interval = schedule(text, zone).interval(at);
        assert_eq!(interval, Some(SignedDuration::from_hours(hours)), "{text}");
    }
    let night = Schedule::parse("*/5 8-18 * * MON-FRI", None, SEED).expect("a schedule");
    let weekend = SignedDuration::from_mins(2 * 24 * 60 + 13 * 60 + 5);
    assert_eq!(night.interval(at), Some(weekend));
}
