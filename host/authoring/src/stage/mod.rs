//! A stage for an engine: the real sandbox with a script instead of a cluster.

mod answer;
mod objects;
mod outside;
mod saving;
mod silence;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::Saves;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{
    Answer, Commands, Ended, GrantedCommand, GrantedObjects, Network, Outgoing, SavedFile,
    SelectedObjects, Services, TargetInfo, WatchedObjects,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

pub(super) use answer::{Ending, Reply};
pub(super) use objects::Asked;
pub(super) use outside::{Beyond, Found};

/// The namespace of the command in every case, and of objects for which the manifest names no other one.
pub(super) const NAMESPACE: &str = "default";
/// The StatefulSet of the command in every case.
const STATEFUL_SET: &str = "broker";
/// The maximum number of requests, commands, pod lists and object accesses of one call that get a response.
/// An engine that asks more often counts as endless.
const MAX_ASKED: usize = 1000;

/// Plays the backend. It receives only requests and commands that the manifest grants.
pub(super) trait Script: Send + Sync {
    fn request(&self, request: &Outgoing) -> Reply;

    /// Returns the running pods of the target.
    fn pods(&self) -> Result<Vec<String>, Report>;

    fn command(&self, pod: &str, command: &GrantedCommand) -> Result<Ended, Report>;

    /// Returns the result of an access to Kubernetes objects: the objects that were read, or the changed one.
    fn objects(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report>;

    fn watch(
        &self,
        of: &GrantedObjects,
        selected: SelectedObjects,
    ) -> Result<Box<dyn WatchedObjects>, Report>;

    /// Returns the result of an access to services outside the cluster.
    fn outside(&self, asked: Beyond) -> Result<Found, Report>;
}

/// The record of an engine's actions on a stage.
#[derive(Default)]
pub(super) struct Seen {
    asked: AtomicUsize,
    warnings: Mutex<Vec<String>>,
    saved: Mutex<Vec<SavedFile>>,
}

/// One call of an engine with a script.
pub(super) struct Stage {
    script: Arc<dyn Script>,
    seen: Arc<Seen>,
}

impl Seen {
    /// Returns how often the engine asked for something.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns true if the engine asked too often.
    pub(super) fn is_endless(&self) -> bool {
        self.asked() > MAX_ASKED
    }

    pub(super) fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the saved files, in the order in which they were saved.
    pub(super) fn saved(&self) -> MutexGuard<'_, Vec<SavedFile>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> Result<(), Report> {
        if self.asked.fetch_add(1, Ordering::Relaxed) < MAX_ASKED {
            return Ok(());
        }
        Err(Report::new(
            ReportKind::Cancelled,
            format!("more than {MAX_ASKED} requests and commands"),
        ))
    }
}

impl Stage {
    /// Returns the services for an engine, and the record of what it does with them. `saves` is how many files
    /// the called operation may save.
    pub(super) fn services(
        script: Arc<dyn Script>,
        saves: Saves,
        now: Option<Timestamp>,
    ) -> (Services, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let stage = Arc::new(Self {
            script,
            seen: Arc::clone(&seen),
        });
        let services = Services {
            network: stage.clone(),
            artifacts: Some(Arc::new(saving::Saving::new(saves, Arc::clone(&seen)))),
            commands: stage.clone(),
            objects: Some(stage.clone()),
            outside: Some(stage),
            observer: Arc::new(silence::Listening(Arc::clone(&seen))),
            now,
            zone: TimeZone::UTC,
            seed: Some(0),
            target: TargetInfo {
                namespace: NAMESPACE.to_owned(),
                statefulset: Some(STATEFUL_SET.to_owned()),
                pod: None,
                context: None,
            },
        };
        (services, seen)
    }
}

impl Network for Stage {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        async move {
            self.seen.count()?;
            let is_head = outgoing.request.method() == http::Method::HEAD;
            let reply = self.script.request(&outgoing);
            if let Some(refused) = reply.refused_by_s3(&outgoing) {
                return Err(refused);
            }
            reply.into_answer(is_head)
        }
        .boxed()
    }

    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        async {
            self.seen.count()?;
            self.script.pods()
        }
        .boxed()
    }
}

impl Commands for Stage {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        async {
            self.seen.count()?;
            self.script.pods()
        }
        .boxed()
    }

    fn run(
        &self,
        pod: Option<String>,
        command: GrantedCommand,
    ) -> BoxFuture<'_, Result<Ended, Report>> {
        async move {
            self.seen.count()?;
            let pods = self.script.pods()?;
            let pod = match pod {
                Some(pod) if !pods.contains(&pod) => {
                    let message = format!("`{pod}` is not a pod of the target");
                    return Err(Report::new(ReportKind::Denied, message));
                }
                Some(pod) => pod,
                None => pods.into_iter().next().ok_or_else(|| {
                    Report::new(ReportKind::Unavailable, "no pod of the target runs")
                })?,
            };
            self.script.command(&pod, &command)
        }
        .boxed()
    }
}
