use std::io::{self, BufWriter, IntoInnerError, Write};
use std::sync::Arc;

use tokio::task;

use super::commands::create;
use super::{Failure, Job};
use crate::archive::{ArchiveError, Bounded, Cancel, Contents};
use crate::config::{FileArchive, Format};
use crate::export::{Blocking, Chunks};

/// Packs the files into the temporary file.
pub async fn spool(job: &Job, archive: &FileArchive) -> Result<(), Failure> {
    let file = BufWriter::new(create(&job.session.places.temp)?);
    let limit = job.config.limits.artifact;
    let packed = match archive.format {
        Format::Tar => {
            pack(job, archive, file, limit, |contents, to, _| {
                contents.tar(to)
            })
            .await?
        }
        Format::Zip => {
            pack(job, archive, file, limit, |contents, to, note| {
                contents.zip(to, note)
            })
            .await?
        }
    };
    packed.into_inner().map_err(IntoInnerError::into_error)?;
    Ok(())
}

/// Packs the files while they are sent, always as a tar.
pub async fn stream(
    job: &Job,
    archive: &FileArchive,
    chunks: Chunks<Failure>,
) -> Result<Chunks<Failure>, Failure> {
    let to = Blocking(chunks);
    let packed = pack(job, archive, to, u64::MAX, |contents, to, _| {
        contents.tar(to)
    })
    .await?;
    Ok(packed.0)
}

/// A function that writes an archive and reports the files that are left out.
type Pack<W> =
    fn(&Contents<'_>, Bounded<W>, &mut dyn FnMut(String)) -> Result<Bounded<W>, ArchiveError>;

/// Packs in a thread, which stops at its next write after this future is dropped. The thread holds the
/// session, so that no other export starts before it ends.
async fn pack<W: Write + Send + 'static>(
    job: &Job,
    archive: &FileArchive,
    to: W,
    limit: u64,
    write: Pack<W>,
) -> Result<W, Failure> {
    let cancel = Cancel::default();
    let to = cancel.bound(to, limit);
    let (archive, session, log) = (archive.clone(), Arc::clone(&job.session), job.log.clone());
    let packing = task::spawn_blocking(move || {
        let places = &session.places;
        let own = [places.temp.clone(), places.artifact.clone()];
        let note = &mut |note: String| log.warn(&format!("export {}: {note}", session.number));
        write(&Contents::select(&archive, &own, note)?, to, note)
    });
    let packed = packing.await?.map_err(|e| match e {
        ArchiveError::Write(e) if e.kind() == io::ErrorKind::FileTooLarge => {
            ArchiveError::TooLarge { limit }
        }
        e => e,
    })?;
    Ok(packed.into_inner())
}
