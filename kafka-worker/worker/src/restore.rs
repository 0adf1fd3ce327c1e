//! `restore`: writes the records of a set into topics, and moves consumer groups there.

mod data;
mod offsets;
mod plan;

use serde_json::{Value, json};

use crate::error::Result;
use crate::groups::Cluster;
use crate::work::{Outcome, Work};

use data::Restored;
use plan::Plan;

pub async fn run(work: &Work) -> Outcome {
    match Box::pin(begin(work)).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn begin(work: &Work) -> Result<Outcome> {
    let plan = work.stoppable(Plan::make(work)).await?;
    let id = &plan.set.id;
    work.output
        .progress(&json!({ "phase": "Running", "backupId": id, "message": "checking the backup" }));
    // Before anything is produced: a damaged segment must not be noticed in the middle of a topic.
    let expected = work.stoppable(plan.check(work)).await?;
    let cluster = work
        .stoppable(Cluster::connect(
            work.places.cluster(&plan.spec.kafka_cluster, &[])?,
        ))
        .await?;
    let groups = work.stoppable(async {
        plan.check_targets(&cluster).await?;
        offsets::groups(&plan, &cluster).await
    });
    let groups = groups.await?;
    let warnings = plan.warnings();
    if plan.spec.dry_run {
        let status = json!({
            "backupId": id, "recordsToRestore": expected.records(), "topics": plan.shown(), "consumerGroups": groups,
        });
        let message = format!(
            "{} records of backup {id} would be restored",
            expected.records()
        );
        return Ok(Outcome::complete(message, status).with_warnings(warnings));
    }
    let mut snapshot = work
        .stoppable(offsets::snapshot(work, &plan, &cluster, &groups))
        .await?;
    let mut restored = Restored::default();
    let result = data::restore(work, &plan, &cluster, &expected, &mut restored).await;
    let mut warnings = warnings;
    warnings.append(&mut restored.warnings);
    let mut status = status(work, &plan, &restored);
    if let Some(snapshot) = &mut snapshot {
        snapshot.add_to(&mut status, &mut warnings);
    }
    if let Err(error) = result {
        return Ok(Outcome::failed(error, status).with_warnings(warnings));
    }
    status["progressPercent"] = json!(100.0);
    let message = format!("{} records of backup {id} were restored", restored.records);
    if groups.is_empty() {
        return Ok(Outcome::complete(message, status).with_warnings(warnings));
    }
    let moved = work
        .stoppable(offsets::set(work, &plan, &cluster, &groups, &restored))
        .await;
    let moved = match moved {
        Ok(moved) => moved,
        Err(error) => {
            return Ok(Outcome::failed(error.during(&message), status).with_warnings(warnings));
        }
    };
    moved.add_to(&mut status);
    let Some(error) = moved.error() else {
        let message = format!("{message}; {} groups continue there", groups.len());
        return Ok(Outcome::complete(message, status).with_warnings(warnings));
    };
    if plan.rollback().auto_rollback_on_failure
        && let Some(snapshot) = &snapshot
    {
        warnings.extend(
            work.stoppable(snapshot.give_back(&cluster, &groups))
                .await?,
        );
        status["rolledBack"] = json!(true);
    }
    Ok(Outcome::failed(error.during(&message), status).with_warnings(warnings))
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn status(work: &Work, plan: &Plan, restored: &Restored) -> Value {
    json!({
        "backupId": plan.set.id,
        "recordsRestored": restored.records,
        "bytesRestored": restored.bytes,
        "segmentsProcessed": restored.segments,
        "throughputRecordsPerSec": (restored.records as f64 / work.output.seconds()).round(),
        "topics": plan.shown(),
    })
}
