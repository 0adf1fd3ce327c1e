use clap::Args;
use host_engine::{INTERFACE, INTERFACES};

use super::error::CliError;
use crate::ui::{Ui, VersionView};

/// Show the version of the program and of its engine interface
#[derive(Args)]
pub(super) struct VersionArgs {}

pub(super) fn run(_: &VersionArgs, ui: Ui) -> Result<(), CliError> {
    ui.data(&VersionView {
        version: env!("CARGO_PKG_VERSION"),
        interface: INTERFACE,
        interfaces: &INTERFACES,
    })?;
    Ok(())
}
