//! The facts that the page shows, of the objects that the watches keep. Only references to objects are copied, so a watch never
//! waits for a reader.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::reflector::Store;
use operator_api::{
    Backup, BackupSchedule, BackupStore, Fault, Phase, Restore, RunKind, RunStatus,
};

use crate::context::Seen;
use crate::page::health::Health;
use crate::page::query::{Paging, Query};

/// One run, as the page shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunFacts<'a> {
    pub(crate) name: &'a str,
    /// Where it stands in time: the tick of its schedule, or when it began.
    pub(crate) time: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) status: Option<&'a RunStatus>,
    /// Size of its copy.
    pub(crate) bytes: Option<i64>,
}

impl<'a> RunFacts<'a> {
    /// Returns the facts of a backup.
    pub(crate) fn of(backup: &'a Backup) -> Self {
        let status = backup.run();
        let by = backup.spec.schedule.as_ref().map(|it| it.time);
        let time = by
            .or_else(|| status?.started_at)
            .or_else(|| Some(backup.metadata.creation_timestamp.as_ref()?.0));
        let copy = backup.status.as_ref().and_then(|it| it.copy.as_ref());
        Self {
            name: backup.metadata.name.as_deref().unwrap_or_default(),
            time: time.unwrap_or_default(),
            phase: phase(status),
            status,
            bytes: copy.map(|it| it.bytes),
        }
    }

    #[cfg(test)]
    pub(crate) const fn at(time: Timestamp) -> Self {
        Self {
            name: "",
            time,
            phase: Phase::Succeeded,
            status: None,
            bytes: None,
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.phase.is_terminal() && self.phase != Phase::Succeeded
    }

    pub(crate) fn failure(&self) -> Option<&'a Fault> {
        self.status?.failure.as_ref()
    }
}

pub(crate) fn phase(status: Option<&RunStatus>) -> Phase {
    status.and_then(|it| it.phase).unwrap_or_default()
}

/// A kind of this page.
pub(crate) trait RunLike:
    kube::Resource<DynamicType = ()> + Clone + Send + Sync + 'static
{
}

impl<K: kube::Resource<DynamicType = ()> + Clone + Send + Sync + 'static> RunLike for K {}

/// Returns the objects of a kind that are in the namespace of a query, by namespace and name.
fn objects<K: RunLike>(store: &Store<K>, query: &Query) -> Vec<Arc<K>> {
    let mut found = store.state();
    if let Some(namespace) = &query.namespace {
        found.retain(|it| it.meta().namespace.as_ref() == Some(namespace));
    }
    found.sort_by(|a, b| {
        let key = |it: &Arc<K>| (it.meta().namespace.clone(), it.meta().name.clone());
        key(a).cmp(&key(b))
    });
    found
}

/// The content of an overview.
pub(crate) struct Overview {
    /// The schedules on the page.
    pub(crate) schedules: Vec<Arc<BackupSchedule>>,
    pub(crate) paging: Paging,
    /// Number of schedules of each health in the namespace.
    pub(crate) counts: Vec<(Health, usize)>,
    /// The runs of the schedules on the page, by the schedule's uid and oldest first.
    pub(crate) runs: HashMap<String, Vec<Arc<Backup>>>,
    pub(crate) open_backups: Vec<Arc<Backup>>,
    pub(crate) stores: Vec<Arc<BackupStore>>,
    /// Newest first.
    pub(crate) restores: Vec<Arc<Restore>>,
}

impl Overview {
    pub(crate) fn of(seen: &Seen, query: &Query) -> Self {
        let mut schedules = objects(&seen.schedules, query);
        let counts = Health::ALL.map(|health| {
            let same = schedules.iter().filter(|it| Health::of(it).0 == health);
            (health, same.count())
        });
        if let Some(health) = query.health {
            schedules.retain(|it| Health::of(it).0 == health);
        }
        let paging = Paging::of(schedules.len(), query.page);
        schedules.truncate(paging.end);
        schedules.drain(..paging.start);
        let backups = seen.backups.state();
        let mut runs: HashMap<String, Vec<Arc<Backup>>> = HashMap::new();
        for uid in schedules.iter().filter_map(|it| it.metadata.uid.as_ref()) {
            runs.insert(uid.clone(), Vec::new());
        }
        let mut open_backups = Vec::new();
        for backup in backups {
            let by = backup.spec.schedule.as_ref();
            if let Some(list) = by.and_then(|by| runs.get_mut(&by.uid)) {
                list.push(Arc::clone(&backup));
            }
            let is_here = query.namespace.is_none() || backup.metadata.namespace == query.namespace;
            if is_here && !phase(backup.run()).is_terminal() {
                open_backups.push(backup);
            }
        }
        for list in runs.values_mut() {
            list.sort_by_key(|it| RunFacts::of(it).time);
        }
        open_backups.sort_by_key(|it| RunFacts::of(it).time);
        let mut restores = objects(&seen.restores, query);
        restores.sort_by_key(|it| std::cmp::Reverse(it.creation_timestamp()));
        Self {
            schedules,
            paging,
            counts: counts.to_vec(),
            runs,
            open_backups,
            stores: objects(&seen.stores, query),
            restores,
        }
    }

    /// Returns the runs of a schedule on the page, oldest first.
    pub(crate) fn runs_of(&self, schedule: &BackupSchedule) -> Vec<RunFacts<'_>> {
        let uid = schedule.metadata.uid.as_ref();
        let found = uid.and_then(|uid| self.runs.get(uid));
        let found = found.map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|it| RunFacts::of(it)).collect()
    }
}

/// Finds a schedule and its runs, oldest first.
pub(crate) fn schedule(
    seen: &Seen,
    namespace: &str,
    name: &str,
) -> Option<(Arc<BackupSchedule>, Vec<Arc<Backup>>)> {
    let key = kube::runtime::reflector::ObjectRef::new(name).within(namespace);
    let schedule = seen.schedules.get(&key)?;
    let uid = schedule.metadata.uid.as_deref();
    let mut runs = seen.backups.state();
    runs.retain(|it| it.spec.schedule.as_ref().map(|by| &*by.uid) == uid && uid.is_some());
    runs.sort_by_key(|it| RunFacts::of(it).time);
    Some((schedule, runs))
}
