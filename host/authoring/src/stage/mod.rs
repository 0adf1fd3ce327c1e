//! A stage for an engine: the real sandbox, with a script behind it in the place of a cluster.

mod answer;
mod objects;
mod saving;
mod silence;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{
    Answer, Commands, Ended, GrantedCommand, GrantedObjects, Network, Outgoing, SavedFile,
    SelectedObjects, Services, WatchedObjects,
};
use jiff::Timestamp;
use serde_json::Value;

pub(super) use answer::{Ending, Reply};
pub(super) use objects::Asked;

/// Requests, commands, questions for pods and uses of objects of one call that are answered. An engine that asks more often
/// would not stop.
const MAX_ASKED: usize = 1000;

/// What plays the backend. Only requests and commands that the manifest grants come to it.
pub(super) trait Script: Send + Sync {
    fn request(&self, request: &Outgoing) -> Reply;

    /// The running pods of the target.
    fn pods(&self) -> Result<Vec<String>, Report>;

    fn command(&self, pod: &str, command: &GrantedCommand) -> Result<Ended, Report>;

    /// What comes of this with Kubernetes objects: those that are read, or the one that was changed.
    fn objects(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report>;

    fn watch(
        &self,
        of: &GrantedObjects,
        selected: SelectedObjects,
    ) -> Result<Box<dyn WatchedObjects>, Report>;
}

/// What an engine did on a stage.
#[derive(Default)]
pub(super) struct Seen {
    asked: AtomicUsize,
    warnings: Mutex<Vec<String>>,
    saved: Mutex<Option<SavedFile>>,
}

/// One call of an engine with a script behind it.
pub(super) struct Stage {
    script: Arc<dyn Script>,
    seen: Arc<Seen>,
}

impl Seen {
    /// How often it asked for something.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it would have gone on asking.
    pub(super) fn is_endless(&self) -> bool {
        self.asked() > MAX_ASKED
    }

    pub(super) fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was saved last.
    pub(super) fn saved(&self) -> MutexGuard<'_, Option<SavedFile>> {
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
    /// What an engine is given, and what will be known of what it did with that.
    pub(super) fn services(
        script: Arc<dyn Script>,
        now: Option<Timestamp>,
    ) -> (Services, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let stage = Arc::new(Self {
            script,
            seen: Arc::clone(&seen),
        });
        let services = Services {
            network: stage.clone(),
            artifacts: Some(Arc::new(saving::Saving(Arc::clone(&seen)))),
            commands: stage.clone(),
            objects: Some(stage),
            observer: Arc::new(silence::Listening(Arc::clone(&seen))),
            auditor: None,
            now,
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
                    let message = format!("`{pod}` is no pod of the target");
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
