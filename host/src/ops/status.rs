use std::ops::ControlFlow;
use std::time::Duration;

use broker_manifest::Operation;
use jiff::Timestamp;

use super::session::Running;
use super::wait::{Looks, has_ended, judge};
use super::{OpsError, Session};
use crate::model::{Backup, newest_first, text};
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
    let mut running = session.engine_for(Operation::Status).await?;
    let backup = find(session, &mut running, which).await?;
    Ok(view(&running, backup))
}

/// Hands each state of one backup to `show` as soon as it is seen, until one is an end, or `show` says
/// that nobody looks any more.
///
/// # Errors
/// As [`status`]; and when it ended badly, or did not end within `timeout`.
pub async fn watch<E: From<OpsError>>(
    session: &Session,
    which: &Which,
    timeout: Option<Duration>,
    mut show: impl FnMut(&BackupsView) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut running = session.engine_for(Operation::Status).await?;
    let mut backup = find(session, &mut running, which).await?;
    let mut looks = Looks::at(&backup.id, &running, timeout);
    let mut flow = show(&view(&running, backup.clone()))?;
    while flow.is_continue() && !has_ended(&backup) {
        let now = looks.next(session, &mut running).await?;
        if now != backup {
            flow = show(&view(&running, now.clone()))?;
            backup = now;
        }
    }
    if flow.is_continue() {
        judge(backup, &running)?;
    }
    Ok(())
}

async fn find(session: &Session, running: &mut Running, which: &Which) -> Result<Backup, OpsError> {
    match which {
        Which::Id(id) => {
            let options = session.options(&running.manifest, Operation::Status);
            let status = running.instance().status(id, &options).await;
            running.original(status)
        }
        Which::Latest => latest(session, running).await,
    }
}

fn view(running: &Running, backup: Backup) -> BackupsView {
    BackupsView {
        columns: running.manifest.table(),
        scope: running.scope.clone(),
        backups: vec![backup],
        left_out: 0,
        is_list: false,
        now: Timestamp::now(),
    }
}

/// The newest backup that ended well; says so when newer ones did not.
pub(super) async fn latest(session: &Session, running: &mut Running) -> Result<Backup, OpsError> {
    if !running.manifest.can(Operation::List) {
        return Err(OpsError::CannotDo {
            engine: running.manifest.id.to_string(),
            operation: Operation::List,
            reason: running.manifest.lacks.get(&Operation::List).cloned(),
            able: Vec::new(),
        });
    }
    let options = session.options(&running.manifest, Operation::List);
    let listed = running.instance().list(None, &options).await;
    let mut backups = running.original(listed)?;
    newest_first(&mut backups);
    let at = backups
        .iter()
        .position(Backup::is_whole)
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
    Ok(backups.swap_remove(at))
}
