use std::path::{Path, PathBuf};

use broker_manifest::EngineId;
use host_base::files;

use super::plugins::place;
use super::steps::{Step, reach};
use super::{
    Candidate, Change, Expected, Installed, Lockfile, LockfileError, PluginError, Plugins,
    Reference, today, trial,
};

/// The maximum size of a lockfile, in bytes, which is enough for thousands of engines.
const MAX_LOCKFILE: u64 = 16 << 20;

/// The changes that made this machine match a lockfile.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// The installed and updated engines.
    pub changes: Vec<Change>,
    /// The removed engines.
    pub removed: Vec<(EngineId, Installed)>,
}

impl Plugins<'_> {
    /// Installs exactly the engines in a reviewed lockfile: the same bytes, the same signatures, and the
    /// capabilities in it, which count as accepted. Either everything changes or nothing.
    ///
    /// # Errors
    /// When a source no longer has these bytes, or the engine asks for other capabilities than the lockfile
    /// grants.
    pub async fn sync(&self, path: &Path) -> Result<Synced, PluginError> {
        let wanted = read(path)?;
        let seen = self.store.lockfile()?;
        let mut candidates = Vec::new();
        // Engines that are installed already are not fetched.
        let mut defaults_only = Vec::new();
        for (id, plugin) in &wanted.plugins {
            let locked = &plugin.current;
            if !plugin.is_accepted(id) {
                return Err(PluginError::Defaults {
                    id: id.clone(),
                    path: path.to_owned(),
                    line: plugin.line,
                });
            }
            let there = seen.plugins.get(id).map(|plugin| &plugin.current);
            let is_there = there.is_some_and(|version| {
                version.is_same(locked)
                    && self.store.verified(id, version).is_ok()
                    && today::judge(&self.store, self.keys, id, version).is_ok()
            });
            if !is_there {
                candidates.push(self.locked(id, locked, path).await?);
            } else if seen
                .plugins
                .get(id)
                .is_some_and(|there| there.defaults != plugin.defaults || !there.is_accepted(id))
            {
                defaults_only.push(id.clone());
            }
        }
        for candidate in &candidates {
            self.check_place(candidate)?;
            trial::start_once(&candidate.file, &self.folders).await?;
            reach(Step::Tried);
        }
        let mut synced = Synced::default();
        for candidate in &candidates {
            let before = seen.plugins.get(candidate.id());
            synced.changes.push(Change {
                id: candidate.id().clone(),
                from: before.map(|plugin| plugin.current.version.clone()),
                to: candidate.installed(),
                key: None,
                is_same: false,
                defaults: wanted.plugins[candidate.id()].defaults.clone(),
            });
        }
        for id in &defaults_only {
            let there = &seen.plugins[id].current;
            synced.changes.push(Change {
                id: id.clone(),
                from: Some(there.version.clone()),
                to: there.clone(),
                key: None,
                is_same: false,
                defaults: wanted.plugins[id].defaults.clone(),
            });
        }
        let left_over = |id: &EngineId| !wanted.plugins.contains_key(id);
        for (id, plugin) in seen.plugins.iter().filter(|(id, _)| left_over(id)) {
            synced.removed.push((id.clone(), plugin.current.clone()));
        }
        if !synced.changes.is_empty() || !synced.removed.is_empty() {
            let added: Vec<_> = candidates.iter().collect();
            self.switch(&added, &seen, |lockfile| {
                lockfile.plugins.retain(|id, _| !left_over(id));
                for change in &synced.changes {
                    let before = lockfile.plugins.get(&change.id);
                    let valid = before.is_some_and(|plugin| {
                        self.store.engine(&change.id, &plugin.current).is_ok()
                    });
                    place(lockfile, &change.id, &change.to, &change.defaults, valid);
                }
            })
            .await?;
        }
        Ok(synced)
    }

    /// Fetches the component of a lockfile entry from its recorded source.
    async fn locked(
        &self,
        id: &EngineId,
        locked: &Installed,
        path: &Path,
    ) -> Result<Candidate, PluginError> {
        let pinned = beside(&locked.pinned, path);
        let expected = Expected {
            sha256: Some(locked.digest),
            id: Some(id),
            ..Expected::default()
        };
        let mut candidate = self.candidate(&pinned, &expected).await?;
        let refuse = |problem: String| {
            PluginError::Lockfile(LockfileError {
                path: path.to_owned(),
                line: locked.line,
                problem,
            })
        };
        if candidate.texts() != locked.capabilities {
            return Err(PluginError::Consent {
                id: id.clone(),
                path: path.to_owned(),
                line: locked.line,
            });
        }
        if candidate.signature != locked.signature {
            return Err(refuse(format!(
                "{id} is {} here, and {} in the lockfile",
                candidate.signature, locked.signature
            )));
        }
        if candidate.file.manifest().version != locked.version {
            return Err(refuse(format!(
                "{id} is version {}, and {} in the lockfile",
                candidate.file.manifest().version,
                locked.version
            )));
        }
        candidate.source = beside(&locked.source, path);
        Ok(candidate)
    }
}

fn read(path: &Path) -> Result<Lockfile, PluginError> {
    let text = files::read_text(path, MAX_LOCKFILE).map_err(|source| PluginError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(Lockfile::parse(&text, path)?)
}

/// Resolves a relative path from the folder of the lockfile.
fn beside(reference: &Reference, lockfile: &Path) -> Reference {
    match reference {
        Reference::Path(path) if path.is_relative() => {
            let folder = lockfile.parent().map(PathBuf::from).unwrap_or_default();
            let whole = folder.join(path);
            Reference::Path(std::path::absolute(&whole).unwrap_or(whole))
        }
        other => other.clone(),
    }
}
