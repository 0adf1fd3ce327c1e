//! The shells' own way: their scripts run the program with a variable that names the shell.

use std::ffi::OsString;
use std::io;

use clap_complete::Shell;
use clap_complete::env::Shells;
use host_engine::Catalogue;

use super::Line;
use super::command::{Paths, command};

/// Names the shell that asks.
const ASKING: &str = "KUBECTL_BROKER_COMPLETE";
/// Which word is to be completed; of the shells that let one complete in the middle of a line.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";
/// As it is found in PATH, by kubectl too.
const PROGRAM: &str = "kubectl-broker";

/// For bash, which splits words at colons: clap's own script offers nothing for a name that has one.
const BASH: &str = include_str!("bash.sh");

/// The script that makes a shell ask.
pub(super) fn registration(shell: Shell) -> io::Result<String> {
    if shell == Shell::Bash {
        return Ok(BASH.replace("VAR", ASKING).replace("PROGRAM", PROGRAM));
    }
    let name = shell.to_string();
    let shells = Shells::builtins();
    let unknown = || io::Error::other(format!("there is no script for {name}"));
    let completer = shells.completer(&name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    completer.write_registration(ASKING, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// The shell that asks, if one does.
pub(super) fn asking() -> Option<String> {
    let shell = std::env::var(ASKING).ok()?;
    (!shell.is_empty()).then_some(shell)
}

/// What the script of this shell is to be told.
pub(super) fn answer(shell: &str, engines: &Catalogue, arguments: &[OsString]) -> Option<String> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell)?;
    let dashes = arguments.iter().position(|argument| argument == "--")?;
    let words = arguments[dashes + 1..].to_vec();
    // Without a word there is nothing that could be completed.
    words.first()?;
    let mut line = Line::ending(engines.clone(), words.clone());
    let index = std::env::var(INDEX).ok();
    if let Some(index) = index.and_then(|index| index.parse().ok()) {
        line.at = index;
    }
    let folder = std::env::current_dir().ok();
    let mut answer = Vec::new();
    completer
        .write_complete(
            &mut command(&line, &Paths::Listed),
            words,
            folder.as_deref(),
            &mut answer,
        )
        .ok()?;
    String::from_utf8(answer).ok()
}
