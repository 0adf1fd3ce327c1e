use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use host_driver::{OpsError, VerifyRequest, verify};

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
    Ok(Box::new(verify(request, Arc::new(ui)).await?))
}
