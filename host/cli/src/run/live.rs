//! The object of a run in the cluster, and what its pod writes into it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker_manifest::ObjectKind;
use host_cluster::{Cluster, ClusterError, ObjectPatch, ObjectScope, ObjectType};
use jiff::Timestamp;
use operator_api::{Attempt, Fault, GROUP, Progress, RunKind, VERSION, Work, status_patch};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::{fault, request};
use crate::error::CliError;
use crate::ui::Ui;

/// How often a pod says that it works.
const BEAT: Duration = Duration::from_secs(15);
/// How often a result is written again if the API server does not answer, and how long the pauses are.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_secs(5);

/// Stands for the task of work while its request is on the way. An attempt that finds it does not know whether the backend
/// got the request.
pub(super) const SENT: &str = "sent";

/// Bytes that were moved, of how many. Zero means unknown.
#[derive(Debug, Default)]
pub(super) struct Moved {
    done: AtomicU64,
    total: AtomicU64,
}

impl Moved {
    pub(super) fn set(&self, done: u64, total: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    fn get(&self) -> (Option<i64>, Option<i64>) {
        let number = |it: &AtomicU64| {
            let number = it.load(Ordering::Relaxed);
            i64::try_from(number).ok().filter(|number| *number > 0)
        };
        (number(&self.done), number(&self.total))
    }
}

/// Reads an object of the operator.
pub(crate) async fn read<K: DeserializeOwned>(
    cluster: &Cluster,
    kind: &str,
    name: &str,
) -> Result<(ObjectType, K), CliError> {
    let kind = ObjectKind {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        kind: kind.to_owned(),
    };
    let ty = cluster
        .object_type(&kind, &ObjectScope::Command)
        .await
        .map_err(host_driver::OpsError::from)?;
    let object = cluster
        .get_object(&ty, name)
        .await
        .map_err(host_driver::OpsError::from)?;
    let object = serde_json::from_value(object).map_err(|error| CliError::BadObject {
        object: format!("{}/{name}", ty.name()),
        reason: error.to_string(),
    })?;
    Ok((ty, object))
}

/// An object whose status this pod writes.
pub(super) struct Live<K: RunKind> {
    cluster: Cluster,
    ty: ObjectType,
    name: String,
    uid: String,
    ui: Ui,
    pod: String,
    pub(super) moved: Arc<Moved>,
    /// The status as this process knows it, and the step under way.
    known: Mutex<(K::Status, String)>,
}

impl<K: RunKind> Live<K> {
    /// Begins an attempt on an object.
    pub(super) async fn begin(
        cluster: Cluster,
        ty: ObjectType,
        object: &K,
        ui: Ui,
    ) -> Result<Self, CliError> {
        let meta = object.meta();
        let pod = std::env::var("POD_NAME").ok().filter(|it| !it.is_empty());
        let live = Self {
            cluster,
            ty,
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            ui,
            pod: pod.unwrap_or_else(host_driver::person),
            moved: Arc::default(),
            known: Mutex::new((object.status().cloned().unwrap_or_default(), String::new())),
        };
        let attempt = Attempt {
            pod: live.pod.clone(),
            started_at: Timestamp::now(),
            finished_at: None,
            failure: None,
        };
        live.update("prepare", |status| {
            let attempts = &mut K::run_of(status).attempts;
            // A container that the kubelet starts again is the same pod.
            attempts.retain(|it| it.pod != attempt.pod);
            attempts.push(attempt);
        })
        .await?;
        Ok(live)
    }

    /// Begins a step.
    pub(super) async fn step(&self, step: &str) -> Result<(), CliError> {
        self.moved.set(0, None);
        self.update(step, |_| ()).await
    }

    /// Changes the status, until the API server has taken it.
    pub(super) async fn update(
        &self,
        step: &str,
        change: impl FnOnce(&mut K::Status),
    ) -> Result<(), CliError> {
        let mut known = self.known.lock().await;
        step.clone_into(&mut known.1);
        let mut wanted = known.0.clone();
        change(&mut wanted);
        self.beat_in(&mut wanted, step);
        let mut tries = 0;
        loop {
            let Err(error) = self.write(&mut known.0, &wanted).await else {
                return Ok(());
            };
            tries += 1;
            // A lost connection may come back, and a conflict with a write of the operator ends.
            let is_gone = matches!(error, ClusterError::Api { status: 404, .. });
            let may_pass = !is_gone && !matches!(error, ClusterError::Forbidden { .. });
            if tries == TRIES || !may_pass {
                return Err(host_driver::OpsError::from(error).into());
            }
            self.ui
                .note(&format!("The status can't be written: {error}"));
            tokio::time::sleep(PAUSE).await;
            self.refresh(&mut known.0, &mut wanted).await;
        }
    }

    /// Reads the status again, and keeps what this pod wants to write.
    async fn refresh(&self, known: &mut K::Status, wanted: &mut K::Status) {
        let Ok((_, fresh)) = read::<K>(&self.cluster, K::KIND, &self.name).await else {
            return;
        };
        let mut fresh = fresh.status().cloned().unwrap_or_default();
        known.clone_from(&fresh);
        // The fields that only the pod writes.
        let run = K::run_of(wanted).clone();
        let of_run = K::run_of(&mut fresh);
        of_run.attempts = run.attempts;
        of_run.progress = run.progress;
        K::copy_results(wanted, &mut fresh);
        *wanted = fresh;
    }

    fn beat_in(&self, status: &mut K::Status, step: &str) {
        let (bytes, total_bytes) = self.moved.get();
        K::run_of(status).progress = Some(Progress {
            step: step.to_owned(),
            bytes,
            total_bytes,
            heartbeat_time: Some(Timestamp::now()),
        });
    }

    async fn write(&self, known: &mut K::Status, wanted: &K::Status) -> Result<(), ClusterError> {
        let Ok(Some(patch)) = status_patch(&self.uid, Some(&*known), wanted) else {
            return Ok(());
        };
        let patch = serde_json::to_vec(&patch).unwrap_or_default();
        let patch = ObjectPatch::Json(patch);
        self.cluster
            .patch_object(&self.ty, &self.name, patch, true, false)
            .await?;
        known.clone_from(wanted);
        Ok(())
    }

    /// Works, and says every few seconds that it does. An API server that is away for a while does not stop the work.
    async fn beating<T>(&self, work: impl Future<Output = T>) -> T {
        let beats = async {
            loop {
                tokio::time::sleep(BEAT).await;
                let mut known = self.known.lock().await;
                let step = known.1.clone();
                let mut wanted = known.0.clone();
                self.beat_in(&mut wanted, &step);
                if let Err(error) = self.write(&mut known.0, &wanted).await {
                    self.ui
                        .note(&format!("The progress can't be written: {error}"));
                    let (known, _) = &mut *known;
                    let mut unused = wanted;
                    self.refresh(known, &mut unused).await;
                }
            }
        };
        tokio::select! {
            result = work => result,
            () = beats => unreachable!("the beats have no end"),
        }
    }

    /// Works within the time of an attempt, and writes the result into the status.
    pub(super) async fn attempt(
        &self,
        settings: &Work,
        work: impl Future<Output = Result<(), CliError>>,
    ) -> Result<(), CliError> {
        let timed = tokio::time::timeout(request::timeout(settings), work);
        let result = match self.beating(timed).await {
            Ok(result) => result,
            Err(_) => Err(CliError::RunTimedOut {
                timeout: settings.timeout.clone(),
            }),
        };
        self.end(result.as_ref().err().map(fault)).await?;
        result
    }

    /// Ends the attempt.
    async fn end(&self, failure: Option<Fault>) -> Result<(), CliError> {
        let step = self.known.lock().await.1.clone();
        self.update(&step, |status| {
            let attempts = &mut K::run_of(status).attempts;
            if let Some(attempt) = attempts.iter_mut().find(|it| it.pod == self.pod) {
                attempt.finished_at = Some(Timestamp::now());
                attempt.failure = failure;
            }
        })
        .await
    }
}
