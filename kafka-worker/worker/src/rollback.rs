//! `offset-rollback`: gives consumer groups the offsets of a snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_base::Failure;
use kafka_spec::{OffsetRollbackSpec, rules};
use serde_json::{Value, json};

use crate::error::{Result, WorkError};
use crate::groups::Cluster;
use crate::reset::located;
use crate::rounds::{self, Done, Order};
use crate::snapshots::Snapshot;
use crate::text::listed;
use crate::work::{Outcome, Work};

const MOST_NAMED: usize = 5;
/// The kind has no number of groups at once.
const ORDER: Order = Order {
    at_once: 8,
    goes_on: true,
};

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
    let groups: Vec<String> = match spec.consumer_groups.as_slice() {
        [] => snapshot.groups.keys().cloned().collect(),
        named => named
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    };
    let config = work.places.cluster(&spec.kafka_cluster, &[])?;
    let cluster = work.stoppable(Cluster::connect(config.clone())).await?;
    let (spec, snapshot) = (Arc::new(spec), Arc::new(snapshot));
    let doing = |cluster: Arc<Cluster>, group: String| {
        let (spec, snapshot) = (Arc::clone(&spec), Arc::clone(&snapshot));
        async move { one(&cluster, &snapshot, &spec, &group).await }
    };
    let report = |done: usize| {
        work.output.progress(&json!({ "groupsRolledBack": done }));
    };
    let results = rounds::each(work, &config, cluster, &groups, ORDER, doing, report).await;
    let status = status(&spec, &groups, &results);
    if results.is_stopped {
        return Ok(Outcome::failed(WorkError::interrupted(), status).with_warnings(warnings));
    }
    let failures = results.failures();
    let done = results.count();
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
    let unlike = unlike(&results);
    if !unlike.is_empty() {
        let text = format!(
            "{message}, but the offsets of {} differ from the snapshot",
            listed(&unlike, MOST_NAMED)
        );
        return Ok(Outcome::failed(WorkError::failed(text), status).with_warnings(warnings));
    }
    Ok(Outcome::complete(message, status).with_warnings(warnings))
}

/// The result of the rollback of a group.
struct Back {
    partitions: usize,
    /// Whether the group then had the offsets of the snapshot, if that was looked up.
    matches: bool,
}

async fn one(
    cluster: &Cluster,
    snapshot: &Snapshot,
    spec: &OffsetRollbackSpec,
    group: &str,
) -> Result<Back> {
    if spec.dry_run {
        cluster.refuse_active(group).await?;
        let partitions = snapshot.of(group)?.len();
        return Ok(Back {
            partitions,
            matches: true,
        });
    }
    let partitions = snapshot.give_back(cluster, group).await?;
    let matches = !spec.verify_after_rollback || snapshot.matches(cluster, group).await?;
    Ok(Back {
        partitions,
        matches,
    })
}

/// Returns the groups whose offsets differ from the snapshot after the rollback.
fn unlike(done: &Done<Back>) -> Vec<String> {
    let unlike = done.results.iter().filter(|(_, result)| {
        let matches = result.as_ref().map_or(true, |back| back.matches);
        !matches
    });
    unlike.map(|(group, _)| group.clone()).collect()
}

fn status(spec: &OffsetRollbackSpec, groups: &[String], done: &Done<Back>) -> Value {
    let results = done.results.iter().map(|(group, result)| match result {
        Ok(back) => {
            json!({ "groupId": group, "success": true, "partitionsReset": back.partitions })
        }
        Err(error) => json!({ "groupId": group, "success": false, "error": error.message }),
    });
    let mut status = json!({
        "groupsRolledBack": if spec.dry_run { 0 } else { done.count() },
        "groupsFailed": done.failures().len(),
        "groupResults": results.collect::<Value>(),
    });
    if spec.verify_after_rollback && !spec.dry_run {
        let unlike = unlike(done);
        status["verification"] = json!({
            "allMatched": unlike.is_empty() && done.count() == groups.len(),
            "totalGroups": groups.len(),
            "matchedGroups": done.count() - unlike.len(),
            "mismatchedGroups": unlike,
        });
    }
    status
}
