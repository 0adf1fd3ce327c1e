use broker_manifest::Operation;
use jiff::Timestamp;

use super::{OpsError, Session};
use crate::model::{newest_first, text};
use crate::ui::BackupsView;

/// Which backup is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Id(String),
    /// The newest that ended well.
    Latest,
}

/// The state of one backup.
///
/// # Errors
/// When no engine can tell, or there is no such backup.
pub async fn status(session: &Session, which: &Which) -> Result<BackupsView, OpsError> {
    let operation = Operation::Status;
    let mut running = session.engine_for(operation).await?;
    let backup = match which {
        Which::Id(id) => {
            let options = session.options(&running.manifest, operation);
            let status = running.instance().status(id, &options).await;
            running.original(status)?
        }
        Which::Latest => {
            if !running.manifest.can(Operation::List) {
                return Err(OpsError::CannotDo {
                    engine: running.manifest.id.to_string(),
                    operation: Operation::List,
                    able: Vec::new(),
                });
            }
            let options = session.options(&running.manifest, Operation::List);
            let listed = running.instance().list(None, &options).await;
            let mut backups = running.original(listed)?;
            newest_first(&mut backups);
            let at = backups
                .iter()
                .position(crate::model::Backup::is_whole)
                .ok_or(OpsError::NothingWhole)?;
            for newer in &backups[..at] {
                session.ui().note(&format!(
                    "{} is newer, but {}",
                    text::printable(&newer.id, 120),
                    text::printable(
                        newer
                            .reported_state
                            .as_deref()
                            .unwrap_or(newer.state.name()),
                        60
                    )
                ));
            }
            backups.swap_remove(at)
        }
    };
    Ok(BackupsView {
        columns: running.manifest.table(),
        scope: running.scope,
        backups: vec![backup],
        left_out: 0,
        is_list: false,
        now: Timestamp::now(),
    })
}
