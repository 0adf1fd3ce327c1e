use std::ops::ControlFlow;
use std::time::Duration;

use broker_manifest::Operation;
use host_base::{Backup, newest_first, text};
use host_engine::{OptionSetting, OptionValue};
use jiff::Timestamp;

use super::running::Running;
use super::wait::{Looks, has_ended, judge};
use super::{OpsError, Session};
use crate::results::{Backups, LeftOut};

/// Which backup the user means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The backup with this id.
    Id(String),
    /// The newest backup that succeeded.
    Latest,
    /// The backup that the user chooses in a menu on the terminal.
    Ask,
}

/// Number of backups in a menu.
const MENU: usize = 20;

/// Returns the state of one backup.
///
/// # Errors
/// When no engine can tell the state, or the backup does not exist.
pub async fn status(session: &Session, which: &Which) -> Result<Backups, OpsError> {
    let mut running = session.engine_for(Operation::Status).await?;
    let backup = find(session, &mut running, which).await?;
    Ok(view(&running, backup))
}

/// Passes each new state of a backup to `show`, until a state is final or `show` breaks.
///
/// # Errors
/// The errors of [`status`]. When the backup failed, or did not end within `timeout`.
pub async fn watch<E: From<OpsError>>(
    session: &Session,
    which: &Which,
    timeout: Option<Duration>,
    mut show: impl FnMut(&Backups) -> Result<ControlFlow<()>, E>,
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
        Which::Ask => ask(session, running, Operation::Status).await,
    }
}

/// Lets the user choose among the newest backups that `operation` accepts.
pub(super) async fn ask(
    session: &Session,
    running: &mut Running,
    operation: Operation,
) -> Result<Backup, OpsError> {
    let mut options = session.options(&running.manifest, Operation::List);
    if let Some(ability) = running.manifest.operations.get(&operation) {
        for (name, value) in &ability.menu {
            options.retain(|option| option.name != *name);
            options.push(OptionSetting {
                name: name.clone(),
                value: OptionValue::Text(value.clone()),
            });
        }
    }
    let mut backups = all(running, &options).await?;
    let left_out = backups.len().saturating_sub(MENU);
    backups.truncate(MENU);
    if backups.is_empty() {
        return Err(OpsError::NoBackups {
            engine: running.called.clone(),
        });
    }
    if left_out > 0 {
        session.reporter().note(&format!(
            "These are the newest; `--id` names one of the {left_out} others"
        ));
    }
    let chosen = session.reporter().choose(&backups).await;
    let chosen = chosen.map_err(|source| OpsError::Menu { source })?;
    let chosen = chosen.filter(|at| *at < backups.len());
    let backup = backups.swap_remove(chosen.ok_or(OpsError::NothingChosen)?);
    session.reporter().note(&format!(
        "Using backup {}",
        text::printable(&backup.id, 200)
    ));
    running.named_by_backend = true;
    Ok(backup)
}

/// Returns all backups, newest first.
async fn all(running: &mut Running, options: &[OptionSetting]) -> Result<Vec<Backup>, OpsError> {
    if !running.manifest.can(Operation::List) {
        return Err(OpsError::CannotDo {
            engine: running.manifest.id.to_string(),
            operation: Operation::List,
            reason: running.lacks(Operation::List),
            able: Vec::new(),
        });
    }
    let listed = running.instance().list(None, options).await;
    let mut backups = running.original(listed)?;
    newest_first(&mut backups);
    Ok(backups)
}

fn view(running: &Running, backup: Backup) -> Backups {
    Backups {
        columns: running.manifest.table(),
        scope: running.scope(),
        backups: vec![backup],
        per_pod: None,
        left_out: LeftOut::Nothing,
        is_list: false,
        now: Timestamp::now(),
    }
}

/// Returns the newest backup that succeeded. A note says if newer ones did not succeed.
pub(super) async fn latest(session: &Session, running: &mut Running) -> Result<Backup, OpsError> {
    let options = session.options(&running.manifest, Operation::List);
    let mut backups = all(running, &options).await?;
    let at = backups
        .iter()
        .position(Backup::is_whole)
        .ok_or(OpsError::NothingWhole)?;
    for newer in &backups[..at] {
        session.reporter().note(&format!(
            "{} is newer, but {}",
            text::printable(&newer.id, 120),
            running.state_of(newer)
        ));
    }
    running.named_by_backend = true;
    Ok(backups.swap_remove(at))
}
