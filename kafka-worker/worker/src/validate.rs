//! `validate`: reads every segment of a set, and compares the set with a cluster.

mod evidence;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use host_base::Failure;
use kafka_backup_core::validation::config::ChecksConfig;
use kafka_backup_core::validation::{CheckOutcome, ValidationContext, ValidationRunner};
use kafka_spec::{Checks, ValidationSpec, rules};
use serde_json::{Value, json};

use crate::error::{During as _, Result, WorkError};
use crate::groups::Cluster;
use crate::places::Place;
use crate::segments::{self, Tally, Window};
use crate::set::{Set, referred};
use crate::text::{clean, listed};
use crate::work::{Outcome, Work};

const MOST_NAMED: usize = 5;
/// The name of the check that always runs.
const SEGMENTS: &str = "segments";

/// The result of one check, with the outcomes of the kind.
struct Checked {
    name: String,
    outcome: &'static str,
    message: String,
    milliseconds: u128,
}

pub async fn run(work: &Work) -> Outcome {
    match validate(work).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn validate(work: &Work) -> Result<Outcome> {
    let spec: ValidationSpec = work
        .object
        .spec(|spec| rules::validation(spec, rules::Names::Fields))?;
    let (id, storage) = referred(work, &spec.backup_ref)?;
    let place = work.places.storage(&storage)?;
    let set = work
        .stoppable(Set::load(place.backend.as_ref(), &id))
        .await?;
    let mut checked = vec![work.stoppable(segments(work, &place, &set)).await?];
    if let Some(target) = &spec.kafka_cluster {
        let servers = target.bootstrap_servers.clone();
        let cluster = work
            .stoppable(Cluster::connect(work.places.cluster(target, &[])?))
            .await?;
        if let Some(check) = spec
            .checks
            .consumer_group_offsets
            .as_ref()
            .filter(|check| check.enabled)
        {
            checked.push(
                work.stoppable(groups(&cluster, &place, &set, &check.consumer_groups))
                    .await?,
            );
        }
        checked.extend(
            work.stoppable(in_cluster(&spec.checks, cluster, servers, &place, &set))
                .await?,
        );
    } else if !spec.checks.custom_webhooks.is_empty() {
        checked.push(Checked {
            name: "customWebhooks".to_owned(),
            outcome: "Skipped",
            message: "webhooks need spec.kafkaCluster".to_owned(),
            milliseconds: 0,
        });
    }
    let mut outcome = outcome(&id, &checked);
    let told = work
        .stoppable(evidence::tell(work, &spec, &place, &set, &checked))
        .await?;
    told.add_to(&mut outcome);
    Ok(outcome)
}

fn outcome(id: &str, checked: &[Checked]) -> Outcome {
    let count = |outcome: &str| {
        checked
            .iter()
            .filter(|check| check.outcome == outcome)
            .count()
    };
    let (failed, warned) = (count("Failed"), count("Warning") + count("Skipped"));
    let result = match (failed, warned) {
        (0, 0) => "Pass",
        (0, _) => "Warn",
        _ => "Fail",
    };
    let results = checked.iter().map(|check| {
        json!({ "checkName": check.name, "outcome": check.outcome, "message": check.message, "durationMs": check.milliseconds })
    });
    let status = json!({
        "backupId": id,
        "validationResult": result,
        "checksTotal": checked.len(),
        "checksCompleted": checked.len(),
        "checksPassed": count("Passed"),
        "checksFailed": failed,
        "checksWarned": warned,
        "checkResults": results.collect::<Value>(),
    });
    let bad = checked.iter().filter(|check| check.outcome == "Failed");
    let bad: Vec<_> = bad
        .map(|check| format!("{}: {}", check.name, check.message))
        .collect();
    match result {
        "Fail" => {
            let message = format!(
                "backup {id} failed {failed} of {} checks: {}",
                checked.len(),
                listed(&bad, MOST_NAMED)
            );
            let error = WorkError::new(Failure::Integrity, message);
            Outcome::failed(
                error.with_hint("Make another backup, and find out why this one differs"),
                status,
            )
        }
        _ => Outcome::complete(
            format!(
                "backup {id} passed {} of {} checks",
                count("Passed"),
                checked.len()
            ),
            status,
        ),
    }
}

/// Reads every segment. The library's own checks only look whether some of them exist.
async fn segments(work: &Work, place: &Place, set: &Set) -> Result<Checked> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut damages = Vec::new();
    for (topic, partition) in set.partitions() {
        let (found, _) = segments::check(
            &place.backend,
            topic,
            partition,
            Window::default(),
            &mut tally,
        )
        .await?;
        damages.extend(found);
        work.output.progress_at_times(&json!({ "currentTopic": topic.name, "segmentsChecked": tally.segments, "recordsChecked": tally.records }));
    }
    let short = set.unfinished();
    damages.extend(short);
    let lost = set.lost();
    let (outcome, message) = if !damages.is_empty() {
        ("Failed", listed(&damages, MOST_NAMED))
    } else if !lost.is_empty() {
        ("Warning", listed(&lost, MOST_NAMED))
    } else {
        (
            "Passed",
            format!(
                "{} segments with {} records and {} bytes",
                tally.segments, tally.records, tally.bytes
            ),
        )
    };
    Ok(Checked {
        name: SEGMENTS.to_owned(),
        outcome,
        message,
        milliseconds: begun.elapsed().as_millis(),
    })
}

/// Checks that groups have offsets in the cluster. The library's own check passes for a group that does not exist.
async fn groups(cluster: &Cluster, place: &Place, set: &Set, named: &[String]) -> Result<Checked> {
    let begun = Instant::now();
    let checked = if named.is_empty() {
        all_groups(cluster, place, set).await?
    } else {
        look_up(cluster, named).await
    };
    let (outcome, message) = checked.outcome(!named.is_empty());
    Ok(Checked {
        name: "consumerGroupOffsets".to_owned(),
        outcome,
        message,
        milliseconds: begun.elapsed().as_millis(),
    })
}

/// The offsets that groups have in the cluster.
#[derive(Debug, Default)]
struct GroupsFound {
    groups: usize,
    offsets: usize,
    /// The groups that have none.
    without: Vec<String>,
    errors: Vec<String>,
}

impl GroupsFound {
    /// Returns the outcome of the check. A named group must have offsets. Another one may have lost them for a good reason.
    fn outcome(self, are_named: bool) -> (&'static str, String) {
        let without = self
            .without
            .iter()
            .map(|group| format!("group {group} has no offsets"));
        let problems: Vec<_> = self.errors.iter().cloned().chain(without).collect();
        let text = listed(&problems, MOST_NAMED);
        match (self.groups, problems.is_empty()) {
            (0, _) => ("Skipped", "there are no groups".to_owned()),
            (groups, true) => (
                "Passed",
                format!("{groups} groups have {} offsets", self.offsets),
            ),
            _ if are_named || !self.errors.is_empty() => ("Failed", text),
            _ => ("Warning", text),
        }
    }
}

async fn look_up(cluster: &Cluster, groups: &[String]) -> GroupsFound {
    let mut found = GroupsFound {
        groups: groups.len(),
        ..GroupsFound::default()
    };
    for group in groups {
        match cluster.offsets(group).await {
            Ok(offsets) if offsets.is_empty() => found.without.push(clean(group)),
            Ok(offsets) => found.offsets += offsets.len(),
            Err(error) => found.errors.push(error.message),
        }
    }
    found
}

/// Looks at every group that the backup kept, and at every group of the cluster. The upstream operator looks at the latter.
async fn all_groups(cluster: &Cluster, place: &Place, set: &Set) -> Result<GroupsFound> {
    let kept = set.groups(place.backend.as_ref()).await?.groups;
    let kept: BTreeSet<_> = kept.into_iter().map(|group| group.group_id).collect();
    let all: Vec<_> = cluster.groups().await?.union(&kept).cloned().collect();
    let mut found = look_up(cluster, &all).await;
    // A group without offsets has not committed any yet, unless the backup has some.
    found
        .without
        .retain(|group| kept.iter().any(|kept| clean(kept) == *group));
    Ok(found)
}

/// Runs the library's checks, which compare the set with the topics of the same names.
async fn in_cluster(
    checks: &Checks,
    cluster: Cluster,
    servers: Vec<String>,
    place: &Place,
    set: &Set,
) -> Result<Vec<Checked>> {
    let count = checks.message_count.as_ref().filter(|check| check.enabled);
    let hooks: Vec<_> = checks
        .custom_webhooks
        .iter()
        .map(|hook| {
            json!({
                "name": hook.name, "url": hook.url, "timeout_seconds": hook.timeout_secs,
                "expected_status_code": hook.expected_status_code,
            })
        })
        .collect();
    let config = json!({
        "message_count": {
            "enabled": count.is_some(),
            "fail_threshold": count.and_then(|check| check.fail_threshold).unwrap_or_default(),
            "topics": count.map(|check| check.topics.clone()).unwrap_or_default(),
        },
        "offset_range": { "enabled": checks.offset_range.as_ref().is_some_and(|check| check.enabled) },
        "consumer_group_offsets": { "enabled": false },
        "custom_webhooks": hooks,
    });
    let config: ChecksConfig = serde_json::from_value(config)
        .map_err(|error| WorkError::failed(format!("the checks can't be configured: {error}")))?;
    let context = ValidationContext {
        backup_id: set.id.clone(),
        backup_manifest: set.manifest.clone(),
        target_client: Arc::new(cluster.router),
        storage: Arc::clone(&place.backend),
        pitr_timestamp: None,
        #[expect(
            clippy::default_trait_access,
            reason = "the library does not name the type"
        )]
        http_client: Default::default(),
        target_bootstrap_servers: servers,
    };
    let summary = ValidationRunner::from_config(&config)
        .run_all(&context)
        .await
        .during("checking the topics")?;
    let checked = summary.results.into_iter().map(|result| Checked {
        outcome: match result.outcome {
            CheckOutcome::Passed => "Passed",
            CheckOutcome::Failed => "Failed",
            CheckOutcome::Skipped => "Skipped",
            CheckOutcome::Warning => "Warning",
        },
        name: result.check_name,
        message: clean(&result.detail),
        milliseconds: u128::from(result.duration_ms),
    });
    Ok(checked.collect())
}
