//! Packs engines into one file, for machines without a network.
//!
//! A bundle is a tar file, so that everybody can inspect it. It begins with an index in JSON, whose name
//! contains its SHA-256 digest. The components follow in the order of the index, each named by its digest.
//! The same engines give the same bytes.
//!
//! A bundle is untrusted until it is checked. No name in it becomes a path, and no tar field is interpreted.
//! Each header must equal, byte for byte, the one that this program would write. Together with the digests,
//! that makes every changed bit an error. The content is then treated like a fetched engine. This machine
//! decides about its publisher and capabilities, not the bundle.

mod archive;
mod index;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use broker_manifest::{EngineId, Operation};
use host_base::{Sha256, files, sync_folder};

use self::index::{Entry, Index};
use super::source::{Fetched, MAX_ENGINE, read_plain_file};
use super::{Installed, PluginError, Plugins, Reference, SignatureState, today};

/// The maximum size of a bundle, in bytes: 256 MiB.
pub const MAX_BUNDLE: u64 = 4 * MAX_ENGINE;

/// The beginning of every bundle: the name of its index.
const BEGIN: &str = "kubectl-broker-bundle-";

/// A bundle that was written.
#[derive(Clone, Debug)]
pub struct WrittenBundle {
    /// The engines, in the order of the bundle.
    pub engines: Vec<(EngineId, Installed)>,
    /// Size of the file in bytes.
    pub size: u64,
    /// Digest of the whole file.
    pub sha256: Sha256,
}

/// One engine from a bundle.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) id: EngineId,
    /// The source that the engine was installed from on the machine that wrote the bundle. If that was a
    /// file, it is the bundle itself: the path means another file here, or none.
    pub(super) source: Reference,
    /// The operations that the engine was the default for on that machine.
    pub(super) defaults: BTreeSet<Operation>,
    pub(super) fetched: Fetched,
}

/// Returns true if a file claims to be a bundle. An unreadable file is not a bundle.
pub(super) fn is_bundle(path: &Path) -> bool {
    let mut begin = [0; BEGIN.len()];
    files::open_plain(path)
        .and_then(|mut file| file.read_exact(&mut begin))
        .is_ok_and(|()| begin == *BEGIN.as_bytes())
}

/// Reads a bundle and checks all of it. `expected` is the digest of the file, if it is known.
pub(super) async fn read(
    path: &Path,
    expected: Option<Sha256>,
) -> Result<Vec<Packed>, PluginError> {
    let owned = path.to_owned();
    let reading = move || {
        let bytes = read_plain_file(&owned, MAX_BUNDLE)?;
        let is = Sha256::digest(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != is) {
            return Err(PluginError::OtherDigest {
                what: owned.display().to_string(),
                is,
                expected,
            });
        }
        unpack(&bytes, &owned)
    };
    tokio::task::spawn_blocking(reading)
        .await
        .unwrap_or_else(|error| {
            Err(PluginError::Worker {
                reason: error.to_string(),
            })
        })
}

fn unpack(bytes: &[u8], path: &Path) -> Result<Vec<Packed>, PluginError> {
    let refuse = |problem| PluginError::Bundle {
        path: path.to_owned(),
        problem,
    };
    let (index, mut rest) = archive::index(bytes).map_err(refuse)?;
    let index = Index::parse(index).map_err(refuse)?;
    let here = Reference::Path(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let mut engines = Vec::new();
    for entry in &index.engines {
        let component = archive::component(&mut rest, entry.sha256, entry.size).map_err(refuse)?;
        let from_here = |reference: &Reference| match reference {
            Reference::Path(_) => here.clone(),
            other => other.clone(),
        };
        engines.push(Packed {
            id: entry.id.clone(),
            source: from_here(&entry.source),
            defaults: entry.defaults.clone(),
            fetched: Fetched {
                bytes: component.to_vec(),
                pinned: from_here(&entry.pinned),
                signatures: entry.signatures(path),
                not_looked_up: None,
            },
        });
    }
    archive::end(rest).map_err(refuse)?;
    Ok(engines)
}

impl Plugins<'_> {
    /// Writes installed engines to a new file, with their signatures and sources.
    ///
    /// # Errors
    /// When an engine is damaged, its signatures are not stored, or the file exists or can't be written.
    pub fn bundle(&self, path: &Path, ids: &[EngineId]) -> Result<WrittenBundle, PluginError> {
        let lockfile = self.store.lockfile()?;
        let mut index = Index::default();
        let mut components = Vec::new();
        let mut engines = Vec::new();
        for id in ids {
            let plugin = lockfile.plugins.get(id);
            let plugin = plugin.ok_or_else(|| PluginError::Raced { id: id.clone() })?;
            let version = &plugin.current;
            let file = self.store.verified(id, version)?;
            self.store.check_defaults(id, plugin)?;
            let signatures = self.store.signatures(id, version)?;
            if signatures.is_empty() && version.signature != SignatureState::Unsigned {
                return Err(PluginError::NoSignature { id: id.clone() });
            }
            today::judge(&self.store, self.keys, id, version)?;
            index.engines.push(Entry::of(id, plugin, &signatures));
            components.push((version.digest, file.bytes()?.into_owned()));
            engines.push((id.clone(), version.clone()));
        }
        let bytes = archive::write(&index.text()?, &components);
        if bytes.len() as u64 > MAX_BUNDLE {
            return Err(PluginError::LargeBundle { limit: MAX_BUNDLE });
        }
        write_new(path, &bytes).map_err(|source| PluginError::Written {
            path: path.to_owned(),
            source,
        })?;
        Ok(WrittenBundle {
            engines,
            size: bytes.len() as u64,
            sha256: Sha256::digest(&bytes),
        })
    }
}

/// Writes a file completely or not at all, and never over an existing one.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::metadata(folder)?;
    // The error of the temporary file contains a path that means nothing to people.
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|e| io::Error::from(e.kind()))?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests;
