use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use broker_manifest::{EngineId, Operation};
use host_base::{Failure, Folders, Problem, Reporter, Sha256};
use host_engine::{Catalogue, EngineFile};

use super::bundle::{self, Packed};
use super::steps::{Step, reach};
use super::{
    Candidate, Changing, Consent, Expected, Installed, KeyFolder, Lockfile, NewKey, Plugin,
    PluginError, Reference, SignatureState, Sources, Store, TrustedKey, consent, defaults,
    reserved, today, trial,
};

/// The installed engines, and the operations that change them.
pub struct Plugins<'a> {
    pub(super) store: Store,
    pub(super) bundled: &'a [EngineFile],
    pub(super) sources: &'a Sources,
    pub(super) keys: &'a KeyFolder,
    pub(super) folders: Folders,
    pub(super) reporter: Arc<dyn Reporter>,
}

/// A change of an engine.
#[derive(Clone, Debug)]
pub struct Change {
    /// Id of the engine.
    pub id: EngineId,
    /// The previous version, if there was one.
    pub from: Option<semver::Version>,
    /// The version that is installed now.
    pub to: Installed,
    /// The key that became trusted by this change.
    pub key: Option<TrustedKey>,
    /// True if the same bytes with the same consent were installed before.
    pub is_same: bool,
    /// The operations that the engine is the default for now.
    pub defaults: BTreeSet<Operation>,
}

/// The reason of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// The user named the engine, which always needs consent.
    Install,
    /// The source of the engine has another version.
    Update,
}

/// A request to install an engine.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    /// Where the engine is.
    pub reference: Reference,
    /// The digest that the component must have.
    pub sha256: Option<Sha256>,
    /// The id that the engine must have.
    pub id: Option<EngineId>,
    /// The key that must have signed it. It becomes trusted for its publisher when the engine is installed.
    pub key: Option<NewKey>,
}

impl<'a> Plugins<'a> {
    /// Opens the store.
    ///
    /// # Errors
    /// When the store is unusable.
    pub fn open(
        engines: &'a Catalogue,
        sources: &'a Sources,
        keys: &'a KeyFolder,
        folders: &Folders,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, PluginError> {
        // Bundled engines come first: see `super::catalogue`.
        let bundled = engines.iter().take_while(|file| file.is_bundled()).count();
        Ok(Self {
            store: Store::open(folders)?,
            folders: folders.clone(),
            bundled: &engines[..bundled],
            sources,
            keys,
            reporter,
        })
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Installs an engine, or replaces its installed version, which is kept for a rollback. Of a bundle, all
    /// engines are installed or none.
    ///
    /// # Errors
    /// When the engine can't be fetched, is not an engine for this host, or is not accepted. Nothing has
    /// changed then.
    pub async fn install(
        &self,
        request: &InstallRequest,
        consent: &dyn Consent,
    ) -> Result<Vec<Change>, PluginError> {
        let lockfile = self.store.lockfile()?;
        let expected = Expected {
            sha256: request.sha256,
            id: request.id.as_ref(),
            version: None,
            key: request.key.as_ref(),
        };
        let candidates = match &request.reference {
            Reference::Path(path) if bundle::is_bundle(path) => {
                // The given digest is that of the bundle file.
                let packed = bundle::read(path, request.sha256).await?;
                let expected = Expected {
                    sha256: None,
                    ..expected
                };
                self.unpacked(path, packed, &expected)?
            }
            other => vec![self.candidate(other, &expected).await?],
        };
        let occasion = Occasion::Install;
        self.put(&candidates, &lockfile, occasion, consent, expected.key)
            .await
    }

    /// Fetches an engine from its source again, and installs a new version.
    ///
    /// # Errors
    /// Those of [`Plugins::install`]; also when the source has another engine or an older version.
    pub async fn update(
        &self,
        id: &EngineId,
        consent: &dyn Consent,
    ) -> Result<Change, PluginError> {
        let lockfile = self.store.lockfile()?;
        let candidate = self.newest(id, &lockfile).await?;
        self.put_one(candidate, &lockfile, consent).await
    }

    /// Installs exactly this version from the source of the engine; it may be older.
    ///
    /// # Errors
    /// Those of [`Plugins::install`]; also when the source has a single version.
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
                // The missing tag is the one of the requested version.
                found.map_err(|error| match error.failure() {
                    Failure::NotFound => missing,
                    _ => error,
                })?
            }
            found => found?,
        };
        self.put_one(candidate, &lockfile, consent).await
    }

    /// Returns the engine that its source has now.
    ///
    /// # Errors
    /// When it can't be fetched, or when the source has another engine or an older version.
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

    /// Fetches a component and inspects it. From a bundle, it takes the expected engine, or the only one.
    pub(super) async fn candidate(
        &self,
        reference: &Reference,
        expected: &Expected<'_>,
    ) -> Result<Candidate, PluginError> {
        let path = match reference {
            Reference::Path(path) if bundle::is_bundle(path) => path,
            _ => {
                let found = Candidate::fetch(reference, expected, self.sources, self.keys).await?;
                self.tell_not_looked_up(&found);
                return Ok(found);
            }
        };
        let mut packed = bundle::read(path, None).await?;
        if expected.id.is_none() && packed.len() > 1 {
            return Err(PluginError::WholeBundle {
                path: path.clone(),
                engines: packed.iter().map(|one| one.id.to_string()).collect(),
            });
        }
        packed.retain(|one| expected.id.is_none_or(|id| *id == one.id));
        let mut found = self.unpacked(path, packed, expected)?;
        Ok(found.remove(0))
    }

    /// Reports a failed look-up of signatures. No signature is required here, but the user may expect one.
    fn tell_not_looked_up(&self, found: &Candidate) {
        if let Some(problem) = &found.not_looked_up
            && !matches!(found.signature, SignatureState::Signed { .. })
        {
            self.reporter.note(&format!(
                "The signatures of {} can't be looked up, so it counts as {}: {problem}",
                found.source, found.signature
            ));
        }
    }

    /// Inspects the engines of a bundle like fetched ones. There is at least one.
    fn unpacked(
        &self,
        path: &Path,
        mut packed: Vec<Packed>,
        expected: &Expected<'_>,
    ) -> Result<Vec<Candidate>, PluginError> {
        if let Some(id) = expected.id {
            packed.retain(|one| one.id == *id);
            if packed.is_empty() {
                return Err(PluginError::NotInBundle {
                    path: path.to_owned(),
                    id: id.clone(),
                });
            }
        }
        let candidates = packed.into_iter().map(|one| {
            let expected = Expected {
                // The index must not claim that a component is another engine.
                id: Some(&one.id),
                ..*expected
            };
            let mut candidate = Candidate::of(&one.source, one.fetched, &expected, self.keys)?;
            candidate.offered = one.defaults;
            Ok(candidate)
        });
        candidates.collect()
    }

    /// Checks that an engine may coexist with the others.
    pub(super) fn check_place(&self, candidate: &Candidate) -> Result<(), PluginError> {
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
        let bundled = self.bundled.iter().map(|file| &file.manifest().id);
        reserved::check(&manifest.id, bundled).map_err(|reserved| PluginError::Reserved {
            id: manifest.id.clone(),
            reserved,
        })?;
        Ok(())
    }

    async fn put_one(
        &self,
        candidate: Candidate,
        seen: &Lockfile,
        consent: &dyn Consent,
    ) -> Result<Change, PluginError> {
        let id = candidate.id().clone();
        let update = Occasion::Update;
        let changes = self.put(&[candidate], seen, update, consent, None).await?;
        let change = changes.into_iter().next();
        change.ok_or(PluginError::Raced { id })
    }

    /// Installs all of these engines, or none. `key` must have signed all of them.
    async fn put(
        &self,
        candidates: &[Candidate],
        seen: &Lockfile,
        occasion: Occasion,
        consent: &dyn Consent,
        key: Option<&NewKey>,
    ) -> Result<Vec<Change>, PluginError> {
        for candidate in candidates {
            self.check_place(candidate)?;
        }
        let mut changes = Vec::new();
        let mut new_keys = BTreeMap::new();
        let mut refused = Vec::new();
        for candidate in candidates {
            let id = candidate.id();
            let new = match key {
                Some(new) if !self.keys.has(id.publisher(), &new.key)? => Some(new),
                _ => None,
            };
            match self.ask(candidate, seen, occasion, consent, new).await {
                Ok(change) => changes.push(change),
                // All missing consents are reported together.
                Err(problem @ PluginError::NotAccepted { .. }) => refused.push(problem),
                Err(problem) => return Err(problem),
            }
            new_keys.extend(new.map(|new| (id.publisher(), new)));
        }
        if !refused.is_empty() {
            return Err(PluginError::several(refused));
        }
        reach(Step::Consented);
        for candidate in candidates {
            trial::start_once(&candidate.file, &self.folders).await?;
            reach(Step::Tried);
        }
        let added: Vec<_> = candidates.iter().collect();
        self.switch(&added, seen, |lockfile| {
            for (change, is_valid) in &changes {
                place(
                    lockfile,
                    &change.id,
                    &change.to,
                    &change.defaults,
                    *is_valid,
                );
            }
        })
        .await?;
        let mut changes: Vec<_> = changes.into_iter().map(|(change, _)| change).collect();
        for change in &mut changes {
            // The key becomes trusted only after the installation: no key is trusted for an engine that is
            // not installed.
            let id = &change.id;
            if let Some(new) = new_keys.remove(id.publisher()) {
                let added = self.keys.add(id.publisher(), &new.name, new.key.clone());
                let added = added.map_err(|source| PluginError::KeyNotKept {
                    id: id.clone(),
                    source: Box::new(source),
                })?;
                change.key = Some(added);
            }
        }
        Ok(changes)
    }

    /// Obtains consent. Returns what will be done, and whether the previous version is worth keeping.
    async fn ask(
        &self,
        candidate: &Candidate,
        seen: &Lockfile,
        occasion: Occasion,
        consent: &dyn Consent,
        key: Option<&NewKey>,
    ) -> Result<(Change, bool), PluginError> {
        let id = candidate.id();
        let plugin = seen.plugins.get(id);
        let (valid, able) = {
            let current = plugin.and_then(|plugin| self.store.current(id, plugin).ok());
            let before = current.as_ref().map(EngineFile::manifest);
            let able = defaults::continued(before, candidate.file.manifest());
            // A consent that does not match the installed version was not given for it.
            (plugin.filter(|_| current.is_some()), able)
        };
        let to = candidate.installed();
        let is_same = valid.is_some_and(|plugin| plugin.current.is_same(&to));
        let kept = valid.map_or_else(BTreeSet::new, |plugin| {
            defaults::kept(plugin, id, &to, &able)
        });
        let subject = consent::Subject {
            candidate,
            known: valid.map(|plugin| &plugin.current.capabilities),
            installed: plugin.map(|plugin| &plugin.current.version),
            kept,
            offered: candidate.offered.clone(),
            // The same bytes again need no new decision.
            is_install: occasion == Occasion::Install && !is_same,
            remarks: match plugin {
                None => self.similar(id, seen)?,
                Some(_) => Vec::new(),
            },
            key,
        };
        let defaults = consent::obtain(subject, consent).await?;
        if let Some(plugin) = plugin {
            self.tell_lost(id, plugin, &defaults);
        }
        let change = Change {
            id: id.clone(),
            key: None,
            from: plugin.map(|plugin| plugin.current.version.clone()),
            is_same: is_same && valid.is_some_and(|plugin| plugin.defaults == defaults),
            to,
            defaults,
        };
        Ok((change, valid.is_some()))
    }

    /// Returns facts that a user must know about a name that is new here.
    fn similar(&self, id: &EngineId, seen: &Lockfile) -> Result<Vec<String>, PluginError> {
        let bundled = self.bundled.iter().map(|file| &file.manifest().id);
        let publishers = self.keys.publishers()?;
        let publishers = publishers.iter().map(String::as_str);
        Ok(reserved::similar(
            id,
            bundled,
            seen.plugins.keys(),
            publishers,
        ))
    }

    /// Reports defaults that end, so that the user notices.
    fn tell_lost(&self, id: &EngineId, before: &Plugin, defaults: &BTreeSet<Operation>) {
        let lost: Vec<_> = before
            .defaults
            .difference(defaults)
            .map(|operation| operation.name())
            .collect();
        if !lost.is_empty() {
            self.reporter.warn(&format!(
                "{id} is no longer the default for {}; `kubectl broker plugin default {id} --operations {}` makes it the default again",
                lost.join(", "),
                lost.join(",")
            ));
        }
    }

    /// Writes the prepared changes, unless the entries of these engines have changed since the lockfile was
    /// `seen`.
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
            let defaults = |file: &Lockfile| Some(file.plugins.get(id)?.defaults.clone());
            let now = digest(&lockfile);
            let wanted = (candidate.digest(), candidate.texts());
            // Another process that made the same change is no conflict.
            let is_other = now != digest(seen) || defaults(&lockfile) != defaults(seen);
            if is_other && now != Some(wanted) {
                return Err(PluginError::Raced { id: id.clone() });
            }
            changing.add(&candidate.file, &candidate.signatures)?;
        }
        change(&mut lockfile);
        changing.commit(&lockfile)
    }

    /// Returns to the previous version, which is in the store. It fetches nothing and runs no code. The
    /// policy of today applies, not that of the installation.
    ///
    /// # Errors
    /// When there is no previous version, it is damaged, or no key that is trusted today signed it.
    pub async fn rollback(&self, id: &EngineId) -> Result<Change, PluginError> {
        let changing = self.lock().await?;
        let mut lockfile = self.store.lockfile()?;
        let installed = plugin(&lockfile, id)?.clone();
        let mut previous = installed
            .previous
            .clone()
            .ok_or_else(|| PluginError::NoPrevious { id: id.clone() })?;
        let file = self.store.verified(id, &previous)?;
        previous.signature = today::judge(&self.store, self.keys, id, &previous)?;
        let current = self.store.engine(id, &installed.current).ok();
        let before = current.as_ref().map(EngineFile::manifest);
        let able = defaults::continued(before, file.manifest());
        let defaults = defaults::kept(&installed, id, &previous, &able);
        self.tell_lost(id, &installed, &defaults);
        let change = Change {
            id: id.clone(),
            from: Some(installed.current.version.clone()),
            to: previous.clone(),
            key: None,
            is_same: false,
            defaults: defaults.clone(),
        };
        let back = Plugin::new(id, previous, Some(installed.current), defaults);
        lockfile.plugins.insert(id.clone(), back);
        changing.commit(&lockfile)?;
        Ok(change)
    }

    /// Removes an engine, whatever state it is in.
    ///
    /// # Errors
    /// When it is not installed.
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

    /// Returns the id of the engine `name`: a full id, or a short name that only one engine has.
    ///
    /// # Errors
    /// When no engine or several have this name, or when it is a bundled one.
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

    /// Acquires the lock on a blocking thread, so that Ctrl-C works meanwhile.
    pub(super) async fn lock(&self) -> Result<Changing, PluginError> {
        let (store, reporter) = (self.store.clone(), Arc::clone(&self.reporter));
        let wait = move || reporter.note("Another process is changing the engines; waiting for it");
        tokio::task::spawn_blocking(move || store.lock(wait))
            .await
            .unwrap_or_else(|error| {
                Err(PluginError::Worker {
                    reason: error.to_string(),
                })
            })
    }
}

pub(super) fn plugin<'a>(lockfile: &'a Lockfile, id: &EngineId) -> Result<&'a Plugin, PluginError> {
    lockfile
        .plugins
        .get(id)
        .ok_or_else(|| PluginError::NotInstalled {
            name: id.to_string(),
            known: lockfile.plugins.keys().map(ToString::to_string).collect(),
        })
}

/// Makes `to` the current version, and the default for exactly these operations. The replaced version is kept
/// for a rollback if it `is_valid` and differs.
pub(super) fn place(
    lockfile: &mut Lockfile,
    id: &EngineId,
    to: &Installed,
    defaults: &BTreeSet<Operation>,
    is_valid: bool,
) {
    let before = lockfile.plugins.remove(id);
    let previous = before.and_then(|plugin| {
        let other = is_valid && plugin.current.digest != to.digest;
        if other {
            Some(plugin.current)
        } else {
            plugin.previous
        }
    });
    defaults::give_way(lockfile, id, defaults);
    let placed = Plugin::new(id, to.clone(), previous, defaults.clone());
    lockfile.plugins.insert(id.clone(), placed);
}
