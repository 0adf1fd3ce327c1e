//! Objects by what the controllers look for: the runs of a schedule, the runs that have not ended, the pods of a Job.
//!
//! A look at one object must not walk over all others. With many schedules there are a hundred thousand runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, ResourceExt as _};
use operator_api::{
    Backup, BackupRequest, BackupSchedule, BackupStore, JobSettings, KafkaBackup,
    KafkaBackupValidation, KafkaOffsetReset, KafkaOffsetRollback, KafkaRestore, LABEL_OBJECT,
    Restore, RestoreRequest, RunKind,
};

/// A property that several objects of a kind share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// The run has not ended.
    Open,
    /// A schedule made the run.
    OfSchedule { namespace: String, uid: String },
    /// The pod belongs to a Job.
    OfJob { namespace: String, job: String },
}

/// A kind whose objects may be looked for by group.
pub(crate) trait Grouped: Resource<DynamicType = ()> + Clone + 'static {
    /// Whether labels decide about the groups. Otherwise nothing reads the labels.
    const BY_LABELS: bool = false;

    /// Returns the groups of the object.
    fn groups(&self) -> Vec<Group> {
        Vec::new()
    }

    /// Returns the settings of Jobs that other objects may have alike.
    fn settings_mut(&mut self) -> Option<&mut Arc<JobSettings>> {
        None
    }
}

impl Grouped for BackupSchedule {
    fn settings_mut(&mut self) -> Option<&mut Arc<JobSettings>> {
        self.spec.work.job.as_mut()
    }
}

impl Grouped for BackupRequest {}
impl Grouped for RestoreRequest {}
impl Grouped for BackupStore {}
impl Grouped for KafkaBackup {}
impl Grouped for KafkaRestore {}
impl Grouped for KafkaOffsetReset {}
impl Grouped for KafkaOffsetRollback {}
impl Grouped for KafkaBackupValidation {}
impl Grouped for Job {}

impl Grouped for Backup {
    fn groups(&self) -> Vec<Group> {
        let by = self.spec.schedule.as_ref().map(|by| Group::OfSchedule {
            namespace: self.namespace().unwrap_or_default(),
            uid: by.uid.clone(),
        });
        open(self).into_iter().chain(by).collect()
    }

    fn settings_mut(&mut self) -> Option<&mut Arc<JobSettings>> {
        self.spec.work.job.as_mut()
    }
}

impl Grouped for Restore {
    fn groups(&self) -> Vec<Group> {
        open(self).into_iter().collect()
    }

    fn settings_mut(&mut self) -> Option<&mut Arc<JobSettings>> {
        self.spec.work.job.as_mut()
    }
}

impl Grouped for Pod {
    const BY_LABELS: bool = true;

    fn groups(&self) -> Vec<Group> {
        let job = self.labels().get(LABEL_OBJECT).map(|job| Group::OfJob {
            namespace: self.namespace().unwrap_or_default(),
            job: job.clone(),
        });
        job.into_iter().collect()
    }
}

fn open<R: RunKind>(run: &R) -> Option<Group> {
    let phase = run.run().and_then(|it| it.phase).unwrap_or_default();
    (!phase.is_terminal()).then_some(Group::Open)
}

/// The objects of one kind by their groups. Clones share them.
pub(crate) struct Groups<K> {
    /// Each list is sorted by namespace and name. One pointer per object takes less memory than a map would.
    lists: Arc<RwLock<HashMap<Group, Vec<Arc<K>>>>>,
}

impl<K> Clone for Groups<K> {
    fn clone(&self) -> Self {
        Self {
            lists: Arc::clone(&self.lists),
        }
    }
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self {
            lists: Arc::default(),
        }
    }
}

impl<K: Grouped> Groups<K> {
    /// Returns the objects of a group.
    pub(crate) fn of(&self, group: &Group) -> Vec<Arc<K>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(group).cloned().unwrap_or_default()
    }

    /// Takes in that an object is new, has changed or is gone.
    pub(crate) fn change(&self, before: Option<&Arc<K>>, now: Option<&Arc<K>>) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = before.map(|it| it.groups()).unwrap_or_default();
        if let Some(now) = now {
            for group in now.groups() {
                left.retain(|it| *it != group);
                let list = lists.entry(group).or_default();
                match place(list, now) {
                    Ok(place) => list[place] = Arc::clone(now),
                    Err(place) => list.insert(place, Arc::clone(now)),
                }
            }
        }
        let Some(before) = before else {
            return;
        };
        for group in left {
            let Some(list) = lists.get_mut(&group) else {
                continue;
            };
            if let Ok(place) = place(list, before) {
                list.remove(place);
            }
            if list.is_empty() {
                lists.remove(&group);
            }
        }
    }

    /// Takes in all objects, in place of those before.
    pub(crate) fn replace(&self, mut all: Vec<Arc<K>>) {
        all.sort_by(|a, b| key(&**a).cmp(&key(&**b)));
        let mut new: HashMap<Group, Vec<Arc<K>>> = HashMap::new();
        for object in all {
            for group in object.groups() {
                new.entry(group).or_default().push(Arc::clone(&object));
            }
        }
        for list in new.values_mut() {
            list.shrink_to_fit();
        }
        *self.lists.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

/// Returns the place of an object in a list, or the place where it belongs.
fn place<K: Grouped>(list: &[Arc<K>], object: &K) -> Result<usize, usize> {
    list.binary_search_by(|other| key(&**other).cmp(&key(object)))
}

fn key<K: Grouped>(object: &K) -> (Option<&str>, Option<&str>) {
    let meta = object.meta();
    (meta.namespace.as_deref(), meta.name.as_deref())
}

#[cfg(test)]
mod tests {
    use operator_api::{BackupSpec, BackupStatus, Phase, RunStatus, ScheduledBy};
    use serde_json::json;

    use super::*;

    fn run(namespace: &str, name: &str, schedule: &str, phase: Phase) -> Arc<Backup> {
        let spec = serde_json::from_value(json!({"engine": {"name": "hivemq"}}));
        let mut spec: BackupSpec = spec.expect("a spec");
        spec.schedule = Some(ScheduledBy {
            name: "nightly".to_owned(),
            uid: schedule.to_owned(),
            time: jiff::Timestamp::UNIX_EPOCH,
        });
        let mut backup = Backup::new(name, spec);
        backup.metadata.namespace = Some(namespace.to_owned());
        backup.status = Some(BackupStatus {
            run: RunStatus {
                phase: Some(phase),
                ..RunStatus::default()
            },
            ..BackupStatus::default()
        });
        Arc::new(backup)
    }

    fn names(groups: &Groups<Backup>, group: &Group) -> Vec<String> {
        let found = groups.of(group);
        found
            .iter()
            .map(|it| format!("{}/{}", it.namespace().unwrap_or_default(), it.name_any()))
            .collect()
    }

    fn of_schedule(namespace: &str, uid: &str) -> Group {
        Group::OfSchedule {
            namespace: namespace.to_owned(),
            uid: uid.to_owned(),
        }
    }

    #[test]
    fn objects_enter_and_leave_their_groups() {
        let groups = Groups::default();
        let running = run("prod", "b", "u", Phase::Running);
        let other = run("prod", "a", "u", Phase::Queued);
        groups.change(None, Some(&running));
        groups.change(None, Some(&other));
        // A namespace may name the schedule of another one, and must gain nothing by that.
        let foreign = run("test", "a", "u", Phase::Running);
        groups.change(None, Some(&foreign));
        assert_eq!(names(&groups, &Group::Open), ["prod/a", "prod/b", "test/a"]);
        assert_eq!(
            names(&groups, &of_schedule("prod", "u")),
            ["prod/a", "prod/b"]
        );
        assert_eq!(names(&groups, &of_schedule("test", "u")), ["test/a"]);

        let ended = run("prod", "b", "u", Phase::Succeeded);
        groups.change(Some(&running), Some(&ended));
        assert_eq!(names(&groups, &Group::Open), ["prod/a", "test/a"]);
        let found = groups.of(&of_schedule("prod", "u"));
        assert!(
            found.iter().any(|it| Arc::ptr_eq(it, &ended)),
            "the newest state"
        );

        groups.change(Some(&ended), None);
        groups.change(Some(&other), None);
        assert_eq!(names(&groups, &of_schedule("prod", "u")), [""; 0]);
        assert_eq!(names(&groups, &Group::Open), ["test/a"]);
        groups.change(Some(&foreign), None);
        assert!(
            groups.lists.read().expect("no panic").is_empty(),
            "no empty list stays"
        );
    }

    #[test]
    fn a_new_list_of_all_objects_replaces_the_groups() {
        let groups = Groups::default();
        groups.change(None, Some(&run("prod", "gone", "u", Phase::Running)));
        groups.replace(vec![
            run("prod", "b", "u", Phase::Running),
            run("prod", "a", "u", Phase::Lost),
        ]);
        assert_eq!(names(&groups, &Group::Open), ["prod/b"]);
        assert_eq!(
            names(&groups, &of_schedule("prod", "u")),
            ["prod/a", "prod/b"]
        );
    }
}
