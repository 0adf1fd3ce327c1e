//! Runs programs and shows their commands.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Writes a line to stderr.
pub(crate) fn say(text: &str) {
    // Nothing can be done about a closed stderr.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns the root of the workspace.
pub(crate) fn root() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    folder
        .canonicalize()
        .map_err(|e| format!("{}: {e}", folder.display()))
}

/// Returns a command of the cargo that runs this chore, at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()?).args(arguments);
    Ok(command)
}

/// Shows a command, runs it, and fails if the command fails.
pub(crate) fn run(mut command: Command) -> Result {
    say(&format!("$ {}", shown(&command)));
    let status = command
        .status()
        .map_err(|e| format!("{} can't be started: {e}", shown(&command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed ({status}): {}", shown(&command)))
    }
}

/// Runs a command and returns its stdout.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|e| format!("{} can't be started: {e}", shown(&command)))?;
    if !output.status.success() {
        return Err(format!(
            "failed ({}): {}\n{}",
            output.status,
            shown(&command),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("{}: {e}", shown(&command)))
}

/// Returns true if a program is in PATH.
pub(crate) fn has(program: &str) -> bool {
    let Some(path) = env::var_os("PATH") else {
        return false;
    };
    env::split_paths(&path).any(|folder| {
        folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file()
    })
}

/// Returns the folder of the programs that a build with `profile` made.
pub(crate) fn programs(profile: &str) -> Result<PathBuf> {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root()?.join(folder),
        None => root()?.join("target"),
    };
    Ok(target.join(profile))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let mut text = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
