use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{Fetched, PluginError, Reference};

/// The largest component that is read, in bytes. A real one has a few hundred KiB; one with an interpreter
/// in it some dozen MiB.
pub(super) const LARGEST: u64 = 128 << 20;

/// Gets a component from a file of this machine.
pub(super) async fn fetch(path: &Path) -> Result<Fetched, PluginError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let failed = |source| PluginError::Read {
            path: path.clone(),
            source,
        };
        // In full, so that `plugin update` finds it from wherever it is called.
        let whole = std::path::absolute(&path).map_err(failed)?;
        Ok(Fetched {
            bytes: read(&path)?,
            pinned: Reference::Path(whole),
            signatures: Vec::new(),
        })
    })
    .await
    .unwrap_or_else(|error| {
        Err(PluginError::Worker {
            reason: error.to_string(),
        })
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PluginError> {
    let failed = |source| PluginError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is no plain file")));
    }
    let mut bytes = Vec::new();
    let length = file
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)? as u64;
    if length > LARGEST {
        return Err(PluginError::TooLarge {
            what: path.display().to_string(),
            mebibytes: length >> 20,
            limit: LARGEST >> 20,
        });
    }
    Ok(bytes)
}
