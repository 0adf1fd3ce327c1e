use clap::Args;
use jiff::Timestamp;

use super::{Opener, confirm, rows};
use crate::error::CliError;
use crate::ui::{Document, RepairView, Ui};

/// Remove the rests of interrupted uploads, and list problems that need a decision
#[derive(Args)]
pub(super) struct RepairArgs {
    /// Name or address of the store
    store: String,
    /// Show the findings without removing anything
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(
    args: &RepairArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let (_, findings) = store.findings().await?;
    let removable = findings.iter().filter(|it| it.can_be_removed()).count();
    let (done, error) = if args.dry_run || removable == 0 {
        (Vec::new(), None)
    } else {
        let doing = format!(
            "removing {removable} finding{} from store {}",
            if removable == 1 { "" } else { "s" },
            store.called()
        );
        confirm(ui, &doing, store.called(), args.yes).await?;
        store.repair(&findings).await?
    };
    Ok(Box::new(RepairView {
        store: store.called().to_owned(),
        dry_run: args.dry_run,
        items: findings
            .iter()
            .map(|it| rows::finding(it, done.contains(it)))
            .collect(),
        error: error.map(|error| error.to_string()),
        now: Timestamp::now(),
    }))
}
