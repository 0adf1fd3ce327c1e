//! The progress of a transfer: a bar on a terminal, otherwise a plain line at intervals.

use std::fmt::Write;
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use host_base::Meter;
use host_base::text::size;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::format::duration;
use super::live::{self, Shown};
use super::{PATIENCE, Ui};

/// Time between two plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// A transfer whose progress is shown.
pub(super) struct TransferProgress {
    ui: Ui,
    /// `Downloaded` or `Checked`.
    verb: &'static str,
    begun: Instant,
    /// Whether stderr is a terminal. The value is kept because the check costs a system call.
    is_terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<(ProgressBar, Shown)>,
    /// Time of the last plain line.
    line: Option<Instant>,
    /// Number of bytes at the start. They don't count for the rate.
    first: Option<u64>,
}

impl TransferProgress {
    pub(super) fn new(ui: Ui, verb: &'static str) -> Self {
        Self {
            ui,
            verb,
            begun: Instant::now(),
            is_terminal: io::stderr().is_terminal(),
            state: Mutex::default(),
        }
    }
}

impl Meter for TransferProgress {
    fn update(&self, done: u64, total: Option<u64>) {
        let elapsed = self.begun.elapsed();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *state.first.get_or_insert(done);
        if elapsed < PATIENCE {
            return;
        }
        if self.is_terminal {
            let (bar, _) = state.bar.get_or_insert_with(|| {
                let bar = new_bar(total);
                (bar.clone(), live::bar(bar))
            });
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
            return;
        }
        let since = state.line.map_or(elapsed, |line| line.elapsed());
        if since >= INTERVAL {
            state.line = Some(Instant::now());
            drop(state);
            let line = line(done, total, done.saturating_sub(first), elapsed);
            self.ui.note(&format!("{} {line}", self.verb));
        }
    }
}

fn new_bar(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{wide_bar} {done} of {total}, {rate}, {eta} left",
        None => "{spinner} {done}, {rate}",
    };
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    // The templates are constants, and a wrong one affects only the appearance.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(with_sizes(style)),
        Err(_) => bar,
    }
}

/// Makes the bar write sizes as the rest of the program does. A size that can't be written is left out.
fn with_sizes(style: ProgressStyle) -> ProgressStyle {
    style
        .with_key("done", |state: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&size(state.pos()));
        })
        .with_key("total", |state: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&size(state.len().unwrap_or_default()));
        })
        .with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "{}/s", size(whole(state.per_sec())));
        })
}

/// Returns the rate as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is never negative, and one that is too large is shown as the largest"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

/// Returns a line such as `1.0GiB of 4.0GiB (25 %), 120.0MiB/s, 26s left`.
fn line(done: u64, total: Option<u64>, moved: u64, elapsed: Duration) -> String {
    let rate = u128::from(moved) * 1000 / elapsed.as_millis().max(1);
    let rate = u64::try_from(rate).unwrap_or(u64::MAX);
    let mut line = size(done);
    if let Some(total) = total {
        let percent = u128::from(done) * 100 / u128::from(total.max(1));
        line.push_str(&format!(" of {} ({percent} %)", size(total)));
    }
    line.push_str(&format!(", {}/s", size(rate)));
    if let Some(left) = total.and_then(|total| total.saturating_sub(done).checked_div(rate)) {
        line.push_str(&format!(", {} left", duration(Duration::from_secs(left))));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(1 << 30, Some(4 << 30), 1 << 30, 8 * second),
            "1.0GiB of 4.0GiB (25 %), 128.0MiB/s, 24s left"
        );
        assert_eq!(line(10, None, 10, 2 * second), "10B, 5B/s");
        assert_eq!(
            line(1000, Some(2000), 0, second),
            "1000B of 2.0KiB (50 %), 0B/s"
        );
        assert_eq!(line(0, Some(0), 0, Duration::ZERO), "0B of 0B (0 %), 0B/s");
    }
}
