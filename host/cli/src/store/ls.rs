use clap::Args;
use jiff::Timestamp;

use super::{Opener, rows};
use crate::error::CliError;
use crate::ui::{CopiesView, Document};

/// List the copies in a store, newest first
#[derive(Args)]
pub(super) struct LsArgs {
    /// Name or address of the store [default: the only one]
    store: Option<String>,
    /// Also show unfinished uploads, data without a manifest and other findings
    #[arg(short, long)]
    all: bool,
    /// Show only copies from this cluster
    #[arg(long, value_name = "NAME")]
    source_cluster: Option<String>,
    /// Show only copies of this StatefulSet or pod
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Show only the newest copies, at most this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

pub(super) async fn run(args: &LsArgs, opener: &Opener) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open_or_only(args.store.as_deref()).await?;
    let (mut copies, findings) = if args.all {
        let (copies, findings) = store.findings().await?;
        (copies, Some(findings))
    } else {
        (store.copies().await?, None)
    };
    let is_meant =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let all = copies.len();
    copies.retain(|copy| {
        is_meant(&args.source_cluster, &copy.name.source.cluster)
            && is_meant(&args.target, &copy.name.source.target)
    });
    copies.truncate(args.limit.unwrap_or(usize::MAX));
    let now = Timestamp::now();
    Ok(Box::new(CopiesView {
        store: store.called().to_owned(),
        copies: copies.iter().map(|copy| rows::copy(copy, now)).collect(),
        findings: findings.map(|found| found.iter().map(|it| rows::finding(it, false)).collect()),
        hidden: all - copies.len(),
        now,
    }))
}
