use clap::Args;
use host_driver::{Host, OpsError, Request, test};

use crate::ui::{Document, Ui};

/// Check permissions, the target and its backends, with a remedy for each failure
#[derive(Args)]
pub(super) struct TestArgs {}

pub(super) async fn run(
    host: &Host,
    request: Request,
    ui: Ui,
) -> Result<Box<dyn Document>, OpsError> {
    let mut report = Box::pin(test(host, request)).await?;
    for check in report.checks.iter_mut().filter(|check| check.is_own_hint) {
        check.hint = check.hint.take().map(|hint| ui.with_commands(&hint));
    }
    Ok(Box::new(report))
}
