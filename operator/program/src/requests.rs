//! Requests of projects: a Backup for each, at most a few of a project at a time, and what has become of it.
//!
//! A request never works itself. The Backup that belongs to it does, like any other: its Job, its heartbeat and its
//! attempts are those of all runs. So nothing is lost when the operator restarts, and places are counted from the Backups
//! in the cluster.

mod mirror;
mod numbers;
mod plan;
pub(crate) mod restore;

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::reflector::Store;
use kube::{Api, Resource, ResourceExt as _};
use operator_api::{
    Backup, BackupRequest, BackupRequestStatus, Condition, JobSettings, LABEL_PROJECT,
    RequestState, RestoreRequest, set_condition,
};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::context::{Context, SeenRequests};
use crate::error::OperatorError;
use crate::finalizers;
use crate::history::{History, Row};
use crate::metrics::OfKind;
use crate::owner::owner;
use crate::runs::write_status;
use crate::wakes::Wakes;

pub(crate) use numbers::RequestNumbers;

/// How long a request waits before it looks for a place again, if nothing wakes it before.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How many requests that are gone may be remembered beyond those that exist.
const REMEMBERED: usize = 1000;
/// The finalizer of requests that the history must have.
const FINALIZER: &str = "kubectl-broker.io/history";
/// How long the history may hold up the deletion of a request.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);
/// The condition about the whole request.
const READY: &str = "Ready";

/// The parts that looks at requests share.
pub(crate) struct Requests {
    pub(crate) context: Arc<Context>,
    pub(crate) seen: SeenRequests,
    pub(crate) wakes: Wakes,
    pub(crate) restore_wakes: Wakes,
    history: Option<Arc<History>>,
    pub(crate) settings: RequestSettings,
    /// One look at a time gives out places: each counts the Backups that there are.
    admission: Mutex<()>,
    /// The uids of the requests whose end was counted. The watch may show an older status once more.
    counted: std::sync::Mutex<HashSet<String>>,
}

/// The operator's settings for requests.
#[derive(Clone, Debug)]
pub(crate) struct RequestSettings {
    /// How many backups of a project may be under way. Zero is no limit.
    pub(crate) per_project: usize,
    /// The only namespace to work in.
    pub(crate) namespace: Option<String>,
    /// Settings of the Jobs.
    pub(crate) job: Option<Arc<JobSettings>>,
}

impl AsRef<Context> for Requests {
    fn as_ref(&self) -> &Context {
        &self.context
    }
}

impl Requests {
    pub(crate) fn new(
        context: Arc<Context>,
        seen: SeenRequests,
        history: Option<Arc<History>>,
        settings: RequestSettings,
    ) -> Self {
        Self {
            wakes: Wakes::new(context.clock.clone()),
            restore_wakes: Wakes::new(context.clock.clone()),
            context,
            seen,
            history,
            settings,
            admission: Mutex::default(),
            counted: std::sync::Mutex::default(),
        }
    }

    /// Returns whether the end of a request was not counted before.
    fn is_new_end(&self, uid: &str) -> bool {
        let counted = self.counted.lock();
        let mut counted = counted.unwrap_or_else(PoisonError::into_inner);
        if counted.len() > 2 * self.seen.backups.len() + REMEMBERED {
            let live = self.seen.backups.state();
            let live: HashSet<_> = live.iter().filter_map(|it| it.uid()).collect();
            counted.retain(|uid| live.contains(uid));
        }
        counted.insert(uid.to_owned())
    }

    /// Looks at the requests of a project that wait for a place.
    fn wake_waiting(&self, project: &str) {
        let now = Some(self.context.clock.now());
        let mut waiting = 0;
        for request in self.seen.backups.state() {
            let state = request.status.as_ref().and_then(|it| it.state);
            let waits = state.is_none_or(|state| state == RequestState::Pending);
            if waits && request.spec.project_id == project {
                waiting += 1;
                let namespace = request.namespace().unwrap_or_default();
                self.wakes.set(&namespace, &request.name_any(), now);
            }
        }
        self.numbers().set_waiting(project, waiting);
    }

    fn numbers(&self) -> &RequestNumbers {
        &self.context.metrics.requests
    }

    /// Looks at requests that are being deleted whenever the history has written something. It never ends.
    pub(crate) async fn follow_history(&self) {
        let Some(history) = &self.history else {
            return std::future::pending().await;
        };
        loop {
            history.written().await;
            self.wake_deleted(&self.seen.backups, &self.wakes);
            self.wake_deleted(&self.seen.restores, &self.restore_wakes);
        }
    }

    fn wake_deleted<K: RequestKind>(&self, objects: &Store<K>, wakes: &Wakes) {
        let now = Some(self.context.clock.now());
        for object in objects.state() {
            if object.meta().deletion_timestamp.is_some() {
                let namespace = object.namespace().unwrap_or_default();
                wakes.set(&namespace, &object.name_any(), now);
            }
        }
    }

    /// Holds a request, if there is a history that must have it.
    async fn hold<K: RequestKind>(&self, object: &K) -> Result<(), OperatorError> {
        if self.history.is_none() || finalizers::has(object, FINALIZER) {
            return Ok(());
        }
        finalizers::set(&self.api(object), object, FINALIZER, true).await?;
        Ok(())
    }

    /// Lets a request go that is being deleted, as soon as the history has it. A database that is away holds it up for a while
    /// only. Returns when to look again.
    async fn let_go<K: RequestKind>(
        &self,
        object: &K,
        row: Option<Row>,
    ) -> Result<Option<Timestamp>, OperatorError> {
        if !finalizers::has(object, FINALIZER) {
            return Ok(None);
        }
        let history = self.history.as_ref();
        let is_written = history
            .zip(row)
            .is_none_or(|(history, row)| history.has(&row));
        if !is_written {
            let now = self.context.clock.now();
            let deleted = object.meta().deletion_timestamp.as_ref();
            let end = deleted.map_or(now, |it| it.0 + PATIENCE);
            if now < end {
                return Ok(Some(end));
            }
            let note = "the history can't be written, so it may lack this request";
            self.context
                .tell(object, EventType::Warning, "NotInHistory", note);
        }
        finalizers::set(&self.api(object), object, FINALIZER, false).await?;
        Ok(None)
    }

    fn api<K: RequestKind>(&self, object: &K) -> Api<K> {
        let namespace = object.namespace().unwrap_or_default();
        Api::namespaced(self.context.client.clone(), &namespace)
    }
}

/// A kind of requests.
trait RequestKind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl RequestKind for BackupRequest {}
impl RequestKind for RestoreRequest {}

/// Brings one request a step forward.
pub(crate) async fn reconcile(
    object: Arc<BackupRequest>,
    requests: Arc<Requests>,
) -> Result<Action, OperatorError> {
    let kind = OfKind {
        kind: "BackupRequest".to_owned(),
    };
    let context = &requests.context;
    context.metrics.reconciles.get_or_create(&kind).inc();
    let step = Step {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        object: &object,
        requests: &requests,
    };
    step.take().await?;
    Ok(Action::await_change())
}

/// One look at one request.
struct Step<'a> {
    object: &'a BackupRequest,
    requests: &'a Requests,
    namespace: String,
    name: String,
}

impl Step<'_> {
    async fn take(&self) -> Result<(), OperatorError> {
        let project = &self.object.spec.project_id;
        self.wake(None);
        if self.object.metadata.deletion_timestamp.is_some() {
            // Its Backup goes with it, and with that the place.
            self.requests.wake_waiting(project);
            let row = Row::of_request(self.object);
            let later = self.requests.let_go(self.object, row).await?;
            self.wake(later);
            return Ok(());
        }
        let status = self.object.status.clone().unwrap_or_default();
        if status.state.is_some_and(RequestState::is_terminal) {
            return Ok(());
        }
        self.requests.hold(self.object).await?;
        if let Some(refusal) = plan::refusal(&self.object.spec) {
            return self.fail(status, &refusal).await;
        }
        match self.backups().get_opt(&self.name).await? {
            Some(backup) if self.is_own(&backup) => self.follow(status, &backup).await,
            Some(_) => {
                let refusal = plan::Refusal {
                    condition: READY,
                    reason: "NameTaken",
                    message: format!(
                        "a Backup {} exists that belongs to something else; create the request with another name",
                        self.name
                    ),
                };
                self.fail(status, &refusal).await
            }
            None if status.state == Some(RequestState::InProgress) => {
                let refusal = plan::Refusal {
                    condition: READY,
                    reason: "BackupDeleted",
                    message: format!("the Backup {} of this request was deleted", self.name),
                };
                self.fail(status, &refusal).await
            }
            None => self.begin(status).await,
        }
    }

    fn wake(&self, time: Option<Timestamp>) {
        self.requests.wakes.set(&self.namespace, &self.name, time);
    }

    fn backups(&self) -> Api<Backup> {
        Api::namespaced(self.requests.context.client.clone(), &self.namespace)
    }

    fn is_own(&self, backup: &Backup) -> bool {
        let uid = self.object.metadata.uid.as_ref();
        backup
            .owner_references()
            .iter()
            .any(|it| Some(&it.uid) == uid)
    }

    /// Creates the Backup, as soon as the project has a place.
    async fn begin(&self, mut status: BackupRequestStatus) -> Result<(), OperatorError> {
        let context = &self.requests.context;
        let guard = self.requests.admission.lock().await;
        let others = self.of_project().await?;
        if let Some(reason) = self.queued(&others) {
            drop(guard);
            status.state = Some(RequestState::Pending);
            self.note(&mut status, READY, false, "Queued", &reason);
            self.wake(Some(context.clock.now() + LOOK_AGAIN));
            return self.write(&status).await;
        }
        let backup = plan::backup(
            self.object,
            &others,
            owner(self.object)?,
            self.requests.settings.job.clone(),
        );
        let created = self.backups().create(&PostParams::default(), &backup).await;
        drop(guard);
        match created {
            Ok(_) => {}
            // The next look finds out whose it is.
            Err(kube::Error::Api(error)) if error.code == 409 => {
                self.wake(Some(context.clock.now()));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        status.state = Some(RequestState::Pending);
        self.note(&mut status, READY, false, "BackupCreated", "");
        let note = format!("Backup {} was created", self.name);
        context.tell(self.object, EventType::Normal, "BackupCreated", &note);
        self.write(&status).await
    }

    /// Returns the Backups of the project. The cluster is asked, because the watch may be behind.
    async fn of_project(&self) -> Result<Vec<Backup>, OperatorError> {
        let client = self.requests.context.client.clone();
        let backups: Api<Backup> = match &self.requests.settings.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let project = &self.object.spec.project_id;
        let of_project = ListParams::default().labels(&format!("{LABEL_PROJECT}={project}"));
        Ok(backups.list(&of_project).await?.items)
    }

    /// Returns why the request must wait. None if it may begin.
    fn queued(&self, backups: &[Backup]) -> Option<String> {
        let project = &self.object.spec.project_id;
        let has_backup = |request: &BackupRequest| {
            let uid = request.metadata.uid.as_ref();
            let mut owners = backups.iter().flat_map(kube::ResourceExt::owner_references);
            owners.any(|it| Some(&it.uid) == uid)
        };
        let mut waiting: Vec<_> = self
            .requests
            .seen
            .backups
            .state()
            .into_iter()
            .filter(|it| it.spec.project_id == *project && plan::waits(it) && !has_backup(it))
            .collect();
        self.requests.numbers().set_waiting(project, waiting.len());
        let age = |request: &BackupRequest| {
            let created = request.metadata.creation_timestamp.as_ref();
            (created.map(|it| it.0), request.metadata.uid.clone())
        };
        waiting.retain(|it| age(it) < age(self.object));
        waiting.sort_by_key(|it| age(it));
        let older: Vec<_> = waiting.iter().map(|it| &it.spec).collect();
        plan::queued(
            &self.object.spec,
            backups,
            &older,
            self.requests.settings.per_project,
        )
    }

    /// Shows what the Backup says.
    async fn follow(
        &self,
        mut status: BackupRequestStatus,
        backup: &Backup,
    ) -> Result<(), OperatorError> {
        let context = &self.requests.context;
        let now = context.clock.now();
        let generation = self.object.metadata.generation;
        let was = status.clone();
        let lacks = plan::lacks_database(&self.object.spec);
        mirror::show(backup, lacks.as_deref(), &mut status, now, generation);
        self.write(&status).await?;
        for (type_, reason, note) in mirror::news(&was, &status) {
            context.tell(self.object, type_, &reason, &note);
        }
        if status.state.is_some_and(RequestState::is_terminal) {
            self.end(&status);
        }
        Ok(())
    }

    async fn fail(
        &self,
        mut status: BackupRequestStatus,
        refusal: &plan::Refusal,
    ) -> Result<(), OperatorError> {
        let context = &self.requests.context;
        status.state = Some(RequestState::Failed);
        status.completion_time = Some(context.clock.now());
        self.note(
            &mut status,
            refusal.condition,
            false,
            refusal.reason,
            &refusal.message,
        );
        self.note(&mut status, READY, false, refusal.reason, &refusal.message);
        self.write(&status).await?;
        context.tell(
            self.object,
            EventType::Warning,
            refusal.reason,
            &refusal.message,
        );
        self.end(&status);
        Ok(())
    }

    /// Counts a request that has ended, and gives its place away.
    fn end(&self, status: &BackupRequestStatus) {
        if self
            .requests
            .is_new_end(&self.object.uid().unwrap_or_default())
        {
            self.requests.numbers().end(&self.object.spec, status);
        }
        self.requests.wake_waiting(&self.object.spec.project_id);
    }

    fn note(
        &self,
        status: &mut BackupRequestStatus,
        type_: &str,
        holds: bool,
        reason: &str,
        message: &str,
    ) {
        let now = self.requests.context.clock.now();
        let generation = self.object.metadata.generation;
        let condition = Condition::new(type_, holds, reason, message, now, generation);
        set_condition(&mut status.conditions, condition);
    }

    async fn write(&self, status: &BackupRequestStatus) -> Result<(), OperatorError> {
        let client = self.requests.context.client.clone();
        let objects: Api<BackupRequest> = Api::namespaced(client, &self.namespace);
        let uid = self.object.metadata.uid.as_deref().unwrap_or_default();
        let old = self.object.status.as_ref();
        write_status(&objects, &self.name, uid, old, status).await
    }
}
