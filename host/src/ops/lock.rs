//! One destructive operation at a time on one target.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::{OpsError, Session};
use crate::cluster::{Acquired, lease_name};

/// How long a lock outlives a process that was killed.
const LEASE: Duration = Duration::from_mins(1);

/// Runs `work` while nobody else does the same to `subject`, a name of the namespace: with a Lease that all who work on the
/// cluster see, or, without the right to keep one, with a lock that only this machine sees.
pub(super) async fn locked<T>(
    session: &Session,
    operation: &str,
    subject: &str,
    work: impl Future<Output = Result<T, OpsError>>,
) -> Result<T, OpsError> {
    let name = lease_name(operation, subject);
    match session
        .cluster
        .acquire_lease(&name, &holder()?, LEASE)
        .await?
    {
        Acquired::Held(mut lease) => {
            session
                .ui()
                .debug(&format!("the lock is the Lease {}", lease.name()));
            // A panic must not keep everybody out until the Lease ends by itself.
            let done = AssertUnwindSafe(lease.keep_while(work))
                .catch_unwind()
                .await;
            let done = match done {
                Ok(kept) => kept?,
                Err(panic) => {
                    let _ = lease.release().await;
                    resume_unwind(panic)
                }
            };
            if let Err(error) = lease.release().await {
                session.ui().warn(&format!(
                    "the lock {name} could not be given back ({error}); it ends by itself in {} s",
                    LEASE.as_secs()
                ));
            }
            done
        }
        Acquired::NotAllowed(reason) => {
            session.ui().warn(&format!(
                "others are kept out on this machine only, because a Lease could not be kept: {reason}"
            ));
            let _lock = lock_here(&format!("{}-{name}", session.cluster.namespace()))?;
            work.await
        }
    }
}

/// Held until it is dropped, or the process ends.
fn lock_here(name: &str) -> Result<File, OpsError> {
    let path = folder()?.join(format!("{name}.lock"));
    let failed = |source| OpsError::LocalLock {
        path: path.clone(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpsError::LockedHere { path }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn folder() -> Result<PathBuf, OpsError> {
    let folders = directories::ProjectDirs::from("", "", "kubectl-broker");
    let folders = folders.ok_or(OpsError::NoHome)?;
    let state = folders.state_dir().unwrap_or(folders.data_local_dir());
    Ok(state.join("locks"))
}

/// Whoever is refused is told this; it must be one of a kind.
fn holder() -> Result<String, OpsError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| OpsError::NoRandomness)?;
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    Ok(format!(
        "{}@{} process {} {:016x}",
        variable("USER").as_deref().unwrap_or("somebody"),
        variable("HOSTNAME").as_deref().unwrap_or("some machine"),
        std::process::id(),
        u64::from_ne_bytes(random)
    ))
}
