//! The files in pods, and the programs that run on them.

mod commands;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

pub use commands::{Outcome, Process};

use volume::Volume;

use crate::backend::PodAddress;
use crate::backend::hivemq::{BackupState, Hivemq};
use crate::backend::sidecar::Sidecar;

/// HiveMQ's default folder for backups, if no environment variable names another.
pub const BACKUP_FOLDER: &str = "/opt/hivemq/backup";

/// The files of all pods. Clones share them.
///
/// Every backup of HiveMQ is a folder on exactly one pod, from its start. If the sidecar of a pod knows the
/// backup, it is that pod.
#[derive(Debug, Clone, Default)]
pub struct PodFiles {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    pods: BTreeMap<PodAddress, Pod>,
    /// The clusters whose backups are stored in pods, by namespace.
    hivemq: BTreeMap<String, (Hivemq, Option<Sidecar>)>,
    /// The backups that were stored in pods, so that a moved backup doesn't come back.
    placed: BTreeMap<(String, String), PodAddress>,
}

#[derive(Debug)]
struct Pod {
    folder: String,
    volume: Volume,
}

impl PodFiles {
    /// Gives a pod files, and creates the folder of its cluster's backups.
    pub(crate) fn add(
        &self,
        pod: &PodAddress,
        folder: &str,
        hivemq: &Hivemq,
        sidecar: Option<&Sidecar>,
    ) {
        self.with(|state| {
            let clusters = &mut state.hivemq;
            clusters.insert(pod.namespace.clone(), (hivemq.clone(), sidecar.cloned()));
            let folder = folder.to_owned();
            let volume = Volume::new(&folder);
            state.pods.insert(pod.clone(), Pod { folder, volume });
        });
    }

    /// Returns whether a pod has this file or folder.
    pub fn exists(&self, pod: &PodAddress, path: &str) -> bool {
        self.with(|state| {
            state.bring_backups(&pod.namespace);
            let pod = state.pods.get(pod);
            pod.is_some_and(|pod| pod.volume.get(path).is_some())
        })
    }

    /// Runs a program in a pod; `free` is the free space on its disks, if a test sets it.
    pub(crate) fn run(&self, pod: &PodAddress, process: &Process, free: Option<u64>) -> Outcome {
        self.with(|state| {
            state.bring_backups(&pod.namespace);
            match state.pods.get_mut(pod) {
                Some(pod) => {
                    pod.volume.set_free(free);
                    commands::run(process, &mut pod.volume)
                }
                // A pod that a test added has programs, but no files.
                None => commands::run(process, &mut Volume::new(BACKUP_FOLDER)),
            }
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn bring_backups(&mut self, namespace: &str) {
        let Some((hivemq, sidecar)) = self.hivemq.get(namespace) else {
            return;
        };
        let pods: BTreeSet<PodAddress> = self
            .pods
            .keys()
            .filter(|pod| pod.namespace == namespace)
            .cloned()
            .collect();
        for backup in hivemq.backups() {
            if backup.state == BackupState::Failed {
                continue;
            }
            let id = &backup.id;
            let known = |pod: &&PodAddress| {
                sidecar
                    .iter()
                    .flat_map(|it| it.local(pod))
                    .any(|e| e.name == *id)
            };
            let sum: usize = id.bytes().map(usize::from).sum();
            let any = pods.iter().nth(sum % pods.len().max(1));
            let Some(home) = pods.iter().find(known).or(any) else {
                return;
            };
            let key = (namespace.to_owned(), id.clone());
            let new = !self.placed.contains_key(&key);
            let home = self.placed.entry(key).or_insert_with(|| home.clone());
            if let Some(pod) = self.pods.get_mut(home) {
                let folder = format!("{}/{id}", pod.folder);
                if new {
                    pod.volume.put_folder(&folder);
                }
                if let Some(bytes) = backup.bytes
                    && pod.volume.get(&folder).is_some()
                {
                    pod.volume.put_file(&format!("{folder}/{id}.backup"), bytes);
                }
            }
        }
    }
}
