//! Reading the segments of a set, and comparing them with its manifest.

use std::sync::Arc;

use bytes::Bytes;
use host_base::{Failure, Sha256};
use kafka_backup_core::BackupRecord;
use kafka_backup_core::manifest::{PartitionBackup, SegmentMetadata, TopicBackup};
use kafka_backup_core::restore::read_segment;
use kafka_backup_core::segment::{MAGIC_BYTES, SegmentReader};
use kafka_backup_core::storage::{StorageBackend, get_if_exists};

use crate::error::{During as _, Result, WorkError};
use crate::text::{clean, listed};

/// The most damages that a message names.
const MOST_NAMED: usize = 5;

/// The offset of a record and its time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub offset: i64,
    pub timestamp: i64,
}

/// A window of record times, in milliseconds since 1970, with both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub start: Option<i64>,
    pub end: Option<i64>,
}

impl Window {
    pub fn has(self, timestamp: i64) -> bool {
        self.start.is_none_or(|start| timestamp >= start)
            && self.end.is_none_or(|end| timestamp <= end)
    }

    pub fn is_open(self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

/// Counts what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub segments: u64,
    pub records: u64,
    pub bytes: u64,
}

/// Reads every segment of a partition. Returns what is wrong with them, and the number of records in the window. Each text
/// names topic, partition and offsets.
///
/// # Errors
/// When a segment can't be read for another reason than that it is missing.
pub async fn check(
    backend: &Arc<dyn StorageBackend>,
    topic: &TopicBackup,
    partition: &PartitionBackup,
    window: Window,
    tally: &mut Tally,
) -> Result<(Vec<String>, u64)> {
    let mut matching = 0;
    let place = format!("{}[{}]", topic.name, partition.partition_id);
    let mut damages = holes(partition)
        .into_iter()
        .map(|hole| format!("{place} {hole}"))
        .collect::<Vec<_>>();
    for segment in &partition.segments {
        let range = format!(
            "{place} offsets {}–{}",
            segment.start_offset, segment.end_offset
        );
        match stamps(backend, segment).await? {
            Ok(stamps) => {
                tally.segments += 1;
                tally.records += stamps.len() as u64;
                tally.bytes += segment.compressed_size;
                matching += stamps
                    .iter()
                    .filter(|stamp| window.has(stamp.timestamp))
                    .count() as u64;
            }
            Err(damage) => damages.push(format!("{range}: {damage}")),
        }
    }
    Ok((damages, matching))
}

/// Returns the numbers of records in the window before each of the given offsets.
///
/// # Errors
/// When a segment can't be read, or differs from the manifest.
pub async fn counts(
    backend: &Arc<dyn StorageBackend>,
    partition: &PartitionBackup,
    window: Window,
    offsets: &[i64],
) -> Result<Vec<i64>> {
    let mut counts = vec![0; offsets.len()];
    for segment in &partition.segments {
        let cuts = offsets
            .iter()
            .any(|offset| *offset > segment.start_offset && *offset <= segment.end_offset);
        let is_needed = offsets.iter().any(|offset| *offset > segment.start_offset);
        if !is_needed {
            continue;
        }
        if window.is_open() && !cuts {
            for (count, offset) in counts.iter_mut().zip(offsets) {
                *count += if *offset > segment.end_offset {
                    segment.record_count
                } else {
                    0
                };
            }
            continue;
        }
        let stamps = stamps(backend, segment).await?;
        let stamps = stamps.map_err(|damage| {
            WorkError::new(Failure::Integrity, format!("{}: {damage}", segment.key))
        })?;
        for (count, offset) in counts.iter_mut().zip(offsets) {
            let before = stamps
                .iter()
                .filter(|stamp| stamp.offset < *offset && window.has(stamp.timestamp))
                .count();
            *count += i64::try_from(before).unwrap_or(i64::MAX);
        }
    }
    Ok(counts)
}

/// Makes an error of damages.
pub fn damaged(id: &str, damages: &[String]) -> WorkError {
    let list = listed(damages, MOST_NAMED);
    WorkError::new(
        Failure::Integrity,
        format!("backup {id} is damaged: {list}"),
    )
    .with_hint(
        "Restore another backup, or only topics that are not damaged: spec.topics names them",
    )
}

/// Reads a segment, compares it with the manifest, and returns its records. The inner error says what is wrong with it.
///
/// # Errors
/// When the segment can't be read for another reason than that it is missing.
pub async fn stamps(
    backend: &Arc<dyn StorageBackend>,
    segment: &SegmentMetadata,
) -> Result<std::result::Result<Vec<Stamp>, String>> {
    let what = format!("reading {}", segment.key);
    let Some(bytes) = get_if_exists(backend.as_ref(), &segment.key)
        .await
        .during(&what)?
    else {
        return Ok(Err("the segment is missing".to_owned()));
    };
    if bytes.len() >= MAGIC_BYTES.len()
        && bytes[..MAGIC_BYTES.len()] != MAGIC_BYTES
        && segment.sha256.is_empty()
    {
        return Ok(legacy(backend, segment).await);
    }
    let segment = segment.clone();
    // A segment has up to 128 MiB, and other work shares the thread.
    let read = tokio::task::spawn_blocking(move || inspect(bytes, &segment)).await;
    Ok(read.unwrap_or_else(|error| Err(clean(&format!("reading it failed: {error}")))))
}

/// Reads a segment in the form of old versions, which is JSON without a checksum.
async fn legacy(
    backend: &Arc<dyn StorageBackend>,
    segment: &SegmentMetadata,
) -> std::result::Result<Vec<Stamp>, String> {
    let records = read_segment(backend.as_ref(), segment)
        .await
        .map_err(|error| clean(&error.to_string()))?;
    let stamp = |record: &BackupRecord| Stamp {
        offset: record.offset,
        timestamp: record.timestamp,
    };
    let stamps: Vec<_> = records.iter().map(stamp).collect();
    compare(segment, &stamps)?;
    Ok(stamps)
}

fn inspect(bytes: Bytes, segment: &SegmentMetadata) -> std::result::Result<Vec<Stamp>, String> {
    if !segment.sha256.is_empty() {
        let found = Sha256::digest(&bytes).to_string();
        if !found.eq_ignore_ascii_case(&segment.sha256) {
            return Err(format!(
                "its SHA-256 is {found}, but the manifest says {}",
                clean(&segment.sha256)
            ));
        }
    }
    let reader = SegmentReader::open(bytes).map_err(|error| clean(&error.to_string()))?;
    let mut stamps = Vec::new();
    for record in reader {
        let record = record.map_err(|error| clean(&error.to_string()))?;
        stamps.push(Stamp {
            offset: record.offset,
            timestamp: record.timestamp,
        });
    }
    compare(segment, &stamps)?;
    Ok(stamps)
}

/// Compares records with what the manifest says about them.
fn compare(segment: &SegmentMetadata, stamps: &[Stamp]) -> std::result::Result<(), String> {
    let count = i64::try_from(stamps.len()).unwrap_or(i64::MAX);
    if count != segment.record_count {
        return Err(format!(
            "it has {count} records, but the manifest says {}",
            segment.record_count
        ));
    }
    let ends = stamps
        .first()
        .zip(stamps.last())
        .map(|(first, last)| (first.offset, last.offset));
    if ends.is_some_and(|ends| ends != (segment.start_offset, segment.end_offset)) {
        let (first, last) = ends.unwrap_or_default();
        return Err(format!("its records have the offsets {first}–{last}"));
    }
    if let Some(pair) = stamps
        .windows(2)
        .find(|pair| pair[0].offset >= pair[1].offset)
    {
        return Err(format!(
            "offset {} comes after offset {}",
            pair[1].offset, pair[0].offset
        ));
    }
    Ok(())
}

/// Returns the ranges of offsets that no segment covers, although segments before and behind them exist.
fn holes(partition: &PartitionBackup) -> Vec<String> {
    let mut covered: Vec<(i64, i64)> = partition
        .segments
        .iter()
        .filter(|segment| segment.has_covered_range())
        .map(|segment| (segment.covered_start(), segment.covered_end()))
        .collect();
    if covered.len() != partition.segments.len() {
        // Segments of old versions don't say which offsets they cover: compaction leaves holes too.
        return Vec::new();
    }
    covered.extend(
        partition
            .gaps
            .iter()
            .map(|gap| (gap.start_offset, gap.end_offset.saturating_sub(1))),
    );
    covered.extend(
        partition
            .pruned
            .iter()
            .map(|range| (range.start_offset, range.end_offset)),
    );
    covered.sort_unstable();
    let mut holes = Vec::new();
    let mut next: Option<i64> = None;
    for (start, end) in covered {
        if let Some(next) = next.filter(|next| start > *next) {
            holes.push(format!("offsets {next}–{}: no segment has them", start - 1));
        }
        next = Some(next.unwrap_or(i64::MIN).max(end.saturating_add(1)));
    }
    holes
}

#[cfg(test)]
mod tests {
    use kafka_backup_core::storage::MemoryBackend;
    use serde_json::json;

    use super::*;

    fn partition(ranges: &[(i64, i64)]) -> PartitionBackup {
        let segments: Vec<_> = ranges
            .iter()
            .map(|(start, end)| {
                json!({
                    "key": "b/s", "start_offset": start, "end_offset": end, "start_timestamp": 0, "end_timestamp": 0,
                    "record_count": 1, "covered_start_offset": start, "covered_end_offset": end,
                })
            })
            .collect();
        serde_json::from_value(json!({ "partition_id": 0, "segments": segments }))
            .expect("a partition")
    }

    #[test]
    fn offsets_between_segments_are_missed() {
        assert_eq!(holes(&partition(&[(0, 9), (10, 19)])), [""; 0]);
        assert_eq!(
            holes(&partition(&[(20, 29), (0, 9)])),
            ["offsets 10–19: no segment has them"]
        );
    }

    #[test]
    fn records_must_be_those_of_the_manifest() {
        let stamp = |offset| Stamp {
            offset,
            timestamp: 0,
        };
        let mut segment = partition(&[(0, 2)]).segments.remove(0);
        segment.record_count = 3;
        assert_eq!(compare(&segment, &[stamp(0), stamp(1), stamp(2)]), Ok(()));
        for wrong in [
            vec![stamp(0), stamp(2)],
            vec![stamp(0), stamp(1), stamp(3)],
            vec![stamp(0), stamp(0), stamp(2)],
        ] {
            assert!(compare(&segment, &wrong).is_err());
        }
    }

    #[tokio::test]
    async fn a_segment_in_the_oldest_form_is_read_and_compared() {
        let backend: Arc<dyn StorageBackend> = Arc::new(MemoryBackend::new());
        let records: Vec<_> = (0..3)
            .map(|offset| BackupRecord {
                key: None,
                value: Some(b"v".to_vec()),
                headers: Vec::new(),
                timestamp: 1000 + offset,
                offset,
            })
            .collect();
        let bytes = serde_json::to_vec(&records).expect("JSON");
        backend.put("b/s", bytes.into()).await.expect("a segment");
        let mut segment = partition(&[(0, 2)]).segments.remove(0);
        segment.record_count = 3;
        let read = stamps(&backend, &segment)
            .await
            .expect("an answer")
            .expect("records");
        assert_eq!(
            read[2],
            Stamp {
                offset: 2,
                timestamp: 1002
            }
        );
        segment.record_count = 4;
        let damage = stamps(&backend, &segment)
            .await
            .expect("an answer")
            .unwrap_err();
        assert_eq!(damage, "it has 3 records, but the manifest says 4");
        backend
            .put("b/s", Bytes::from_static(b"[{"))
            .await
            .expect("a segment");
        assert!(
            stamps(&backend, &segment)
                .await
                .expect("an answer")
                .is_err()
        );
    }
}
