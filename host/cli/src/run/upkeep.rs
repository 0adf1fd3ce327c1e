//! Work on the copies of a schedule: retention and deep checks.

use std::sync::Arc;

use broker_manifest::Operation;
use host_base::text;
use host_cluster::Cluster;
use host_driver::{
    EngineChoice, OpsError, StoreObserver, identities, order, person, target_source,
};
use host_store::{Source, Store, StoreError, VerifyOrder};
use host_transfer::Progress;
use jiff::Timestamp;
use operator_api::BackupSchedule;

use super::live::read;
use super::{RunArgs, wrong};
use crate::Context;
use crate::error::CliError;

/// The store of a schedule, and the source of its copies.
struct Kept {
    schedule: BackupSchedule,
    store: Arc<Store>,
    source: Source,
}

impl Kept {
    /// Returns whether copies of a source are the schedule's. Backends whose pods have backups of their own have a source for
    /// each pod.
    fn has(&self, source: &Source) -> bool {
        let pod = source.target.strip_prefix(&self.source.target);
        let pod = pod.and_then(|it| it.strip_prefix('-'));
        let is_pod =
            pod.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
        let target = if is_pod {
            &source.target
        } else {
            &self.source.target
        };
        *source
            == Source {
                target: target.clone(),
                ..self.source.clone()
            }
    }
}

async fn kept(args: &RunArgs, context: &Context<'_>) -> Result<Kept, CliError> {
    let cluster = Cluster::connect(&context.connect)
        .await
        .map_err(OpsError::from)?;
    let (_, schedule) =
        read::<BackupSchedule>(&cluster, "BackupSchedule", &args.object.name).await?;
    let Some(store) = &schedule.spec.store else {
        return Err(wrong(
            format!("BackupSchedule {} has no store", args.object.name),
            "Name a BackupStore in spec.store",
        ));
    };
    let work = &schedule.spec.work;
    let choice = EngineChoice::from(work.engine.name.as_str());
    let Some(engine) = order(&context.engines, &choice, Operation::Detect).pop() else {
        return Err(wrong(
            format!(
                "engine {} is unknown",
                text::printable(&work.engine.name, 100)
            ),
            "Name one that `kubectl broker engines` shows, or add it to the lockfile of spec.engine.lockfile",
        ));
    };
    let target = &work.target;
    let source = target_source(
        &cluster,
        engine.manifest(),
        target.cluster.as_deref(),
        target.namespace.as_deref(),
        target.stateful_set.as_deref(),
    );
    Ok(Kept {
        store: context
            .opener
            .open(&format!("backupstore/{}", store.name))
            .await?,
        source,
        schedule,
    })
}

/// Deletes the copies that no rule keeps.
pub(super) async fn retention(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let kept = kept(args, context).await?;
    let store = &kept.store;
    let Some(retention) = &kept.schedule.spec.retention else {
        return Ok(());
    };
    let policy = retention.policy().map_err(StoreError::from)?;
    let zone = store.zone().await?;
    let plan = store
        .plan(&policy, &zone, Timestamp::now(), &|source| kept.has(source))
        .await?;
    let going = plan.goes().count();
    if going == 0 {
        context.ui.note("All copies are kept");
        return Ok(());
    }
    let removed = store.carry_out(plan).await?;
    context.ui.note(&format!("{going} copies are deleted"));
    match removed.error {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Reads every byte of the copies.
pub(super) async fn deep_check(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let kept = kept(args, context).await?;
    let store = &kept.store;
    let order = VerifyOrder {
        is_deep: true,
        identities: identities(&args.identity.sources(store), &context.connect).await?,
    };
    let by = person();
    let (mut good, mut bad) = (0_u32, Vec::new());
    for copy in store.copies().await? {
        if !kept.has(&copy.name.source) {
            continue;
        }
        let reference = copy.name.reference();
        let observer = StoreObserver::new(Arc::new(context.ui), "Read");
        let progress: Arc<dyn Progress> = Arc::new(observer);
        let verified = match store.verify(copy, &order, &progress).await {
            // Retention may work at the same time.
            Err(StoreError::NoCopy { .. }) => continue,
            verified => verified?,
        };
        if let Err(error) = store.note_check(&verified.copy, &verified.mark(&by)).await {
            context.ui.warn(&format!(
                "The result can't be written to the store: {error}"
            ));
        }
        match verified.failed() {
            None => good += 1,
            Some(check) => bad.push(format!(
                "{}: {}: {}",
                text::printable(&reference, 200),
                check.name,
                check.message.as_deref().unwrap_or("failed")
            )),
        }
    }
    context
        .ui
        .note(&format!("{good} copies are good, {} are not", bad.len()));
    match bad.first() {
        None => Ok(()),
        Some(first) => Err(CliError::BadCopies {
            store: store.called().to_owned(),
            count: bad.len(),
            first: first.clone(),
        }),
    }
}
