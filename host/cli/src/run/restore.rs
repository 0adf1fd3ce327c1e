//! A Restore.

use broker_manifest::Operation;
use host_cluster::Cluster;
use host_driver::{
    CopyChoice, Ongoing, OpsError, RestoreFrom, RestoreRequest, Session, Task, Which,
    begin_restore, restore,
};
use operator_api::{Backup, Restore};

use super::live::{Live, read};
use super::{RunArgs, fault, request, wrong};
use crate::Context;
use crate::error::CliError;

pub(super) async fn run(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let cluster = Cluster::connect(&context.connect)
        .await
        .map_err(OpsError::from)?;
    let (ty, object) = read::<Restore>(&cluster, "Restore", &args.object.name).await?;
    let live = Live::begin(cluster.clone(), ty, &object, context.ui).await?;
    let limit = request::timeout(&object.spec.work);
    let work = tokio::time::timeout(limit, steps(&object, &live, &cluster, args, context));
    let result = match live.beating(Box::pin(work)).await {
        Ok(result) => result,
        Err(_) => Err(CliError::RunTimedOut {
            timeout: object.spec.work.timeout.clone(),
        }),
    };
    live.end(result.as_ref().err().map(fault)).await?;
    result
}

async fn steps(
    object: &Restore,
    live: &Live<Restore>,
    cluster: &Cluster,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let spec = &object.spec;
    let host = request::host(context, &live.moved);
    let request = request::of_work(&spec.work, Operation::Restore, args, context)?;
    let session = Session::open(&host, request).await?;
    let status = object.status.clone().unwrap_or_default();
    let task = status
        .task
        .and_then(|task| serde_json::from_str::<Task>(&task).ok());
    let waiting = request::waiting(&spec.work);
    if let Some(task) = task {
        // A restore is never sent twice: an earlier attempt has begun it.
        let ongoing = Ongoing::take_up(&session, task).await?;
        return follow(ongoing, live, &session, object).await;
    }
    live.step("restore").await?;
    let order = RestoreRequest {
        from: from(object, cluster, &session, args, context).await?,
        dry_run: spec.dry_run,
        waiting,
        // The schema has asked for the name of the target.
        is_confirmed: true,
    };
    if spec.dry_run {
        restore(&session, &order).await?;
        return Ok(());
    }
    if let RestoreFrom::Copy(_) = order.from {
        // The file is only here, so no other attempt could go on with it.
        let restored = Box::pin(restore(&session, &order)).await?;
        let id = restored.backup.id.clone();
        return live
            .update("restore", |status| status.backup_id = Some(id))
            .await;
    }
    let ongoing = Box::pin(begin_restore(&session, &order.from, true)).await?;
    follow(ongoing, live, &session, object).await
}

/// Follows a restore to its end.
async fn follow(
    mut ongoing: Ongoing,
    live: &Live<Restore>,
    session: &Session,
    object: &Restore,
) -> Result<(), CliError> {
    let id = ongoing.task().id.clone();
    let task = serde_json::to_string(ongoing.task()).ok();
    live.update("wait", |status| {
        status.backup_id = Some(id);
        status.task = task;
    })
    .await?;
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
