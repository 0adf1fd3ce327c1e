use std::path::PathBuf;

use clap::Args;
use host_driver::{Host, OpsError, VerifyRequest, verify};

use crate::ui::Document;

/// Check the digest, length and structure of downloaded files
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Files to check
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs, host: &Host) -> Result<Box<dyn Document>, OpsError> {
    let request = VerifyRequest { files: args.files };
    Ok(Box::new(verify(host, request).await?))
}
