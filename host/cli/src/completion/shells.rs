//! Completion by the shells' own scripts. They run the program with a variable that names the shell.

use std::ffi::OsString;
use std::io;

use clap_complete::Shell;
use clap_complete::env::Shells;
use host_engine::Catalogue;

use super::Line;
use super::command::{Paths, command};

/// The variable with the name of the shell that asks.
const ASKING: &str = "KUBECTL_BROKER_COMPLETE";
/// The variable with the index of the word to complete. Only some shells set it: those that complete in the
/// middle of a line.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";
/// Name of the program in PATH, under which kubectl finds it too.
const PROGRAM: &str = "kubectl-broker";

/// The script for bash, which splits words at colons. The script of clap offers nothing for names with a
/// colon.
const BASH: &str = include_str!("bash.sh");

/// Returns the script that makes a shell ask the program.
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

/// Returns the name of the shell that asks, if one does.
pub(super) fn asking() -> Option<String> {
    let shell = std::env::var(ASKING).ok()?;
    (!shell.is_empty()).then_some(shell)
}

/// Returns the answer in the format that the script of this shell expects.
pub(super) fn answer(shell: &str, engines: &Catalogue, arguments: &[OsString]) -> Option<String> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell)?;
    let dashes = arguments.iter().position(|argument| argument == "--")?;
    let words = arguments[dashes + 1..].to_vec();
    // Without a word there is nothing to complete.
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
