use clap::{Args, Command};
use clap_complete::Shell;

use super::error::CliError;
use crate::ui::Ui;

/// Print the completion script of a shell
#[derive(Args)]
pub(super) struct CompletionArgs {
    /// Shell to write it for
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs, mut command: Command, ui: Ui) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kubectl-broker", &mut script);
    ui.write_out(&String::from_utf8_lossy(&script))?;
    Ok(())
}
