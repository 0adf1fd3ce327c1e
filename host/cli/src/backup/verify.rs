use std::path::PathBuf;

use clap::Args;
use host_driver::{Host, OpsError, VerifyRequest, verify};

use crate::ui::Document;

/// Check downloaded files: their digest, their length, their structure
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Files of backups
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs, host: &Host) -> Result<Box<dyn Document>, OpsError> {
    let request = VerifyRequest { files: args.files };
    Ok(Box::new(verify(host, request).await?))
}
