use clap::Args;
use host_retention::{Policy, Within};
use jiff::Timestamp;

use super::{Opener, confirm, rows};
use crate::error::CliError;
use crate::ui::{Document, PruneView, Ui};

/// Delete copies by rule. Each source (cluster, namespace, target, engine) counts by itself
#[derive(Args)]
pub(super) struct PruneArgs {
    /// Name or address of the store
    store: String,
    /// Keep the newest COUNT copies
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_last: u32,
    /// Keep the newest copy of each of the last COUNT hours that have one
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_hourly: u32,
    /// Keep the newest copy of each of the last COUNT days that have one
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_daily: u32,
    /// Keep the newest copy of each of the last COUNT weeks (ISO 8601) that have one
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_weekly: u32,
    /// Keep the newest copy of each of the last COUNT months that have one
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_monthly: u32,
    /// Keep the newest copy of each of the last COUNT years that have one
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    keep_yearly: u32,
    /// Keep all copies that are at most this much older than the newest good one, such as 30d or 1y6m
    #[arg(long, value_name = "TIME")]
    keep_within: Option<Within>,
    /// Show what would be deleted without deleting it
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation
    #[arg(short, long)]
    yes: bool,
}

impl PruneArgs {
    fn policy(&self) -> Policy {
        Policy {
            keep_last: self.keep_last,
            keep_hourly: self.keep_hourly,
            keep_daily: self.keep_daily,
            keep_weekly: self.keep_weekly,
            keep_monthly: self.keep_monthly,
            keep_yearly: self.keep_yearly,
            keep_within: self.keep_within,
        }
    }
}

pub(super) async fn run(
    args: &PruneArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let policy = args.policy();
    policy.check().map_err(host_store::StoreError::from)?;
    let store = opener.open(&args.store).await?;
    let zone = store.zone().await?;
    let now = Timestamp::now();
    let plan = store.plan(&policy, &zone, now, &|_| true).await?;
    let going = plan.goes().count();
    let mut view = PruneView {
        store: store.called().to_owned(),
        dry_run: args.dry_run,
        items: rows::verdicts(&plan),
        error: None,
        now,
    };
    if args.dry_run || going == 0 {
        return Ok(Box::new(view));
    }
    let doing = format!(
        "deleting {going} of {} copies in store {}",
        view.items.len(),
        store.called()
    );
    if !args.yes {
        // A message indents its lines, and a table must not be.
        for line in view.table(false).lines() {
            ui.note(line);
        }
    }
    confirm(ui, &doing, store.called(), args.yes).await?;
    let removed = store.carry_out(plan).await?;
    view.note(&removed);
    Ok(Box::new(view))
}
