use clap::Args;
use host_driver::{Host, OpsError, Request, test};

use crate::ui::{CheckUpView, Document, Ui};

/// Check permissions, the target and its backends, with a remedy for each failure
#[derive(Args)]
pub(super) struct TestArgs {}

pub(super) async fn run(
    host: &Host,
    request: Request,
    ui: Ui,
) -> Result<Box<dyn Document>, OpsError> {
    let report = Box::pin(test(host, request)).await?;
    let hints = report
        .checks
        .iter()
        .map(|check| ui.said(check.hint.as_ref()?));
    Ok(Box::new(CheckUpView {
        hints: hints.collect(),
        report,
    }))
}
