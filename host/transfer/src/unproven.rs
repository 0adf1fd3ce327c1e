//! Decides about bytes whose length nobody announced.
//!
//! A body that ends with its connection looks the same if it was cut. If the bytes are an archive, its own
//! end decides. That is the directory of a zip, the end blocks of a tar, or the trailer of a single
//! compressed member. Everything else is kept as `NAME.unproven` without a digest, unless the user accepts
//! it. An older file of that name may be the only complete copy, so the next one gets a number.

use std::io;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;

use super::archive::{self, Verdict};
use super::blocking::blocking;
use super::commit::rename_new;
use super::destination::remove;
use super::part::Part;
use super::{Proof, TransferError};

/// The maximum number of files of one name.
const MOST: u32 = 1000;

/// The judgement about a partial download that may get its final name.
pub(super) struct Judgement {
    pub(super) proof: Proof,
    /// The damage that the structure shows. Such a file is delivered only if the user accepts it.
    pub(super) damage: Option<String>,
}

/// Returns the proof that the partial download is complete.
///
/// # Errors
/// If `accept` is not set: [`TransferError::CutShort`] if the structure shows that the file is incomplete,
/// and [`TransferError::Unproven`] if nothing shows that it is complete.
pub(super) async fn judge(
    part: &Arc<Part>,
    received: u64,
    accept: bool,
) -> Result<Judgement, TransferError> {
    let part = Arc::clone(part);
    blocking(move || {
        let failed = |source| {
            // The error names the file: the received bytes are worth more than a tidy folder.
            part.settle();
            TransferError::io("read", part.path(), source)
        };
        let mut file = part.file().try_clone().map_err(failed)?;
        let structure = archive::look(&mut file, received).map_err(failed)?;
        match structure.verdict {
            Verdict::Holds { ends: true } => Ok(Judgement {
                proof: Proof::Structure,
                damage: None,
            }),
            verdict if accept => Ok(Judgement {
                proof: Proof::Nothing,
                damage: (verdict == Verdict::Damaged).then_some(structure.message),
            }),
            Verdict::Damaged => Err(TransferError::CutShort {
                received,
                kept: Some(keep(&part)?),
                reason: structure.message,
            }),
            _ => Err(TransferError::Unproven {
                received,
                kept: Some(keep(&part)?),
            }),
        }
    })
    .await
}

/// Gives the partial download a name that marks it as unproven.
fn keep(part: &Part) -> Result<PathBuf, TransferError> {
    // Even if a later step fails, the bytes must stay: they may be the only complete copy.
    part.settle();
    let to = rename_to_free(part).map_err(|source| TransferError::Io {
        doing: "give a name of its own to what came, which stays in",
        path: part.path().to_owned(),
        source,
        kept: 0,
    })?;
    // Errors are ignored here, because the caller must report the path. A record without its file is ignored.
    let _ = remove(&part.paths.record);
    let _ = part.paths.sync_folder();
    Ok(to)
}

/// Renames to the first free name, and so replaces nothing.
fn rename_to_free(part: &Part) -> io::Result<PathBuf> {
    let first = &part.paths.unproven;
    let numbered = (2..=MOST).map(|number| {
        let mut name = first.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    for to in iter::once(first.clone()).chain(numbered) {
        match rename_new(part.path(), &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
