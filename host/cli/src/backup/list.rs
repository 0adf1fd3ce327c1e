use clap::Args;
use host_driver::{Backups, Listing, Session, list};

use crate::error::CliError;
use crate::ui::Ui;

/// List backups, newest first
#[derive(Args)]
pub(super) struct ListArgs {
    /// Maximum number of backups [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Lists the backups. A list of several pages is shown here, while it arrives.
pub(super) async fn run(
    args: &ListArgs,
    session: &Session,
    ui: Ui,
) -> Result<Option<Backups>, CliError> {
    let mut pages = match list(session, args.limit).await? {
        Listing::Whole(backups) => return Ok(Some(backups)),
        Listing::Pages(pages) => pages,
    };
    let mut writer = ui.pages();
    while let Some(page) = pages.next().await? {
        if writer.show(&page)?.is_break() {
            return Ok(None);
        }
    }
    writer.end()?;
    Ok(None)
}
