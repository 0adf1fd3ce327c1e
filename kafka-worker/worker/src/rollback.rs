//! `offset-rollback`: gives consumer groups the offsets of a snapshot.

use host_base::Failure;
use kafka_spec::{OffsetRollbackSpec, rules};
use serde_json::{Value, json};

use crate::error::{Result, WorkError};
use crate::groups::Cluster;
use crate::reset::located;
use crate::snapshots::Snapshot;
use crate::text::listed;
use crate::work::{Outcome, Work};

const MOST_NAMED: usize = 5;

pub async fn run(work: &Work) -> Outcome {
    match rollback(work).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn rollback(work: &Work) -> Result<Outcome> {
    let spec: OffsetRollbackSpec = work
        .object
        .spec(|spec| rules::offset_rollback(spec, rules::Names::Fields))?;
    let of = &spec.snapshot_ref;
    let claim = of.pvc_name.as_deref();
    let path = match &of.path {
        Some(path) => located(work, claim, path)?,
        None => {
            let [own, upstream] = Snapshot::names(&of.name);
            let own = located(work, claim, &own)?;
            let upstream = located(work, claim, &upstream)?;
            if !own.exists() && upstream.exists() {
                upstream
            } else {
                own
            }
        }
    };
    let snapshot = Snapshot::read(&path)?;
    let mut warnings = Vec::new();
    if snapshot.is_partial {
        warnings.push(
            "the snapshot is one of the upstream operator: offsets that it does not have stay"
                .to_owned(),
        );
    }
    let groups = match spec.consumer_groups.as_slice() {
        [] => snapshot.groups.keys().cloned().collect(),
        named => named.to_vec(),
    };
    let cluster = work
        .stoppable(Cluster::connect(
            work.places.cluster(&spec.kafka_cluster, &[])?,
        ))
        .await?;
    let mut results: Vec<Value> = Vec::new();
    let mut failures: Vec<(String, WorkError)> = Vec::new();
    let mut unlike: Vec<String> = Vec::new();
    for group in &groups {
        let result = work.stoppable(one(&cluster, &snapshot, &spec, group)).await;
        match result {
            Ok(partitions) => {
                results.push(
                    json!({ "groupId": group, "success": true, "partitionsReset": partitions }),
                );
                if spec.verify_after_rollback
                    && !spec.dry_run
                    && !work.stoppable(snapshot.matches(&cluster, group)).await?
                {
                    unlike.push(group.clone());
                }
            }
            Err(error) => {
                results.push(json!({ "groupId": group, "success": false, "error": error.message }));
                if error.failure == Failure::Interrupted {
                    return Ok(Outcome::failed(
                        error,
                        status(&spec, &groups, &results, &failures, &unlike),
                    )
                    .with_warnings(warnings));
                }
                failures.push((group.clone(), error));
            }
        }
    }
    let status = status(&spec, &groups, &results, &failures, &unlike);
    let done = groups.len() - failures.len();
    let would = if spec.dry_run { "would be" } else { "were" };
    let message = format!("{done} of {} groups {would} rolled back", groups.len());
    if let Some((_, first)) = failures.first() {
        let texts: Vec<_> = failures
            .iter()
            .map(|(_, error)| error.message.clone())
            .collect();
        let failure = if done == 0 {
            first.failure
        } else {
            Failure::Partial
        };
        let mut error = WorkError::new(
            failure,
            format!("{message}: {}", listed(&texts, MOST_NAMED)),
        );
        error.hint.clone_from(&first.hint);
        return Ok(Outcome::failed(error, status).with_warnings(warnings));
    }
    if !unlike.is_empty() {
        let text = format!(
            "{message}, but the offsets of {} differ from the snapshot",
            listed(&unlike, MOST_NAMED)
        );
        return Ok(Outcome::failed(WorkError::failed(text), status).with_warnings(warnings));
    }
    Ok(Outcome::complete(message, status).with_warnings(warnings))
}

async fn one(
    cluster: &Cluster,
    snapshot: &Snapshot,
    spec: &OffsetRollbackSpec,
    group: &str,
) -> Result<usize> {
    if !spec.dry_run {
        return snapshot.give_back(cluster, group).await;
    }
    cluster.refuse_active(group).await?;
    Ok(snapshot.of(group)?.len())
}

fn status(
    spec: &OffsetRollbackSpec,
    groups: &[String],
    results: &[Value],
    failures: &[(String, WorkError)],
    unlike: &[String],
) -> Value {
    let done = results
        .iter()
        .filter(|result| result["success"] == true)
        .count();
    let mut status = json!({
        "groupsRolledBack": if spec.dry_run { 0 } else { done },
        "groupsFailed": failures.len(),
        "groupResults": results,
    });
    if spec.verify_after_rollback && !spec.dry_run {
        status["verification"] = json!({
            "allMatched": unlike.is_empty() && done == groups.len(),
            "totalGroups": groups.len(),
            "matchedGroups": done - unlike.len(),
            "mismatchedGroups": unlike,
        });
    }
    status
}
