//! The sizes of copies over time.

use jiff::{SignedDuration, Timestamp};

use crate::page::facts::RunFacts;
use crate::page::format::{bytes, minute};
use crate::page::markup::Markup;
use crate::page::strip::DAYS;

/// The size of the drawing, with room for the points at its edges.
const WIDTH: i64 = 120;
const HEIGHT: i64 = 24;
const EDGE: i64 = 2;
/// The most points that are drawn. A run each quarter of an hour has more, and fewer can be told apart.
const POINTS: usize = 120;

/// Returns the sizes of the last 30 days, oldest first. `runs` are in the order of time.
pub(crate) fn sizes(runs: &[RunFacts<'_>], now: Timestamp) -> Vec<(Timestamp, i64)> {
    let since = now - SignedDuration::from_hours(24 * i64::try_from(DAYS).unwrap_or(0));
    let sizes: Vec<_> = runs
        .iter()
        .filter(|run| run.time >= since && run.time <= now)
        .filter_map(|run| Some((run.time, run.bytes.filter(|it| *it >= 0)?)))
        .collect();
    let step = sizes.len().div_ceil(POINTS).max(1);
    // The newest is always among them.
    let mut kept: Vec<_> = sizes.into_iter().rev().step_by(step).collect();
    kept.reverse();
    kept
}

/// Returns where the sizes stand in the drawing. The lower edge is zero.
fn points(sizes: &[(Timestamp, i64)], now: Timestamp) -> Vec<(i64, i64)> {
    let days = i128::try_from(DAYS).unwrap_or(1);
    let largest = sizes.iter().map(|it| i128::from(it.1)).max().unwrap_or(0);
    let scaled = |part: i128, whole: i128, room: i64| {
        let room = i128::from(room - 2 * EDGE);
        i64::try_from(part * room / whole.max(1)).unwrap_or(0)
    };
    sizes
        .iter()
        .map(|(time, size)| {
            let back = i128::from(now.duration_since(*time).as_secs());
            let x = WIDTH - EDGE - scaled(back, days * 86_400, WIDTH);
            let y = HEIGHT - EDGE - scaled(i128::from(*size), largest, HEIGHT);
            (x, y)
        })
        .collect()
}

/// Says the sizes of runs in words. `runs` are in the order of time.
pub(crate) fn words(runs: &[RunFacts<'_>], now: Timestamp) -> Option<String> {
    let sizes = sizes(runs, now);
    let (first, last) = (sizes.first()?, sizes.last()?);
    let largest = sizes.iter().map(|it| it.1).max()?;
    Some(format!(
        "sizes of the last {DAYS} days: {} at {}, {} at {}, largest {}",
        bytes(first.1),
        minute(first.0),
        bytes(last.1),
        minute(last.0),
        bytes(largest),
    ))
}

/// Draws the sizes of runs, and says the newest. `runs` are in the order of time.
pub(crate) fn draw(markup: &mut Markup, runs: &[RunFacts<'_>], now: Timestamp) {
    let sizes = sizes(runs, now);
    let (Some(label), Some(last)) = (words(runs, now), sizes.last()) else {
        markup.leaf("span", &[("class", "quiet")], "no copies");
        return;
    };
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let attributes = [
        ("class", "plot"),
        ("viewBox", view.as_str()),
        ("role", "img"),
        ("aria-label", &label),
    ];
    markup.element("svg", &attributes, |svg| {
        svg.leaf("title", &[], &label);
        let base = format!("M0 {}H{WIDTH}", HEIGHT - 1);
        svg.leaf("path", &[("class", "line"), ("d", &base)], "");
        let points = points(&sizes, now);
        let pairs: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        svg.leaf("polyline", &[("points", &pairs.join(" "))], "");
        if let Some((x, y)) = points.last() {
            let (x, y) = (x.to_string(), y.to_string());
            svg.leaf("circle", &[("cx", &x), ("cy", &y), ("r", "2")], "");
        }
    });
    markup.leaf("span", &[("class", "size")], &bytes(last.1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_in_the_drawing_and_run_to_the_right() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().expect("a time");
        let runs: Vec<_> = (0..1000)
            .rev()
            .map(|hours| RunFacts {
                bytes: Some(if hours % 7 == 0 { i64::MAX } else { hours - 3 }),
                ..RunFacts::at(now - SignedDuration::from_hours(hours))
            })
            .collect();
        let sizes = sizes(&runs, now);
        assert!(
            sizes.len() <= POINTS && sizes.len() > POINTS / 2,
            "{}",
            sizes.len()
        );
        assert_eq!(sizes.last().map(|it| it.0), Some(now));
        let points = points(&sizes, now);
        assert!(points.is_sorted_by_key(|it| it.0), "{points:?}");
        for (x, y) in points {
            assert!((EDGE..=WIDTH - EDGE).contains(&x), "{x}");
            assert!((EDGE..=HEIGHT - EDGE).contains(&y), "{y}");
        }
    }
}
