//! `backup`: copies topics into a set of the storage.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_base::{Failure, Sha256};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kafka_backup_core::Config;
use kafka_backup_core::backup::BackupEngine;
use kafka_backup_core::config::{Mode, OffsetStorageConfig};
use kafka_backup_core::metrics::PrometheusMetrics;
use kafka_spec::{BackupSpec, rules};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{During as _, Result, WorkError, told_failure};
use crate::groups::{Cluster, unreachable};
use crate::log;
use crate::notes::keep;
use crate::output::time;
use crate::pace::{self, Limits};
use crate::places::{Place, breaker, no_breaker};
use crate::set::{Set, groups_key};
use crate::text::listed;
use crate::work::{Outcome, Patience, Work};

/// How often progress is reported.
const REPORT: Duration = Duration::from_secs(2);
/// How long partitions may take to write what they have read after a signal, in seconds. The next attempt reads the rest again.
const GRACE: u64 = 8;
/// How long the library may take to end after a signal.
const END: Duration = Duration::from_secs(15);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_mins(1);
/// The bytes of the records that segments in the making hold, of all partitions at once. About three times as many bytes are in
/// memory: a segment that is full is compressed and written while the next one is made.
const SEGMENTS: u64 = 128 << 20;
/// The smallest segment of that rule, and the smallest request.
const SMALLEST: u64 = 1 << 20;
/// The bytes of one request of a backup without limits.
const REQUEST: u64 = 16 << 20;
/// The most items of a list in a message.
const MOST_NAMED: usize = 5;

/// The work of one backup: its spec, its storage and its set.
struct Task<'a> {
    spec: &'a BackupSpec,
    place: &'a Place,
    id: &'a str,
}

pub async fn run(work: &Work) -> Outcome {
    match Box::pin(begin(work)).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn begin(work: &Work) -> Result<Outcome> {
    let spec: BackupSpec = work
        .object
        .spec(|spec| rules::backup(spec, rules::Names::Fields))?;
    let unfinished = Unfinished::find(work)?;
    let id = unfinished.id(work, &spec)?;
    let place = work.places.storage(&spec.storage)?;
    let backend = place.backend.as_ref();
    let before = work.stoppable(Set::find(backend, &id)).await?;
    let is_resumed = before.is_some();
    unfinished.keep(&id)?;
    tracing::info!(backup = id, resumed = is_resumed, "backup begins");
    work.output
        .progress(&json!({ "phase": "Running", "backupId": id, "resumed": is_resumed }));

    let config = config(work, &spec, &id, &place)?;
    let task = Task {
        spec: &spec,
        place: &place,
        id: &id,
    };
    let result = copy_patiently(work, &task, config).await?;
    let set = Set::find(backend, &id).await;
    let mut status = status(work, &id, set.as_ref().ok().and_then(Option::as_ref));
    if let Ok(metadata) = backend.head(&format!("{id}/manifest.json")).await
        && let Ok(saved) = Timestamp::from_millisecond(metadata.last_modified)
    {
        status["lastCheckpointTime"] = json!(time(saved));
    }
    if let Err(error) = result {
        return Ok(Outcome::failed(resumable(error), status));
    }
    let Some(set) = set? else {
        return Ok(Outcome::failed(
            WorkError::failed(format!("backup {id} has no manifest after it ended")),
            status,
        ));
    };
    // The library reports success for an interrupted backup too.
    let short = set.unfinished();
    if !short.is_empty() {
        let message = format!(
            "backup {id} is not complete: {}",
            listed(&short, MOST_NAMED)
        );
        return Ok(Outcome::failed(
            resumable(WorkError::failed(message)),
            status,
        ));
    }
    let mut lacking = set.lost();
    if spec.consumer_group_snapshot {
        let unread = match work.stoppable(keep_groups(work, &spec, &place, &set)).await {
            Ok(unread) => unread,
            Err(error) if error.failure == Failure::Interrupted => {
                return Ok(Outcome::failed(resumable(error), status));
            }
            Err(error) => vec![(String::new(), error.message)],
        };
        lacking.extend(unread.iter().map(|(group, error)| match group.as_str() {
            "" => format!("the offsets of groups are missing: {error}"),
            group => format!("the offsets of group {group} are missing: {error}"),
        }));
        status["groupsNotRead"] = shown(unread);
    }
    if set.manifest.topics.is_empty() {
        lacking.push("no topic of the cluster has a name of spec.topics".to_owned());
    }
    unfinished.forget();
    status["resumable"] = json!(false);
    let warnings = [
        set.held_back(),
        no_breaker(&spec.circuit_breaker).into_iter().collect(),
    ]
    .concat();
    let message = format!(
        "backup {id} has {} records in {} segments",
        set.records(),
        set.manifest.total_segments()
    );
    if lacking.is_empty() {
        return Ok(Outcome::complete(message, status).with_warnings(warnings));
    }
    let message = format!("{message}; {}", listed(&lacking, MOST_NAMED));
    let error = WorkError::new(Failure::Partial, message);
    Ok(Outcome::failed(error, status)
        .with_warnings(lacking)
        .with_warnings(warnings))
}

/// Copies the records, and tries again when that fails. The inner error is that of the last attempt.
///
/// # Errors
/// When the first connection fails.
async fn copy_patiently(work: &Work, task: &Task<'_>, config: Config) -> Result<Result<()>> {
    let mut patience = Patience::new();
    let mut engine = Some(connect(work, task.spec, config.clone()).await?);
    loop {
        let result = match engine.take() {
            Some(engine) => copy(work, &engine, task).await,
            None => match connect(work, task.spec, config.clone()).await {
                Ok(engine) => copy(work, &engine, task).await,
                Err(error) => Err(error),
            },
        };
        let Err(error) = result else {
            return Ok(Ok(()));
        };
        // A run that failed is continued by the next one, with the same set.
        let records = Set::find(task.place.backend.as_ref(), task.id)
            .await
            .ok()
            .flatten()
            .map_or(0, |set| set.records());
        if let Err(error) = patience.again(work, error, records.unsigned_abs()).await {
            return Ok(Err(error));
        }
    }
}

fn resumable(error: WorkError) -> WorkError {
    match error.hint {
        Some(_) => error,
        None => error.with_hint("Run it again: it goes on with the same backup"),
    }
}

/// Adds the first error of a partition. The library returns only how many partitions have failed.
fn explained(error: WorkError) -> WorkError {
    let told = log::errors();
    let Some(first) = told
        .iter()
        .find(|told| told.starts_with("Error backing up"))
    else {
        return error;
    };
    let message = format!("{}: {first}", error.message);
    WorkError {
        failure: told_failure(&message).unwrap_or(error.failure),
        message,
        ..error
    }
}

/// Connects to the cluster.
async fn connect(work: &Work, spec: &BackupSpec, config: Config) -> Result<Engine> {
    let what = "connecting to Kafka";
    let metrics = Arc::new(PrometheusMetrics::new());
    let connecting = async {
        let engine = BackupEngine::new_with_metrics(config, Some(Arc::clone(&metrics)));
        match tokio::time::timeout(CONNECT, engine).await {
            Ok(Ok(engine)) => Ok(Engine {
                engine: Arc::new(engine),
                metrics,
            }),
            Ok(Err(error)) => {
                let servers = &spec.kafka_cluster.bootstrap_servers;
                Err(unreachable(error, servers).await.during(what))
            }
            Err(_) => Err(WorkError::new(
                Failure::TimedOut,
                format!("{what} timed out after {} s", CONNECT.as_secs()),
            )),
        }
    };
    work.stoppable(Box::pin(connecting)).await
}

/// The library's engine, and what it counts.
struct Engine {
    engine: Arc<BackupEngine>,
    metrics: Arc<PrometheusMetrics>,
}

/// Runs the engine until it ends or a signal comes, and reports progress.
async fn copy(work: &Work, Engine { engine, metrics }: &Engine, task: &Task<'_>) -> Result<()> {
    let limits = Limits::of(&task.spec.rate_limiting);
    let mut running = pin!(async {
        let (engine, metrics) = (Arc::clone(engine), Arc::clone(metrics));
        match limits {
            None => engine.run().await,
            Some(limits) => pace::run(engine, metrics, task.id, limits, work.stop.clone()).await,
        }
    });
    let mut groups = pin!(follow_groups(work, task));
    let mut reports = tokio::time::interval(REPORT);
    loop {
        tokio::select! {
            biased;
            result = &mut running => return result.during("backing up").map_err(explained),
            () = work.stop.cancelled() => break,
            _ = reports.tick() => report(work, engine),
            never = &mut groups => match never {},
        }
    }
    tracing::info!("a signal stops the backup");
    // Without a receiver the engine has ended already.
    let _ = engine.shutdown_handle().send(());
    if tokio::time::timeout(END, running).await.is_err() {
        tracing::warn!("the backup did not end in time; what it has not written is read again");
    }
    Err(WorkError::interrupted())
}

fn report(work: &Work, engine: &BackupEngine) {
    let report = engine.metrics().report();
    work.output.progress(&json!({
        "recordsProcessed": report.records_processed,
        "bytesProcessed": report.bytes_uncompressed,
        "segmentsCompleted": report.segments_written,
        "throughputRecordsPerSec": report.records_per_second,
        "throughputBytesPerSec": rate(report.bytes_uncompressed, work),
    }));
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(amount: u64, work: &Work) -> f64 {
    (amount as f64 / work.output.seconds()).round()
}

/// Returns the fields of the status that the set itself proves.
fn status(work: &Work, id: &str, set: Option<&Set>) -> Value {
    let mut status = json!({ "backupId": id, "resumable": true });
    if let Some(set) = set {
        let records = u64::try_from(set.records()).unwrap_or_default();
        status["recordsProcessed"] = json!(records);
        status["bytesProcessed"] = json!(set.bytes());
        status["segmentsCompleted"] = json!(set.manifest.total_segments());
        status["missing"] = json!(set.missing());
        status["throughputRecordsPerSec"] = json!(rate(records, work));
        status["throughputBytesPerSec"] = json!(rate(set.bytes(), work));
    }
    status
}

/// Returns the bytes of a segment and of a request, so that the memory has a limit however many partitions are read at once.
fn sizes(segment: u64, partitions: u64, request: u64) -> (u64, u64) {
    let most = (SEGMENTS / partitions.max(1)).max(SMALLEST);
    let segment = segment.min(most);
    // A request is decompressed as a whole. As in the library, it is not larger than a segment.
    (segment, request.min((most / 8).max(SMALLEST)).min(segment))
}

fn config(work: &Work, spec: &BackupSpec, id: &str, place: &Place) -> Result<Config> {
    let level = spec
        .compression_level
        .filter(|_| spec.compression == "zstd")
        .unwrap_or(3);
    let (partitions, request) = match Limits::of(&spec.rate_limiting) {
        Some(limits) => limits.requests(),
        None => (
            spec.rate_limiting.max_concurrent_partitions.unsigned_abs(),
            REQUEST,
        ),
    };
    let (segment, request) = sizes(spec.segment_max_bytes.unsigned_abs(), partitions, request);
    let options = json!({
        "segment_max_bytes": segment,
        "segment_max_interval_ms": spec.segment_max_interval_ms,
        "compression": spec.compression,
        "compression_level": level,
        "continuous": spec.continuous,
        // Also a backup that runs once ends where its topics ended when it began: only then it has an end to compare with.
        "stop_at_current_offsets": !spec.continuous,
        "include_offset_headers": spec.include_offset_headers,
        "source_cluster_id": spec.source_cluster_id,
        "poll_interval_ms": spec.poll_interval_ms.max(1),
        "max_concurrent_partitions": partitions,
        "fetch_max_bytes": request,
        "sync_interval_secs": spec.checkpoint.interval_secs.max(1),
        "shutdown_grace_secs": GRACE,
        "circuit_breaker": breaker(&spec.circuit_breaker),
        // The library leaves out groups that it can't read, and says nothing.
        "consumer_group_snapshot": false,
    });
    let invalid = |error: serde_json::Error| {
        WorkError::failed(format!("the backup can't be configured: {error}"))
    };
    let folder = work.state.clone().unwrap_or_else(std::env::temp_dir);
    let database = OffsetStorageConfig {
        db_path: folder.join(format!("{id}-offsets.db")),
        ..OffsetStorageConfig::default()
    };
    Ok(Config {
        mode: Mode::Backup,
        backup_id: id.to_owned(),
        source: Some(work.places.cluster(&spec.kafka_cluster, &spec.topics)?),
        target: None,
        storage: place.config.clone(),
        backup: Some(serde_json::from_value(options).map_err(invalid)?),
        restore: None,
        offset_storage: spec.continuous.then_some(database),
        metrics: None,
    })
}

/// Keeps the offsets of groups again and again during a continuous backup, which has no end at which to do it.
async fn follow_groups(work: &Work, task: &Task<'_>) -> Infallible {
    let spec = task.spec;
    if !spec.continuous || !spec.consumer_group_snapshot {
        return std::future::pending().await;
    }
    let pause = Duration::from_secs(spec.checkpoint.interval_secs.max(1).unsigned_abs());
    loop {
        tokio::time::sleep(pause).await;
        let kept = async {
            match Set::find(task.place.backend.as_ref(), task.id).await? {
                Some(set) => keep_groups(work, spec, task.place, &set).await,
                None => Ok(Vec::new()),
            }
        };
        match kept.await {
            Ok(unread) => work
                .output
                .progress(&json!({ "groupsNotRead": shown(unread) })),
            Err(error) => tracing::warn!("the offsets of groups were not kept: {error}"),
        }
    }
}

/// Returns the groups that could not be read, and why.
fn shown(unread: Vec<(String, String)>) -> Value {
    let unread = unread.into_iter();
    unread
        .map(|(group, error)| json!({ "groupId": group, "error": error }))
        .collect()
}

/// Writes the offsets of all groups that read the topics of the set. Returns the groups that could not be read.
async fn keep_groups(
    work: &Work,
    spec: &BackupSpec,
    place: &Place,
    set: &Set,
) -> Result<Vec<(String, String)>> {
    let cluster = Cluster::connect(work.places.cluster(&spec.kafka_cluster, &[])?).await?;
    let mut kept = Map::new();
    // Offsets of an earlier attempt are better than none.
    for group in set.groups(place.backend.as_ref()).await?.groups {
        kept.insert(group.group_id, json!(group.offsets));
    }
    let mut unread = Vec::new();
    for group in cluster.groups().await? {
        match cluster.offsets(&group).await {
            Ok(offsets) => {
                let mut topics = Map::new();
                let has = |topic: &str| set.manifest.topics.iter().any(|it| it.name == topic);
                for offset in offsets.into_iter().filter(|offset| has(&offset.topic)) {
                    let partitions = topics.entry(offset.topic).or_insert_with(|| json!({}));
                    partitions[offset.partition.to_string()] = json!(offset.offset);
                }
                if !topics.is_empty() {
                    kept.insert(group, Value::Object(topics));
                }
            }
            Err(error) => unread.push((crate::text::clean(&group), error.message)),
        }
    }
    let groups: Vec<_> = kept
        .into_iter()
        .map(|(group, offsets)| json!({ "group_id": group, "offsets": offsets }))
        .collect();
    let file = json!({ "snapshot_time": Timestamp::now().as_millisecond(), "groups": groups });
    let key = groups_key(&set.id);
    place
        .backend
        .put(&key, Bytes::from(file.to_string()))
        .await
        .during(&format!("writing {key}"))?;
    Ok(unread)
}

/// The note about a backup that has begun and has not ended, by which another attempt finds its id.
struct Unfinished {
    path: Option<PathBuf>,
    id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    backup_id: String,
}

impl Unfinished {
    fn find(work: &Work) -> Result<Self> {
        let Some(folder) = &work.state else {
            return Ok(Self {
                path: None,
                id: None,
            });
        };
        let digest = Sha256::digest(work.object.identity().as_bytes()).to_string();
        let path = folder.join(format!("backup-{}.json", &digest[..16]));
        let id = match std::fs::read(&path) {
            Ok(bytes) => {
                let note: Note = serde_json::from_slice(&bytes).map_err(|error| {
                    WorkError::new(
                        Failure::Integrity,
                        format!("{} is damaged: {error}", path.display()),
                    )
                })?;
                Some(note.backup_id)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(WorkError::failed(format!(
                    "{} can't be read: {error}",
                    path.display()
                )));
            }
        };
        Ok(Self {
            path: Some(path),
            id,
        })
    }

    /// Returns the id of the set: that of the line, of an earlier attempt, or a new one.
    fn id(&self, work: &Work, spec: &BackupSpec) -> Result<String> {
        let name = &work.object.metadata.name;
        let id = match (&work.backup_id, &self.id) {
            (Some(id), _) | (None, Some(id)) => id.clone(),
            // A continuous backup has one set, which every attempt continues.
            (None, None) if spec.continuous => name.clone(),
            (None, None) => named(name, work.output.started()),
        };
        match rules::set_id(&id) {
            Some(problem) => Err(WorkError::usage(problem)),
            None => Ok(id),
        }
    }

    fn keep(&self, id: &str) -> Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let note = Note {
            backup_id: id.to_owned(),
        };
        keep(path, &serde_json::to_vec(&note).unwrap_or_default())
    }

    fn forget(&self) {
        let path: Option<&Path> = self.path.as_deref();
        if let Some(path) = path
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!("{} is still there: {error}", path.display());
        }
    }
}

/// Returns `NAME-20250906-120000`, in UTC.
fn named(name: &str, at: Timestamp) -> String {
    format!(
        "{name}-{}",
        at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_name_and_the_time_of_its_backup() {
        let at: Timestamp = "2025-09-06T12:00:01.5Z".parse().expect("a time");
        assert_eq!(named("nightly", at), "nightly-20250906-120001");
    }

    #[test]
    fn many_partitions_at_once_need_no_more_memory() {
        assert_eq!(sizes(128 << 20, 4, REQUEST), (32 << 20, 4 << 20));
        assert_eq!(sizes(128 << 20, 1, REQUEST), (128 << 20, 16 << 20));
        assert_eq!(sizes(2000, 4, 100_000), (2000, 2000));
        assert_eq!(sizes(128 << 20, 1000, REQUEST), (1 << 20, 1 << 20));
    }
}
