//! Properties of random schedules near clock changes.

use jiff::SignedDuration;

use super::model::{Expression, Place, for_each_schedule, instant, minutes};
use super::random::Random;
use super::ticks;
use crate::{Schedule, Tick};

fn check(condition: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    condition.then_some(()).ok_or_else(message)
}

/// How many ticks in a row are compared.
const IN_A_ROW: usize = 300;

#[test]
fn ticks_are_those_of_a_clock_that_is_read_every_minute() {
    for_each_schedule(|place, expression, schedule, random| {
        let mut expected = expression.ticks(place);
        if expected.len() > IN_A_ROW {
            let skipped = random.index(expected.len() - IN_A_ROW);
            expected.drain(..skipped);
            expected.truncate(IN_A_ROW);
        }
        let all = expected.len() < IN_A_ROW;
        let (from, to) = match expected.as_slice() {
            [first, .., last] if !all => (*first, *last + 1),
            _ => (place.start, place.end()),
        };
        let from = instant(from) - SignedDuration::from_nanos(1);
        let found = minutes(&ticks(schedule, from, instant(to)));
        check(found == expected, || {
            format!("{found:?}\nare not {expected:?}")
        })
    });
}

#[test]
fn the_next_and_the_newest_tick_are_found_from_any_instant() {
    for_each_schedule(|place, expression, schedule, random| {
        let expected = expression.ticks(place);
        for _ in 0..20 {
            let minute = instant_in(random, place, &expected);
            let offset = SignedDuration::from_millis(i64::from(random.small(60_000)));
            let at = instant(minute)
                + if random.one_in(2) {
                    offset
                } else {
                    SignedDuration::ZERO
                };
            let next = expected.iter().copied().find(|tick| *tick > minute);
            let found = schedule.after(at).map(Tick::minutes);
            let found_here = found.filter(|tick| *tick < place.end());
            check(found_here == next, || {
                format!("after {at}: {found:?}, not {next:?}")
            })?;
            let newest = expected.iter().copied().rfind(|tick| *tick <= minute);
            let found = schedule.latest(at).map(Tick::minutes);
            let found_here = found.filter(|tick| *tick >= place.start);
            check(found_here == newest, || {
                format!("latest {at}: {found:?}, not {newest:?}")
            })?;
        }
        Ok(())
    });
}

/// Returns a minute in a place. Often the clock was just turned, or it is the minute of a tick, or beside one.
fn instant_in(random: &mut Random, place: &Place, ticks: &[i64]) -> i64 {
    if random.one_in(3) {
        return place.turned() + i64::from(random.small(150));
    }
    let length = u64::try_from(place.end() - place.start).expect("a length");
    let anywhere = place.start + i64::try_from(random.below(length)).expect("a minute");
    if ticks.is_empty() || random.one_in(3) {
        return anywhere;
    }
    let beside = random.pick(ticks) + i64::from(random.small(3)) - 1;
    beside.clamp(place.start, place.end() - 1)
}

#[test]
fn the_effective_text_means_the_same() {
    for_each_schedule(|place, expression, schedule, _| {
        let again = Schedule::parse(schedule.effective(), Some(place.zone), "");
        check(again.as_ref() == Ok(schedule), || format!("{again:?}"))?;
        let words: Vec<_> = expression.text.split_whitespace().collect();
        check(schedule.effective() == words.join(" "), || {
            schedule.effective().to_owned()
        })
    });
}

#[test]
fn schedules_by_hash_are_their_effective_text() {
    for_each_schedule(|place, _, _, random| {
        let item = |random: &mut Random, low: u32, size: u32| {
            let first = low + random.small(size);
            let last = first + random.small(low + size - first);
            match random.below(4) {
                0 => "H".to_owned(),
                1 => format!("H/{}", 2 + random.small(size - 1)),
                2 => format!("H({first}-{last})"),
                _ if last > first => {
                    format!("H({first}-{last})/{}", 2 + random.small(last - first))
                }
                _ => "*".to_owned(),
            }
        };
        let bounds = [(0, 60), (0, 24), (1, 28), (1, 12), (0, 7)];
        let text = bounds.map(|(low, size)| item(random, low, size)).join(" ");
        let seed = format!("ns-{}/name", random.small(1_000));
        let Ok(schedule) = Schedule::parse(&text, Some(place.zone), &seed) else {
            return Err(text);
        };
        let again = Schedule::parse(schedule.effective(), Some(place.zone), "");
        check(again.as_ref() == Ok(&schedule), || {
            format!("{text}: {again:?}")
        })?;
        check(!schedule.effective().contains('H'), || text)
    });
}

#[test]
fn the_longest_distance_of_a_period_is_found_without_visiting_every_tick() {
    for_each_schedule(|place, expression, schedule, random| {
        let ticks = expression.ticks(place);
        if ticks.is_empty() {
            return Ok(());
        }
        let first = random.pick(&ticks);
        let length = u64::try_from(place.end() - first).expect("a length");
        let end = first + 1 + i64::try_from(random.below(length)).expect("a length");
        let within = ticks
            .iter()
            .copied()
            .filter(|tick| (first..end).contains(tick));
        let mut within: Vec<_> = within.collect();
        let next = within
            .last()
            .and_then(|last| schedule.after(instant(*last)));
        within.extend(next.map(Tick::minutes));
        let expected = within.windows(2).map(|pair| pair[1] - pair[0]).max();
        let found = schedule.rule().longest(first, end);
        check(found == expected, || {
            format!("{first} to {end}: {found:?}, not {expected:?}")
        })
    });
}

#[test]
fn every_tick_is_after_the_one_before() {
    for_each_schedule(|place, _: &Expression, schedule, _| {
        let mut tick = schedule.latest(instant(place.start));
        for _ in 0..50 {
            let Some(before) = tick else { break };
            tick = schedule.after(before.instant());
            check(tick.is_none_or(|tick| tick > before), || {
                format!("{before} and {tick:?}")
            })?;
            let newest = tick
                .and_then(|tick| schedule.latest(tick.instant() - SignedDuration::from_nanos(1)));
            check(tick.is_none() || newest == Some(before), || {
                format!("{before} is not {newest:?}")
            })?;
        }
        Ok(())
    });
}
