use std::collections::BTreeSet;

use broker_manifest::Operation;
use jiff::Timestamp;

use super::history::Deed;
use super::session::Running;
use super::wait::{Waiting, judge, until_ended};
use super::{OpsError, Session};
use crate::engine::{EngineError, OptionSetting};
use crate::model::{Activity, Backup, newest_first, text};
use crate::ui::BackupsView;

/// Begins a backup, and waits until it has ended if it is to.
///
/// # Errors
/// When none was begun, when it ended badly, or did not end in time.
pub async fn create(session: &Session, waiting: Waiting) -> Result<BackupsView, OpsError> {
    let operation = Operation::Create;
    let mut running = session.engine_for(operation).await?;
    let options = session.options(&running.manifest, operation);
    session
        .ui()
        .note("A backup takes disk space on the broker's nodes, and is not removed by itself");
    let mut deed = Deed::of("create", session, &running);
    let result = follow(session, &mut running, &options, waiting, &mut deed).await;
    deed.record(session.ui(), &result).await;
    Ok(BackupsView {
        columns: running.manifest.table(),
        scope: running.scope,
        backups: vec![result?],
        left_out: 0,
        is_list: false,
        now: Timestamp::now(),
    })
}

async fn follow(
    session: &Session,
    running: &mut Running,
    options: &[OptionSetting],
    waiting: Waiting,
    deed: &mut Deed,
) -> Result<Backup, OpsError> {
    let begun = begin(session, running, options).await?;
    deed.id = Some(begun.id.clone());
    let backup = if waiting.wait {
        session.ui().note(&format!(
            "Backup {} has begun; waiting up to {} s for its end",
            text::printable(&begun.id, 120),
            waiting.timeout.as_secs()
        ));
        until_ended(session, running, begun, Activity::Backup, waiting).await?
    } else {
        judge(begun, running)?
    };
    deed.bytes = backup.size;
    Ok(backup)
}

/// Sends the request once. If its answer is lost, what happened is looked up: a backup that was not
/// there before is ours. It is never sent a second time.
async fn begin(
    session: &Session,
    running: &mut Running,
    options: &[OptionSetting],
) -> Result<Backup, OpsError> {
    let before = ids(running).await?;
    let created = running.instance().create(options).await;
    let error = match running.original(created) {
        Ok(backup) => return Ok(backup),
        Err(error) => error,
    };
    if !answer_was_lost(&error) {
        return Err(error);
    }
    let reason = text::printable(&error.to_string(), 300).into_owned();
    let unknown = || OpsError::OutcomeUnknown {
        reason: reason.clone(),
        engine: running.manifest.id.name().to_owned(),
    };
    // The connection is gone; perhaps the pod is too.
    let mut again = session
        .start_named(&running.manifest.id)
        .await
        .map_err(|_| unknown())?;
    let listed = again.instance().list(None, &[]).await;
    let mut new: Vec<_> = again
        .original(listed)
        .map_err(|_| unknown())?
        .into_iter()
        .filter(|backup| !before.contains(&backup.id))
        .collect();
    newest_first(&mut new);
    let found = new.into_iter().next().ok_or_else(unknown)?;
    session.ui().warn(&format!(
        "The answer was lost ({reason}). Backup {} was begun meanwhile, and is taken for this one",
        text::printable(&found.id, 120)
    ));
    *running = again;
    Ok(found)
}

async fn ids(running: &mut Running) -> Result<BTreeSet<String>, OpsError> {
    let listed = running.instance().list(None, &[]).await;
    let backups = running.original(listed)?;
    Ok(backups.into_iter().map(|backup| backup.id).collect())
}

/// Whether the backend may have done what it was asked although no answer came.
fn answer_was_lost(error: &OpsError) -> bool {
    use crate::cluster::ClusterError as E;
    match error {
        OpsError::Cluster(error) => matches!(
            **error,
            E::NoAnswer { .. }
                | E::Incomplete { .. }
                | E::TunnelLost { .. }
                | E::TimedOut { .. }
                | E::Http { .. }
        ),
        OpsError::Engine(error) => matches!(error, EngineError::Deadline { .. }),
        _ => false,
    }
}
