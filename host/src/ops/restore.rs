use broker_manifest::Operation;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::history::Deed;
use super::lock::locked;
use super::status::{Which, ask, latest};
use super::wait::{Waiting, judge, until_ended};
use super::{OpsError, Session};
use crate::engine::RestoreSource;
use crate::model::{Activity, text};
use crate::ui::RestorationView;

/// What is to be restored, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    pub which: Which,
    pub dry_run: bool,
    pub waiting: Waiting,
}

/// Asks whoever can answer whether a destructive operation may go on.
pub trait Confirmation {
    /// `what` will happen; `target` is the name that has to be typed.
    ///
    /// # Errors
    /// When it is not confirmed, or there is nobody to ask.
    fn confirm(&self, what: String, target: String) -> BoxFuture<'_, Result<(), OpsError>>;
}

/// Restores a backup that the backend has, and waits until that has ended if it is to.
///
/// # Errors
/// When it was not confirmed or not begun, when it ended badly, or did not end in time.
pub async fn restore(
    session: &Session,
    request: &RestoreRequest,
    confirmation: &(dyn Confirmation + Sync),
) -> Result<RestorationView, OpsError> {
    let operation = Operation::Restore;
    let mut running = session.engine_for(operation).await?;
    let id = match &request.which {
        Which::Id(id) => id.clone(),
        Which::Latest => latest(session, &mut running).await?.id,
        Which::Ask => ask(session, &mut running, operation).await?.id,
    };
    if !request.dry_run {
        let what = format!(
            "Restoring backup {} into StatefulSet {} in namespace {} (engine {})",
            text::printable(&id, 200),
            session.statefulset(),
            session.cluster.namespace(),
            running.manifest.id.name()
        );
        confirmation
            .confirm(what, session.statefulset().to_owned())
            .await?;
    }
    let options = session.options(&running.manifest, operation);
    let mut deed = Deed::of("restore", session, &running);
    deed.id = Some(id.clone());
    let work = async {
        let restored = running
            .instance()
            .restore(RestoreSource::Id(id.clone()), request.dry_run, &options)
            .await;
        let restoration = running.original(restored)?;
        let begun = restoration.backup;
        let backup = if request.waiting.wait && !request.dry_run {
            until_ended(
                session,
                &mut running,
                begun,
                Activity::Restore,
                request.waiting,
            )
            .await?
        } else {
            judge(begun, &running)?
        };
        Ok((backup, restoration.details))
    };
    // A dry run changes nothing, and keeps nobody out.
    let (backup, details) = if request.dry_run {
        work.await?
    } else {
        let result = locked(session, "restore", work).await;
        deed.record(session.ui(), &result).await;
        result?
    };
    Ok(RestorationView {
        scope: running.scope,
        backup,
        details,
        dry_run: request.dry_run,
        now: Timestamp::now(),
    })
}
