use std::time::Duration;

use broker_manifest::Operation;
use host_base::text;

use super::history::Deed;
use super::question::question;
use super::restore::Confirmation;
use super::status::{Which, ask, latest};
use super::{OpsError, Session};
use crate::results::Deleted;

/// Longest time that a deletion may take.
const LONGEST: Duration = Duration::from_mins(2);

/// Deletes a backup. The engine returns only when the backup is gone.
///
/// # Errors
/// When the user did not confirm the deletion, or the backup still exists.
pub async fn delete(
    session: &Session,
    which: &Which,
    force: bool,
    confirmation: &(dyn Confirmation + Sync),
) -> Result<Deleted, OpsError> {
    let operation = Operation::Delete;
    let mut running = session.engine_for(operation).await?;
    let id = match which {
        Which::Id(id) => id.clone(),
        Which::Latest => latest(session, &mut running).await?.id,
        Which::Ask => ask(session, &mut running, operation).await?.id,
    };
    let doing = format!("Removing backup {} for good", text::printable(&id, 200));
    let what = question(session, &running, &doing);
    confirmation.confirm(what, id.clone()).await?;
    let options = session.options(&running.manifest, operation);
    let mut deed = Deed::of("delete", session, &running);
    deed.id = Some(id.clone());
    running.instance().limit(LONGEST);
    let deleted = running.instance().delete(&id, force, &options).await;
    let deleted = running.original(deleted);
    deed.record(&deleted).await;
    deleted?;
    Ok(Deleted {
        scope: running.scope(),
        id,
    })
}
