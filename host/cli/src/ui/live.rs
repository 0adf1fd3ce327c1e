//! The live line of a command that waits: a spinner, or the bar of a transfer. There is one terminal, so there
//! is one live line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_base::text;
use indicatif::ProgressBar;

/// Number of questions that wait for an answer. The live line would overwrite them.
static QUESTIONS: AtomicUsize = AtomicUsize::new(0);

static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

const TICK: Duration = Duration::from_millis(120);
/// Longest message in characters, because it must fit on one line.
const MAX_MESSAGE: usize = 60;

/// Removes the live line when dropped.
pub(super) struct Shown;

/// Shows a spinner, unless a bar or spinner is shown already. indicatif draws to stderr, and only on a
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

/// Changes the text of the spinner until the result is dropped. Returns none if no live line is visible.
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

/// Restores the earlier text of the live line when dropped.
pub struct Relabelled {
    bar: ProgressBar,
    before: String,
}

impl Drop for Relabelled {
    fn drop(&mut self) {
        self.bar.set_message(std::mem::take(&mut self.before));
    }
}

/// Removes the live line, and hides it until the result is dropped.
pub(super) fn quiet() -> Quiet {
    QUESTIONS.fetch_add(1, Ordering::Relaxed);
    drop(Shown);
    Quiet
}

/// Hides the live line while a question waits for an answer.
pub(super) struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        QUESTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Shows a bar in place of the earlier live line.
pub(super) fn bar(bar: ProgressBar) -> Shown {
    if let Some(before) = shown().replace(bar) {
        before.finish_and_clear();
    }
    Shown
}

/// Writes to stderr without disturbing the live line.
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
