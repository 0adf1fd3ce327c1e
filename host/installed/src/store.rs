//! Stores installed engines in the data folder, which only this user can access.
//!
//! | file | content |
//! |---|---|
//! | `blobs/sha256-HEX.wasm` | a component, named by its content |
//! | `outlines/sha256-HEX.json` | its declarations, so that help and lists read no WebAssembly |
//! | `signatures/sha256-HEX.json` | the signatures that were fetched with a component, for a bundle |
//! | `broker-plugins.lock` | the installed engines: [`Lockfile`] |
//! | `.lock` | held by the process that changes any of it |
//!
//! Files are added first. Then the lockfile is replaced, and that one step is the change. Files that it no
//! longer names are removed afterwards. A crash anywhere leaves the store as it was before or after the
//! change. At most it leaves unnamed files, which the next change removes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use broker_manifest::EngineId;
use host_base::{Folders, LockedFile, PrivateFolder, Sha256};
use host_engine::{EngineFile, Outline};
use serde::{Deserialize, Serialize};

use super::steps::{Step, reach};
use super::stored_signature::StoredSignature;
use super::{Capabilities, DetachedSignature, Installed, Lockfile, Plugin, PluginError};

/// The name of the lockfile, in any folder.
pub const LOCKFILE: &str = "broker-plugins.lock";
const LOCK: &str = ".lock";

/// The store of one user.
#[derive(Clone, Debug)]
pub struct Store {
    root: PrivateFolder,
    blobs: PrivateFolder,
    outlines: PrivateFolder,
    signatures: PrivateFolder,
}

/// The store, while no other process can change it.
#[derive(Debug)]
pub struct Changing {
    store: Store,
    _lock: LockedFile,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredOutline {
    /// Digest of the component.
    sha256: String,
    outline: Outline,
}

impl Store {
    /// Opens the store of the user. A missing store is empty. The first change creates it, so that reading
    /// needs no writable home folder.
    ///
    /// # Errors
    /// When others can reach it, or it can't be read.
    pub fn open(folders: &Folders) -> Result<Self, PluginError> {
        let path = folder(folders);
        Ok(Self {
            root: PrivateFolder::to_read(&path)?,
            blobs: PrivateFolder::to_read(&path.join("blobs"))?,
            outlines: PrivateFolder::to_read(&path.join("outlines"))?,
            signatures: PrivateFolder::to_read(&path.join("signatures"))?,
        })
    }

    /// Opens the store if it exists.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folders: &Folders) -> Result<Option<Self>, PluginError> {
        if folder(folders).join(LOCKFILE).exists() {
            Self::open(folders).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Returns the installed engines.
    ///
    /// # Errors
    /// When the lockfile is unusable.
    pub fn lockfile(&self) -> Result<Lockfile, PluginError> {
        let path = self.lockfile_path();
        let Some(bytes) = self.root.read(LOCKFILE)? else {
            return Ok(Lockfile::default());
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(Lockfile::parse(&text, &path)?)
    }

    /// Returns the path of the lockfile.
    #[must_use]
    pub fn lockfile_path(&self) -> PathBuf {
        self.root.path(LOCKFILE)
    }

    /// Returns an engine with its stored declarations. The component is not read.
    ///
    /// # Errors
    /// When a file is missing or is not what was installed, or when this host can't run the engine any more.
    pub fn engine(&self, id: &EngineId, version: &Installed) -> Result<EngineFile, PluginError> {
        let outline = self.outline(id, version)?;
        let path = self.blobs.path(&blob_name(version.digest));
        let damaged = |problem| PluginError::Damaged {
            id: id.clone(),
            path: path.clone(),
            problem,
        };
        let length = fs::symlink_metadata(&path)
            .map_err(|_| damaged("is missing"))?
            .len();
        if length != version.size {
            return Err(damaged("has a different length than the installed file"));
        }
        let grants = Capabilities::grants(&outline.manifest, &version.capabilities);
        Ok(EngineFile::stored(
            outline,
            version.digest.to_bytes(),
            path,
            grants,
        )?)
    }

    /// Returns the current version of an engine, with the operations that it is the default for.
    ///
    /// # Errors
    /// Those of [`Self::engine`]; also when somebody changed the defaults by hand.
    pub fn current(&self, id: &EngineId, plugin: &Plugin) -> Result<EngineFile, PluginError> {
        let file = self.engine(id, &plugin.current)?;
        self.check_defaults(id, plugin)?;
        Ok(file.with_default_for(plugin.defaults.clone()))
    }

    pub(super) fn check_defaults(&self, id: &EngineId, plugin: &Plugin) -> Result<(), PluginError> {
        if plugin.is_accepted(id) {
            return Ok(());
        }
        Err(PluginError::Defaults {
            id: id.clone(),
            path: self.lockfile_path(),
            line: plugin.line,
        })
    }

    fn outline(&self, id: &EngineId, version: &Installed) -> Result<Outline, PluginError> {
        let name = outline_name(version.digest);
        let damaged = |problem| PluginError::Damaged {
            id: id.clone(),
            path: self.outlines.path(&name),
            problem,
        };
        let bytes = self.outlines.read(&name)?;
        let bytes = bytes.ok_or_else(|| damaged("is missing"))?;
        let stored: StoredOutline =
            serde_json::from_slice(&bytes).map_err(|_| damaged("can't be read"))?;
        if stored.sha256 != version.digest.to_string() {
            return Err(damaged("belongs to another component"));
        }
        let manifest = &stored.outline.manifest;
        if manifest.check().is_err() {
            return Err(damaged("breaks the rules of a manifest"));
        }
        if manifest.id != *id || manifest.version != version.version {
            return Err(damaged(
                "belongs to another engine or version than the lockfile says",
            ));
        }
        if Capabilities::of(&stored.outline).texts() != version.capabilities {
            return Err(PluginError::Consent {
                id: id.clone(),
                path: self.lockfile_path(),
                line: version.line,
            });
        }
        Ok(stored.outline)
    }

    /// Reads the component again without its stored declarations, and checks that the declarations match.
    ///
    /// # Errors
    /// When the component or the declarations are not what was installed.
    pub fn verified(&self, id: &EngineId, version: &Installed) -> Result<EngineFile, PluginError> {
        let stored = self.engine(id, version)?;
        let bytes = stored.bytes()?.into_owned();
        let read = EngineFile::read(&stored.name(), bytes)?;
        if read.outline() != stored.outline() {
            return Err(PluginError::Damaged {
                id: id.clone(),
                path: self.outlines.path(&outline_name(version.digest)),
                problem: "differs from its component",
            });
        }
        Ok(stored)
    }

    /// Returns the signatures that were fetched with a component. The keys decide whether they are valid.
    ///
    /// # Errors
    /// When they can't be read.
    pub(super) fn signatures(
        &self,
        id: &EngineId,
        version: &Installed,
    ) -> Result<Vec<DetachedSignature>, PluginError> {
        let name = outline_name(version.digest);
        let Some(bytes) = self.signatures.read(&name)? else {
            return Ok(Vec::new());
        };
        let stored: Option<Vec<StoredSignature>> = serde_json::from_slice(&bytes).ok();
        let read = stored.and_then(|all| all.iter().map(StoredSignature::read).collect());
        read.ok_or_else(|| PluginError::Damaged {
            id: id.clone(),
            path: self.signatures.path(&name),
            problem: "can't be read",
        })
    }

    /// Locks the store against changes by other processes. If one of them holds the lock, `wait` is called,
    /// and then the call waits.
    ///
    /// # Errors
    /// When the store or its lock can't be created.
    pub fn lock(self, wait: impl FnOnce()) -> Result<Changing, PluginError> {
        for folder in [&self.root, &self.blobs, &self.outlines, &self.signatures] {
            folder.make()?;
        }
        let lock = self.root.lock(LOCK, wait)?;
        reach(Step::Locked);
        Ok(Changing {
            store: self,
            _lock: lock,
        })
    }
}

impl Changing {
    /// Adds a component, its declarations and its signatures. They have no effect until the lockfile names
    /// them.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn add(
        &self,
        file: &EngineFile,
        signatures: &[DetachedSignature],
    ) -> Result<(), PluginError> {
        let digest = Sha256::from(file.digest());
        let outline = StoredOutline {
            sha256: digest.to_string(),
            outline: file.outline().clone(),
        };
        let outline = serde_json::to_vec_pretty(&outline)?;
        let blobs = &self.store.blobs;
        blobs.replace(&blob_name(digest), &file.bytes()?, || {
            reach(Step::BlobStaged);
        })?;
        reach(Step::BlobWritten);
        let outlines = &self.store.outlines;
        outlines.replace(&outline_name(digest), &outline, || {})?;
        reach(Step::OutlineWritten);
        let kept = &self.store.signatures;
        let name = outline_name(digest);
        // Most engines have no signatures, and then there is no file.
        if !signatures.is_empty() || kept.read(&name)?.is_some() {
            let stored: Vec<_> = signatures.iter().map(StoredSignature::of).collect();
            kept.replace(&name, &serde_json::to_vec_pretty(&stored)?, || {})?;
        }
        reach(Step::SignaturesWritten);
        blobs.sync()?;
        outlines.sync()?;
        kept.sync()?;
        Ok(())
    }

    /// Replaces the lockfile in one step, and removes the files that it does not name.
    ///
    /// # Errors
    /// When the lockfile can't be written. Files that can't be removed are left to the next change.
    pub fn commit(self, lockfile: &Lockfile) -> Result<(), PluginError> {
        let text = lockfile.text()?;
        let root = &self.store.root;
        root.replace(LOCKFILE, text.as_bytes(), || reach(Step::LockStaged))?;
        reach(Step::Switched);
        root.sync()?;
        reach(Step::Synced);
        let _ = self.collect(&lockfile.digests());
        reach(Step::Collected);
        Ok(())
    }

    /// Removes unnamed files. No other process is writing here, so they are not in use.
    fn collect(&self, digests: &BTreeSet<Sha256>) -> Result<(), PluginError> {
        let blobs: BTreeSet<_> = digests.iter().map(|digest| blob_name(*digest)).collect();
        let outlines: BTreeSet<_> = digests.iter().map(|digest| outline_name(*digest)).collect();
        let root = BTreeSet::from([LOCKFILE.to_owned(), LOCK.to_owned()]);
        for (folder, used) in [
            (&self.store.blobs, blobs),
            (&self.store.outlines, outlines.clone()),
            (&self.store.signatures, outlines),
            (&self.store.root, root),
        ] {
            let names = folder.names()?;
            for name in names.iter().filter(|name| !used.contains(*name)) {
                folder.remove(name)?;
            }
        }
        Ok(())
    }
}

fn folder(folders: &Folders) -> PathBuf {
    folders.data.join("plugins")
}

fn blob_name(digest: Sha256) -> String {
    format!("sha256-{digest}.wasm")
}

fn outline_name(digest: Sha256) -> String {
    format!("sha256-{digest}.json")
}
