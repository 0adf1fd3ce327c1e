//! The commands for authors of engines. They need neither the store of installed engines nor a cluster.

mod check;
mod new;
mod pack;
mod test;

use clap::Subcommand;
use host_authoring::AuthoringError;
use host_engine::EngineFile;

use crate::error::CliError;
use crate::ui::{Document, Ui};

#[derive(Subcommand)]
pub(super) enum AuthorVerb {
    New(new::NewArgs),
    Check(check::CheckArgs),
    Pack(pack::PackArgs),
    Test(test::TestArgs),
}

pub(super) async fn run(verb: AuthorVerb, engines: &[EngineFile], ui: Ui) -> Result<(), CliError> {
    let view = Box::pin(run_verb(verb, engines, ui)).await?;
    ui.data(view.as_ref())?;
    ui.summary(view.as_ref());
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}

async fn run_verb(
    verb: AuthorVerb,
    engines: &[EngineFile],
    ui: Ui,
) -> Result<Box<dyn Document>, AuthoringError> {
    Ok(match verb {
        AuthorVerb::New(args) => Box::new(new::run(args, engines)?),
        AuthorVerb::Check(args) => Box::new(check::run(args, engines, ui).await?),
        AuthorVerb::Pack(args) => Box::new(pack::run(args, engines, ui).await?),
        AuthorVerb::Test(args) => Box::new(test::run(args, engines, ui).await?),
    })
}
