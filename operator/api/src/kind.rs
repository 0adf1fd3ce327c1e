use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Backup, BackupStatus, Condition, Restore, RestoreStatus, RunStatus, Work};

/// A kind whose objects are runs.
pub trait RunKind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// The status of the kind.
    type Status: Clone + Debug + Default + DeserializeOwned + Serialize + Send + Sync;

    /// The name of the kind.
    const KIND: &'static str;

    /// Returns what the run works on.
    fn work(&self) -> &Work;

    /// Returns the status, if there is one.
    fn status(&self) -> Option<&Self::Status>;

    /// Returns the run in a status.
    fn run_in(status: &Self::Status) -> &RunStatus;

    /// Returns the run in a status, to change it.
    fn run_of(status: &mut Self::Status) -> &mut RunStatus;

    /// Returns the conditions in a status.
    fn conditions_in(status: &Self::Status) -> &[Condition];

    /// Returns the conditions in a status, to change them.
    fn conditions_of(status: &mut Self::Status) -> &mut Vec<Condition>;

    /// Copies what only the pod writes, besides the attempts and the progress.
    fn copy_results(from: &Self::Status, to: &mut Self::Status);

    /// Returns the run, if there is a status.
    fn run(&self) -> Option<&RunStatus> {
        self.status().map(Self::run_in)
    }

    /// Returns the run with its conditions. Without a status, nothing is known.
    fn known(&self) -> RunStatus {
        let Some(status) = self.status() else {
            return RunStatus::default();
        };
        RunStatus {
            conditions: Self::conditions_in(status).to_vec(),
            ..Self::run_in(status).clone()
        }
    }
}

impl RunKind for Backup {
    type Status = BackupStatus;

    const KIND: &'static str = "Backup";

    fn work(&self) -> &Work {
        &self.spec.work
    }

    fn status(&self) -> Option<&BackupStatus> {
        self.status.as_ref()
    }

    fn run_in(status: &BackupStatus) -> &RunStatus {
        &status.run
    }

    fn run_of(status: &mut BackupStatus) -> &mut RunStatus {
        &mut status.run
    }

    fn conditions_in(status: &BackupStatus) -> &[Condition] {
        &status.conditions
    }

    fn conditions_of(status: &mut BackupStatus) -> &mut Vec<Condition> {
        &mut status.conditions
    }

    fn copy_results(from: &BackupStatus, to: &mut BackupStatus) {
        to.task.clone_from(&from.task);
        to.backup_id.clone_from(&from.backup_id);
        to.details.clone_from(&from.details);
        to.copy.clone_from(&from.copy);
    }
}

impl RunKind for Restore {
    type Status = RestoreStatus;

    const KIND: &'static str = "Restore";

    fn work(&self) -> &Work {
        &self.spec.work
    }

    fn status(&self) -> Option<&RestoreStatus> {
        self.status.as_ref()
    }

    fn run_in(status: &RestoreStatus) -> &RunStatus {
        &status.run
    }

    fn run_of(status: &mut RestoreStatus) -> &mut RunStatus {
        &mut status.run
    }

    fn conditions_in(status: &RestoreStatus) -> &[Condition] {
        &status.conditions
    }

    fn conditions_of(status: &mut RestoreStatus) -> &mut Vec<Condition> {
        &mut status.conditions
    }

    fn copy_results(from: &RestoreStatus, to: &mut RestoreStatus) {
        to.task.clone_from(&from.task);
        to.backup_id.clone_from(&from.backup_id);
        to.outcome_unknown = from.outcome_unknown;
    }
}
