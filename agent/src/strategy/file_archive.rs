use std::io::{self, BufWriter, IntoInnerError, Write};
use std::sync::Arc;

use tokio::task;

use super::commands::create;
use super::{Failure, Job};
use crate::archive::{self, ArchiveError, Bounded, Cancel};
use crate::config::FileArchive;
use crate::export::{Blocking, Chunks};

/// Packs the files into the temporary file.
pub async fn spool(job: &Job, archive: &FileArchive) -> Result<(), Failure> {
    let file = create(&job.session.places.temp)?;
    let limit = job.config.limits.artifact;
    let packed = pack(job, archive, BufWriter::new(file), limit).await?;
    packed.into_inner().map_err(IntoInnerError::into_error)?;
    Ok(())
}

/// Packs the files while they are sent.
pub async fn stream(
    job: &Job,
    archive: &FileArchive,
    chunks: Chunks<Failure>,
) -> Result<Chunks<Failure>, Failure> {
    let packed = pack(job, archive, Blocking(chunks), u64::MAX).await?;
    Ok(packed.0)
}

/// Packs in a thread, which stops at its next write if nobody waits for it any more. It holds the session, so that
/// no other export begins before.
async fn pack<W: Write + Send + 'static>(
    job: &Job,
    archive: &FileArchive,
    to: W,
    limit: u64,
) -> Result<W, Failure> {
    let cancel = Cancel::default();
    let to = cancel.bound(to, limit);
    let (archive, session, log) = (archive.clone(), Arc::clone(&job.session), job.log.clone());
    let packing = task::spawn_blocking(move || {
        let places = &session.places;
        let own = [places.temp.clone(), places.artifact.clone()];
        let note = &mut |note: String| log.warn(&format!("export {}: {note}", session.number));
        archive::write(&archive, &own, to, note)
    });
    let packed = packing.await?.map_err(|e| match e {
        ArchiveError::Write(e) if e.kind() == io::ErrorKind::FileTooLarge => {
            ArchiveError::TooLarge { limit }
        }
        e => e,
    })?;
    Ok(Bounded::into_inner(packed))
}
