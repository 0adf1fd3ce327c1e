//! What becomes of bytes when nobody said how many they should be.
//!
//! A body that ends with its connection looks the same when it was cut. If the bytes are an archive, its
//! own end decides: the directory of a zip, the end blocks of a tar, the trailer of the only member of a
//! compressed file. Everything else is kept as `NAME.unproven`, without a digest beside it, unless the
//! user accepts it. An older file of that name may be the only whole copy: the next one gets a number.

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

/// How many files of one name are kept.
const MOST: u32 = 1000;

/// What is known of a part that may have its name.
pub(super) struct Judgement {
    pub(super) proof: Proof,
    /// What its structure shows to be damaged. Only a user who accepts that gets such a file.
    pub(super) damage: Option<String>,
}

/// Returns by what it is known that the part is whole.
///
/// # Errors
/// If `accept` is not set, [`TransferError::CutShort`] when its structure shows that it is not whole, and
/// [`TransferError::Unproven`] when nothing shows it.
pub(super) async fn judge(
    part: &Arc<Part>,
    received: u64,
    accept: bool,
) -> Result<Judgement, TransferError> {
    let part = Arc::clone(part);
    blocking(move || {
        let failed = |source| {
            // The error names it: what came is worth more than a tidy folder.
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

/// Gives the part a name that says what it is.
fn keep(part: &Part) -> Result<PathBuf, TransferError> {
    // Whatever fails now, what came stays: it may be the only whole copy.
    part.settle();
    let to = rename_to_free(part).map_err(|source| TransferError::Io {
        doing: "give a name of its own to what came, which stays in",
        path: part.path().to_owned(),
        source,
        kept: 0,
    })?;
    // Where it lies is to be told, and that it is unproven. A record without a part is not believed.
    let _ = remove(&part.paths.record);
    let _ = part.paths.sync_folder();
    Ok(to)
}

/// Replaces nothing: the first name that is free.
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
