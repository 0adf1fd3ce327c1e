use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::{Result, shell, target};

const FILE: &str = "docs/reference.md";

/// Every command, in the order of the page.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["backup"],
    &["backup", "list"],
    &["backup", "status"],
    &["backup", "create"],
    &["backup", "download"],
    &["backup", "verify"],
    &["backup", "test"],
    &["backup", "restore"],
    &["backup", "delete"],
    &["backup", "history"],
    // The verbs of the bundled engines.
    &["backup", "metrics"],
    &["backup", "purge"],
    &["backup", "upload"],
    &["engines"],
    &["plugin"],
    &["plugin", "install"],
    &["plugin", "list"],
    &["plugin", "inspect"],
    &["plugin", "update"],
    &["plugin", "outdated"],
    &["plugin", "rollback"],
    &["plugin", "default"],
    &["plugin", "remove"],
    &["plugin", "verify"],
    &["plugin", "sync"],
    &["plugin", "doctor"],
    &["plugin", "bundle"],
    &["plugin", "key"],
    &["plugin", "key", "add"],
    &["plugin", "key", "list"],
    &["plugin", "key", "remove"],
    &["plugin", "new"],
    &["plugin", "pack"],
    &["plugin", "test"],
    &["version"],
    &["completion"],
];

/// Regenerates the command reference.
pub(crate) fn write() -> Result {
    let path = shell::root()?.join(FILE);
    fs::write(&path, generate()?).map_err(|e| format!("{}: {e}", path.display()))
}

/// Fails if the reference differs from the program's help.
pub(crate) fn check() -> Result {
    let path = shell::root()?.join(FILE);
    let present = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    if present == generate()? {
        return Ok(());
    }
    Err(format!(
        "{FILE} is not what the program's help says. Run `cargo xtask reference` and commit the result."
    ))
}

fn generate() -> Result<String> {
    target::build_programs()?;
    let programs = shell::programs("debug")?;
    let program = programs.join("kubectl-broker");
    let mut text = String::from(
        "# Command reference\n\nWritten by `cargo xtask reference` from the program's own help.\n",
    );
    for words in COMMANDS {
        let mut help = Command::new(&program);
        // The long form once, for the exit codes; the short form has one line for each flag.
        let form = if words.is_empty() { "--help" } else { "-h" };
        help.args(*words)
            .arg(form)
            .env_clear()
            // Hides the engines that the developer has installed.
            .env("XDG_DATA_HOME", programs.join("no-engines"))
            .env("COLUMNS", "100");
        let help = shell::output(help)?;
        let title = ["kubectl broker"]
            .iter()
            .chain(*words)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        // Writing into a String can't fail.
        let _ = write!(text, "\n## {title}\n\n```text\n{}\n```\n", lines.join("\n"));
    }
    Ok(text)
}
