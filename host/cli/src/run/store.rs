//! The test of a BackupStore, and the count of its copies.

use host_base::{Failure, Outcome};
use host_cluster::{Cluster, ObjectPatch};
use host_driver::OpsError;
use operator_api::{BackupStore, status_patch};

use super::RunArgs;
use super::live::read;
use crate::Context;
use crate::error::CliError;

pub(super) async fn run(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let name = &args.object.name;
    let store = context.opener.open(&format!("backupstore/{name}")).await?;
    let checks = store.test(true).await?;
    for check in &checks {
        let message = check.check.message.as_deref().unwrap_or("passed");
        context.ui.note(&format!("{}: {message}", check.check.name));
    }
    let failed = checks.iter().find(|it| it.check.outcome == Outcome::Failed);
    if let Some(failed) = failed {
        return Err(CliError::BadStore {
            store: name.clone(),
            step: failed.check.name.clone(),
            problem: failed.check.message.clone().unwrap_or_default(),
            failure: failed.failure.unwrap_or(Failure::Failed),
            hint: failed.hint.clone(),
        });
    }
    let copies = store.copies().await?;
    let bytes: u64 = copies.iter().map(|copy| copy.name.size).sum();
    let cluster = Cluster::connect(&context.connect)
        .await
        .map_err(OpsError::from)?;
    let (ty, object) = read::<BackupStore>(&cluster, "BackupStore", name).await?;
    let mut status = object.status.clone().unwrap_or_default();
    status.copies = i64::try_from(copies.len()).ok();
    status.bytes = i64::try_from(bytes).ok();
    let uid = object.metadata.uid.unwrap_or_default();
    let patch = status_patch(&uid, object.status.as_ref(), &status);
    if let Ok(Some(patch)) = patch {
        let patch = ObjectPatch::Json(serde_json::to_vec(&patch).unwrap_or_default());
        cluster
            .patch_object(&ty, name, patch, true, false)
            .await
            .map_err(OpsError::from)?;
    }
    Ok(())
}
