use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{EngineId, EngineOption, Manifest, Operation};

use super::OpsError;
use super::audit::AuditFile;
use super::begun::{Begun, Work};
use super::choose::{EngineChoice, call_name, candidates, for_files, has_target, shared_name};
use super::commands::PodCommands;
use super::credentials::{Credentials, CredentialsRequest};
use super::network::{Endpoints, Route};
use super::objects::ClusterObjects;
use super::observer::UiObserver;
use super::saving::Saving;
use crate::cluster::{Cluster, ConnectOptions, NamespaceSource, Target};
use crate::engine::{
    Auditor, Catalogue, EngineError, EngineFile, Instance, Limits, Loaded, NativeCache,
    OptionSetting, OptionValue, Runtime, Services,
};
use crate::model::{Failure, Problem, text};
use crate::s3::S3;
use crate::ui::{Scope, Ui};

/// The StatefulSet that is meant where none is named.
const DEFAULT_STATEFULSET: &str = "broker";
/// Longest reason why another engine is used, in characters.
const MAX_REASON: usize = 160;

/// What every command about a target says.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub connect: ConnectOptions,
    pub engine: EngineChoice,
    pub statefulset: Option<String>,
    pub pod: Option<String>,
    pub credentials: CredentialsRequest,
    /// Where the calls of engines are written to.
    pub audit: Option<PathBuf>,
    /// Values of the manifests' port flags, by flag.
    pub ports: BTreeMap<String, u16>,
    /// Values of the manifests' options, by option.
    pub options: BTreeMap<String, OptionSetting>,
    /// Where it is noted what was begun.
    pub begun: Begun,
}

/// A cluster, a target in it, and the engines that may be used on it.
pub struct Session {
    pub(super) cluster: Cluster,
    pub(super) engines: Catalogue,
    runtime: Arc<Runtime>,
    credentials: Credentials,
    pub(super) s3: Arc<S3>,
    request: Request,
    target: Target,
    auditor: Option<Arc<dyn Auditor>>,
    ui: Ui,
}

/// An engine that runs, and the network that it has.
pub(super) struct Running {
    instance: Instance,
    network: Arc<Endpoints>,
    objects: Arc<ClusterObjects>,
    pub(super) saving: Arc<Saving>,
    pub(super) manifest: Manifest,
    /// What `--engine` takes for it.
    pub(super) called: String,
    pub(super) scope: Scope,
    ui: Ui,
}

impl Session {
    /// Connects, and says which defaults were applied. Nothing is asked of the cluster yet but for the
    /// Secret with the credentials, if one is named.
    ///
    /// # Errors
    /// When the kubeconfig can't be used, or the sandbox can't be set up.
    pub async fn open(engines: Catalogue, request: Request, ui: Ui) -> Result<Self, OpsError> {
        let cluster = Cluster::connect(&request.connect).await?;
        let credentials = Credentials::find(&cluster, &request.credentials).await?;
        let runtime = Arc::new(Runtime::new(open_cache(ui))?);
        let target = Target {
            statefulset: request
                .statefulset
                .clone()
                .unwrap_or_else(|| DEFAULT_STATEFULSET.to_owned()),
            pod: request.pod.clone(),
        };
        let audit = request.audit.as_deref();
        let audit = audit.map(|path| AuditFile::open(path, ui)).transpose()?;
        let session = Self {
            auditor: audit.map(|audit| Arc::new(audit) as Arc<dyn Auditor>),
            cluster,
            engines,
            runtime,
            credentials,
            s3: Arc::default(),
            request,
            target,
            ui,
        };
        session.note_defaults();
        session.note_shared_name();
        Ok(session)
    }

    /// Starts the engine that `operation` prefers, of those that the user lets it choose from, and
    /// that answer.
    pub(super) async fn engine_for(&self, operation: Operation) -> Result<Running, OpsError> {
        let mut candidates = candidates(&self.engines, &self.request.engine, operation)?;
        if operation == Operation::Create {
            return Box::pin(self.engine_to_create(&candidates)).await;
        }
        if matches!(operation, Operation::Restore | Operation::Delete) {
            // What destroys must not find another way when the expected one is closed: `latest` of
            // another engine is another backup.
            candidates.truncate(1);
        }
        let mut remaining = candidates.into_iter().peekable();
        while let Some(file) = remaining.next() {
            // The last is not asked whether it answers: its own error says more.
            let Some(next) = remaining.peek() else {
                return self.start(file).await;
            };
            // What is wrong with the target is wrong for every engine.
            let running = self.start(file).await?;
            match self.answering(running).await {
                Ok(running) => return Ok(running),
                Err(OpsError::Cluster(error)) if error.failure() == Failure::NotAllowed => {
                    return Err(OpsError::Cluster(error));
                }
                Err(reason) => {
                    let reason = text::printable(&reason.to_string(), MAX_REASON).into_owned();
                    self.ui.note(&format!(
                        "engine {} can't be used here ({reason}); trying {}",
                        call_name(&self.engines, &file.manifest().id),
                        call_name(&self.engines, &next.manifest().id)
                    ));
                }
            }
        }
        // `candidates` returns at least one.
        Err(OpsError::NobodyCan { operation })
    }

    /// The first, unless nobody listens where its backend would: then the first of the others that
    /// answers. A backend that is there and fails is meant, and says why itself; where none is there,
    /// the first says so.
    async fn engine_to_create(&self, candidates: &[&EngineFile]) -> Result<Running, OpsError> {
        let [first, others @ ..] = candidates else {
            let operation = Operation::Create;
            return Err(OpsError::NobodyCan { operation });
        };
        let mut preferred = self.start(first).await?;
        if others.is_empty() {
            return Ok(preferred);
        }
        let detected = preferred.instance.detect().await;
        let reason = match preferred.original(detected) {
            Err(OpsError::Cluster(reason)) if reason.is_absence() => reason,
            Err(OpsError::Engine(error)) if !matches!(error, EngineError::Reported { .. }) => {
                return Err(error.into());
            }
            _ => return Ok(preferred),
        };
        for other in others {
            match self.is_there(other).await {
                Ok(running) => {
                    self.ui.note(&format!(
                        "engine {} can't be used here ({}); using {}",
                        preferred.called,
                        text::printable(&reason.to_string(), MAX_REASON),
                        running.called
                    ));
                    return Ok(running);
                }
                Err(error) => self.ui.debug(&format!(
                    "engine {} can't be used here either: {}",
                    call_name(&self.engines, &other.manifest().id),
                    text::printable(&error.to_string(), MAX_REASON)
                )),
            }
        }
        Ok(preferred)
    }

    /// Starts an engine whose backend answers, or wants credentials: then it says so itself.
    async fn is_there(&self, file: &EngineFile) -> Result<Running, OpsError> {
        let mut running = self.start(file).await?;
        let detected = running.instance.detect().await;
        match running.original(detected) {
            Err(OpsError::Engine(error)) if error.failure() == Failure::NotAllowed => Ok(running),
            Err(error) => Err(error),
            Ok(_) => Ok(running),
        }
    }

    /// Starts the engine that restores from files.
    pub(super) async fn engine_for_files(&self) -> Result<Running, OpsError> {
        self.start(for_files(&self.engines, &self.request.engine)?)
            .await
    }

    async fn answering(&self, mut running: Running) -> Result<Running, OpsError> {
        let detected = running.instance.detect().await;
        let detection = running.original(detected)?;
        self.ui.debug(&format!(
            "engine {}: {} answers",
            running.manifest.id,
            text::printable(&detection.product, 100)
        ));
        Ok(running)
    }

    /// Starts the engine with this id once more.
    pub(super) async fn start_named(&self, id: &EngineId) -> Result<Running, OpsError> {
        let file = self.engines.iter().find(|file| file.manifest().id == *id);
        let file = file.ok_or_else(|| OpsError::UnknownEngine {
            name: id.to_string(),
            near: None,
            known: Vec::new(),
        })?;
        self.start(file).await
    }

    /// Makes native code of an engine and finds its endpoints at the same time, then starts it.
    pub(super) async fn start(&self, file: &EngineFile) -> Result<Running, OpsError> {
        // Boxed, they don't weigh on the futures of all callers.
        let find = Box::pin(Endpoints::find(self.route(file)));
        let (loaded, network) = tokio::join!(self.load(file), find);
        let loaded = loaded?;
        Box::pin(self.run(file, &loaded, network?)).await
    }

    /// Where the requests of an engine go.
    pub(super) fn route(&self, file: &EngineFile) -> Route {
        Route {
            cluster: self.cluster.clone(),
            target: self.target.clone(),
            manifest: file.manifest().clone(),
            ports: self.request.ports.clone(),
            credentials: self.credentials.clone(),
            s3: Arc::clone(&self.s3),
        }
    }

    /// Makes native code of an engine, where nothing else is held up by it.
    pub(super) async fn load(&self, file: &EngineFile) -> Result<Loaded, OpsError> {
        let runtime = Arc::clone(&self.runtime);
        let to_load = file.clone();
        let loaded = tokio::task::spawn_blocking(move || runtime.load(to_load)).await;
        let loaded = loaded.map_err(|e| OpsError::Worker {
            reason: e.to_string(),
        })??;
        if let Some(problem) = &loaded.cache_problem {
            self.ui
                .debug(&format!("native code was not kept: {problem}"));
        }
        self.ui.debug(&format!(
            "{} engines compiled by this process",
            self.runtime.compilations()
        ));
        Ok(loaded)
    }

    /// Starts a loaded engine over a network.
    pub(super) async fn run(
        &self,
        file: &EngineFile,
        loaded: &Loaded,
        network: Endpoints,
    ) -> Result<Running, OpsError> {
        let network = Arc::new(network);
        let saving = Arc::new(Saving::new(Arc::clone(&network), self.ui));
        let commands = PodCommands::new(&self.cluster, &self.target, network.last_error());
        let objects = Arc::new(ClusterObjects::new(&self.cluster, network.last_error()));
        let instance = Instance::start(
            loaded,
            file.grants(),
            Services {
                network: network.clone(),
                artifacts: Some(saving.clone()),
                commands: Arc::new(commands),
                objects: Some(objects.clone()),
                observer: Arc::new(UiObserver(self.ui)),
                auditor: self.auditor.clone(),
                now: None,
            },
            Limits::default(),
        )
        .await?;
        Ok(Running {
            instance,
            network,
            objects,
            saving,
            manifest: file.manifest().clone(),
            called: call_name(&self.engines, &file.manifest().id),
            scope: Scope {
                namespace: self.cluster.namespace().to_owned(),
                statefulset: (file.manifest().has_target())
                    .then(|| self.target.statefulset.clone()),
                engine: file.manifest().id.to_string(),
            },
            ui: self.ui,
        })
    }

    /// The settings of an engine's own options for an operation.
    pub(super) fn options(&self, manifest: &Manifest, operation: Operation) -> Vec<OptionSetting> {
        manifest
            .options_for(operation)
            .filter_map(|option| self.request.options.get(&option.name).cloned())
            .collect()
    }

    /// Notes that `running` is about to begin something in its backend, or has: then it has an id.
    pub(super) fn note_begun(&self, running: &Running, id: Option<&str>) {
        self.request.begun.set(Work {
            engine: running.called.clone(),
            id: id.map(str::to_owned),
            has_status: running.manifest.can(Operation::Status),
        });
    }

    /// Which engine the user wants.
    pub(super) fn choice(&self) -> &EngineChoice {
        &self.request.engine
    }

    /// The engines' options that the user gave, whichever engine they are of: those whose value is not
    /// the default.
    pub(super) fn given_options(&self) -> impl Iterator<Item = &EngineOption> {
        let options = self
            .engines
            .iter()
            .flat_map(|file| &file.manifest().options);
        options.filter(|option| {
            let setting = self.request.options.get(&option.name);
            setting.is_some_and(|setting| !is_default(option, &setting.value))
        })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Reads the credentials of the backend once more than [`Session::open`] did.
    pub(super) async fn use_credentials(
        &mut self,
        request: &CredentialsRequest,
    ) -> Result<(), OpsError> {
        self.credentials = Credentials::find(&self.cluster, request).await?;
        Ok(())
    }

    pub(super) fn statefulset(&self) -> &str {
        &self.target.statefulset
    }

    /// How the command speaks to its user.
    #[must_use]
    pub fn ui(&self) -> Ui {
        self.ui
    }

    /// For `--verbose`.
    pub fn note_requests(&self) {
        self.ui.debug(&format!(
            "{} requests to {}",
            self.cluster.request_count(),
            self.cluster.server()
        ));
    }

    /// Whoever has installed an engine with the short name of a bundled one may mean it.
    fn note_shared_name(&self) {
        if let Some((used, others)) = shared_name(&self.engines, &self.request.engine) {
            self.ui.note(&format!(
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
        if unnamed && has_target(&self.engines, &self.request.engine) {
            defaults.push(format!("StatefulSet {DEFAULT_STATEFULSET}"));
        }
        let namespace = self.cluster.namespace();
        match (self.cluster.namespace_source(), self.cluster.context()) {
            (NamespaceSource::Flag, _) => {}
            (NamespaceSource::Context, Some(context)) => {
                defaults.push(format!("namespace {namespace} of context {context}"));
            }
            _ => defaults.push(format!("namespace {namespace}")),
        }
        if !defaults.is_empty() {
            self.ui.note(&format!("Using {}", defaults.join(", ")));
        }
    }
}

impl Running {
    pub(super) fn instance(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Waits before the next look at what the engine looked at, and not longer than this.
    pub(super) async fn pause(&self, longest: Duration) {
        self.objects.pause(longest).await;
    }

    /// Turns an error that the engine only passed on into the one that it was, and shows what the
    /// network has to say.
    pub(super) fn original<T>(&self, result: Result<T, EngineError>) -> Result<T, OpsError> {
        for note in self.network.take_notes() {
            self.ui.note(&note);
        }
        result.map_err(|error| {
            if let EngineError::Reported { report, .. } = &error {
                if let Some(original) = self.saving.original_of(report) {
                    return original.into();
                }
                if let Some(original) = self.network.original_of(report) {
                    return original.into();
                }
            }
            OpsError::Engine(error)
        })
    }
}

fn is_default(option: &EngineOption, value: &OptionValue) -> bool {
    let default = option.default.as_deref();
    match value {
        OptionValue::Text(text) => default == Some(text),
        OptionValue::Integer(number) => default == Some(&*number.to_string()),
        OptionValue::Boolean(value) => default.unwrap_or("false") == value.to_string(),
    }
}

/// Without a cache everything works, more slowly; so its problems are only told to those who look.
fn open_cache(ui: Ui) -> Option<NativeCache> {
    NativeCache::of_user()
        .inspect_err(|problem| ui.warn(&format!("engines are compiled anew each time: {problem}")))
        .ok()
}
