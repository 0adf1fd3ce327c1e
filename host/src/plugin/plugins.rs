use std::collections::BTreeSet;

use broker_manifest::EngineId;

use super::steps::{Step, reach};
use super::{
    Candidate, Changing, Consent, Expected, Installed, KeyFolder, Lockfile, NewKey, Plugin,
    PluginError, Reference, Sources, Store, TrustedKey, clash, consent, trial,
};
use crate::engine::{Catalogue, EngineFile};
use crate::model::{Failure, Problem};
use crate::transfer::Sha256;
use crate::ui::Ui;

/// The engines that are installed, and what changes them.
pub struct Plugins<'a> {
    pub(super) store: Store,
    pub(super) bundled: &'a [EngineFile],
    pub(super) sources: &'a Sources,
    pub(super) keys: &'a KeyFolder,
    pub(super) ui: Ui,
}

/// What was done to an engine.
#[derive(Clone, Debug)]
pub struct Change {
    pub id: EngineId,
    /// The version before, if there was one.
    pub from: Option<semver::Version>,
    pub to: Installed,
    /// The key that is trusted with it, and was not before.
    pub key: Option<TrustedKey>,
    /// Whether these very bytes with this very consent were installed before.
    pub is_same: bool,
}

/// What is to be installed.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    pub reference: Reference,
    /// What the component must be.
    pub sha256: Option<Sha256>,
    pub id: Option<EngineId>,
    /// What it must be signed with. It is trusted for its publisher as soon as it is installed.
    pub key: Option<NewKey>,
}

impl<'a> Plugins<'a> {
    /// Opens the store.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn open(
        engines: &'a Catalogue,
        sources: &'a Sources,
        keys: &'a KeyFolder,
        ui: Ui,
    ) -> Result<Self, PluginError> {
        // They come first: see `super::catalogue`.
        let bundled = engines.iter().take_while(|file| file.is_bundled()).count();
        Ok(Self {
            store: Store::open()?,
            bundled: &engines[..bundled],
            sources,
            keys,
            ui,
        })
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Installs an engine, or puts another version in the place of the one that is there. That one is kept
    /// for a rollback.
    ///
    /// # Errors
    /// When it can't be got, is no engine that could run here, or is not accepted. Nothing has changed then.
    pub async fn install(
        &self,
        request: &InstallRequest,
        consent: &dyn Consent,
    ) -> Result<Change, PluginError> {
        let lockfile = self.store.lockfile()?;
        let expected = Expected {
            sha256: request.sha256,
            id: request.id.as_ref(),
            version: None,
            key: request.key.as_ref(),
        };
        let candidate = self.candidate(&request.reference, &expected).await?;
        self.put(&candidate, &lockfile, consent, expected.key).await
    }

    /// Fetches an engine again from where it came from, and installs what is new there.
    ///
    /// # Errors
    /// As those of [`Plugins::install`], and when it has become another engine or an older one.
    pub async fn update(
        &self,
        id: &EngineId,
        consent: &dyn Consent,
    ) -> Result<Change, PluginError> {
        let lockfile = self.store.lockfile()?;
        let candidate = self.newest(id, &lockfile).await?;
        self.put(&candidate, &lockfile, consent, None).await
    }

    /// Installs this very version from where the engine came from, though it may be an older one.
    ///
    /// # Errors
    /// As those of [`Plugins::install`], and when there is only one version where it came from.
    pub async fn update_to(
        &self,
        id: &EngineId,
        version: &semver::Version,
        consent: &dyn Consent,
    ) -> Result<Change, PluginError> {
        let lockfile = self.store.lockfile()?;
        let source = &plugin(&lockfile, id)?.current.source;
        let tags = source.of_version(version);
        let [plain, prefixed] = tags.ok_or_else(|| PluginError::OneVersion {
            what: source.to_string(),
        })?;
        let expected = Expected {
            id: Some(id),
            version: Some(version),
            ..Expected::default()
        };
        let candidate = match self.candidate(&plain, &expected).await {
            Err(missing) if missing.failure() == Failure::NotFound => {
                let found = self.candidate(&prefixed, &expected).await;
                // The tag that is missing is the one that was asked for.
                found.map_err(|error| match error.failure() {
                    Failure::NotFound => missing,
                    _ => error,
                })?
            }
            found => found?,
        };
        self.put(&candidate, &lockfile, consent, None).await
    }

    /// What is where an engine came from.
    ///
    /// # Errors
    /// When it can't be got, or has become another engine or an older one.
    pub async fn newest(
        &self,
        id: &EngineId,
        lockfile: &Lockfile,
    ) -> Result<Candidate, PluginError> {
        let current = &plugin(lockfile, id)?.current;
        let expected = Expected {
            id: Some(id),
            ..Expected::default()
        };
        let candidate = self.candidate(&current.source, &expected).await?;
        let is = &candidate.file.manifest().version;
        if *is < current.version {
            return Err(PluginError::Older {
                what: current.source.to_string(),
                id: id.to_string(),
                is: is.to_string(),
                installed: current.version.to_string(),
            });
        }
        Ok(candidate)
    }

    /// Fetches a component and looks at it.
    pub(super) async fn candidate(
        &self,
        reference: &Reference,
        expected: &Expected<'_>,
    ) -> Result<Candidate, PluginError> {
        Candidate::fetch(reference, expected, self.sources, self.keys).await
    }

    /// Looks whether an engine can be beside the others.
    pub(super) fn check_place(
        &self,
        candidate: &Candidate,
        lockfile: &Lockfile,
    ) -> Result<(), PluginError> {
        let manifest = candidate.file.manifest();
        if self
            .bundled
            .iter()
            .any(|file| file.manifest().id == manifest.id)
        {
            return Err(PluginError::BundledId {
                id: manifest.id.clone(),
            });
        }
        for bundled in self.bundled {
            clash::check(manifest, bundled.manifest())?;
        }
        for (id, plugin) in &lockfile.plugins {
            // One that is broken is not on the command line.
            if *id != manifest.id
                && let Ok(other) = self.store.engine(id, &plugin.current)
            {
                clash::check(manifest, other.manifest())?;
            }
        }
        Ok(())
    }

    async fn put(
        &self,
        candidate: &Candidate,
        seen: &Lockfile,
        consent: &dyn Consent,
        key: Option<&NewKey>,
    ) -> Result<Change, PluginError> {
        self.check_place(candidate, seen)?;
        let id = candidate.id();
        let before = seen.plugins.get(id).map(|plugin| &plugin.current);
        // A consent that does not fit what is installed was not given for it.
        let valid = before.filter(|version| self.store.engine(id, version).is_ok());
        let nothing = BTreeSet::new();
        let publisher = id.publisher();
        let key = match key {
            Some(new) if !self.keys.has(publisher, &new.key)? => Some(new),
            _ => None,
        };
        let known = valid.map_or(&nothing, |version| &version.capabilities);
        consent::obtain(candidate, known, key, consent).await?;
        reach(Step::Consented);
        trial::start_once(&candidate.file).await?;
        reach(Step::Tried);
        let to = candidate.installed();
        let mut change = Change {
            id: id.clone(),
            key: None,
            from: before.map(|version| version.version.clone()),
            is_same: valid.is_some_and(|version| version.is_same(&to)),
            to,
        };
        self.switch(&[candidate], seen, |lockfile| {
            place(lockfile, id, &change.to, valid.is_some());
        })
        .await?;
        // Not before: of what is not installed no key is trusted.
        if let Some(new) = key {
            let added = self.keys.add(publisher, &new.name, new.key.clone());
            let added = added.map_err(|source| PluginError::KeyNotKept {
                id: id.clone(),
                source: Box::new(source),
            })?;
            change.key = Some(added);
        }
        Ok(change)
    }

    /// Writes what was prepared for the lockfile that was `seen`, if it is still the one that is there for
    /// these engines.
    pub(super) async fn switch(
        &self,
        candidates: &[&Candidate],
        seen: &Lockfile,
        change: impl FnOnce(&mut Lockfile),
    ) -> Result<(), PluginError> {
        let changing = self.lock().await?;
        let mut lockfile = self.store.lockfile()?;
        for candidate in candidates {
            let id = candidate.id();
            let digest = |file: &Lockfile| {
                let plugin = file.plugins.get(id)?;
                Some((plugin.current.digest, plugin.current.capabilities.clone()))
            };
            let now = digest(&lockfile);
            let wanted = (candidate.digest(), candidate.texts());
            // Another process that did the very same is no trouble.
            if now != digest(seen) && now != Some(wanted) {
                return Err(PluginError::Raced { id: id.clone() });
            }
            changing.add(&candidate.file)?;
        }
        change(&mut lockfile);
        changing.commit(&lockfile)
    }

    /// Goes back to the version before. It is there: nothing is fetched, and no code is run.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub async fn rollback(&self, id: &EngineId) -> Result<Change, PluginError> {
        let changing = self.lock().await?;
        let mut lockfile = self.store.lockfile()?;
        let installed = plugin(&lockfile, id)?.clone();
        let previous = installed
            .previous
            .ok_or_else(|| PluginError::NoPrevious { id: id.clone() })?;
        self.store.verified(id, &previous)?;
        let change = Change {
            id: id.clone(),
            from: Some(installed.current.version.clone()),
            to: previous.clone(),
            key: None,
            is_same: false,
        };
        lockfile.plugins.insert(
            id.clone(),
            Plugin {
                current: previous,
                previous: Some(installed.current),
            },
        );
        changing.commit(&lockfile)?;
        Ok(change)
    }

    /// Takes an engine away, whatever state it is in.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn remove(&self, id: &EngineId) -> Result<Installed, PluginError> {
        let changing = self.lock().await?;
        let mut lockfile = self.store.lockfile()?;
        let removed = lockfile.plugins.remove(id);
        let removed = removed.ok_or_else(|| PluginError::NotInstalled {
            name: id.to_string(),
            known: Vec::new(),
        })?;
        changing.commit(&lockfile)?;
        Ok(removed.current)
    }

    /// The id of the engine that is called `name`: its own, or its short name where one engine has it.
    ///
    /// # Errors
    /// When there is none or several, or it came with this program.
    pub fn find(&self, name: &str) -> Result<EngineId, PluginError> {
        let lockfile = self.store.lockfile()?;
        let is_named = |id: &EngineId| id.name() == name || id.to_string() == name;
        let found: Vec<_> = lockfile.plugins.keys().filter(|id| is_named(id)).collect();
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => {
                let bundled = self.bundled.iter().map(|file| &file.manifest().id);
                if let Some(id) = bundled.into_iter().find(|id| is_named(id)) {
                    return Err(PluginError::Bundled { id: id.clone() });
                }
                Err(PluginError::NotInstalled {
                    name: name.to_owned(),
                    known: lockfile.plugins.keys().map(ToString::to_string).collect(),
                })
            }
            several => Err(PluginError::Ambiguous {
                name: name.to_owned(),
                ids: several.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Waiting for another process blocks, and Ctrl-C must still be seen.
    async fn lock(&self) -> Result<Changing, PluginError> {
        let (store, ui) = (self.store.clone(), self.ui);
        let wait = move || ui.note("Another process changes the engines; waiting for it");
        tokio::task::spawn_blocking(move || store.lock(wait))
            .await
            .unwrap_or_else(|error| {
                Err(PluginError::Worker {
                    reason: error.to_string(),
                })
            })
    }
}

fn plugin<'a>(lockfile: &'a Lockfile, id: &EngineId) -> Result<&'a Plugin, PluginError> {
    lockfile
        .plugins
        .get(id)
        .ok_or_else(|| PluginError::NotInstalled {
            name: id.to_string(),
            known: lockfile.plugins.keys().map(ToString::to_string).collect(),
        })
}

/// Makes `to` the current version. What was there is kept, if it `is_valid` and something else.
pub(super) fn place(lockfile: &mut Lockfile, id: &EngineId, to: &Installed, is_valid: bool) {
    let before = lockfile.plugins.remove(id);
    let previous = before.and_then(|plugin| {
        let other = is_valid && plugin.current.digest != to.digest;
        if other {
            Some(plugin.current)
        } else {
            plugin.previous
        }
    });
    lockfile.plugins.insert(
        id.clone(),
        Plugin {
            current: to.clone(),
            previous,
        },
    );
}
