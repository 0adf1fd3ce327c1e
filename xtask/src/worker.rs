//! The worker of the Kafka operator, which is a workspace of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, shell};

/// Returns the folder of the workspace.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(shell::root()?.join("kafka-worker"))
}

/// Returns a command of cargo in that workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = shell::cargo(arguments)?;
    command.current_dir(folder()?);
    Ok(command)
}
