use std::time::Duration;

use broker_manifest::Operation;
use host_base::text;

use super::history::Deed;
use super::question::confirm;
use super::status::{Which, ask, latest};
use super::{OpsError, Session};
use crate::results::Deleted;

/// Longest time that a deletion may take.
const LONGEST: Duration = Duration::from_mins(2);

/// A request to delete a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// The backup.
    pub which: Which,
    /// Whether to delete a backup that the engine would keep.
    pub force: bool,
    /// Whether the user has agreed before. Otherwise the front end asks.
    pub is_confirmed: bool,
}

/// Deletes a backup. The engine returns only when the backup is gone.
///
/// # Errors
/// When the user did not confirm the deletion, or the backup still exists.
pub async fn delete(session: &Session, request: &DeleteRequest) -> Result<Deleted, OpsError> {
    let operation = Operation::Delete;
    let mut running = session.engine_for(operation).await?;
    let id = match &request.which {
        Which::Id(id) => id.clone(),
        Which::Latest => latest(session, &mut running).await?.id,
        Which::Ask => ask(session, &mut running, operation).await?.id,
    };
    let doing = format!("Removing backup {} for good", text::printable(&id, 200));
    confirm(session, &running, &doing, &id, request.is_confirmed).await?;
    let options = session.options(&running.manifest, operation);
    let mut deed = Deed::of("delete", session, &running);
    deed.id = Some(id.clone());
    running.instance().limit(LONGEST);
    let deleted = running
        .instance()
        .delete(&id, request.force, &options)
        .await;
    let deleted = running.original(deleted);
    deed.record(&deleted).await;
    for warning in deleted? {
        let warning = running.said(&warning, 400);
        session.reporter().warn(&warning);
    }
    Ok(Deleted {
        scope: running.scope(),
        id,
    })
}
