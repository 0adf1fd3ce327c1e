use clap::Args;

use crate::ops::Which;

/// Which backup is meant.
#[derive(Args)]
#[group(id = "which", required = true, multiple = false)]
pub(super) struct WhichArgs {
    /// The backup with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The newest backup that ended well
    #[arg(long)]
    latest: bool,
}

impl WhichArgs {
    pub(super) fn which(self) -> Which {
        self.id.map_or(Which::Latest, Which::Id)
    }
}
