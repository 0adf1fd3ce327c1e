//! What becomes of bytes when nobody said how many they should be.
//!
//! A body that ends with its connection looks the same when it was cut. If the bytes are an archive, its
//! own end decides: the directory of a zip, the end blocks of a tar, the trailer of the only member of a
//! compressed file. Everything else is kept as `NAME.unproven`, without a digest beside it, unless the
//! user accepts it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::archive::{self, Verdict};
use super::blocking::blocking;
use super::destination::{refuse_special, remove};
use super::part::Part;
use super::{Proof, TransferError};

/// Returns by what it is known that the part is whole.
///
/// # Errors
/// [`TransferError::CutShort`] when its structure shows that it is not, and
/// [`TransferError::Unproven`] when nothing shows it and `accept` is not set.
pub(super) async fn judge(
    part: &Arc<Part>,
    received: u64,
    accept: bool,
) -> Result<Proof, TransferError> {
    let part = Arc::clone(part);
    blocking(move || {
        let failed = |source| TransferError::io("read", part.path(), source);
        let mut file = part.file().try_clone().map_err(failed)?;
        let structure = archive::look(&mut file, received).map_err(failed)?;
        match structure.verdict {
            Verdict::Holds { ends: true } => Ok(Proof::Structure),
            Verdict::Damaged => Err(TransferError::CutShort {
                received,
                kept: Some(keep(&part)?),
                reason: structure.message,
            }),
            _ if accept => Ok(Proof::Nothing),
            _ => Err(TransferError::Unproven {
                received,
                kept: Some(keep(&part)?),
            }),
        }
    })
    .await
}

/// Gives the part a name that says what it is. An older file of that name is one of the same kind.
fn keep(part: &Part) -> Result<PathBuf, TransferError> {
    let to = &part.paths.unproven;
    refuse_special(to)?;
    fs::rename(part.path(), to)
        .map_err(|source| TransferError::io("rename the download to", to, source))?;
    part.settle();
    remove(&part.paths.record)?;
    part.paths.sync_folder()?;
    Ok(to.clone())
}
