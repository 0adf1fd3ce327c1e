//! A menu of backups, on the terminal of stdin and stderr.

use std::{fmt, io};

use dialoguer::console::Term;
use dialoguer::theme::Theme;
use dialoguer::{Error, Select};
use host_base::{Backup, text};
use jiff::Timestamp;

use super::table::{cell, optional, table};
use super::{format, live};

/// Lets the user choose one of `backups` with the arrow keys and Enter. Returns none if the user leaves the
/// menu with Esc, `q` or Ctrl-C.
///
/// # Errors
/// When the terminal can't be read or written.
pub(super) async fn choose(backups: &[Backup], now: Timestamp) -> io::Result<Option<usize>> {
    let (header, lines) = lines(backups, now);
    let _quiet = live::quiet();
    let _terminal = Terminal::as_it_is();
    // Reading blocks, and the program must still notice Ctrl-C.
    let chosen = tokio::task::spawn_blocking(move || {
        Select::with_theme(&Plain)
            .with_prompt(format!(
                "Which backup? Arrows and Enter choose, Esc leaves\n  {header}"
            ))
            .items(&lines)
            .default(0)
            .report(false)
            .interact_on_opt(&Term::stderr())
    });
    match chosen.await {
        Ok(Ok(chosen)) => Ok(chosen),
        Ok(Err(Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Ok(Err(Error::IO(error))) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Returns the header, and a numbered line for each backup. Text from outside is escaped.
fn lines(backups: &[Backup], now: Timestamp) -> (String, Vec<String>) {
    let headers = ["NUMBER", "ID", "STATE", "SIZE", "AGE"].map(str::to_owned);
    let rows = (1..).zip(backups).map(|(number, backup): (usize, _)| {
        let state = backup.reported_state.as_deref();
        let age = backup.created.map(|created| format::age(created, now));
        vec![
            cell(&number.to_string()),
            cell(&backup.id),
            cell(state.unwrap_or(backup.state.name())),
            optional(backup.size.map(text::size).as_deref()),
            optional(age.as_deref()),
        ]
    });
    let shown = table(&headers, rows.collect());
    let mut lines = shown.lines().map(|line| line.trim_end().to_owned());
    let header = lines.next().unwrap_or_default();
    (header, lines.collect())
}

/// A theme without colours, and without a colon after the header.
struct Plain;

impl Theme for Plain {
    fn format_select_prompt(&self, f: &mut dyn fmt::Write, prompt: &str) -> fmt::Result {
        f.write_str(prompt)
    }
}

/// Restores the terminal when dropped. A command that is stopped during the menu leaves the terminal in raw
/// mode, with a hidden cursor.
struct Terminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Terminal {
    fn as_it_is() -> Self {
        Self {
            #[cfg(unix)]
            before: rustix::termios::tcgetattr(io::stdin()).ok(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let now = rustix::termios::OptionalActions::Now;
            // There is nobody to report an error to.
            let _ = rustix::termios::tcsetattr(io::stdin(), now, before);
        }
        let _ = Term::stderr().show_cursor();
    }
}

#[cfg(test)]
mod tests {
    use host_base::{State, text};

    use super::*;

    #[test]
    fn lines_are_numbered_and_no_text_of_a_backup_drives_the_terminal() {
        let backup = |id: &str| Backup {
            reported_state: Some("DONE\u{202e}".to_owned()),
            size: Some(1024),
            created: Some(Timestamp::UNIX_EPOCH),
            ..Backup::new(id, State::Succeeded)
        };
        let (header, lines) = lines(
            &[backup("a\u{1b}[2J\nb"), backup("c")],
            Timestamp::UNIX_EPOCH,
        );
        assert!(header.starts_with("NUMBER   ID"), "{header}");
        let [first, second] = &lines[..] else {
            panic!("two lines: {lines:?}")
        };
        assert!(first.starts_with("1 ") && first.contains("a\\u{1b}[2J\\u{a}b"));
        assert!(
            second.starts_with("2 ") && second.ends_with("1.0KiB   0s"),
            "{second}"
        );
        assert!(!lines.concat().chars().any(text::is_unsafe));
    }
}
