//! The watches and controllers of the kinds for Kafka.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use operator_api::{
    KafkaBackup, KafkaBackupValidation, KafkaOffsetReset, KafkaOffsetRollback, KafkaRestore,
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{Control, drive, job_controller};
use crate::changes::Changes;
use crate::context::{Context, SeenKafka};
use crate::groups::Grouped;
use crate::kafka::{self, Kafka, Kind, WorkerSettings};

/// The objects of `kafka.oso.sh`, as far as their watches show them.
pub(super) struct WatchedKafka {
    settings: WorkerSettings,
    backups: Changes<KafkaBackup>,
    restores: Changes<KafkaRestore>,
    resets: Changes<KafkaOffsetReset>,
    rollbacks: Changes<KafkaOffsetRollback>,
    validations: Changes<KafkaBackupValidation>,
}

impl WatchedKafka {
    /// Watches the objects, if they are worked on.
    pub(super) fn watch(control: &Control, tasks: &mut JoinSet<String>) -> Option<Self> {
        let settings = control.kafka.clone()?;
        Some(Self {
            settings,
            backups: control.watch_foreign(tasks),
            restores: control.watch_foreign(tasks),
            resets: control.watch_foreign(tasks),
            rollbacks: control.watch_foreign(tasks),
            validations: control.watch_foreign(tasks),
        })
    }

    pub(super) fn seen(&self) -> SeenKafka {
        SeenKafka {
            backups: self.backups.objects().clone(),
            restores: self.restores.objects().clone(),
            resets: self.resets.objects().clone(),
            rollbacks: self.rollbacks.objects().clone(),
            validations: self.validations.objects().clone(),
        }
    }

    /// Begins to work on them.
    pub(super) fn work(
        self,
        jobs: &Changes<Job>,
        pods: &Changes<Pod>,
        context: &Arc<Context>,
        tasks: &mut JoinSet<String>,
    ) {
        let work = Work {
            jobs,
            pods,
            kafka: Arc::new(Kafka::new(Arc::clone(context), self.settings)),
        };
        work.on(&self.backups, tasks);
        work.on(&self.restores, tasks);
        work.on(&self.resets, tasks);
        work.on(&self.rollbacks, tasks);
        work.on(&self.validations, tasks);
    }
}

/// The parts that the controllers share.
struct Work<'a> {
    jobs: &'a Changes<Job>,
    pods: &'a Changes<Pod>,
    kafka: Arc<Kafka>,
}

impl Work<'_> {
    /// Begins to work on the objects of a kind.
    fn on<K>(&self, objects: &Changes<K>, tasks: &mut JoinSet<String>)
    where
        K: Kind + Grouped + DeserializeOwned + std::fmt::Debug + Send + Sync,
        K::Status: Send + Sync,
    {
        let wakes = K::wakes(&self.kafka.wakes);
        let controller = job_controller(objects, self.jobs, self.pods, wakes);
        tasks.spawn(drive(controller, kafka::reconcile::<K>, &self.kafka));
    }
}
