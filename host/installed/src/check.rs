use broker_manifest::EngineId;
use host_base::{Folders, Problem};
use host_engine::{Catalogue, EngineFile, NativeCache, Runtime};

use super::{KeyFolder, Lockfile, Plugin, PluginError, Plugins, reserved, today, trial};

/// Returns the bundled engines and the usable installed ones. Problems of other engines are returned beside
/// them and don't affect these.
///
/// Bundled engines come first, so that no installed one takes their place.
#[must_use]
pub fn catalogue(bundled: &Catalogue, folders: Option<&Folders>) -> (Catalogue, Vec<PluginError>) {
    let Some(folders) = folders else {
        return (bundled.clone(), Vec::new());
    };
    let lockfile = super::Store::open_existing(folders).and_then(|store| {
        store
            .map(|store| Ok((store.lockfile()?, store)))
            .transpose()
    });
    let (lockfile, store) = match lockfile {
        Ok(Some(found)) => found,
        Ok(None) => return (bundled.clone(), Vec::new()),
        Err(problem) => return (bundled.clone(), vec![problem]),
    };
    let mut engines: Vec<EngineFile> = bundled.to_vec();
    let mut problems = Vec::new();
    let keys = KeyFolder::of(&folders.configuration);
    for (id, plugin) in &lockfile.plugins {
        let engine = store
            .current(id, plugin)
            .and_then(|engine| beside(engine, &engines));
        let engine = engine
            .and_then(|engine| today::check(&store, &keys, id, &plugin.current).map(|()| engine));
        match engine {
            Ok(engine) => engines.push(engine),
            Err(problem) => problems.push(problem),
        }
    }
    (engines.into_iter().collect(), problems)
}

/// Returns the engine if it may coexist with these engines.
fn beside(engine: EngineFile, engines: &[EngineFile]) -> Result<EngineFile, PluginError> {
    let manifest = engine.manifest();
    let bundled = engines.iter().filter(|file| file.is_bundled());
    reserved::check(&manifest.id, bundled.map(|file| &file.manifest().id)).map_err(|reserved| {
        PluginError::Reserved {
            id: manifest.id.clone(),
            reserved,
        }
    })?;
    for other in engines {
        if other.manifest().id == manifest.id {
            return Err(PluginError::BundledId {
                id: manifest.id.clone(),
            });
        }
    }
    Ok(engine)
}

/// The state of an installed engine.
#[derive(Debug)]
pub struct Checked {
    /// Id of the engine.
    pub id: EngineId,
    /// Its entry in the lockfile.
    pub plugin: Plugin,
    /// The engine, or the problem with it.
    pub engine: Result<EngineFile, PluginError>,
    /// Whether its native code is in the cache; `None` if that was not checked.
    pub is_compiled: Option<bool>,
}

impl Plugins<'_> {
    /// Returns every installed engine without reading its component.
    ///
    /// # Errors
    /// When the lockfile is unusable.
    pub fn list(&self) -> Result<Vec<Checked>, PluginError> {
        let lockfile = self.store.lockfile()?;
        Ok(self.checked(&lockfile, |plugins, id, plugin| {
            let engine = plugins.store.current(id, plugin)?;
            today::check(&plugins.store, plugins.keys, id, &plugin.current)?;
            Ok(engine)
        }))
    }

    /// Reads every component again and compares it with the lockfile. Versions that are kept for a rollback
    /// are included.
    ///
    /// # Errors
    /// When the lockfile is unusable, or something has changed.
    pub fn verify(&self, only: Option<&EngineId>) -> Result<Vec<Checked>, PluginError> {
        let mut lockfile = self.store.lockfile()?;
        lockfile
            .plugins
            .retain(|id, _| only.is_none_or(|only| only == id));
        let mut checked = self.checked(&lockfile, |plugins, id, plugin| {
            let engine = plugins.store.verified(id, &plugin.current)?;
            plugins.store.check_defaults(id, plugin)?;
            today::judge(&plugins.store, plugins.keys, id, &plugin.current)?;
            if let Some(previous) = &plugin.previous {
                plugins.store.verified(id, previous)?;
            }
            Ok(engine)
        });
        if checked.iter().any(|one| one.engine.is_err()) {
            let problems = checked.into_iter().filter_map(|one| one.engine.err());
            return Err(PluginError::several(problems.collect()));
        }
        let runtime = Runtime::new(NativeCache::open(&self.folders).ok())?;
        for one in &mut checked {
            if let Ok(engine) = &one.engine {
                one.is_compiled = Some(runtime.is_cached(engine));
            }
        }
        Ok(checked)
    }

    /// Performs the first steps of using each engine, and returns where they fail.
    ///
    /// # Errors
    /// When the lockfile is unusable.
    pub async fn diagnose(&self, only: Option<&EngineId>) -> Result<Vec<Checked>, PluginError> {
        let mut lockfile = self.store.lockfile()?;
        lockfile
            .plugins
            .retain(|id, _| only.is_none_or(|only| only == id));
        let mut checked = self.checked(&lockfile, |plugins, id, plugin| {
            let engine = plugins.store.verified(id, &plugin.current)?;
            plugins.store.check_defaults(id, plugin)?;
            today::judge(&plugins.store, plugins.keys, id, &plugin.current)?;
            Ok(engine)
        });
        for one in &mut checked {
            if let Ok(engine) = &one.engine
                && let Err(problem) = trial::start_once(engine, &self.folders).await
            {
                one.engine = Err(problem);
            }
        }
        Ok(checked)
    }

    fn checked(
        &self,
        lockfile: &Lockfile,
        look: impl Fn(&Self, &EngineId, &Plugin) -> Result<EngineFile, PluginError>,
    ) -> Vec<Checked> {
        let mut beside_it: Vec<EngineFile> = self.bundled.to_vec();
        let plugins = lockfile.plugins.iter().map(|(id, plugin)| {
            let engine = look(self, id, plugin).and_then(|engine| beside(engine, &beside_it));
            beside_it.extend(engine.as_ref().ok().cloned());
            Checked {
                id: id.clone(),
                plugin: plugin.clone(),
                engine,
                is_compiled: None,
            }
        });
        plugins.collect()
    }
}

impl Checked {
    /// Returns the problem with the engine, which includes a hint.
    #[must_use]
    pub fn problem(&self) -> Option<&dyn Problem> {
        let problem = self.engine.as_ref().err()?;
        Some(problem)
    }
}
