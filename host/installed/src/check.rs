use broker_manifest::EngineId;
use host_base::{Folders, Problem};
use host_engine::{Catalogue, EngineFile, NativeCache, Runtime};

use super::{KeyFolder, Lockfile, Plugin, PluginError, Plugins, clash, reserved, today, trial};

/// The engines that came with the program, and those that are installed and can be used. What is wrong
/// with the others is told, and keeps nobody from using these.
///
/// Bundled engines come first, so that none that is installed takes the place of one of them.
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

/// An engine that can be beside these.
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
        clash::check(manifest, other.manifest())?;
    }
    Ok(engine)
}

/// What is known of an engine that is installed.
#[derive(Debug)]
pub struct Checked {
    pub id: EngineId,
    pub plugin: Plugin,
    /// What it says of itself, or what is wrong.
    pub engine: Result<EngineFile, PluginError>,
    /// Whether its native code is at hand, where that was looked at.
    pub is_compiled: Option<bool>,
}

impl Plugins<'_> {
    /// Every engine that is installed, as far as it is known without reading its component.
    ///
    /// # Errors
    /// When the lockfile can't be used.
    pub fn list(&self) -> Result<Vec<Checked>, PluginError> {
        let lockfile = self.store.lockfile()?;
        Ok(self.checked(&lockfile, |plugins, id, plugin| {
            let engine = plugins.store.current(id, plugin)?;
            today::check(&plugins.store, plugins.keys, id, &plugin.current)?;
            Ok(engine)
        }))
    }

    /// Reads every component again, and compares it with what is written of it; of both versions, where
    /// one is kept for a rollback.
    ///
    /// # Errors
    /// When the lockfile can't be used, or something is not what it was.
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

    /// Does with every engine what its use would begin with, and says where that ends.
    ///
    /// # Errors
    /// When the lockfile can't be used.
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
    /// What is wrong with it, and what to do.
    #[must_use]
    pub fn problem(&self) -> Option<&dyn Problem> {
        let problem = self.engine.as_ref().err()?;
        Some(problem)
    }
}
