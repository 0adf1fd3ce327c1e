//! Files that the next attempt, or another object, reads.

use std::path::Path;

use crate::error::{Result, WorkError};
use crate::text::clean;

/// Writes a file, which has its name only when it is whole and on the disk.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    let what = format!("writing {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        std::fs::create_dir_all(folder)?;
        let part = path.with_extension("part");
        let mut file = std::fs::File::create(&part)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        host_base::sync_folder(folder)
    };
    write().map_err(|error| WorkError::failed(clean(&format!("{what}: {error}"))))
}
