//! `offset-reset`: sets the offsets of consumer groups.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_base::{Failure, Sha256, files};
use kafka_backup_core::manifest::OffsetMapping;
use kafka_spec::{OffsetResetSpec, rules};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::error::{Result, WorkError};
use crate::groups::{Cluster, Committed, Partition};
use crate::mapping::{Mapping, VERSION};
use crate::places::inside;
use crate::rounds::{self, Done, Order};
use crate::snapshots::{self, LARGEST, Snapshot};
use crate::text::listed;
use crate::upstream;
use crate::work::{Outcome, Work};

const MOST_NAMED: usize = 5;
/// The hours that a snapshot is kept. The kind has no field for it, so they are those of a restore.
const HOURS: i64 = 24;

pub async fn run(work: &Work) -> Outcome {
    match reset(work).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn reset(work: &Work) -> Result<Outcome> {
    let spec: OffsetResetSpec = work
        .object
        .spec(|spec| rules::offset_reset(spec, rules::Names::Fields))?;
    let mapping = mapping(work, &spec)?;
    let config = work.places.cluster(&spec.kafka_cluster, &[])?;
    let mut cluster = work.stoppable(Cluster::connect(config.clone())).await?;
    let groups: Vec<_> = spec
        .consumer_groups
        .iter()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut status = json!({ "groupsTotal": groups.len(), "groupsReset": 0, "groupsFailed": 0 });
    let mut warnings = Vec::new();
    if spec.snapshot_before_reset && !spec.dry_run {
        let folder = work.state_folder("spec.snapshotBeforeReset")?;
        let digest = Sha256::digest(work.object.identity().as_bytes()).to_string();
        let id = format!("{}-{}", work.object.metadata.name, &digest[..8]);
        let take =
            async |cluster: &Cluster| Snapshot::take(cluster, &groups, &id, folder, HOURS).await;
        let (snapshot, path) = rounds::patiently(work, &config, &mut cluster, take).await?;
        status["snapshotId"] = json!(snapshot.id);
        status["snapshotPath"] = json!(path);
        status["snapshotExpiresAt"] = json!(snapshot.expires);
        work.output.progress(
            &json!({ "phase": "Running", "snapshotId": snapshot.id, "snapshotPath": path }),
        );
        let (deleted, problems) = snapshots::prune(folder, &id);
        status["deletedSnapshots"] = json!(deleted);
        warnings.extend(problems);
    }
    let (spec, mapping) = (Arc::new(spec), Arc::new(mapping));
    let order = Order {
        at_once: usize::try_from(spec.parallelism).unwrap_or(usize::MAX),
        goes_on: spec.continue_on_error,
    };
    let doing = |cluster: Arc<Cluster>, group: String| {
        let (spec, mapping) = (Arc::clone(&spec), Arc::clone(&mapping));
        async move { one(&cluster, &spec, mapping.as_ref().as_ref(), &group).await }
    };
    let total = groups.len();
    let report = |reset: usize| {
        work.output
            .progress(&json!({ "groupsTotal": total, "groupsReset": reset }));
    };
    let results = rounds::each(work, &config, cluster, &groups, order, doing, report).await;
    let reset = done(&mut status, &results, &groups, spec.dry_run);
    if results.is_stopped {
        return Ok(Outcome::failed(WorkError::interrupted(), status).with_warnings(warnings));
    }
    let failures = results.failures();
    status["duration"] = json!(format!("{:.2}s", work.output.seconds()));
    let would = if spec.dry_run { "would be" } else { "were" };
    let message = format!("{reset} of {total} groups {would} reset");
    let Some((_, first)) = failures.first() else {
        return Ok(Outcome::complete(message, status).with_warnings(warnings));
    };
    let texts: Vec<_> = failures
        .iter()
        .map(|(_, error)| error.message.clone())
        .collect();
    let failure = if reset == 0 {
        first.failure
    } else {
        Failure::Partial
    };
    let mut error = WorkError::new(
        failure,
        format!("{message}: {}", listed(&texts, MOST_NAMED)),
    );
    error.hint.clone_from(&first.hint);
    Ok(Outcome::failed(error, status).with_warnings(warnings))
}

/// Puts the results into the status, and returns the number of groups that were reset.
fn done(status: &mut Value, done: &Done<Vec<Committed>>, groups: &[String], is_dry: bool) -> usize {
    let shown = groups.iter().filter_map(|group| {
        let mut shown = match done.results.get(group) {
            Some(Ok(offsets)) => {
                let mut shown = json!({ "success": true, "partitionsReset": offsets.len() });
                if is_dry {
                    shown["offsets"] = json!(offsets);
                }
                shown
            }
            Some(Err(error)) => json!({ "success": false, "error": error.message }),
            None if done.is_stopped => return None,
            None => json!({ "success": false, "error": "not tried after the first error" }),
        };
        shown["groupId"] = json!(group);
        Some(shown)
    });
    status["groupResults"] = shown.collect();
    status["groupsReset"] = json!(done.count());
    status["groupsFailed"] = json!(groups.len() - done.count());
    done.count()
}

async fn one(
    cluster: &Cluster,
    spec: &OffsetResetSpec,
    mapping: Option<&Mapped>,
    group: &str,
) -> Result<Vec<Committed>> {
    cluster.refuse_active(group).await?;
    let offsets = match mapping {
        Some(mapping) => mapped(mapping, spec, group)?,
        None => wanted(cluster, spec, group).await?,
    };
    if !spec.dry_run {
        cluster.commit(group, &offsets).await?;
    }
    Ok(offsets)
}

/// The part of a file that says who wrote it.
#[derive(Deserialize)]
struct Head {
    version: Option<u32>,
    /// The library's ranges of offsets.
    entries: Option<IgnoredAny>,
}

/// The mapping of a restore.
enum Mapped {
    Own(Mapping),
    Upstream(Box<OffsetMapping>),
}

impl Mapped {
    fn of(&self, group: &str) -> Result<Vec<Committed>> {
        let mapping = match self {
            Self::Own(mapping) => mapping,
            Self::Upstream(mapping) => return upstream::mapped(mapping, group),
        };
        let why = || {
            let why = mapping.problems.get(group);
            let why = why.map_or("the restore did not map it", String::as_str);
            WorkError::new(
                Failure::NotFound,
                format!("the mapping has no group {group}: {why}"),
            )
            .with_hint("Name the group in spec.offsetReset.consumerGroups of the restore")
        };
        mapping.groups.get(group).cloned().ok_or_else(why)
    }
}

fn mapped(mapping: &Mapped, spec: &OffsetResetSpec, group: &str) -> Result<Vec<Committed>> {
    let mut offsets = mapping.of(group)?;
    offsets.retain(|it| spec.topics.is_empty() || spec.topics.contains(&it.topic));
    Ok(offsets)
}

/// Returns the offsets that a strategy gives a group.
async fn wanted(cluster: &Cluster, spec: &OffsetResetSpec, group: &str) -> Result<Vec<Committed>> {
    let partitions = partitions(cluster, spec, group).await?;
    let ends = cluster.ends(&partitions).await?;
    let mut offsets = Vec::new();
    for partition in partitions {
        let Some((first, next)) = ends.get(&partition).copied() else {
            return Err(WorkError::failed(format!(
                "the ends of {}[{}] are unknown",
                partition.0, partition.1
            )));
        };
        let offset = match (
            spec.reset_strategy.as_str(),
            spec.reset_timestamp,
            spec.reset_offset,
        ) {
            ("to-earliest", ..) => first,
            ("to-latest", ..) => next,
            // As Kafka's own tool does: without a later record the group reads what comes next.
            ("to-timestamp", Some(timestamp), _) => {
                cluster.at(&partition, timestamp).await?.unwrap_or(next)
            }
            // As Kafka's own tool does: an offset outside of the partition becomes its nearer end.
            ("to-offset", _, Some(offset)) => offset.clamp(first, next.max(first)),
            (strategy, ..) => {
                return Err(WorkError::usage(format!(
                    "the strategy {strategy} lacks its value"
                )));
            }
        };
        offsets.push(Committed {
            topic: partition.0,
            partition: partition.1,
            offset,
            metadata: None,
        });
    }
    Ok(offsets)
}

/// Returns the partitions to reset: all of the named topics, or those for which the group has offsets.
async fn partitions(
    cluster: &Cluster,
    spec: &OffsetResetSpec,
    group: &str,
) -> Result<Vec<Partition>> {
    if spec.topics.is_empty() {
        let offsets = cluster.offsets(group).await?;
        if offsets.is_empty() {
            return Err(
                WorkError::new(Failure::NotFound, format!("group {group} has no offsets"))
                    .with_hint("Name the topics in spec.topics to give a new group offsets"),
            );
        }
        return Ok(offsets
            .into_iter()
            .map(|it| (it.topic, it.partition))
            .collect());
    }
    let existing: BTreeMap<_, _> = cluster.topics().await?;
    let mut partitions = Vec::new();
    for topic in &spec.topics {
        let Some(count) = existing.get(topic) else {
            return Err(WorkError::new(
                Failure::NotFound,
                format!("topic {topic} does not exist"),
            ));
        };
        let count = i32::try_from(*count).unwrap_or(i32::MAX);
        partitions.extend((0..count).map(|partition| (topic.clone(), partition)));
    }
    Ok(partitions)
}

/// Reads the mapping of a restore, for the strategy `from-mapping`.
fn mapping(work: &Work, spec: &OffsetResetSpec) -> Result<Option<Mapped>> {
    let Some(of) = spec
        .offset_mapping_ref
        .as_ref()
        .filter(|_| spec.reset_strategy == "from-mapping")
    else {
        return Ok(None);
    };
    let Some(path) = &of.path else {
        return Err(WorkError::usage(
            "spec.offsetMappingRef needs the path of the restore's offset mapping",
        )
        .with_hint("status.offsetMappingPath of the KafkaRestore has it"));
    };
    let path = located(work, of.pvc_name.as_deref(), path)?;
    let shown = path.display();
    let text = files::read_text(&path, LARGEST).map_err(|error| {
        WorkError::new(
            Failure::NotFound,
            format!("the mapping {shown} can't be read: {error}"),
        )
    })?;
    let damaged = |error: serde_json::Error| {
        WorkError::new(
            Failure::Integrity,
            format!("{shown} is no mapping of offsets: {error}"),
        )
    };
    let head: Head = serde_json::from_str(&text).map_err(damaged)?;
    if head.version.is_none() && head.entries.is_some() {
        let mapping = serde_json::from_str(&text).map_err(damaged)?;
        return Ok(Some(Mapped::Upstream(mapping)));
    }
    let mapping: Mapping = serde_json::from_str(&text).map_err(damaged)?;
    if mapping.version != VERSION {
        return Err(WorkError::usage(format!(
            "{shown} has version {}, not {VERSION}",
            mapping.version
        )));
    }
    Ok(Some(Mapped::Own(mapping)))
}

/// Returns a path in a volume, or below the folders that the line names. An object can't name any other file.
pub fn located(work: &Work, claim: Option<&str>, path: &str) -> Result<PathBuf> {
    let relative = Path::new(path);
    if let Some(claim) = claim
        && relative.is_relative()
    {
        return Ok(work.places.folder(claim, None)?.join(inside(path)?));
    }
    if relative.is_relative() {
        return Ok(work.state_folder("a relative path")?.join(inside(path)?));
    }
    let folders = [work.state.as_ref(), work.places.volumes.as_ref()];
    let real = std::fs::canonicalize(path).map_err(|error| {
        WorkError::new(
            Failure::NotFound,
            format!("{path:?} can't be read: {error}"),
        )
    })?;
    let mut folders = folders
        .into_iter()
        .flatten()
        .filter_map(|folder| std::fs::canonicalize(folder).ok());
    if folders.any(|folder| real.starts_with(folder)) {
        return Ok(real);
    }
    Err(
        WorkError::usage(format!("{path:?} is outside the folders of the worker"))
            .with_hint("Pass --state DIR or --volumes DIR"),
    )
}
