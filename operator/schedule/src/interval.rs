//! The longest time between two ticks.

use std::ops::Range;

use crate::calendar::{Calendar, Local};
use crate::clock::Clock;

/// Returns the longest time from one minute of a rule within a period to the next. The period begins with a minute of
/// the rule.
///
/// The minutes of one date are not visited one by one, unless the clock is turned on that date or the period ends.
pub(crate) fn longest(
    calendar: &Calendar,
    clock: &Clock,
    after: impl Fn(i64) -> Option<i64>,
    period: Range<i64>,
) -> Option<i64> {
    let whole_day = within(calendar, calendar.first_time());
    let mut turned = clock.change_after(period.start);
    let mut longest = None;
    let mut minute = period.start;
    while minute < period.end {
        if minute >= turned {
            turned = clock.change_after(minute);
        }
        let time = clock.shown(minute).time();
        let last = minute + (calendar.last_time() - time);
        if last > minute && last < turned && last < period.end && !was_turned(clock, minute) {
            let day = if time == calendar.first_time() {
                whole_day
            } else {
                within(calendar, time)
            };
            longest = longest.max(Some(day));
            minute = last;
        }
        let Some(next) = after(minute) else { break };
        longest = longest.max(Some(next - minute));
        minute = next;
    }
    longest
}

/// Returns whether the clock shows a time that it has shown before, or was turned at this very minute. Then the
/// minute may be none of the calendar's times.
fn was_turned(clock: &Clock, minute: i64) -> bool {
    let Local(shown) = clock.shown(minute);
    clock.latest_shown(minute - 1).0 + 1 != shown
}

/// Returns the longest time between two of a day's times, from one of them on.
fn within(calendar: &Calendar, from: i64) -> i64 {
    let mut longest = 0;
    let mut time = from;
    while let Some(next) = calendar.time_from(time + 1) {
        longest = longest.max(next - time);
        time = next;
    }
    longest
}
