//! The longest time between two ticks.

use std::ops::Range;

use crate::calendar::Calendar;
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
        if last > minute && last < turned && last < period.end {
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

/// Returns the longest time between two of a day's times, from a time on. It may be none of them: the end of a gap is a
/// tick for each time in the gap.
fn within(calendar: &Calendar, from: i64) -> i64 {
    let mut longest = 0;
    let mut time = from;
    while let Some(next) = calendar.time_from(time + 1) {
        longest = longest.max(next - time);
        time = next;
    }
    longest
}
