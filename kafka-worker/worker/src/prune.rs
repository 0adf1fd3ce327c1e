//! `prune`: deletes old sets of one KafkaBackup, by the rules of its retention.

use std::collections::BTreeMap;

use host_base::Failure;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kafka_backup_core::storage::StorageBackend;
use kafka_spec::{BackupSpec, Retention, rules};
use serde_json::json;

use crate::error::{During as _, Result, WorkError};
use crate::output::time;
use crate::set::Set;
use crate::work::{Outcome, Work};

/// A set in the storage, as far as the rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    id: String,
    made: Timestamp,
    is_complete: bool,
    bytes: u64,
}

pub async fn run(work: &Work) -> Outcome {
    match prune(work).await {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

async fn prune(work: &Work) -> Result<Outcome> {
    let spec: BackupSpec = work
        .object
        .spec(|spec| rules::backup(spec, rules::Names::Fields))?;
    if !spec.retention.enabled {
        return Ok(Outcome::complete(
            "spec.retention is not enabled: nothing was deleted",
            json!({}),
        ));
    }
    let name = &work.object.metadata.name;
    let place = work.places.storage(&spec.storage)?;
    let backend = place.backend.as_ref();
    let keys = work
        .stoppable(async { backend.list("").await.during("listing the storage") })
        .await?;
    let mut objects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        if let Some((id, _)) = owned(name, &key) {
            objects.entry(id.to_owned()).or_default().push(key);
        }
    }
    let mut found = Vec::new();
    let mut warnings = Vec::new();
    for id in objects.keys() {
        found.push(
            work.stoppable(look(backend, name, id, &mut warnings))
                .await?,
        );
    }
    let inspected = found.len();
    // A continuous backup writes into one set for ever.
    let current = work
        .backup_id
        .as_deref()
        .or(spec.continuous.then_some(name.as_str()));
    let old = eligible(found, &spec.retention, current, Timestamp::now());
    let is_dry = spec.retention.dry_run;
    let mut deleted: Vec<&Found> = Vec::new();
    let mut broken = None;
    for set in old.iter().filter(|_| !is_dry) {
        tracing::info!(backup = set.id, "the set is old");
        let keys = objects.get(&set.id).map_or(&[][..], Vec::as_slice);
        if let Err(error) = work.stoppable(delete(backend, &set.id, keys)).await {
            broken = Some(error);
            break;
        }
        deleted.push(set);
    }
    let counted = if is_dry {
        old.iter().collect()
    } else {
        deleted.clone()
    };
    let status = json!({
        "lastRetentionTime": time(Timestamp::now()),
        "retentionInspectedBackups": inspected,
        "retentionEligibleBackups": old.len(),
        "retentionDeletedBackups": deleted.len(),
        "retentionReclaimedBytes": counted.iter().map(|set| set.bytes).sum::<u64>(),
        "retentionDryRun": is_dry,
        "deletedBackups": deleted.iter().map(|set| &set.id).collect::<Vec<_>>(),
    });
    if let Some(error) = broken {
        let error = error.during(&format!(
            "{} of {} old sets were deleted",
            deleted.len(),
            old.len()
        ));
        return Ok(Outcome::failed(error, status));
    }
    let would = if is_dry { "would be" } else { "were" };
    let message = format!("{} of {inspected} sets {would} deleted", old.len());
    Ok(Outcome::complete(message, status).with_warnings(warnings))
}

/// Returns the id of the set that a key belongs to, and the time in it, if the set is one of this KafkaBackup.
fn owned<'a>(name: &str, key: &'a str) -> Option<(&'a str, Option<Timestamp>)> {
    let (id, _) = key
        .split_once('/')
        .or_else(|| Some((key.strip_suffix("-offsets.db")?, "")))?;
    let rest = id.strip_prefix(name)?;
    if rest.is_empty() {
        return Some((id, None));
    }
    let stamp = rest.strip_prefix('-').filter(|stamp| stamp.len() == 15)?;
    let stamp = DateTime::strptime("%Y%m%d-%H%M%S", stamp).ok()?;
    Some((id, Some(stamp.to_zoned(TimeZone::UTC).ok()?.timestamp())))
}

async fn look(
    backend: &dyn StorageBackend,
    name: &str,
    id: &str,
    warnings: &mut Vec<String>,
) -> Result<Found> {
    let stamp = owned(name, &format!("{id}/")).and_then(|(_, stamp)| stamp);
    match Set::find(backend, id).await {
        Ok(Some(set)) => {
            let created =
                Timestamp::from_millisecond(set.manifest.created_at).unwrap_or(Timestamp::MIN);
            Ok(Found {
                id: id.to_owned(),
                made: stamp.unwrap_or(created),
                is_complete: set.unfinished().is_empty(),
                bytes: set.stored_bytes(),
            })
        }
        // Without a manifest nothing can be restored: the backup was interrupted, or its deletion.
        Ok(None) => Ok(without_manifest(id, stamp)),
        // One damaged set must not keep all others from being deleted.
        Err(error) if error.failure == Failure::Integrity => {
            warnings.push(error.message);
            Ok(without_manifest(id, stamp))
        }
        Err(error) => Err(error),
    }
}

fn without_manifest(id: &str, stamp: Option<Timestamp>) -> Found {
    Found {
        id: id.to_owned(),
        made: stamp.unwrap_or(Timestamp::MAX),
        is_complete: false,
        bytes: 0,
    }
}

/// Returns the sets that the rules don't keep.
///
/// The newest complete set stays in any case, and so do newer ones, which may be under way.
fn eligible(
    mut found: Vec<Found>,
    rules: &Retention,
    current: Option<&str>,
    now: Timestamp,
) -> Vec<Found> {
    found.sort_by(|a, b| (b.made, &b.id).cmp(&(a.made, &a.id)));
    let Some(newest) = found.iter().position(|set| set.is_complete) else {
        return Vec::new();
    };
    let least = rules
        .keep_last
        .map_or(1, |keep| usize::try_from(keep).unwrap_or(usize::MAX))
        .max(1);
    let oldest = rules.max_age_days.map(|days| {
        let age = SignedDuration::from_hours(days.saturating_mul(24).min(24 * 365 * 1000));
        now.checked_sub(age).unwrap_or(Timestamp::MIN)
    });
    let mut complete = 0;
    let mut old = Vec::new();
    for (at, set) in found.into_iter().enumerate() {
        complete += usize::from(set.is_complete);
        let is_kept =
            at <= newest || (set.is_complete && complete <= least) || current == Some(&set.id);
        let is_over = rules.keep_last.is_some() || oldest.is_some_and(|oldest| set.made < oldest);
        if !is_kept && is_over {
            old.push(set);
        }
    }
    old
}

/// Deletes a set, its manifest first. A set whose deletion is interrupted can't be taken for a complete one.
async fn delete(backend: &dyn StorageBackend, id: &str, keys: &[String]) -> Result<()> {
    let manifest = format!("{id}/manifest.json");
    let first = keys.iter().filter(|key| **key == manifest);
    for key in first.chain(keys.iter().filter(|key| **key != manifest)) {
        match backend.delete(key).await {
            Err(error) if !error.is_not_found() => {
                return Err(WorkError::from(error).during(&format!("deleting {key}")));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2025-09-10T00:00:00Z";

    fn sets(sets: &[(&str, bool)]) -> Vec<Found> {
        let set = |(day, is_complete): &(&str, bool)| {
            let id = format!("nightly-202509{day}-000000");
            let (_, made) = owned("nightly", &format!("{id}/manifest.json")).expect("a set");
            Found {
                made: made.expect("a time"),
                id,
                is_complete: *is_complete,
                bytes: 1,
            }
        };
        sets.iter().map(set).collect()
    }

    fn old(found: Vec<Found>, keep_last: Option<i64>, max_age_days: Option<i64>) -> Vec<String> {
        let rules = Retention {
            enabled: true,
            max_age_days,
            keep_last,
            dry_run: false,
        };
        let old = eligible(found, &rules, None, NOW.parse().expect("a time"));
        old.into_iter()
            .map(|set| set.id[14..16].to_owned())
            .collect()
    }

    #[test]
    fn the_newest_sets_stay() {
        let all = [("01", true), ("02", true), ("03", true), ("04", true)];
        assert_eq!(old(sets(&all), Some(2), None), ["02", "01"]);
        assert_eq!(old(sets(&all), None, Some(7)), ["02", "01"]);
        assert_eq!(old(sets(&all), Some(2), Some(7)), ["02", "01"]);
    }

    #[test]
    fn the_last_complete_set_stays_however_old_it_is() {
        let all = [("01", true), ("02", false), ("03", false)];
        assert_eq!(old(sets(&all), Some(1), Some(1)), [""; 0]);
        let all = [("01", false), ("02", true), ("03", false)];
        assert_eq!(old(sets(&all), Some(1), None), ["01"]);
        let all = [("01", false), ("02", false)];
        assert_eq!(old(sets(&all), Some(1), Some(1)), [""; 0]);
    }

    #[test]
    fn incomplete_sets_don_t_count() {
        let all = [("01", true), ("02", true), ("03", false), ("04", true)];
        assert_eq!(old(sets(&all), Some(2), None), ["03", "01"]);
    }

    #[test]
    fn only_sets_of_this_name_are_owned() {
        let id = |key| owned("nightly", key).map(|(id, _)| id);
        assert_eq!(id("nightly/manifest.json"), Some("nightly"));
        assert_eq!(
            id("nightly-20250906-120000/topics/a/x"),
            Some("nightly-20250906-120000")
        );
        assert_eq!(
            id("nightly-20250906-120000-offsets.db"),
            Some("nightly-20250906-120000")
        );
        for key in [
            "nightly-eu-20250906-120000/manifest.json",
            "nightly2/manifest.json",
            "night/x",
            "nightly-20251306-120000/x",
        ] {
            assert_eq!(id(key), None, "{key}");
        }
    }
}
