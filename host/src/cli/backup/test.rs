use clap::Args;

use crate::engine::Catalogue;
use crate::ops::{OpsError, Request, test};
use crate::ui::{Document, Ui};

/// Check reachability, rights, the target and its engines, and say what to do about what fails
#[derive(Args)]
pub(super) struct TestArgs {}

pub(super) async fn run(
    engines: Catalogue,
    request: Request,
    ui: Ui,
) -> Result<Box<dyn Document>, OpsError> {
    Ok(Box::new(Box::pin(test(engines, request, ui)).await?))
}
