use clap::Args;

use super::{Opener, rows};
use crate::error::CliError;
use crate::ui::{Document, StoreReportView, Ui};

/// Test each step that a copy needs, and name missing permissions
#[derive(Args)]
pub(super) struct TestArgs {
    /// Name or address of the store
    store: String,
}

pub(super) async fn run(
    args: &TestArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open_as_it_is(&args.store).await?;
    let checks = store
        .test(host_store::StoreUrl::is_meant(&args.store))
        .await?;
    if let Some(hint) = rows::hint(&checks) {
        ui.note(&ui.with_commands(hint));
    }
    Ok(Box::new(StoreReportView {
        store: args.store.clone(),
        url: store.url().to_string(),
        checks: checks.iter().map(|it| rows::check(&it.check)).collect(),
        failure: rows::failure(&checks),
    }))
}
