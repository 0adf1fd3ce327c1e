//! The runs of a schedule in the last 30 days, one cell for each day.

use jiff::Timestamp;

use crate::page::facts::RunFacts;
use crate::page::markup::Markup;

/// Days that are shown, today among them.
pub(crate) const DAYS: usize = 30;
/// Seconds of a day. Days are those of UTC, as all times of the page.
const DAY: i64 = 86_400;
/// The width of a cell, and its distance to the next.
const CELL: usize = 7;
const STEP: usize = 8;
const HEIGHT: usize = 20;

/// The runs of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) open: usize,
}

impl Day {
    /// Returns the name of its style.
    const fn class(self) -> &'static str {
        match (self.succeeded, self.failed, self.open) {
            (_, 0, 1..) => "open",
            (_, 0, _) => "good",
            (0, ..) => "bad",
            _ => "mixed",
        }
    }

    /// Returns the runs in words.
    fn words(self) -> String {
        let parts = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.open, "under way"),
        ];
        let parts = parts.iter().filter(|it| it.0 > 0);
        let parts: Vec<_> = parts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if parts.is_empty() {
            "no runs".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// Counts runs by day, oldest day first.
pub(crate) fn days(runs: &[RunFacts<'_>], now: Timestamp) -> [Day; DAYS] {
    let mut days = [Day::default(); DAYS];
    let today = now.as_second().div_euclid(DAY);
    for run in runs {
        let back = today - run.time.as_second().div_euclid(DAY);
        let Some(day) = usize::try_from(back)
            .ok()
            .and_then(|back| (DAYS - 1).checked_sub(back))
            .and_then(|at| days.get_mut(at))
        else {
            continue;
        };
        if !run.phase.is_terminal() {
            day.open += 1;
        } else if run.failed() {
            day.failed += 1;
        } else {
            day.succeeded += 1;
        }
    }
    days
}

/// Returns the date of a cell.
fn date(now: Timestamp, at: usize) -> String {
    let back = i64::try_from(DAYS - 1 - at).unwrap_or(0);
    let second = (now.as_second().div_euclid(DAY) - back) * DAY;
    let time = Timestamp::from_second(second).unwrap_or(now);
    time.strftime("%Y-%m-%d").to_string()
}

/// Draws the strip. A cell differs in form as well as in colour: a run that failed is crossed out, and one under way is hollow.
pub(crate) fn draw(markup: &mut Markup, runs: &[RunFacts<'_>], now: Timestamp) {
    let days = days(runs, now);
    let sum = days.iter().fold(Day::default(), |sum, day| Day {
        succeeded: sum.succeeded + day.succeeded,
        failed: sum.failed + day.failed,
        open: sum.open + day.open,
    });
    let view = format!("0 0 {} {HEIGHT}", DAYS * STEP);
    let label = format!("last {DAYS} days: {}", sum.words());
    let attributes = [
        ("class", "strip"),
        ("viewBox", view.as_str()),
        ("role", "img"),
        ("aria-label", &label),
    ];
    markup.element("svg", &attributes, |svg| {
        let line = format!("M0 {}H{}", HEIGHT - 1, DAYS * STEP - 1);
        svg.leaf("path", &[("class", "line"), ("d", &line)], "");
        for (at, day) in days.iter().enumerate() {
            if *day == Day::default() {
                continue;
            }
            let x = at * STEP;
            svg.element(
                "path",
                &[("class", day.class()), ("d", &shape(*day, x))],
                |it| {
                    it.leaf("title", &[], &format!("{}: {}", date(now, at), day.words()));
                },
            );
        }
    });
}

/// Returns the path that draws a cell.
fn shape(day: Day, x: usize) -> String {
    let whole = format!("M{x} 1h{CELL}v{}h-{CELL}z", HEIGHT - 2);
    match day.class() {
        "bad" => format!("{whole}m1 5l5 8m0 -8l-5 8"),
        "mixed" => format!("{whole}m0 9h{CELL}"),
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use operator_api::Phase;

    use super::*;

    fn run(now: Timestamp, hours: i64, phase: Phase) -> RunFacts<'static> {
        RunFacts {
            phase,
            ..RunFacts::at(now - SignedDuration::from_hours(hours))
        }
    }

    #[test]
    fn cells_are_in_the_order_of_time_and_of_30_days() {
        let now = "2026-11-28T01:00:00Z".parse().expect("a time");
        let runs = [
            run(now, 0, Phase::Running),
            run(now, 2, Phase::Failed),
            run(now, 3, Phase::Succeeded),
            run(now, 29 * 24, Phase::Lost),
            run(now, 29 * 24 + 2, Phase::Succeeded),
            run(now, -24, Phase::Succeeded),
            RunFacts::at(Timestamp::MIN),
            RunFacts::at(Timestamp::MAX),
        ];
        let days = days(&runs, now);
        let found: Vec<_> = days
            .iter()
            .enumerate()
            .filter(|(_, day)| **day != Day::default())
            .map(|(at, day)| format!("{}: {}, {}", date(now, at), day.words(), day.class()))
            .collect();
        assert_eq!(
            found,
            [
                "2026-10-30: 1 failed, bad",
                "2026-11-27: 1 succeeded, 1 failed, mixed",
                "2026-11-28: 1 under way, open",
            ]
        );
    }
}
