//! Locks that allow one destructive operation at a time on a target.
//!
//! Two locks are taken, because each misses some rivals. A file lock on this machine excludes this user's
//! other processes, whatever their cluster user. A Lease excludes every user who may create Leases, on
//! any machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use host_base::{Author, Hint, LockedFile, Reporter};
use host_cluster::{Acquired, ClusterError, HeldLease, Unreachable, lease_name};
use http::Uri;
use jiff::{Timestamp, Unit};
use sha2::{Digest as _, Sha256};

use super::{OpsError, Session, holder};

/// How long a Lease outlives a process that was killed.
const LEASE_DURATION: Duration = Duration::from_mins(1);

/// Longest text about the holder in a lock file, in bytes.
const MAX_HOLDER: u64 = 4096;

/// Runs `work` while no other process runs the operation on `subject`, a name in the namespace.
///
/// The Lease is released when nothing continues in the backend. It stays until it expires if `work` is
/// stopped, or if `goes_on` returns true for its result. Then the user is told.
pub(super) async fn locked<T>(
    session: &Session,
    operation: &str,
    subject: &str,
    work: impl Future<Output = Result<T, OpsError>>,
    goes_on: impl Fn(&Result<T, OpsError>) -> bool,
) -> Result<T, OpsError> {
    let mut lock = Lock::take(session, operation, subject, None).await?;
    let result = lock.keep_while(work).await.flatten();
    if !goes_on(&result) {
        lock.release().await;
    }
    result
}

/// The two locks on a target. If a lock is dropped before its release, it tells the user what stays behind.
pub(super) struct Lock {
    reporter: Arc<dyn Reporter>,
    namespace: String,
    /// Name of the Lease.
    name: String,
    /// The holder of the Lease, as the Lease names it.
    holder: String,
    /// Whether the API server was asked to create the Lease, and may have done it.
    asked: bool,
    lease: Option<Box<HeldLease>>,
    /// The lock of this machine, which ends with the file.
    file: Option<LockedFile>,
}

impl Lock {
    /// Takes both locks. If the user may not use Leases, a warning says so, and the lock of this machine must
    /// do.
    ///
    /// `holder` is the [`Lock::holder`] of another process that has begun the same work. Its Lease is taken over.
    pub(super) async fn take(
        session: &Session,
        operation: &str,
        subject: &str,
        holder: Option<&str>,
    ) -> Result<Self, OpsError> {
        let (cluster, reporter) = (&session.cluster, session.reporter());
        let here = LocalLock {
            server: cluster.server(),
            namespace: cluster.namespace(),
            operation,
            subject,
        };
        let folders = session.host.folders().ok_or(OpsError::NoHome);
        let here = match folders.and_then(|folders| here.lock(&folders.state.join("locks"))) {
            Err(taken @ OpsError::LockedHere { .. }) => return Err(taken),
            here => here,
        };
        if cluster.is_absent() {
            return Ok(Self {
                reporter: Arc::clone(reporter),
                namespace: cluster.namespace().to_owned(),
                name: lease_name(operation, subject),
                holder: String::new(),
                asked: false,
                lease: None,
                file: Some(here?),
            });
        }
        let holder = match holder {
            Some(holder) => holder.to_owned(),
            None => format!("{} {}", holder::at(cluster).await, random()?),
        };
        let mut lock = Self {
            reporter: Arc::clone(reporter),
            namespace: cluster.namespace().to_owned(),
            name: lease_name(operation, subject),
            holder,
            asked: true,
            lease: None,
            file: None,
        };
        let acquired = cluster.acquire_lease(&lock.name, &lock.holder, LEASE_DURATION);
        let acquired = acquired.await;
        lock.asked = acquired.as_ref().is_err_and(may_have_arrived);
        match acquired? {
            Acquired::Held(lease) => {
                tracing::debug!(
                    "the lock is the Lease {}, and a file on this machine",
                    lock.name
                );
                lock.lease = Some(Box::new(lease));
                match here {
                    Ok(file) => lock.file = Some(file),
                    Err(error) => reporter.note(&format!(
                        "there is no lock on this machine ({error}): users without permission to use Leases are not kept out"
                    )),
                }
            }
            Acquired::NotAllowed(reason) => {
                lock.file = Some(here?);
                reporter.warn(&format!(
                    "only your own processes on this machine are kept out, because no Lease could be acquired: {reason}"
                ));
            }
        }
        Ok(lock)
    }

    /// Returns the holder of the Lease, with which another process can take the lock over. None if there is no
    /// Lease.
    pub(super) fn holder(&self) -> Option<&str> {
        self.lease.as_ref().map(|_| self.holder.as_str())
    }

    /// Runs `work` and renews the Lease meanwhile. If `work` panics, the lock is released first.
    ///
    /// # Errors
    /// When the Lease was lost. `work` is then stopped, and nothing of the lock stays, whatever continues in the
    /// backend.
    pub(super) async fn keep_while<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, OpsError> {
        let Some(lease) = &mut self.lease else {
            return Ok(work.await);
        };
        let (reporter, name) = (&self.reporter, &self.name);
        let on_unrenewable = |error: &_| {
            reporter.warn(&format!(
                "the Lease {name} could not be renewed, and expires within {} s: {error}",
                LEASE_DURATION.as_secs()
            ));
        };
        let work = AssertUnwindSafe(lease.keep_while(work, on_unrenewable)).catch_unwind();
        match work.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(lost)) => {
                self.release().await;
                Err(lost.into())
            }
            Err(panic) => {
                self.release().await;
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Renews the Lease if a third of its time has passed. If that fails, a warning says so.
    pub(super) async fn renew(&mut self) {
        let Some(lease) = &mut self.lease else {
            return;
        };
        if let Err(error) = lease.renew_in_time().await {
            self.reporter.warn(&format!(
                "the Lease {} could not be renewed, and expires at {}: {error}",
                self.name,
                until(lease)
            ));
            if matches!(error, ClusterError::LeaseLost { .. }) {
                self.lease = None;
            }
        }
    }

    /// Releases the Lease. If that fails, a warning says when it expires.
    pub(super) async fn release(&mut self) {
        // The Lease stays here until it is released: if this call is stopped, the user is told.
        let Some(lease) = &mut self.lease else {
            return;
        };
        if let Err(error) = lease.release().await {
            self.reporter.warn(&format!(
                "the lock {} could not be released ({error}); it expires at {}",
                self.name,
                until(lease)
            ));
        }
        self.lease = None;
    }

    /// Leaves the Lease to another process, which takes it over or lets it expire.
    pub(super) fn leave(mut self) {
        self.lease = None;
    }
}

/// Returns whether the API server may have got the request, although it failed.
fn may_have_arrived(error: &ClusterError) -> bool {
    matches!(
        error,
        ClusterError::RequestTimedOut { .. }
            | ClusterError::Unreachable {
                kind: Unreachable::TimedOut | Unreachable::Other,
                ..
            }
    )
}

impl Drop for Lock {
    fn drop(&mut self) {
        let (name, namespace) = (&self.name, &self.namespace);
        let what = match &self.lease {
            Some(lease) => format!(
                "the lock {name} is kept until {}, because the operation may continue in the backend",
                until(lease)
            ),
            None if self.asked => {
                let seconds = LEASE_DURATION.as_secs();
                format!(
                    "the lock {name} may have been acquired just now; if so, it expires in {seconds} s"
                )
            }
            None => return,
        };
        let hint = format!(
            "`kubectl get lease {name} -n {namespace} -o yaml` shows the lock; `kubectl delete lease {name} -n {namespace}` releases it earlier"
        );
        let hint = Hint::new(hint, Author::Host);
        self.reporter.warn_with_hint(&what, &hint);
    }
}

/// Returns when the Lease expires, rounded up to seconds, the unit of Leases.
fn until(lease: &HeldLease) -> Timestamp {
    let until = lease.until();
    let rounding = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Ceil);
    until.round(rounding).unwrap_or(until)
}

/// The subject of one lock on this machine.
///
/// All users, contexts and kubeconfigs share the lock of a target, as long as they write the server the same
/// way. The files are in the state folder of the machine's user, so other users have their own.
struct LocalLock<'a> {
    server: &'a str,
    namespace: &'a str,
    operation: &'a str,
    subject: &'a str,
}

impl LocalLock<'_> {
    /// Takes the lock. It is held until the file is dropped or the process ends.
    fn lock(&self, folder: &Path) -> Result<LockedFile, OpsError> {
        let path = folder.join(self.file_name());
        let failed = |source| OpsError::LocalLock {
            path: path.clone(),
            source,
        };
        make_private(folder).map_err(failed)?;
        let file = open(&path).map_err(failed)?;
        match LockedFile::attempt(file).map_err(failed)? {
            Ok(mut file) => {
                // The text in the file is only for people: the lock holds without it.
                let _ = write_holder(&mut file);
                Ok(file)
            }
            Err(file) => Err(OpsError::LockedHere {
                operation: self.operation.to_owned(),
                place: format!("{} in namespace {}", self.subject, self.namespace),
                holder: read_holder(&file),
                path,
            }),
        }
    }

    fn file_name(&self) -> String {
        let key = [
            &address(self.server),
            self.namespace,
            self.operation,
            self.subject,
        ]
        .join("\n");
        let digest = Sha256::digest(key.as_bytes());
        let hex: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}-{hex}.lock", self.operation)
    }
}

/// Writes to the lock file who holds the lock.
fn write_holder(file: &mut File) -> io::Result<()> {
    let since = Timestamp::now().round(Unit::Second).unwrap_or_default();
    file.set_len(0)?;
    file.write_all(format!("{} since {since}\n", holder::here()).as_bytes())
}

/// Normalizes the URL of a server: case, default port and trailing slash don't matter.
fn address(server: &str) -> String {
    let Ok(uri) = server.parse::<Uri>() else {
        return server.to_owned();
    };
    let scheme = uri.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let default = if scheme == "http" { 80 } else { 443 };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let port = uri.port_u16().unwrap_or(default);
    format!(
        "{scheme}://{host}:{port}{}",
        uri.path().trim_end_matches('/')
    )
}

/// Opens a lock file. Opening must not block on a named pipe in its place.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // The text of another process stays until this process holds the lock.
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a plain file",
        ));
    }
    Ok(file)
}

fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn read_holder(file: &File) -> Option<String> {
    let mut text = Vec::new();
    file.take(MAX_HOLDER).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Returns a random text that makes the holder unique.
fn random() -> Result<String, OpsError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| OpsError::NoRandomness)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(server: &'a str, namespace: &'a str, subject: &'a str) -> LocalLock<'a> {
        LocalLock {
            server,
            namespace,
            operation: "restore",
            subject,
        }
    }

    #[test]
    fn one_target_has_one_lock_and_another_has_another() {
        let name = |server, namespace, subject| place(server, namespace, subject).file_name();
        let first = name("https://api.example:443/", "mqtt", "broker");
        for same in [
            "https://api.example",
            "https://API.example",
            "HTTPS://api.example:443",
            "https://api.example./",
        ] {
            assert_eq!(name(same, "mqtt", "broker"), first, "{same}");
        }
        for (server, namespace, subject) in [
            ("https://api.example:6443", "mqtt", "broker"),
            ("https://other.example", "mqtt", "broker"),
            ("https://api.example/k8s/clusters/c-1", "mqtt", "broker"),
            ("https://api.example", "mqtt2", "broker"),
            ("https://api.example", "mqtt", "broker2"),
        ] {
            assert_ne!(
                name(server, namespace, subject),
                first,
                "{server} {namespace} {subject}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_no_lock_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        open(&fifo).expect_err("a FIFO is no lock");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("target", &link).expect("a link");
        open(&link).expect_err("a link is no lock");
        let plain = folder.path().join("plain");
        fs::write(&plain, "ann").expect("a file");
        open(&plain).expect("a lock");
        assert_eq!(fs::read(&plain).expect("a file"), b"ann");
    }
}
