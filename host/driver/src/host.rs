use std::sync::{Arc, OnceLock};

use host_base::{Folders, Reporter};
use host_engine::{Catalogue, EngineError, EngineFile, Limits, Loaded, NativeCache, Runtime};
use host_transfer::History;

use super::OpsError;
use super::compiling::Compiling;

/// The parts that a [`Host`] is built from.
pub struct HostSettings {
    /// The engines that may be used.
    pub engines: Catalogue,
    /// The limits of one call of an engine.
    pub limits: Limits,
    /// The folders of the program. None if the process has no home folder.
    pub folders: Option<Folders>,
    /// The front end, which shows progress and notes.
    pub reporter: Arc<dyn Reporter>,
}

/// State that a process shares among all its targets: the sandbox, the engines, the folders and the front end.
/// Cloning it is cheap.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    settings: HostSettings,
    /// Created when the first engine is needed, because setting up the sandbox takes time.
    runtime: OnceLock<Arc<Runtime>>,
    compiling: Compiling,
}

impl Host {
    /// Creates a host from these settings. The sandbox is set up when the first engine is needed.
    #[must_use]
    pub fn new(settings: HostSettings) -> Self {
        let compiling = Compiling::new(Arc::clone(&settings.reporter));
        Self(Arc::new(Inner {
            settings,
            runtime: OnceLock::new(),
            compiling,
        }))
    }

    /// Returns the engines that may be used.
    #[must_use]
    pub fn engines(&self) -> &Catalogue {
        &self.0.settings.engines
    }

    /// Returns the limits of one call of an engine.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.settings.limits
    }

    /// Returns the front end.
    #[must_use]
    pub fn reporter(&self) -> &Arc<dyn Reporter> {
        &self.0.settings.reporter
    }

    /// Returns how many engines this host has compiled to native code.
    #[must_use]
    pub fn compilations(&self) -> usize {
        let runtime = self.0.runtime.get();
        runtime.map_or(0, |runtime| runtime.compilations())
    }

    pub(super) fn folders(&self) -> Option<&Folders> {
        self.0.settings.folders.as_ref()
    }

    /// Returns the history of this machine, or none if there is no home folder.
    pub(super) fn history(&self) -> Option<History> {
        Some(History::new(&self.folders()?.state))
    }

    /// Returns the sandbox. The first call sets it up.
    pub(super) fn runtime(&self) -> Result<&Arc<Runtime>, EngineError> {
        if let Some(runtime) = self.0.runtime.get() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Runtime::new(self.cache())?);
        // Another thread may have set it up in the meantime; its sandbox is used then.
        Ok(self.0.runtime.get_or_init(|| runtime))
    }

    /// Opens the cache of native code. Without the cache everything works, but more slowly.
    fn cache(&self) -> Option<NativeCache> {
        let opened = match self.folders() {
            Some(folders) => NativeCache::open(folders),
            None => Err("there is no home folder".to_owned()),
        };
        opened
            .inspect_err(|problem| {
                self.reporter()
                    .warn(&format!("engines are compiled again each time: {problem}"));
            })
            .ok()
    }

    /// Compiles an engine to native code, or takes the code from the cache. The work runs on a blocking
    /// thread.
    pub(super) async fn load(&self, file: &EngineFile) -> Result<Loaded, OpsError> {
        let runtime = Arc::clone(self.runtime()?);
        let loading = Arc::clone(&runtime);
        let to_load = file.clone();
        let compiling = self.0.compiling.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let name = to_load.manifest().id.to_string();
            // The front end shows the engine until this value is dropped, also if compiling fails.
            let told = OnceLock::new();
            loading.load_telling(to_load, &|| {
                told.get_or_init(|| compiling.begin(&name));
            })
        });
        let loaded = loaded.await.map_err(|e| OpsError::Worker {
            reason: e.to_string(),
        })??;
        if let Some(problem) = &loaded.cache_problem {
            tracing::debug!("the native code was not stored: {problem}");
        }
        tracing::debug!("{} engines compiled by this process", self.compilations());
        Ok(loaded)
    }
}
