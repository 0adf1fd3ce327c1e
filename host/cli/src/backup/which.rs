use std::io::{self, IsTerminal as _};

use clap::Args;
use host_driver::Which;

use crate::error::CliError;

/// Which backup is meant. Without either there is a menu, on a terminal.
#[derive(Args)]
#[group(id = "Which", multiple = false)]
pub(super) struct WhichArgs {
    /// Id of the backup [default: menu, on a terminal]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Use the newest complete backup
    #[arg(long)]
    latest: bool,
}

impl WhichArgs {
    pub(super) fn which(self) -> Result<Which, CliError> {
        which(self.id, self.latest)
    }
}

/// The backup that `--id` and `--latest` mean together.
pub(super) fn which(id: Option<String>, latest: bool) -> Result<Which, CliError> {
    match (id, latest) {
        (Some(id), _) => Ok(Which::Id(id)),
        (None, true) => Ok(Which::Latest),
        (None, false) => asked("--id ID or --latest"),
    }
}

/// Asks with a menu on a terminal. Elsewhere it returns an error that names the flags.
pub(super) fn asked(flags: &'static str) -> Result<Which, CliError> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        Ok(Which::Ask)
    } else {
        Err(CliError::Which { flags })
    }
}
