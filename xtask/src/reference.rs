//! The documents that are made of the program's command tree: the command reference and the man pages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Result, shell};

const FILE: &str = "docs/reference.md";
/// The example of the program's package that prints the documents.
const EXAMPLE: &str = "documents";

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

/// Writes a man page for each command into `target/man`.
pub(crate) fn man() -> Result {
    let folder = shell::programs("man")?;
    // Pages of removed commands must not stay.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut documents = Command::new(build()?);
    documents.arg("man").arg(&folder);
    shell::run(documents)?;
    shell::say(&format!("The man pages are in {}.", folder.display()));
    Ok(())
}

fn generate() -> Result<String> {
    let mut documents = Command::new(build()?);
    documents.arg("reference");
    shell::output(documents)
}

/// Builds the example in one build with the tests, so that no dependency is compiled twice.
fn build() -> Result<PathBuf> {
    shell::run(shell::cargo(&[
        "build",
        "--locked",
        "--workspace",
        "--example",
        EXAMPLE,
    ])?)?;
    Ok(shell::programs("debug")?.join("examples").join(EXAMPLE))
}
