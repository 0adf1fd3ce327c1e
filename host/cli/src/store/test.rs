use clap::Args;
use host_base::{Failure, Outcome};

use super::{Opener, rows};
use crate::error::CliError;
use crate::ui::{Document, StoreReportView};

/// Test each step that a copy needs, and name missing permissions
#[derive(Args)]
pub(super) struct TestArgs {
    /// Name or address of the store
    store: String,
}

pub(super) async fn run(args: &TestArgs, opener: &Opener) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let checks = store
        .test(host_store::StoreUrl::is_meant(&args.store))
        .await?;
    let is_good = checks.iter().all(|check| check.outcome != Outcome::Failed);
    Ok(Box::new(StoreReportView {
        store: args.store.clone(),
        url: store.url().to_string(),
        checks: checks.iter().map(rows::check).collect(),
        failure: (!is_good).then_some(Failure::Failed),
    }))
}
