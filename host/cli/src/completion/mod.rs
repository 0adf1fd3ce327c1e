//! Completion for shells and for kubectl. Both run the program at each Tab, so that ids of backups, engines,
//! contexts, stores and copies are up to date.
//!
//! Errors are not shown, because the user is in the middle of a line.

mod command;
mod ids;
mod kubeconfig;
mod kubectl;
mod line;
mod shells;
mod silence;
mod stores;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use clap_complete::Shell;
use host_engine::Catalogue;
use line::Line;

use super::error::CliError;
use crate::ui::{Color, Format, Ui};

/// Longest time that the user waits after pressing Tab.
const PATIENCE: Duration = Duration::from_secs(3);

/// Print the completion script for a shell
#[derive(Args)]
pub(super) struct CompletionArgs {
    /// Shell that runs the script
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs, ui: Ui) -> Result<(), CliError> {
    ui.write_out(&shells::registration(args.shell)?)?;
    Ok(())
}

/// Returns whether a shell or kubectl runs the program to complete a line.
pub(super) fn is_asked(arguments: &[OsString]) -> bool {
    shells::asking().is_some() || kubectl::words(arguments).is_some()
}

/// Prints the answer if a shell or kubectl runs the program to complete a line. Otherwise returns none.
pub(super) fn answer(engines: &Catalogue, arguments: &[OsString]) -> Option<ExitCode> {
    let shell = shells::asking();
    let words = kubectl::words(arguments);
    if shell.is_none() && words.is_none() {
        return None;
    }
    silence::silence();
    let answer = match (shell, words) {
        (Some(shell), _) => shells::answer(&shell, engines, arguments),
        (None, words) => kubectl::answer(&Line::ending(engines.clone(), words.unwrap_or_default())),
    };
    // `Color::Always` keeps control characters in the text: some shells use them as separators.
    let ui = Ui::new(Format::Table, Color::Always);
    let _ = ui.write_out(&answer.unwrap_or_default());
    Some(ExitCode::SUCCESS)
}

/// Returns the result of `work` if it ends within `patience`, or [`PATIENCE`] if the user set none. Slower
/// work ends with the process.
fn within<T: Send + 'static>(
    patience: Option<Duration>,
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
        .recv_timeout(patience.unwrap_or(PATIENCE))
        .ok()
        .flatten()
}

/// Returns whether a name has no character with a meaning in a shell. Such a name needs no quotes. The check
/// matters because names may come from a server.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,%".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_would_not_take_as_they_are_are_not_offered() {
        for plain in ["20250905-130215", "backup/a.backup", "arn:aws:eks/x", "a@b"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "", "-rf", "a b", "a;b", "$(x)", "`x`", "a&b", "a\nb", "a'b", "a\\b", "~", "ü",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn work_that_takes_too_long_is_not_waited_for() {
        let (_keep, never) = mpsc::channel::<()>();
        let waits = move || never.recv().ok();
        assert_eq!(within(Some(Duration::ZERO), waits), None);
        assert_eq!(within(None, || Some(1)), Some(1));
        assert_eq!(within(None, || None::<u8>), None);
    }
}
