use std::path::PathBuf;

use clap::Args;

use crate::ops::{OpsError, VerifyRequest, verify};
use crate::ui::{Document, Ui};

/// Check downloaded files: their digest, their length, their structure
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Files of backups
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs, ui: Ui) -> Result<Box<dyn Document>, OpsError> {
    let request = VerifyRequest { files: args.files };
    Ok(Box::new(verify(request, ui).await?))
}
