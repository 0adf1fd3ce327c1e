//! Deletes copies by rule, or one by one. The manifest goes first, then the data, then the marks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use host_objectstore::{Location, S3Error};
use host_retention::{Candidate, Decision, Hold, Policy, Reason, decide};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::connect::Store;
use crate::copies::{Content, Copy};
use crate::names::{CopyName, MARKS, Source};
use crate::requests::AT_ONCE;
use crate::upload::ALIVE;
use crate::{FIRST_BYTE, StoreError};

/// The decisions of retention about the copies of one source.
#[derive(Clone, Debug)]
pub struct Verdicts {
    /// The source.
    pub source: Source,
    /// The decisions, the newest copy first.
    pub decisions: Vec<Decision<CopyName>>,
}

/// The decisions about all copies, and the objects that would be deleted.
#[derive(Debug)]
pub struct Plan {
    /// The decisions about all copies, by their sources.
    pub verdicts: Vec<Verdicts>,
    removals: Vec<Removal>,
    /// The references of the copies that the name alone does not tell apart.
    twins: BTreeMap<CopyName, String>,
}

/// A copy that goes, with its data.
#[derive(Debug)]
struct Removal {
    copy: Copy,
    data: Vec<String>,
}

/// The copies that were deleted.
#[derive(Debug, Default)]
pub struct Removed {
    /// The copies that are gone.
    pub copies: Vec<Copy>,
    /// How many bytes their data had, as far as the listing says.
    pub bytes: u64,
    /// The first error. The copies that it left are complete, or have no manifest any more.
    pub error: Option<StoreError>,
}

impl Plan {
    /// Returns the names of the copies that go.
    pub fn goes(&self) -> impl Iterator<Item = &CopyName> {
        self.removals.iter().map(|removal| &removal.copy.name)
    }

    /// Returns the reference that means no other copy of the store.
    #[must_use]
    pub fn reference(&self, name: &CopyName) -> String {
        let twin = self.twins.get(name).cloned();
        twin.unwrap_or_else(|| name.reference())
    }
}

impl Store {
    /// Decides by rule which copies go, among the sources that `counts` names. Nothing is deleted.
    ///
    /// # Errors
    /// When the rules keep nothing, or the store can't be listed.
    pub async fn plan(
        self: &Arc<Self>,
        policy: &Policy,
        zone: &TimeZone,
        now: Timestamp,
        counts: &(dyn Fn(&Source) -> bool + Sync),
    ) -> Result<Plan, StoreError> {
        policy.check()?;
        let content = self.content().await?;
        let alive = self.alive(&content).await?;
        let present = self.present(&content).await?;
        // A lock that seems to be over by one of the clocks may still be there by the other.
        let now_for_locks = self.now_for_locks(&content, now).await?;
        let mut groups: BTreeMap<Source, Vec<Candidate<CopyName>>> = BTreeMap::new();
        for copy in content.copies.iter().filter(|it| counts(&it.name.source)) {
            let candidate = candidate(copy, &present, &alive, now_for_locks);
            groups
                .entry(copy.name.source.clone())
                .or_default()
                .push(candidate);
        }
        let mut verdicts = Vec::new();
        for (source, candidates) in groups {
            let decisions = decide(candidates, policy, zone, now_for_locks)?;
            verdicts.push(Verdicts { source, decisions });
        }
        let goes: BTreeSet<_> = verdicts
            .iter()
            .flat_map(|it| &it.decisions)
            .filter(|it| !it.is_kept())
            .map(|it| it.key.clone())
            .collect();
        let going = content.copies.iter().filter(|it| goes.contains(&it.name));
        let going: Vec<_> = going.cloned().collect();
        let locked = self.locked_among(&going, now_for_locks).await?;
        for decision in verdicts.iter_mut().flat_map(|it| &mut it.decisions) {
            if let Some(until) = locked.get(&decision.key) {
                decision.reasons.push(Reason::Locked { until: *until });
            }
        }
        let going = going
            .into_iter()
            .filter(|it| !locked.contains_key(&it.name));
        let removals = self.removals(going.collect(), &content, &alive).await?;
        let twins = content.copies.iter().filter(|copy| copy.is_twin);
        let twins = twins.map(|copy| (copy.name.clone(), copy.reference()));
        Ok(Plan {
            verdicts,
            removals,
            twins: twins.collect(),
        })
    }

    /// Deletes what a plan names, except for copies that were pinned meanwhile.
    ///
    /// # Errors
    /// When the marks can't be read.
    pub async fn carry_out(&self, plan: Plan) -> Result<Removed, StoreError> {
        let marks = self.list(MARKS).await?;
        let pinned: BTreeSet<_> = marks.iter().map(|it| it.name.as_str()).collect();
        let is_pinned = |copy: &Copy| pinned.contains(&*copy.mark("pin"));
        let removals = plan.removals.into_iter().filter(|it| !is_pinned(&it.copy));
        Ok(self.remove_all(removals.collect()).await)
    }

    /// Deletes copies.
    ///
    /// # Errors
    /// When one of them is pinned, locked or under way. Then none is deleted.
    pub async fn remove(
        self: &Arc<Self>,
        names: &[CopyName],
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let content = self.content().await?;
        let alive = self.alive(&content).await?;
        let now = self.now_for_locks(&content, now).await?;
        let going = content.copies.iter().filter(|it| names.contains(&it.name));
        let going: Vec<_> = going.cloned().collect();
        let locked = self.locked_among(&going, now).await?;
        for copy in &going {
            let reference = copy.reference();
            if copy.marks.is_pinned {
                return Err(StoreError::Pinned {
                    copy: reference,
                    store: self.called().to_owned(),
                });
            }
            let until = copy.marks.locked_until.filter(|until| *until > now);
            if let Some(until) = until.or_else(|| locked.get(&copy.name).copied()) {
                return Err(StoreError::Locked {
                    copy: reference,
                    until: until.to_string(),
                });
            }
            if is_under_way(copy, &alive) {
                return Err(StoreError::UnderWay {
                    copy: reference,
                    store: self.called().to_owned(),
                });
            }
        }
        let removals = self.removals(going, &content, &alive).await?;
        Ok(self.remove_all(removals).await)
    }

    /// Returns the earlier one of two times: that of this machine, and that of the service if something is locked.
    async fn now_for_locks(
        &self,
        content: &Content,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let is_locked = content
            .copies
            .iter()
            .any(|copy| copy.marks.locked_until.is_some());
        if is_locked || self.settings().lock.is_some() {
            Ok(now.min(self.service_now().await?))
        } else {
            Ok(now)
        }
    }

    /// Returns the uploads that are under way, as `BACKUP-NONCE`.
    pub(crate) async fn alive(&self, content: &Content) -> Result<BTreeSet<String>, StoreError> {
        if content.open.is_empty() {
            return Ok(BTreeSet::new());
        }
        // Only the clock of the service counts: those of the machines may be wrong.
        let now = self.service_now().await?;
        let is_alive = |heard: Timestamp| now.duration_since(heard) < ALIVE;
        let alive = content.open.iter().filter(|it| is_alive(it.heard));
        Ok(alive.map(|it| it.name.clone()).collect())
    }

    /// Returns the ends of the locks that no mark names. A deletion of a locked object looks like a success, but
    /// only hides the object.
    async fn locked_among(
        &self,
        copies: &[Copy],
        now: Timestamp,
    ) -> Result<BTreeMap<CopyName, Timestamp>, StoreError> {
        let Some(s3) = self.s3() else {
            return Ok(BTreeMap::new());
        };
        if copies.is_empty() {
            return Ok(BTreeMap::new());
        }
        let is_forbidden = |error: &S3Error| matches!(error, S3Error::Refused { status: 403, .. });
        match s3.client.can_lock(&s3.bucket, FIRST_BYTE).await {
            Ok(false) => return Ok(BTreeMap::new()),
            Err(error) if !is_forbidden(&error) => return Err(error.into()),
            _ => {}
        }
        let look = |copy: &Copy| {
            let name = copy.name.clone();
            let object = copy.manifest_name();
            async move {
                let at = Location {
                    bucket: s3.bucket.clone(),
                    key: self.path(&object)?.to_string(),
                };
                let retention = match s3.client.retention(&at, FIRST_BYTE).await {
                    // Without the permission, the marks decide. A store that locks needs it.
                    Err(error) if is_forbidden(&error) && self.settings().lock.is_none() => None,
                    retention => retention?,
                };
                // A date that can't be read is no reason to delete.
                let until = retention.map(|it| it.until.parse().unwrap_or(Timestamp::MAX));
                Ok::<_, StoreError>(
                    until
                        .filter(|until| *until > now)
                        .map(|until| (name, until)),
                )
            }
        };
        let looks = stream::iter(copies.iter().map(look)).buffer_unordered(AT_ONCE);
        let found: Vec<_> = looks.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Finds the data of copies. If a backup has one copy, the names in the listing say which data are its own.
    /// Otherwise the manifests say it.
    async fn removals(
        self: &Arc<Self>,
        copies: Vec<Copy>,
        content: &Content,
        alive: &BTreeSet<String>,
    ) -> Result<Vec<Removal>, StoreError> {
        let mut of_backup: BTreeMap<String, usize> = BTreeMap::new();
        for copy in &content.copies {
            *of_backup.entry(copy.name.backup_key()).or_default() += 1;
        }
        let removal = |copy: Copy| {
            let key = copy.name.backup_key();
            let is_only = of_backup.get(&key) == Some(&1);
            let store = Arc::clone(self);
            async move {
                let data = if is_only {
                    let folders = content.folders_of(&key);
                    let folders = folders.filter(|(upload, _)| !alive.contains(*upload));
                    folders
                        .flat_map(|(_, objects)| objects.iter().map(|it| it.name.clone()))
                        .collect()
                } else {
                    match store.manifest(&copy).await {
                        Ok(manifest) => {
                            let files = manifest.files.into_iter();
                            files.map(|file| file.stored.object).collect()
                        }
                        // Its data become orphans, which `repair` finds.
                        Err(StoreError::BadManifest { .. } | StoreError::NoCopy { .. }) => {
                            Vec::new()
                        }
                        Err(error) => return Err(error),
                    }
                };
                Ok(Removal { copy, data })
            }
        };
        let found = stream::iter(copies.into_iter().map(removal)).buffered(AT_ONCE);
        found.try_collect().await
    }

    async fn remove_all(&self, removals: Vec<Removal>) -> Removed {
        let mut removed = Removed::default();
        let manifests: Vec<_> = removals.iter().map(|it| it.copy.manifest_name()).collect();
        let mut left = BTreeSet::new();
        if let Err((names, error)) = self.delete(&manifests).await {
            removed.error = Some(not_deleted(names.len(), manifests.len(), error));
            left = names;
        }
        let gone: Vec<_> = removals
            .into_iter()
            .filter(|it| !left.contains(&it.copy.manifest_name()))
            .collect();
        let data: Vec<_> = gone.iter().flat_map(|it| it.data.iter().cloned()).collect();
        let marks: Vec<_> = gone.iter().flat_map(|it| it.copy.marks()).collect();
        for names in [data, marks] {
            if let Err((left, error)) = self.delete(&names).await {
                let error = not_deleted(left.len(), names.len(), error);
                removed.error.get_or_insert(error);
            }
        }
        removed.bytes = gone.iter().map(|it| it.copy.name.size).sum();
        removed.copies = gone.into_iter().map(|it| it.copy).collect();
        removed
    }
}

pub(crate) fn not_deleted(count: usize, total: usize, source: StoreError) -> StoreError {
    StoreError::NotDeleted {
        count,
        total,
        source: Box::new(source),
    }
}

fn is_under_way(copy: &Copy, alive: &BTreeSet<String>) -> bool {
    let key = format!("{}-", copy.name.backup_key());
    alive.iter().any(|upload| upload.starts_with(&key))
}

fn candidate(
    copy: &Copy,
    present: &BTreeSet<CopyName>,
    alive: &BTreeSet<String>,
    now: Timestamp,
) -> Candidate<CopyName> {
    let locked = copy.marks.locked_until.filter(|until| *until > now);
    let holds = [
        copy.marks.is_pinned.then_some(Hold::Pinned),
        locked.map(|until| Hold::Locked { until }),
        is_under_way(copy, alive).then_some(Hold::UnderWay),
    ];
    Candidate {
        key: copy.name.clone(),
        time: copy.name.time,
        is_broken: !present.contains(&copy.name) || copy.marks.is_broken(),
        is_verified: copy.marks.is_verified(),
        holds: holds.into_iter().flatten().collect(),
    }
}
