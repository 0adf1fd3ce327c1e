use broker_manifest::Operation;
use jiff::Timestamp;

use super::{OpsError, Session};
use crate::model::newest_first;
use crate::ui::BackupsView;

/// Lists the backups of one engine, newest first, `limit` of them at most.
///
/// # Errors
/// When no engine can, or the one that was chosen could not.
pub async fn list(session: &Session, limit: Option<u32>) -> Result<BackupsView, OpsError> {
    let operation = Operation::List;
    let mut running = session.engine_for(operation).await?;
    let options = session.options(&running.manifest, operation);
    let listed = running.instance().list(limit, &options).await;
    let mut backups = running.original(listed)?;
    newest_first(&mut backups);
    let wanted = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let left_out = backups.len().saturating_sub(wanted);
    backups.truncate(wanted);
    Ok(BackupsView {
        columns: running.manifest.table(),
        scope: running.scope,
        backups,
        left_out,
        is_list: true,
        now: Timestamp::now(),
    })
}
