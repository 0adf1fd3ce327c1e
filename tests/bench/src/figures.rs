//! Medians and ratios.

use std::time::Duration;

/// Returns the median of several measurements.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Returns the smallest measurement that is not below `percent` of them.
pub(crate) fn percentile(measurements: &[f64], percent: usize) -> f64 {
    let mut sorted = measurements.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

/// Returns the median of the ratios of alternating measurements. It is valid even if the speed of the machine
/// drifts.
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

/// Returns `met` or `missed` for a maximum.
pub(crate) fn verdict(value: f64, target: f64) -> &'static str {
    if value <= target { "met" } else { "missed" }
}

/// Returns `met` or `missed` for a minimum.
pub(crate) fn verdict_at_least(value: f64, target: f64) -> &'static str {
    if value >= target { "met" } else { "missed" }
}
