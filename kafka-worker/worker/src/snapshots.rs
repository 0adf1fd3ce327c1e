//! Snapshots of the offsets of groups, as files of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host_base::{Failure, files};
use jiff::{SignedDuration, Timestamp};
use kafka_backup_core::OffsetSnapshot;
use serde::{Deserialize, Serialize};

use crate::error::{Result, WorkError};
use crate::groups::{Cluster, Committed, Offsets};
use crate::notes::keep;
use crate::output::time;
use crate::upstream;

/// The offsets of groups at one time, as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub version: u32,
    pub id: String,
    pub created: String,
    /// The time after which a newer snapshot of the same groups replaces this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    pub groups: BTreeMap<String, Vec<Committed>>,
    /// Whether groups may have had further offsets, which the file does not have.
    #[serde(skip)]
    pub is_partial: bool,
}

/// The version of the file.
const VERSION: u32 = 1;
/// A file with offsets is never larger.
pub const LARGEST: u64 = 256 << 20;
/// The folder of snapshots.
const FOLDER: &str = "offset-snapshots";
/// A longer retention means a thousand years.
const MOST_HOURS: i64 = 24 * 365 * 1000;

/// The part of a file that says who wrote it.
#[derive(Deserialize)]
struct Head {
    version: Option<u32>,
    /// The library's id of a snapshot.
    snapshot_id: Option<String>,
}

impl Snapshot {
    /// Reads the offsets of groups, and keeps them in a file for a number of hours.
    ///
    /// A file that is there already stays: it has the offsets from before an earlier attempt.
    pub async fn take(
        cluster: &Cluster,
        groups: &[String],
        id: &str,
        folder: &Path,
        hours: i64,
    ) -> Result<(Self, PathBuf)> {
        let path = folder.join(FOLDER).join(format!("{id}.json"));
        if path.exists() {
            return Ok((Self::read(&path)?, path));
        }
        let mut offsets = BTreeMap::new();
        for group in groups {
            offsets.insert(group.clone(), cluster.offsets(group).await?);
        }
        let created = Timestamp::now();
        let retention = SignedDuration::from_hours(hours.clamp(0, MOST_HOURS));
        let snapshot = Self {
            version: VERSION,
            id: id.to_owned(),
            created: time(created),
            expires: created.checked_add(retention).ok().map(time),
            groups: offsets,
            is_partial: false,
        };
        let text = serde_json::to_string_pretty(&snapshot).unwrap_or_default();
        keep(&path, text.as_bytes())?;
        Ok((snapshot, path))
    }

    /// Reads a file of this program, or of the upstream operator.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = files::read_text(path, LARGEST).map_err(|error| {
            WorkError::new(
                Failure::NotFound,
                format!("the snapshot {shown} can't be read: {error}"),
            )
            .with_hint(
                "spec.snapshotRef must name a snapshot that a reset or a restore has reported",
            )
        })?;
        let damaged = |error: serde_json::Error| {
            WorkError::new(
                Failure::Integrity,
                format!("{shown} is no snapshot of offsets: {error}"),
            )
        };
        let head: Head = serde_json::from_str(&text).map_err(damaged)?;
        if head.version.is_none() && head.snapshot_id.is_some() {
            let snapshot: OffsetSnapshot = serde_json::from_str(&text).map_err(damaged)?;
            let created = Timestamp::from_millisecond(snapshot.created_at.timestamp_millis());
            return Ok(Self {
                version: VERSION,
                id: snapshot.snapshot_id.clone(),
                created: created.map(time).unwrap_or_default(),
                expires: None,
                groups: upstream::groups(snapshot)
                    .map_err(|error| error.during(&format!("{shown} is damaged")))?,
                // Old versions left out offsets that they could not read.
                is_partial: true,
            });
        }
        let snapshot: Self = serde_json::from_str(&text).map_err(damaged)?;
        if snapshot.version != VERSION {
            return Err(WorkError::usage(format!(
                "{shown} has version {}, not {VERSION}",
                snapshot.version
            )));
        }
        Ok(snapshot)
    }

    /// Returns the names of the file in a folder that may have a snapshot: that of this program, and the library's.
    pub fn names(name: &str) -> [String; 2] {
        [
            format!("{FOLDER}/{name}.json"),
            format!("{FOLDER}/{name}/snapshot.json"),
        ]
    }

    /// Gives a group the offsets of the snapshot, and deletes its other offsets.
    pub async fn give_back(&self, cluster: &Cluster, group: &str) -> Result<usize> {
        let offsets = self.of(group)?;
        cluster.refuse_active(group).await?;
        cluster.commit(group, offsets).await?;
        if self.is_partial {
            return Ok(offsets.len());
        }
        let kept: BTreeSet<_> = offsets
            .iter()
            .map(|it| (it.topic.clone(), it.partition))
            .collect();
        let now = cluster.offsets(group).await?;
        let newer = now
            .into_iter()
            .map(|it| (it.topic, it.partition))
            .filter(|partition| !kept.contains(partition));
        cluster.delete(group, &newer.collect::<Vec<_>>()).await?;
        Ok(offsets.len())
    }

    /// Returns the offsets of a group.
    ///
    /// # Errors
    /// When the snapshot does not have the group.
    pub fn of(&self, group: &str) -> Result<&[Committed]> {
        let missing = || {
            WorkError::new(
                Failure::NotFound,
                format!("the snapshot has no group {group}"),
            )
        };
        self.groups
            .get(group)
            .map(Vec::as_slice)
            .ok_or_else(missing)
    }

    /// Returns whether a group has exactly the offsets of the snapshot, or all of a partial one.
    pub async fn matches(&self, cluster: &Cluster, group: &str) -> Result<bool> {
        let bare = |offsets: &[Committed]| -> Offsets {
            offsets
                .iter()
                .map(|it| ((it.topic.clone(), it.partition), it.offset))
                .collect()
        };
        let Some(kept) = self.groups.get(group).map(|kept| bare(kept)) else {
            return Ok(false);
        };
        let mut now = bare(&cluster.offsets(group).await?);
        if self.is_partial {
            now.retain(|partition, _| kept.contains_key(partition));
        }
        Ok(kept == now)
    }
}

/// The facts about a snapshot that its retention needs.
#[derive(Debug)]
struct Aged {
    id: String,
    created: Timestamp,
    expires: Option<Timestamp>,
    groups: BTreeSet<String>,
}

impl Aged {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        Some(Self {
            id: snapshot.id.clone(),
            created: snapshot.created.parse().ok()?,
            expires: snapshot
                .expires
                .as_ref()
                .and_then(|expires| expires.parse().ok()),
            groups: snapshot.groups.keys().cloned().collect(),
        })
    }
}

/// Deletes the snapshots of a folder that are older than their retention. Returns their ids, and warnings.
///
/// `own` is the snapshot of the work that goes on, which a rollback needs. The newest snapshot of each group stays.
pub fn prune(folder: &Path, own: &str) -> (Vec<String>, Vec<String>) {
    let folder = folder.join(FOLDER);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"));
    // A file that can't be read may be all that is left of a snapshot: a person decides about it.
    let found: Vec<_> = files
        .filter_map(|path| Some((Aged::of(&Snapshot::read(&path).ok()?)?, path)))
        .filter(|(aged, path)| {
            path.file_stem()
                .is_some_and(|stem| stem == aged.id.as_str())
        })
        .collect();
    let old = old(found.iter().map(|(aged, _)| aged), own, Timestamp::now());
    let (mut deleted, mut warnings) = (Vec::new(), Vec::new());
    for (aged, path) in &found {
        if !old.contains(&aged.id) {
            continue;
        }
        match std::fs::remove_file(path) {
            Ok(()) => deleted.push(aged.id.clone()),
            Err(error) => warnings.push(format!(
                "the old snapshot {} was not deleted: {error}",
                path.display()
            )),
        }
    }
    (deleted, warnings)
}

/// Returns the ids of the snapshots that may go.
fn old<'a>(
    found: impl Iterator<Item = &'a Aged> + Clone,
    own: &str,
    now: Timestamp,
) -> BTreeSet<String> {
    let mut newest: BTreeMap<&str, (Timestamp, &str)> = BTreeMap::new();
    for aged in found.clone() {
        for group in &aged.groups {
            let this = (aged.created, aged.id.as_str());
            let one = newest.entry(group).or_insert(this);
            *one = this.max(*one);
        }
    }
    let is_needed = |aged: &Aged| {
        aged.id == own
            || aged.expires.is_none_or(|expires| expires > now)
            || aged
                .groups
                .iter()
                .any(|group| newest.get(group.as_str()).is_some_and(|it| it.1 == aged.id))
    };
    found
        .filter(|aged| !is_needed(aged))
        .map(|aged| aged.id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2025-09-10T00:00:00Z";

    fn aged(id: &str, day: u32, expires: Option<u32>, groups: &[&str]) -> Aged {
        let time = |day: u32| -> Timestamp {
            format!("2025-09-{day:02}T00:00:00Z")
                .parse()
                .expect("a time")
        };
        Aged {
            id: id.to_owned(),
            created: time(day),
            expires: expires.map(time),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn gone(found: &[Aged], own: &str) -> Vec<String> {
        let now = NOW.parse().expect("a time");
        old(found.iter(), own, now).into_iter().collect()
    }

    #[test]
    fn an_old_snapshot_goes_once_each_of_its_groups_has_a_newer_one() {
        let all = [
            aged("a", 1, Some(2), &["x", "y"]),
            aged("b", 3, Some(4), &["x"]),
        ];
        assert_eq!(gone(&all, ""), [""; 0]);
        let all = [
            aged("a", 1, Some(2), &["x", "y"]),
            aged("b", 3, Some(4), &["x"]),
            aged("c", 5, Some(30), &["y"]),
        ];
        assert_eq!(gone(&all, ""), ["a"]);
        // The work of the first one goes on.
        assert_eq!(gone(&all, "a"), [""; 0]);
    }

    #[test]
    fn a_snapshot_stays_for_its_retention_or_without_one() {
        let newer = || aged("z", 9, None, &["x"]);
        for (expires, is_gone) in [(Some(9), true), (Some(11), false), (None, false)] {
            let all = [aged("a", 1, expires, &["x"]), newer()];
            assert_eq!(gone(&all, "") == ["a"], is_gone, "{expires:?}");
        }
    }

    #[test]
    fn only_snapshots_of_this_program_are_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join(FOLDER);
        std::fs::create_dir(&place).expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(place.join(name), text);
        let snapshot = |id: &str, day: u32| {
            format!(
                r#"{{"version":1,"id":"{id}","created":"2020-01-{day:02}T00:00:00Z","expires":"2020-01-09T00:00:00Z","groups":{{"x":[]}}}}"#
            )
        };
        write("a.json", &snapshot("a", 1)).expect("a file");
        write("b.json", &snapshot("b", 2)).expect("a file");
        write("other.json", &snapshot("a", 1)).expect("a file");
        write("broken.json", "{").expect("a file");
        let upstream = r#"{"snapshot_id":"u","created_at":"2020-01-01T00:00:00Z","group_offsets":{},"bootstrap_servers":[]}"#;
        write("u.json", upstream).expect("a file");
        let (deleted, warnings) = prune(folder.path(), "c");
        assert_eq!((deleted, warnings), (vec!["a".to_owned()], Vec::new()));
        assert_eq!(std::fs::read_dir(&place).expect("a folder").count(), 4);
        assert_eq!(
            prune(&folder.path().join("none"), ""),
            (Vec::new(), Vec::new())
        );
    }
}
