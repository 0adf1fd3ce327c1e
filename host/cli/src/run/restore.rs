//! A Restore.

use broker_manifest::Operation;
use host_base::text;
use host_cluster::Cluster;
use host_driver::{
    CopyChoice, Ongoing, OpsError, RestoreFrom, RestoreRequest, Session, Task, Which,
    prepare_restore, restore,
};
use operator_api::{Backup, Restore};

use super::live::{Live, SENT, read};
use super::{RunArgs, request, wrong};
use crate::Context;
use crate::error::CliError;

pub(super) async fn run(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let cluster = Cluster::connect(&context.connect)
        .await
        .map_err(OpsError::from)?;
    let (ty, object) = read::<Restore>(&cluster, "Restore", &args.object.name).await?;
    let live = Live::begin(cluster.clone(), ty, &object, context.ui).await?;
    let work = Box::pin(steps(&object, &live, &cluster, args, context));
    live.attempt(&object.spec.work, work).await
}

async fn steps(
    object: &Restore,
    live: &Live<Restore>,
    cluster: &Cluster,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let spec = &object.spec;
    let task = object.status.as_ref().and_then(|it| it.task.clone());
    if task.as_deref() == Some(SENT) {
        return Err(CliError::RestoreUnknown);
    }
    let host = request::host(context, &live.moved);
    let request = request::of_work(&spec.work, Operation::Restore, args, context)?;
    let session = Session::open(&host, request).await?;
    if let Some(task) = task {
        let task: Task = serde_json::from_str(&task).map_err(|error| CliError::BadObject {
            object: format!("restore/{}", args.object.name),
            reason: format!("status.task: {error}"),
        })?;
        let ongoing = Ongoing::take_up(&session, task).await?;
        return follow(ongoing, live, &session, object, context).await;
    }
    live.step("restore").await?;
    let from = from(object, cluster, &session, args, context).await?;
    if spec.dry_run {
        let order = RestoreRequest {
            from,
            dry_run: true,
            waiting: request::waiting(&spec.work),
            is_confirmed: true,
        };
        Box::pin(restore(&session, &order)).await?;
        return Ok(());
    }
    // The schema has asked for the name of the target.
    let prepared = Box::pin(prepare_restore(&session, &from, true)).await?;
    note_task(live, Some(SENT.to_owned())).await?;
    match Box::pin(prepared.begin()).await {
        Ok(ongoing) => follow(ongoing, live, &session, object, context).await,
        Err(failed) => {
            if !failed.may_go_on {
                note_task(live, None).await?;
            }
            Err(failed.error.into())
        }
    }
}

async fn note_task(live: &Live<Restore>, task: Option<String>) -> Result<(), CliError> {
    live.update("restore", |status| status.task = task).await
}

/// Follows a restore to its end, if its engine can.
async fn follow(
    mut ongoing: Ongoing,
    live: &Live<Restore>,
    session: &Session,
    object: &Restore,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let id = ongoing.task().id.clone();
    let task = serde_json::to_string(ongoing.task()).ok();
    let can_be_followed = ongoing.can_be_followed();
    live.update("wait", |status| {
        status.backup_id = Some(id);
        status.task = task;
        status.outcome_unknown = (!can_be_followed).then_some(true);
    })
    .await?;
    if !can_be_followed {
        context.ui.warn(&format!(
            "The backend accepted the restore, but engine {} can't follow it: its outcome is unknown",
            object.spec.work.engine.name
        ));
        return Ok(());
    }
    ongoing
        .wait(session, request::waiting(&object.spec.work))
        .await?;
    ongoing.finish().await?;
    Ok(())
}

/// Finds the bytes of a restore.
async fn from(
    object: &Restore,
    cluster: &Cluster,
    session: &Session,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<RestoreFrom, CliError> {
    let from = &object.spec.from;
    let (store, reference) = if let Some(copy) = &from.copy {
        (copy.store.name.clone(), copy.reference.clone())
    } else if let Some(id) = &from.backup_id {
        return Ok(RestoreFrom::Backup(Which::Id(id.clone())));
    } else if let Some(backup) = &from.backup {
        let (_, backup) = read::<Backup>(cluster, "Backup", &backup.name).await?;
        let status = backup.status.unwrap_or_default();
        match (status.copy, status.backup_id) {
            (Some(_), Some(id)) if !session.takes_files() => {
                context.ui.note(&format!(
                    "Engine {} takes no files, so its backend restores backup {}, if it still keeps it",
                    object.spec.work.engine.name,
                    text::printable(&id, 200)
                ));
                return Ok(RestoreFrom::Backup(Which::Id(id)));
            }
            (Some(copy), _) => (copy.store, copy.reference),
            (None, Some(id)) => return Ok(RestoreFrom::Backup(Which::Id(id))),
            (None, None) => {
                return Err(wrong(
                    "the Backup has neither a copy nor an id",
                    "Name a Backup that succeeded: kubectl get backups",
                ));
            }
        }
    } else {
        return Err(wrong(
            "spec.from is empty",
            "Give one of spec.from.backup, spec.from.copy and spec.from.backupId",
        ));
    };
    let store = context.opener.open(&format!("backupstore/{store}")).await?;
    let sources = args.identity.sources(&store);
    Ok(RestoreFrom::Copy(CopyChoice {
        identities: session.identities(&sources).await?,
        store,
        reference,
    }))
}
