use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use operator_api::{Backup, DeletionPolicy, ScheduledBy, VerifyMode, job_name};

use super::Run;
use crate::context::Context;
use crate::error::OperatorError;
use crate::job::{KEPT, Plan, create_job};
use crate::owner::owner;
use crate::wakes::Wakes;

/// The finalizer of backups whose copy is deleted with them.
const FINALIZER: &str = "kubectl-broker.io/copy";
/// How long the deletion of a copy may hold up that of its object.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// Longest time of one attempt to delete a copy, in seconds.
const DELETION: i64 = 300;

impl Run for Backup {
    fn store(&self, _: &Context) -> Option<String> {
        self.spec.store.as_ref().map(|it| it.name.clone())
    }

    fn decrypts(&self) -> bool {
        self.spec.verify == VerifyMode::Deep
    }

    fn schedule(&self) -> Option<&ScheduledBy> {
        self.spec.schedule.as_ref()
    }

    fn copied(&self) -> Option<i64> {
        Some(self.status.as_ref()?.copy.as_ref()?.bytes)
    }

    fn wakes(context: &Context) -> &Wakes {
        &context.wakes.backups
    }

    fn last_will(&self) -> Option<&'static str> {
        let is_held = self.finalizers().iter().any(|it| it == FINALIZER);
        let deletes = self.spec.deletion_policy == DeletionPolicy::Delete;
        (deletes || is_held).then_some(FINALIZER)
    }

    /// Deletes the copy with a Job of its own. A namespace that is going, a store that is gone, and a deletion that takes
    /// too long don't hold up the object.
    async fn cleanup(&self, context: &Context) -> Result<bool, OperatorError> {
        let copy = self.status.as_ref().and_then(|it| it.copy.as_ref());
        let Some(copy) = copy.filter(|_| self.spec.deletion_policy == DeletionPolicy::Delete)
        else {
            return Ok(true);
        };
        let namespace = self.namespace().unwrap_or_default();
        let give_up = async |reason: &str| {
            let note = format!("the copy {} stays in the store: {reason}", copy.reference);
            context.tell(self, EventType::Warning, "CopyKept", &note);
            Ok(true)
        };
        let namespaces: Api<Namespace> = Api::all(context.client.clone());
        let found = namespaces.get_opt(&namespace).await?;
        let phase = found.and_then(|it| it.status).and_then(|it| it.phase);
        if phase.as_deref() == Some("Terminating") {
            return give_up("the namespace is being deleted").await;
        }
        let deleted = self.metadata.deletion_timestamp.as_ref();
        let end = deleted.map_or(context.clock.now(), |it| it.0 + PATIENCE);
        if context.clock.now() >= end {
            return give_up("it could not be deleted within an hour").await;
        }
        let key = ObjectRef::new(&copy.store).within(&namespace);
        let Some(store) = context.seen.stores.get(&key) else {
            return give_up("its BackupStore does not exist").await;
        };
        let name = job_name("delete", &self.name_any());
        let jobs: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
        if let Some(job) = jobs.get_opt(&name).await? {
            let conditions = job.status.and_then(|it| it.conditions).unwrap_or_default();
            let holds = |type_: &str| {
                conditions
                    .iter()
                    .any(|it| it.type_ == type_ && it.status == "True")
            };
            if holds("Failed") {
                let hint = format!("its Job failed; see kubectl logs job/{name}");
                return give_up(&hint).await;
            }
            return Ok(holds("Complete"));
        }
        let plan = Plan {
            name,
            namespace,
            owner: owner(self)?,
            arguments: [
                "store",
                "rm",
                &format!("backupstore/{}", copy.store),
                &copy.reference,
                "--yes",
            ]
            .map(str::to_owned)
            .into(),
            settings: self.spec.work.job.as_deref(),
            work: None,
            store: Some(&store),
            decrypts: false,
            timeout: DELETION,
            retries: 3,
            kept: KEPT,
        };
        let uid = self.uid().unwrap_or_default();
        create_job(context, &plan, &uid).await?;
        Ok(false)
    }
}
