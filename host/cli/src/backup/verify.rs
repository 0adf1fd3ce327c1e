use std::path::PathBuf;

use clap::Args;
use host_driver::{Host, OpsError, Session, VerifyRequest, Which, verify, verify_backup};

use super::which::WhichArgs;
use crate::error::CliError;
use crate::ui::Document;

/// Check downloaded files, or let the backend check a backup
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Downloaded files, whose digest, length and structure are checked
    #[arg(required_unless_present_any = ["id", "latest"], conflicts_with_all = ["id", "latest"], value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    which: WhichArgs,
}

/// The things to check.
pub(super) enum What {
    Files(Vec<PathBuf>),
    Backup(Which),
}

impl VerifyArgs {
    /// Returns the backup to check, or the files.
    pub(super) fn what(self) -> Result<What, CliError> {
        Ok(if self.files.is_empty() {
            What::Backup(self.which.which()?)
        } else {
            What::Files(self.files)
        })
    }
}

pub(super) async fn of_files(
    files: Vec<PathBuf>,
    host: &Host,
) -> Result<Box<dyn Document>, OpsError> {
    let request = VerifyRequest { files };
    Ok(Box::new(verify(host, request).await?))
}

pub(super) async fn of_backup(
    which: &Which,
    session: &Session,
) -> Result<Box<dyn Document>, OpsError> {
    Ok(Box::new(verify_backup(session, which).await?))
}
