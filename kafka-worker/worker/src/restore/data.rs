//! The records: one topic after the other, each with a checkpoint of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use host_base::{Failure, Sha256};
use kafka_backup_core::Config;
use kafka_backup_core::config::{Mode, RestoreOptions};
use kafka_backup_core::manifest::{BackupRecord, RestoreCheckpoint, RestoreReport, TopicBackup};
use kafka_backup_core::restore::{
    FilterAction, RecordFilter, RecordFilterHandle, RestoreEngine, RestoreProgress,
};
use kafka_backup_core::storage::get_if_exists;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::plan::{Expected, Plan};
use crate::error::{During as _, Result, WorkError};
use crate::groups::{Cluster, Offsets};
use crate::mapping::{Landing, landings};
use crate::notes::keep;
use crate::places::breaker;
use crate::segments::Window;
use crate::text::clean;
use crate::work::{Patience, Work};

/// How often the library saves its progress, in seconds. After a crash, a restore waits as long for requests in flight.
const CHECKPOINT: u64 = 5;
/// The bytes of the segments that are read at once, after decompression. Their records need about three times as much memory.
const SEGMENTS: u64 = 256 << 20;

/// The results of this attempt and of earlier ones.
#[derive(Debug, Default)]
pub struct Restored {
    pub records: u64,
    pub bytes: u64,
    pub segments: u64,
    pub landings: Vec<Landing>,
    /// Facts that a person should know although the restore succeeded.
    pub warnings: Vec<String>,
    /// The reasons why the offsets of topics can't be mapped.
    pub unmapped: BTreeMap<String, WorkError>,
}

/// Restores all topics of a plan.
///
/// # Errors
/// [`Failure::Interrupted`] after a signal. `restored` has what was done until then.
pub async fn restore(
    work: &Work,
    plan: &Plan,
    cluster: &Cluster,
    expected: &Expected,
    restored: &mut Restored,
) -> Result<()> {
    let total = expected.records();
    for topic in plan.topics() {
        let Some(target) = plan.targets.get(&topic.name) else {
            continue;
        };
        let one = Topic::new(work, plan, topic, target);
        let before = work.stoppable(one.before(cluster)).await?;
        let mut patience = Patience::new();
        let (mut is_resumed, mut reached) = (false, 0);
        let report = loop {
            let earlier = match work.stoppable(one.checkpoint()).await {
                Ok(earlier) => earlier,
                // Without a folder for notes it is in the storage, which may be away as a broker may.
                Err(error) => {
                    patience.again(work, error, reached).await?;
                    continue;
                }
            };
            if earlier.as_ref().is_some_and(|earlier| one.is_done(earlier)) {
                break None;
            }
            is_resumed |= earlier
                .as_ref()
                .is_some_and(|it| !it.partitions.is_empty() || !it.segments_completed.is_empty());
            let error = match one.produce(work, restored, total).await {
                Ok(report) => break Some(Ok(report)),
                Err(error) => error,
            };
            if let Ok(Some(checkpoint)) = work.stoppable(one.checkpoint()).await {
                reached = checkpoint.records_restored;
            }
            if let Err(error) = patience.again(work, error, reached).await {
                break Some(Err(error));
            }
        };
        let after = one.checkpoint().await?;
        if let Some(after) = &after {
            restored.records += after.records_restored;
            restored.bytes += after.bytes_restored;
            restored.segments += after.segments_completed.len() as u64;
        }
        let report = report.transpose()?;
        if let Some(reason) = report
            .as_ref()
            .and_then(|report| report.idempotent_producer_fallback.as_ref())
        {
            let reason = clean(reason);
            restored.warnings.push(format!(
                "records of {target} may be there twice after a lost connection: {reason}"
            ));
        }
        if is_resumed && report.is_some() && plan.is_mixed(target) {
            restored.warnings.push(format!(
                "records of {target} may be there twice: an interrupted restore can't tell the records of several partitions apart"
            ));
        }
        let after = after.ok_or_else(|| {
            WorkError::failed(format!("the restore of {} left no checkpoint", topic.name))
        })?;
        one.compare(plan, expected, &after, report.as_ref(), is_resumed)?;
        match landings(&after, &before) {
            Ok(_) if plan.is_mixed(target) => {}
            Ok(found) => restored.landings.extend(found),
            Err(error) => {
                restored.unmapped.insert(topic.name.clone(), error);
            }
        }
    }
    Ok(())
}

/// One topic of a restore.
struct Topic<'a> {
    plan: &'a Plan,
    source: &'a TopicBackup,
    target: &'a str,
    /// The same for every attempt at this restore.
    id: String,
    folder: Option<PathBuf>,
    config: Config,
}

impl<'a> Topic<'a> {
    fn new(work: &Work, plan: &'a Plan, source: &'a TopicBackup, target: &'a str) -> Self {
        let identity = format!(
            "{}\n{}\n{}\n{target}",
            work.object.identity(),
            plan.set.id,
            source.name
        );
        let digest = Sha256::digest(identity.as_bytes()).to_string();
        let id = digest[..16].to_owned();
        let folder = work.state.clone();
        let config = Config {
            mode: Mode::Restore,
            backup_id: plan.set.id.clone(),
            source: None,
            target: None,
            storage: plan.place.config.clone(),
            backup: None,
            restore: None,
            offset_storage: None,
            metrics: None,
        };
        Self {
            plan,
            source,
            target,
            id,
            folder,
            config,
        }
    }

    /// Returns the file of the checkpoint, if there is a folder for it. It is in the storage otherwise.
    fn path(&self, end: &str) -> Option<PathBuf> {
        Some(
            self.folder
                .as_ref()?
                .join(format!("restore-{}{end}", self.id)),
        )
    }

    /// The library's own place of a checkpoint, and one beside it.
    fn key(&self, end: &str) -> String {
        format!("{}/restore-checkpoints/{}{end}", self.plan.set.id, self.id)
    }

    async fn read(&self, end: &str) -> Result<Option<Bytes>> {
        let Some(path) = self.path(end) else {
            let key = self.key(end);
            return get_if_exists(self.plan.place.backend.as_ref(), &key)
                .await
                .during(&format!("reading {key}"));
        };
        match tokio::fs::read(&path).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WorkError::failed(format!(
                "reading {}: {error}",
                path.display()
            ))),
        }
    }

    async fn checkpoint(&self) -> Result<Option<RestoreCheckpoint>> {
        let Some(bytes) = self.read(".json").await? else {
            return Ok(None);
        };
        let damaged = |error| {
            WorkError::new(
                Failure::Integrity,
                format!("the checkpoint of {} is damaged: {error}", self.source.name),
            )
        };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Returns the ends of the target's partitions before the first attempt.
    async fn before(&self, cluster: &Cluster) -> Result<Offsets> {
        const NAME: &str = ".before.json";
        if let Some(bytes) = self.read(NAME).await? {
            let ends: BTreeMap<i32, i64> = serde_json::from_slice(&bytes).map_err(|error| {
                WorkError::new(
                    Failure::Integrity,
                    format!("the note about {} is damaged: {error}", self.target),
                )
            })?;
            return Ok(ends
                .into_iter()
                .map(|(partition, end)| ((self.target.to_owned(), partition), end))
                .collect());
        }
        let count = cluster
            .topics()
            .await?
            .get(self.target)
            .copied()
            .unwrap_or_default();
        let partitions = 0..i32::try_from(count).unwrap_or(i32::MAX);
        let partitions: Vec<_> = partitions
            .map(|partition| (self.target.to_owned(), partition))
            .collect();
        let ends = cluster.ends(&partitions).await?;
        let ends: Offsets = ends
            .into_iter()
            .map(|(partition, (_, end))| (partition, end))
            .collect();
        let note: BTreeMap<i32, i64> = ends
            .iter()
            .map(|((_, partition), end)| (*partition, *end))
            .collect();
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        self.write(NAME, bytes).await?;
        Ok(ends)
    }

    async fn write(&self, end: &str, bytes: Vec<u8>) -> Result<()> {
        if let Some(path) = self.path(end) {
            return keep(&path, &bytes);
        }
        let key = self.key(end);
        let backend = &self.plan.place.backend;
        let written = backend.put(&key, bytes.into()).await;
        written.during(&format!("writing {key}"))
    }

    /// Returns whether an earlier attempt has restored the whole topic. The topic may be in use since then.
    fn is_done(&self, checkpoint: &RestoreCheckpoint) -> bool {
        let mut segments = self
            .source
            .partitions
            .iter()
            .flat_map(|partition| &partition.segments);
        checkpoint.stopped_cleanly
            && segments.all(|segment| checkpoint.is_segment_completed(&segment.key))
    }

    /// Runs the engine. A signal drops it: what it had not acknowledged is looked up by the next attempt.
    async fn produce(&self, work: &Work, earlier: &Restored, total: u64) -> Result<RestoreReport> {
        let what = format!("restoring {} into {}", self.source.name, self.target);
        tracing::info!("{what}");
        let mut config = self.config.clone();
        // A name of a topic has no characters of patterns.
        config.target = Some(work.places.cluster(
            &self.plan.spec.kafka_cluster,
            std::slice::from_ref(&self.source.name),
        )?);
        config.restore = Some(self.options().await?);
        let engine = RestoreEngine::new(config).during(&what)?;
        let mut progress = engine.progress_receiver();
        let mut running = pin!(engine.run());
        loop {
            tokio::select! {
                biased;
                () = work.stop.cancelled() => return Err(WorkError::interrupted().with_hint("Run it again: it goes on where it stopped")),
                report = &mut running => return report.during(&what),
                update = progress.recv() => match update {
                    Ok(update) => self.report(work, &update, earlier, total),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return running.await.during(&what),
                },
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    fn report(&self, work: &Work, update: &RestoreProgress, earlier: &Restored, total: u64) {
        let records = earlier.records + update.records_restored;
        let percent = (records as f64 * 100.0 / total.max(1) as f64).min(100.0);
        work.output.progress(&json!({
            "recordsRestored": records,
            "bytesRestored": earlier.bytes + update.bytes_restored,
            "segmentsProcessed": earlier.segments + update.segments_completed,
            "currentTopic": self.source.name,
            "progressPercent": (percent * 10.0).round() / 10.0,
            "throughputRecordsPerSec": update.throughput_records_per_sec.round(),
            "etaMs": update.eta_ms,
        }));
    }

    /// Returns the options of the first attempt. With others, such as those of another version, the library would begin again,
    /// and write the same records once more.
    async fn options(&self) -> Result<RestoreOptions> {
        const NAME: &str = ".options.json";
        let options = if let Some(bytes) = self.read(NAME).await? {
            serde_json::from_slice(&bytes).map_err(|error| {
                let what = format!("the note about {} is damaged: {error}", self.target);
                WorkError::new(Failure::Integrity, what)
            })?
        } else {
            let options = self.new_options();
            self.write(NAME, options.to_string().into_bytes()).await?;
            options
        };
        let invalid = |error: serde_json::Error| {
            WorkError::failed(format!("the restore can't be configured: {error}"))
        };
        let mut options: RestoreOptions = serde_json::from_value(options).map_err(invalid)?;
        // The library's own window looks only at the first and the last record of a segment. If the times between them are
        // out of order, it leaves out records of the window. A filter sees each record.
        let window = self.plan.window;
        if !window.is_open() {
            options.record_filter = Some(RecordFilterHandle::new(Arc::new(window)));
            options.record_filter_fingerprint =
                Some(format!("{:?}–{:?}", window.start, window.end));
        }
        Ok(options)
    }

    fn new_options(&self) -> Value {
        let spec = &self.plan.spec;
        let limits = &spec.rate_limiting;
        let limit = |limit: i64| (limit > 0).then_some(limit);
        let acks = if spec.produce_acks == 0 {
            1
        } else {
            spec.produce_acks
        };
        let repartitioning = spec.repartitioning.get(self.target).map(|other| {
            json!({ self.target: { "strategy": other.strategy, "target_partitions": other.target_partitions } })
        });
        // The folder of the notes is the working directory.
        let path = self.folder.as_ref();
        let path = path.map(|_| format!("./restore-{}.json", self.id));
        json!({
            "topic_mapping": { &self.source.name: self.target },
            "partition_mapping": spec.partition_mapping,
            "consumer_group_strategy": "skip",
            // A restored record has the headers of the original one.
            "strip_offset_headers": true,
            "rate_limit_records_per_sec": limit(limits.records_per_sec),
            "rate_limit_bytes_per_sec": limit(limits.bytes_per_sec),
            "max_concurrent_partitions": at_once(self.source, limits.max_concurrent_partitions.unsigned_abs()),
            "produce_batch_size": spec.produce_batch_size,
            "produce_acks": acks,
            "idempotent_producer": acks == -1,
            "produce_timeout_ms": spec.produce_timeout_ms,
            "checkpoint_storage": if path.is_some() { "local" } else { "remote" },
            "checkpoint_state": path,
            "checkpoint_interval_secs": CHECKPOINT,
            "restore_id": self.id,
            "create_topics": spec.create_topics,
            "default_replication_factor": spec.default_replication_factor,
            "repartitioning": repartitioning.unwrap_or_else(|| json!({})),
            "purge_topics": spec.purge_topics,
            "circuit_breaker": breaker(&spec.circuit_breaker),
        })
    }

    /// Compares the number of acknowledged records with that of the set.
    fn compare(
        &self,
        plan: &Plan,
        expected: &Expected,
        after: &RestoreCheckpoint,
        report: Option<&RestoreReport>,
        is_resumed: bool,
    ) -> Result<()> {
        let differs = |place: String, found: u64, wanted: u64| {
            Err(WorkError::failed(format!(
                "{found} of {wanted} records of {place} were restored"
            ))
            .with_hint("Purge the topic, and restore it with a new KafkaRestore"))
        };
        if plan.is_mixed(self.target) {
            let wanted = expected.of_topic(&self.source.name);
            return match report {
                // The records of a resumed restore can't be told apart, so their number says nothing.
                Some(report) if !is_resumed && report.records_restored != wanted => {
                    differs(self.source.name.clone(), report.records_restored, wanted)
                }
                _ => Ok(()),
            };
        }
        for partition in &self.source.partitions {
            let id = partition.partition_id;
            let key = RestoreCheckpoint::partition_key(&self.source.name, id);
            let found = after
                .partitions
                .get(&key)
                .map_or(0, |progress| progress.records_acked);
            let wanted = expected
                .0
                .get(&(self.source.name.clone(), id))
                .copied()
                .unwrap_or_default();
            if found != wanted {
                return differs(format!("{}[{id}]", self.source.name), found, wanted);
            }
        }
        Ok(())
    }
}

/// Returns the number of partitions to restore at once: fewer than `most` if the set has large segments.
fn at_once(topic: &TopicBackup, most: u64) -> u64 {
    let segments = topic
        .partitions
        .iter()
        .flat_map(|partition| &partition.segments);
    let largest = segments.map(|segment| segment.uncompressed_size).max();
    let fitting = SEGMENTS / largest.unwrap_or_default().max(1);
    fitting.clamp(1, most.max(1))
}

impl RecordFilter for Window {
    fn name(&self) -> &'static str {
        "point in time"
    }

    fn evaluate(&self, _: &str, record: &BackupRecord) -> FilterAction {
        if self.has(record.timestamp) {
            FilterAction::Keep
        } else {
            FilterAction::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_segments_are_read_one_after_the_other() {
        let topic = |bytes: u64| -> TopicBackup {
            let segment = json!({
                "key": "b/s", "start_offset": 0, "end_offset": 0, "start_timestamp": 0, "end_timestamp": 0,
                "record_count": 1, "uncompressed_size": bytes,
            });
            let partition = json!({ "partition_id": 0, "segments": [segment] });
            let topic = json!({ "name": "t", "partitions": [partition, { "partition_id": 1, "segments": [] }] });
            serde_json::from_value(topic).expect("a topic")
        };
        assert_eq!(at_once(&topic(32 << 20), 4), 4);
        assert_eq!(at_once(&topic(128 << 20), 4), 2);
        assert_eq!(at_once(&topic(1 << 40), 4), 1);
        assert_eq!(at_once(&topic(0), 4), 4);
    }
}
