//! Medians and ratios.

use std::time::Duration;

/// The middle of several measurements.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median of the ratios of measurements that were made in turn: it holds when the machine's
/// speed drifts.
pub(crate) fn paired_ratio(of: &[Duration], to: &[Duration]) -> f64 {
    let mut ratios: Vec<_> = of
        .iter()
        .zip(to)
        .map(|(a, b)| a.as_secs_f64() / b.as_secs_f64())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// `met` or `missed`, for a target.
pub(crate) fn verdict(value: f64, target: f64) -> &'static str {
    if value <= target { "met" } else { "missed" }
}

/// The same for a target that is to be reached from below.
pub(crate) fn verdict_at_least(value: f64, target: f64) -> &'static str {
    if value >= target { "met" } else { "missed" }
}
