use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use host_driver::{OpsError, VerifyRequest, verify};

use crate::ui::{Document, Ui};

/// Check the digest, length and structure of downloaded files
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Files to check
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs, ui: Ui) -> Result<Box<dyn Document>, OpsError> {
    let request = VerifyRequest { files: args.files };
    Ok(Box::new(verify(request, Arc::new(ui)).await?))
}
