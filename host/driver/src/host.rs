use std::sync::{Arc, OnceLock};

use host_base::{Folders, Reporter};
use host_engine::{Catalogue, EngineError, EngineFile, Limits, Loaded, NativeCache, Runtime};
use host_transfer::History;

use super::OpsError;
use super::compiling::Compiling;

/// What a [`Host`] is made of.
pub struct HostSettings {
    /// The engines that may be used.
    pub engines: Catalogue,
    /// What one call of an engine may use.
    pub limits: Limits,
    /// The folders of the program; none where it has no home.
    pub folders: Option<Folders>,
    /// The front end.
    pub reporter: Arc<dyn Reporter>,
}

/// What is made once in a process, however many targets it works on: the sandbox, the engines, the folders,
/// and the front end. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    settings: HostSettings,
    /// Made when the first engine is needed.
    runtime: OnceLock<Arc<Runtime>>,
    compiling: Compiling,
}

impl Host {
    /// Takes the settings. The sandbox is set up by the first engine that is needed.
    #[must_use]
    pub fn new(settings: HostSettings) -> Self {
        let compiling = Compiling::new(Arc::clone(&settings.reporter));
        Self(Arc::new(Inner {
            settings,
            runtime: OnceLock::new(),
            compiling,
        }))
    }

    /// The engines that may be used.
    #[must_use]
    pub fn engines(&self) -> &Catalogue {
        &self.0.settings.engines
    }

    /// What one call of an engine may use.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.settings.limits
    }

    /// The front end.
    #[must_use]
    pub fn reporter(&self) -> &Arc<dyn Reporter> {
        &self.0.settings.reporter
    }

    pub(super) fn folders(&self) -> Option<&Folders> {
        self.0.settings.folders.as_ref()
    }

    /// The record of what was done on this machine.
    pub(super) fn history(&self) -> Option<History> {
        Some(History::new(&self.folders()?.state))
    }

    /// The sandbox, which is set up the first time.
    pub(super) fn runtime(&self) -> Result<&Arc<Runtime>, EngineError> {
        if let Some(runtime) = self.0.runtime.get() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Runtime::new(self.cache())?);
        // Another thread may have been first.
        Ok(self.0.runtime.get_or_init(|| runtime))
    }

    /// Without a cache everything works, more slowly.
    fn cache(&self) -> Option<NativeCache> {
        let opened = match self.folders() {
            Some(folders) => NativeCache::open(folders),
            None => Err("there is no home folder".to_owned()),
        };
        opened
            .inspect_err(|problem| {
                self.reporter()
                    .warn(&format!("engines are compiled anew each time: {problem}"));
            })
            .ok()
    }

    /// Makes native code of an engine, where nothing else is held up by it.
    pub(super) async fn load(&self, file: &EngineFile) -> Result<Loaded, OpsError> {
        let runtime = Arc::clone(self.runtime()?);
        let loading = Arc::clone(&runtime);
        let to_load = file.clone();
        let compiling = self.0.compiling.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let name = to_load.manifest().id.to_string();
            // Told until it is there, however it ends.
            let told = OnceLock::new();
            loading.load_telling(to_load, &|| {
                told.get_or_init(|| compiling.begin(&name));
            })
        });
        let loaded = loaded.await.map_err(|e| OpsError::Worker {
            reason: e.to_string(),
        })??;
        if let Some(problem) = &loaded.cache_problem {
            self.reporter()
                .debug(&format!("native code was not kept: {problem}"));
        }
        self.reporter().debug(&format!(
            "{} engines compiled by this process",
            runtime.compilations()
        ));
        Ok(loaded)
    }
}
