//! The strategies for artifacts, and the two ways to send them: as a complete file, or while they are
//! produced.

mod commands;
mod file_archive;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Frame;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task;

use crate::archive::ArchiveError;
use crate::config::{Config, Work};
use crate::export::{Artifact, ArtifactError, Chunks, Session};
use crate::log::Log;
use crate::process::CommandError;

/// Maximum number of chunks that wait for the client.
const AHEAD: usize = 4;

/// An error that prevents an artifact.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("A file of the export can't be used: {0}")]
    File(#[from] io::Error),
    #[error("A thread of the agent has failed: {0}")]
    Thread(#[from] task::JoinError),
}

/// A part of an answer, or the error that ends it.
pub type Piece = Result<Frame<Bytes>, Failure>;

/// One export to run.
#[derive(Clone)]
pub struct Job {
    pub config: Arc<Config>,
    pub session: Arc<Session>,
    pub log: Log,
}

/// Produces the whole artifact on disk.
///
/// # Errors
///
/// Returns the error of the strategy. The incomplete artifact is removed.
pub async fn spool(job: &Job) -> Result<Artifact, Failure> {
    job.session.places.clear()?;
    match &job.config.strategy.work {
        Work::Commands(commands) => commands::spool(job, commands).await?,
        Work::FileArchive(archive) => file_archive::spool(job, archive).await?,
    }
    let session = Arc::clone(&job.session);
    let limit = job.config.limits.artifact;
    let taken = task::spawn_blocking(move || Artifact::take(&session.places, limit));
    Ok(taken.await??)
}

/// Produces the artifact while it is sent.
///
/// The last piece is the checksum as a trailer. An error instead means that the earlier pieces are
/// incomplete. Dropping the receiver stops the strategy.
pub fn stream(job: Job) -> mpsc::Receiver<Piece> {
    let (to, from) = mpsc::channel(AHEAD);
    task::spawn(async move {
        let making = async {
            job.session.places.clear()?;
            let chunks = Chunks::new(to.clone());
            let chunks = match &job.config.strategy.work {
                Work::Commands(commands) => commands::stream(&job, commands, chunks).await?,
                Work::FileArchive(archive) => file_archive::stream(&job, archive, chunks).await?,
            };
            if chunks.size() == 0 {
                return Err(ArtifactError::Empty.into());
            }
            // The call only fails if the receiver is gone, which then needs no error.
            let _ = chunks.finish().await;
            Ok(())
        };
        tokio::select! {
            () = to.closed() => {}
            made = making => if let Err(failure) = made {
                let _ = to.send(Err(failure)).await;
            }
        }
    });
    from
}
