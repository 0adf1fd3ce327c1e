//! What the author of an engine does before anybody installs it. No store is opened for it, and no
//! cluster is asked.

mod pack;

use clap::Subcommand;

use crate::authoring::AuthoringError;
use crate::cli::error::CliError;
use crate::ui::{Document, Ui};

#[derive(Subcommand)]
pub(super) enum AuthorVerb {
    Pack(pack::PackArgs),
}

pub(super) fn run(verb: AuthorVerb, ui: Ui) -> Result<(), CliError> {
    let view = run_verb(verb)?;
    ui.data(view.as_ref())?;
    if let (true, Some(summary)) = (ui.format().is_table(), view.summary()) {
        ui.note(&summary);
    }
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}

fn run_verb(verb: AuthorVerb) -> Result<Box<dyn Document>, AuthoringError> {
    Ok(match verb {
        AuthorVerb::Pack(args) => Box::new(pack::run(args)?),
    })
}
