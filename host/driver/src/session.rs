use std::collections::BTreeMap;
use std::sync::Arc;

use broker_manifest::{EngineId, Manifest, Operation};
use host_base::{Failure, Problem, Reporter, Sha256, text};
use host_cluster::{Cluster, ConnectOptions, NamespaceSource, Target};
use host_engine::{
    Commands, EngineError, EngineFile, Instance, Limits, Loaded, OptionSetting, Services,
    TargetInfo,
};
use host_store::Origin;
use jiff::tz::TimeZone;

use super::asking::{Asked, Refusal};
use super::backends::Backends;
use super::begun::{Begun, Work};
use super::choose::{
    EngineChoice, call_name, candidates, for_files, has_target, needs_cluster, shared_name,
};
use super::commands::{NoCommands, PodCommands};
use super::credentials::{Credentials, CredentialsRequest};
use super::network::{Endpoints, Route, Search};
use super::notes::{Muted, Notes};
use super::objects::ClusterObjects;
use super::observer::UiObserver;
use super::outside::{Accounts, Clouds};
use super::running::Running;
use super::saving::Saving;
use super::tls::TlsRequest;
use super::{Host, OpsError};
use crate::results::Scope;

/// The StatefulSet that is used if the user names none.
pub(super) const DEFAULT_STATEFULSET: &str = "broker";
/// The name of the cluster in copies, if the program runs in it without a kubeconfig.
pub(super) const IN_CLUSTER: &str = "in-cluster";
/// Longest reason for switching to another engine, in characters.
const MAX_REASON: usize = 160;

/// The settings that all commands about a target share.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// How to reach the cluster.
    pub connect: ConnectOptions,
    /// Which engine the user chose.
    pub engine: EngineChoice,
    /// Name of the StatefulSet. None selects the default, `broker`.
    pub statefulset: Option<String>,
    /// Name of the pod, if the user named one.
    pub pod: Option<String>,
    /// Whether to ask every ready pod of the target. Only `list` supports this.
    pub all_pods: bool,
    /// Credentials for the backend, which all engines share.
    pub credentials: CredentialsRequest,
    /// Credentials that an engine asks for by name.
    pub named_credentials: BTreeMap<String, CredentialsRequest>,
    /// Values of the port flags that manifests declare, by flag.
    pub ports: BTreeMap<String, u16>,
    /// The user's settings of TLS, by port flag.
    pub tls: BTreeMap<String, TlsRequest>,
    /// Values of the options that the user gave, by option. Without a named engine, an option means what
    /// [`option_reading`](crate::option_reading) says. Each engine adds its own defaults.
    pub options: BTreeMap<String, OptionSetting>,
    /// The slot that records which work was begun.
    pub begun: Begun,
}

/// A cluster, a target in it, and the engines that may be used on it.
pub struct Session {
    pub(super) cluster: Cluster,
    /// Finds the pods and ports of endpoints in the cluster.
    pub(super) finder: Arc<dyn Backends>,
    pub(super) host: Host,
    credentials: Credentials,
    pub(super) clouds: Clouds,
    request: Request,
    target: Target,
    /// When the endpoints of engines are found.
    pub(super) search: Search,
    /// Whether the user has not chosen the target: see [`Route::is_survey`].
    is_survey: bool,
    notes: Notes,
}

impl Session {
    /// Connects to the cluster, and notes which defaults apply.
    ///
    /// The cluster is not asked for anything yet, except for the Secret with the credentials if the user named
    /// one.
    ///
    /// # Errors
    /// When the kubeconfig can't be used, or the sandbox can't be set up.
    pub async fn open(host: &Host, request: Request) -> Result<Self, OpsError> {
        let cluster = if needs_cluster(host.engines(), &request.engine) {
            Cluster::connect(&request.connect).await?
        } else {
            // The user's kubeconfig has nothing to do with such an engine.
            Cluster::absent(&request.connect).await?
        };
        let named = &request.named_credentials;
        let credentials = Credentials::find(&cluster, &request.credentials, named).await?;
        let reporter = host.reporter();
        // A broken sandbox affects every engine, so it is reported before any of them starts.
        host.runtime()?;
        let target = Target {
            statefulset: request
                .statefulset
                .clone()
                .unwrap_or_else(|| DEFAULT_STATEFULSET.to_owned()),
            pod: request.pod.clone(),
        };
        let session = Self {
            finder: Arc::new(cluster.clone()),
            cluster,
            host: host.clone(),
            credentials,
            clouds: Clouds::default(),
            request,
            target,
            search: Search::First,
            is_survey: false,
            notes: Notes::new(Arc::clone(reporter)),
        };
        note_credentials_left_out(&session.cluster, &**reporter);
        session.note_defaults();
        session.note_shared_name();
        Ok(session)
    }

    /// Prepares to ask engines about a target that the user has not chosen: without credentials, and without a
    /// request or command that could change anything. The user is not told of the notes.
    pub(super) fn survey(host: &Host, cluster: Cluster, target: Target, clouds: Clouds) -> Self {
        Self {
            finder: Arc::new(cluster.clone()),
            cluster,
            host: host.clone(),
            credentials: Credentials::default(),
            clouds,
            request: Request::default(),
            target,
            search: Search::First,
            is_survey: true,
            notes: Notes::new(Arc::new(Muted)),
        }
    }

    /// Starts the preferred engine for `operation` among the candidates that answer. A note names the
    /// publisher of an engine that is not bundled.
    pub(super) async fn engine_for(&self, operation: Operation) -> Result<Running, OpsError> {
        let running = self.chosen_for(operation).await?;
        self.check_options(self.file(&running.manifest.id)?, operation)?;
        self.note_engine(&running);
        Ok(running)
    }

    /// Notes which engine is used, unless it is bundled. Only its publisher vouches for such an engine.
    pub(super) fn note_engine(&self, running: &Running) {
        let manifest = &running.manifest;
        if !running.scope.is_bundled {
            self.reporter().note(&format!(
                "Using engine {} {} of publisher {}, which is not bundled",
                manifest.id,
                manifest.version,
                manifest.id.publisher()
            ));
        }
    }

    async fn chosen_for(&self, operation: Operation) -> Result<Running, OpsError> {
        let mut candidates = candidates(self.host.engines(), &self.request.engine, operation)?;
        if matches!(operation, Operation::Restore | Operation::Delete) {
            // A destructive operation must not fall back to another engine. The latest backup of another
            // engine is a different backup.
            candidates.truncate(1);
        }
        self.check_given(&candidates, operation)?;
        if operation == Operation::Create {
            return Box::pin(self.engine_to_create(&candidates)).await;
        }
        let Some((last, others)) = candidates.split_last() else {
            // `candidates` returns at least one engine.
            return Err(OpsError::NobodyCan { operation });
        };
        let mut used = None;
        let refused = |at: usize, refusal: Refusal| match refusal {
            // A problem with the target or with the user's permissions affects every engine. A missing port
            // affects only one.
            Refusal::NotAsked(OpsError::Cluster(error)) if !error.is_absence() => {
                Err(OpsError::Cluster(error))
            }
            Refusal::NoAnswer(OpsError::Cluster(error))
                if error.failure() == Failure::NotAllowed =>
            {
                Err(OpsError::Cluster(error))
            }
            Refusal::NotAsked(reason) | Refusal::NoAnswer(reason) => {
                let reason = text::printable(&reason.to_string(), MAX_REASON).into_owned();
                self.reporter().note(&format!(
                    "engine {} can't be used here ({reason}); trying {}",
                    call_name(self.host.engines(), &candidates[at].manifest().id),
                    call_name(self.host.engines(), &candidates[at + 1].manifest().id)
                ));
                Ok(())
            }
        };
        if !others.is_empty() {
            let answering = |asked: Asked| {
                let running = asked.answering()?;
                tracing::debug!("engine {}: its backend answers", running.manifest.id);
                Ok(running)
            };
            used = Box::pin(self.first_that_answers(others, answering, refused)).await?;
        }
        match used {
            Some(running) => Ok(running),
            // The last engine is not asked whether it answers: its own error says more.
            None => self.start(last).await,
        }
    }

    /// Starts the preferred engine to create a backup.
    ///
    /// If its backend has no port or nothing listens on it, the first other engine that answers is used. If none
    /// answers, the preferred engine is used and reports the problem. A backend that answers with an error is
    /// used as well, and reports that error itself.
    async fn engine_to_create(&self, candidates: &[&EngineFile]) -> Result<Running, OpsError> {
        let [first, others @ ..] = candidates else {
            let operation = Operation::Create;
            return Err(OpsError::NobodyCan { operation });
        };
        if others.is_empty() {
            return self.start(first).await;
        }
        let (preferred, reason) = match self.ask(first).await {
            Err(OpsError::Cluster(error)) if error.is_absence() => {
                let reason = error.to_string();
                (Err(OpsError::Cluster(error)), reason)
            }
            Err(error) => return Err(error),
            Ok(Asked { running, answer }) => match answer {
                Err(OpsError::Cluster(error)) if error.is_absence() => {
                    (Ok(running), error.to_string())
                }
                Err(OpsError::Engine(error)) if !matches!(error, EngineError::Reported { .. }) => {
                    return Err(error.into());
                }
                _ => return Ok(running),
            },
        };
        let refused = |at: usize, refusal: Refusal| {
            let (Refusal::NotAsked(error) | Refusal::NoAnswer(error)) = refusal;
            tracing::debug!(
                "engine {} can't be used here either: {}",
                call_name(self.host.engines(), &others[at].manifest().id),
                text::printable(&error.to_string(), MAX_REASON)
            );
            Ok(())
        };
        let used = Box::pin(self.first_that_answers(others, is_there, refused)).await?;
        let Some(running) = used else {
            return preferred;
        };
        self.reporter().note(&format!(
            "engine {} can't be used here ({}); using {}",
            call_name(self.host.engines(), &first.manifest().id),
            text::printable(&reason, MAX_REASON),
            running.called
        ));
        Ok(running)
    }

    /// Starts the engine that restores from files.
    pub(super) async fn engine_for_files(&self) -> Result<Running, OpsError> {
        self.engine_that_takes_files(&self.request.engine).await
    }

    /// Starts the engine that restores a copy: the one that made the backup, unless the user names another.
    ///
    /// # Errors
    /// When the engine is unknown or takes no files.
    pub(super) async fn engine_for_files_of(&self, engine: &str) -> Result<Running, OpsError> {
        self.engine_that_takes_files(&self.engine_of(engine)).await
    }

    /// Returns whether the engine of the request restores from files. An engine that does not exist may.
    #[must_use]
    pub fn takes_files(&self) -> bool {
        let found = for_files(self.host.engines(), &self.request.engine);
        !matches!(found, Err(OpsError::NoFiles { .. }))
    }

    /// Checks that an engine restores from files: the one that made a copy, unless the user names another. Nothing is
    /// started.
    ///
    /// # Errors
    /// When the engine is unknown or takes no files.
    pub(super) fn check_engine_for_files(&self, of: Option<&str>) -> Result<(), OpsError> {
        let choice = of.map_or_else(|| self.request.engine.clone(), |it| self.engine_of(it));
        self.file_that_takes_files(&choice).map(drop)
    }

    /// Returns the engine of a copy, unless the user names another.
    fn engine_of(&self, engine: &str) -> EngineChoice {
        match &self.request.engine {
            EngineChoice::Auto => EngineChoice::from(engine),
            named @ EngineChoice::Named(_) => named.clone(),
        }
    }

    fn file_that_takes_files(&self, choice: &EngineChoice) -> Result<&EngineFile, OpsError> {
        let file = for_files(self.host.engines(), choice)?;
        self.check_options(file, Operation::Restore)?;
        Ok(file)
    }

    async fn engine_that_takes_files(&self, choice: &EngineChoice) -> Result<Running, OpsError> {
        let file = self.file_that_takes_files(choice)?;
        let running = self.start(file).await?;
        self.note_engine(&running);
        Ok(running)
    }

    /// Returns the origin of the backups of a running engine, for copies in stores.
    pub(super) fn origin(&self, running: &Running) -> Origin {
        let scope = running.scope();
        let digest = self.file(&running.manifest.id).map(EngineFile::digest);
        Origin {
            cluster: self.cluster.cluster_name().unwrap_or(IN_CLUSTER).to_owned(),
            namespace: scope.namespace,
            statefulset: scope.statefulset,
            pod: scope
                .pod
                .or_else(|| running.network.target().pod.clone())
                .filter(|_| running.manifest.answers_by_pod()),
            engine: scope.engine,
            engine_version: Some(scope.engine_version),
            engine_digest: digest.ok().map(|digest| Sha256::from(digest).to_string()),
        }
    }

    /// Starts another instance of the engine with this id.
    pub(super) async fn start_named(&self, id: &EngineId) -> Result<Running, OpsError> {
        self.start(self.file(id)?).await
    }

    /// Returns the engine with this id.
    pub(super) fn file(&self, id: &EngineId) -> Result<&EngineFile, OpsError> {
        let file = self
            .host
            .engines()
            .iter()
            .find(|file| file.manifest().id == *id);
        file.ok_or_else(|| OpsError::UnknownEngine {
            name: id.to_string(),
            near: None,
            known: Vec::new(),
        })
    }

    /// Loads an engine and finds its endpoints at the same time, then starts it.
    pub(super) async fn start(&self, file: &EngineFile) -> Result<Running, OpsError> {
        self.start_at(file, &self.target).await
    }

    /// Starts an engine for another target, such as one pod of the target.
    pub(super) async fn start_at(
        &self,
        file: &EngineFile,
        target: &Target,
    ) -> Result<Running, OpsError> {
        self.check_credentials(file.manifest())?;
        let route = Route {
            target: target.clone(),
            ..self.route(file)
        };
        // These futures are boxed to keep the futures of all callers small.
        let find = Box::pin(Endpoints::find(route));
        let (loaded, network) = tokio::join!(self.host.load(file), find);
        let loaded = loaded?;
        Box::pin(self.run(file, &loaded, network?)).await
    }

    /// Returns where the requests of an engine go.
    pub(super) fn route(&self, file: &EngineFile) -> Route {
        let manifest = granted(file);
        Route {
            cluster: self.cluster.clone(),
            finder: Arc::clone(&self.finder),
            target: self.target.clone(),
            ports: self.request.ports.clone(),
            tls: self.request.tls.clone(),
            logins: self.credentials.of(&manifest),
            manifest,
            clouds: self.clouds.clone(),
            search: self.search,
            is_survey: self.is_survey,
        }
    }

    /// Starts a loaded engine on a network.
    pub(super) async fn run(
        &self,
        file: &EngineFile,
        loaded: &Loaded,
        network: Endpoints,
    ) -> Result<Running, OpsError> {
        let network = Arc::new(network);
        let saving = Arc::new(Saving::new(
            Arc::clone(&network),
            Arc::clone(self.reporter()),
        ));
        let commands: Arc<dyn Commands> = if self.is_survey {
            Arc::new(NoCommands)
        } else {
            let latest_errors = network.latest_errors();
            Arc::new(PodCommands::new(
                &self.cluster,
                network.target(),
                latest_errors,
            ))
        };
        let objects = ClusterObjects::new(&self.cluster, network.latest_errors(), self.is_survey);
        let objects = Arc::new(objects);
        let has_target = file.manifest().has_target();
        let instance = Instance::start(
            loaded,
            file.grants(),
            Services {
                network: network.clone(),
                artifacts: Some(saving.clone()),
                commands,
                objects: Some(objects.clone()),
                outside: Some(Arc::new(Accounts {
                    clouds: self.clouds.clone(),
                    is_survey: self.is_survey,
                })),
                observer: Arc::new(UiObserver(self.notes.clone())),
                now: None,
                zone: TimeZone::system(),
                seed: None,
                target: TargetInfo {
                    namespace: self.cluster.namespace().to_owned(),
                    statefulset: has_target.then(|| self.target.statefulset.clone()),
                    pod: network.target().pod.clone(),
                    context: self.cluster.context().map(str::to_owned),
                },
            },
            self.host.limits(),
        )
        .await?;
        Ok(Running {
            instance,
            network,
            objects,
            saving,
            manifest: file.manifest().clone(),
            called: call_name(self.host.engines(), &file.manifest().id),
            scope: Scope {
                namespace: self.cluster.namespace().to_owned(),
                statefulset: (file.manifest().has_target())
                    .then(|| self.target.statefulset.clone()),
                pod: None,
                engine: file.manifest().id.to_string(),
                engine_version: file.manifest().version.to_string(),
                is_bundled: file.is_bundled(),
            },
            is_older: file.is_of_older_interface(),
            named_by_backend: false,
            notes: self.notes.clone(),
        })
    }

    /// Records that `running` is about to begin work in its backend. The work has an id once the backend has
    /// begun it.
    pub(super) fn note_begun(&self, running: &Running, id: Option<&str>) {
        self.request.begun.set(Work {
            engine: running.called.clone(),
            id: id.map(str::to_owned),
            has_status: running.manifest.can(Operation::Status),
            has_list: running.manifest.can(Operation::List),
            copied_by: None,
        });
    }

    /// Records that a backup is complete, and that its copy begins.
    pub(super) fn note_complete(&self, running: &Running, id: &str, copied_by: &str) {
        self.request.begun.set(Work {
            engine: running.called.clone(),
            id: Some(id.to_owned()),
            has_status: false,
            has_list: false,
            copied_by: Some(copied_by.to_owned()),
        });
    }

    /// Returns which engine the user chose.
    pub(super) fn choice(&self) -> &EngineChoice {
        &self.request.engine
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn limits(&self) -> Limits {
        self.host.limits()
    }

    /// Returns whether the command asks every pod of the target.
    pub(super) fn all_pods(&self) -> bool {
        self.request.all_pods
    }

    /// Returns the notes of this session, each of which is shown only once.
    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Changes the target to one pod.
    #[cfg(test)]
    pub(super) fn choose_pod(&mut self, pod: &str) {
        self.target.pod = Some(pod.to_owned());
    }

    /// Replaces the credentials that [`Session::open`] found.
    pub(super) async fn use_credentials(
        &mut self,
        shared: &CredentialsRequest,
        named: &BTreeMap<String, CredentialsRequest>,
    ) -> Result<(), OpsError> {
        self.credentials = Credentials::find(&self.cluster, shared, named).await?;
        Ok(())
    }

    /// Checks that an engine takes the credentials that the user named.
    pub(super) fn check_credentials(&self, manifest: &Manifest) -> Result<(), OpsError> {
        self.credentials.check(manifest)
    }

    pub(super) fn statefulset(&self) -> &str {
        &self.target.statefulset
    }

    /// Returns the front end.
    #[must_use]
    pub fn reporter(&self) -> &Arc<dyn Reporter> {
        self.host.reporter()
    }

    /// Reports the number of requests to the API server as an event.
    pub fn note_requests(&self) {
        tracing::debug!(
            "{} requests to {}",
            self.cluster.request_count(),
            self.cluster.server()
        );
    }

    /// Notes that a short name selects the bundled engine. The user may have meant an installed engine of that
    /// name.
    fn note_shared_name(&self) {
        if let Some((used, others)) = shared_name(self.host.engines(), &self.request.engine) {
            self.reporter().note(&format!(
                "Using engine {}, which is bundled; for the other, give {}",
                used.manifest().id,
                others
                    .iter()
                    .map(|id| format!("`--engine {id}`"))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ));
        }
    }

    fn note_defaults(&self) {
        let mut defaults = Vec::new();
        let unnamed = self.request.statefulset.is_none() && self.request.pod.is_none();
        if unnamed && has_target(self.host.engines(), &self.request.engine) {
            defaults.push(format!("StatefulSet {DEFAULT_STATEFULSET}"));
        }
        defaults.extend(default_namespace(&self.cluster));
        if !defaults.is_empty() {
            self.reporter()
                .note(&format!("Using {}", defaults.join(", ")));
        }
    }
}

/// Notes that credentials are not sent without TLS. Otherwise the user could not explain why the server sees an
/// anonymous user.
pub(super) fn note_credentials_left_out(cluster: &Cluster, reporter: &dyn Reporter) {
    if cluster.leaves_credentials_out() {
        reporter.note(&format!(
            "{} is reached without TLS, so the credentials of the kubeconfig are not sent (kubectl does the same)",
            text::printable(cluster.server(), MAX_REASON)
        ));
    }
}

/// Notes which namespace is used, if the user named none.
pub(super) fn note_namespace(cluster: &Cluster, reporter: &dyn Reporter) {
    if let Some(namespace) = default_namespace(cluster) {
        reporter.note(&format!("Using {namespace}"));
    }
}

/// Returns the namespace in words, if the user named none.
fn default_namespace(cluster: &Cluster) -> Option<String> {
    if cluster.is_absent() {
        return None;
    }
    let namespace = cluster.namespace();
    match (cluster.namespace_source(), cluster.context()) {
        (NamespaceSource::Flag, _) => None,
        (NamespaceSource::Context, Some(context)) => {
            Some(format!("namespace {namespace} of context {context}"))
        }
        _ => Some(format!("namespace {namespace}")),
    }
}

/// Returns the manifest with only those settings of TLS and those credentials that the user has accepted.
fn granted(file: &EngineFile) -> Manifest {
    let mut manifest = file.manifest().clone();
    let grants = file.grants();
    for (name, endpoint) in &mut manifest.endpoints {
        if let Some(granted) = grants.endpoint(name) {
            *endpoint = granted.clone();
        }
    }
    manifest
}

/// Accepts an engine whose backend answers or asks for credentials. The missing credentials are reported later
/// by the operation.
fn is_there(asked: Asked) -> Result<Running, OpsError> {
    let failure = asked.answer.as_ref().err().map(Problem::failure);
    let is_refusal = failure == Some(Failure::NotAllowed);
    match asked.answer {
        Err(OpsError::Engine(_) | OpsError::NotAuthenticated(_)) if is_refusal => Ok(asked.running),
        Err(error) => Err(error),
        Ok(_) => Ok(asked.running),
    }
}

#[cfg(test)]
mod tests;
