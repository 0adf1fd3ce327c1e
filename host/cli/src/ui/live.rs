//! The live line of a command that waits: a spinner, or the bar of a transfer. There is one terminal,
//! so there is one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_base::text;
use indicatif::ProgressBar;

/// How many questions are waiting for an answer, which a line that moves would write over.
static QUESTIONS: AtomicUsize = AtomicUsize::new(0);

static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

const TICK: Duration = Duration::from_millis(120);
/// Longest message, in characters: there is one line.
const MAX_MESSAGE: usize = 60;

/// Takes the line away when it is dropped.
pub(super) struct Shown;

/// Shows a spinner, unless something better is shown. indicatif draws to stderr, and only on a
/// terminal.
pub(super) fn spinner(message: &str) -> Shown {
    let mut shown = shown();
    if shown.is_none() && QUESTIONS.load(Ordering::Relaxed) == 0 {
        let bar = ProgressBar::new_spinner();
        bar.set_message(text::printable(message, MAX_MESSAGE).into_owned());
        bar.enable_steady_tick(TICK);
        *shown = Some(bar);
    }
    Shown
}

/// Changes what the spinner says until the value is dropped; none where no line is shown.
pub(super) fn relabel(message: &str) -> Option<Relabelled> {
    let shown = shown();
    let bar = shown.as_ref().filter(|bar| !bar.is_hidden())?;
    let before = bar.message();
    bar.set_message(text::printable(message, MAX_MESSAGE).into_owned());
    Some(Relabelled {
        bar: bar.clone(),
        before,
    })
}

/// Puts back what the line said before when it is dropped.
pub struct Relabelled {
    bar: ProgressBar,
    before: String,
}

impl Drop for Relabelled {
    fn drop(&mut self) {
        self.bar.set_message(std::mem::take(&mut self.before));
    }
}

/// Takes the line away, and keeps it away as long as the value lives.
pub(super) fn quiet() -> Quiet {
    QUESTIONS.fetch_add(1, Ordering::Relaxed);
    drop(Shown);
    Quiet
}

/// While somebody is asked something.
pub(super) struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        QUESTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Shows a bar in place of what was shown before.
pub(super) fn bar(bar: ProgressBar) -> Shown {
    if let Some(before) = shown().replace(bar) {
        before.finish_and_clear();
    }
    Shown
}

/// Writes to stderr without mixing with the line.
pub(super) fn aside(write: impl FnOnce()) {
    match &*shown() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = shown().take() {
            bar.finish_and_clear();
        }
    }
}

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
