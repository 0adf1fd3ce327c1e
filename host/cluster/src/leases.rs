//! Implements a lock that every user of the cluster sees: a Lease with a holder and an expiry.
//!
//! All times are of the API server's clock: `creationTimestamp`, which it writes, and the header `Date` of
//! its responses. Only if a proxy removes that header, this machine's clock counts. A wrong clock on this machine or the holder's can neither end a lock early nor keep it for
//! years. For the same reason a new Lease has no times of its own, because the server adds its creation time.
//! A renewal writes this machine's time plus its difference to the server's.

use std::time::Duration;

use http::header::DATE;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    DeleteOptions, MicroTime, ObjectMeta, Preconditions,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::request::{Answer, LEASES, SELF_REVIEWS, check_name};
use super::{Cluster, ClusterError};

/// Maximum time to wait for the name of this user, which is optional.
const SELF_REVIEW: Duration = Duration::from_secs(5);

/// The number of lost races after which an attempt ends with the error of the last one.
const RACES: usize = 4;

/// The result of an attempt to acquire a lock.
#[derive(Debug)]
pub enum Acquired {
    /// The lock is held.
    Held(HeldLease),
    /// This user may not use Leases. The error says which permission is missing. Only a lock on this machine
    /// is left, and the caller must tell the user.
    NotAllowed(ClusterError),
}

/// A lock that is held until it is released or expires.
#[derive(Debug)]
pub struct HeldLease {
    cluster: Cluster,
    lease: Box<Lease>,
    name: String,
    holder: String,
    duration: Duration,
    /// How far the server's clock is ahead of this machine's.
    ahead: SignedDuration,
}

/// Returns the name of the lock for one operation on one target.
///
/// Both are parts of names of Kubernetes objects. If they don't fit into one name, their digest is used.
#[must_use]
pub fn lease_name(operation: &str, target: &str) -> String {
    const LONGEST: usize = 253;
    let name = format!("broker-{operation}-{target}");
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(target.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("broker-{operation}-{hex}")
}

impl Cluster {
    /// Returns the API server's name for this user, with one request. It is `None` if the server does not
    /// respond in time, if the user may not ask, or if the server is older than Kubernetes 1.28.
    pub async fn api_user(&self) -> Option<String> {
        let access = self.access("create", &SELF_REVIEWS, None);
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
        });
        let asked = Box::pin(self.write::<Value>(&access, &review));
        let answer = tokio::time::timeout(SELF_REVIEW, asked).await.ok()?.ok()?;
        let name = answer
            .object
            .pointer("/status/userInfo/username")?
            .as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Acquires the lock `name` for `duration`, at least a second; `holder` must be unique. It takes one
    /// request if the lock is free, and three if the last holder let it expire. A holder that has the lock gets
    /// it again: another process may go on with the same work.
    ///
    /// # Errors
    /// [`ClusterError::LeaseHeld`] if somebody else holds it.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        duration: Duration,
    ) -> Result<Acquired, ClusterError> {
        check_name("Lease", name)?;
        match self.try_acquire(name, holder, duration).await {
            Ok(held) => Ok(Acquired::Held(held)),
            Err(error @ ClusterError::Forbidden { .. }) => Ok(Acquired::NotAllowed(error)),
            Err(error) => Err(error),
        }
    }

    async fn try_acquire(
        &self,
        name: &str,
        holder: &str,
        duration: Duration,
    ) -> Result<HeldLease, ClusterError> {
        let held = |answer: Answer<Lease>| HeldLease {
            ahead: server_time(&answer).duration_since(Timestamp::now()),
            cluster: self.clone(),
            lease: Box::new(answer.object),
            name: name.to_owned(),
            holder: holder.to_owned(),
            duration,
        };
        let new = Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(spec(holder, duration, None)),
        };
        let mut races = 0;
        loop {
            let access = self.access("create", &LEASES, Some(name));
            match self.write::<Lease>(&access, &new).await {
                Ok(answer) => return Ok(held(answer)),
                Err(ClusterError::Api { status: 409, .. }) => {}
                Err(error) => return Err(error),
            }
            races += 1;
            let access = self.access("get", &LEASES, Some(name));
            let present = match self.ask::<Lease>(&access, Vec::new()).await {
                Ok(present) => present,
                // The holder released the lock a moment ago.
                Err(ClusterError::Api { status: 404, .. }) if races < RACES => continue,
                // The lock exists, so a user who may not read it must not treat it as free.
                Err(ClusterError::Forbidden { access, .. }) => {
                    return Err(ClusterError::LeaseUnseen {
                        name: name.to_owned(),
                        namespace: self.namespace().to_owned(),
                        access,
                    });
                }
                Err(error) => return Err(error),
            };
            let now = server_time(&present);
            let mut lease = present.object;
            let term = Term::of(&lease);
            let is_ours = term.holder.as_deref() == Some(holder);
            if let Some(other) = &term.holder
                && !is_ours
                && (now < term.until || races >= RACES)
            {
                return Err(ClusterError::LeaseHeld {
                    name: name.to_owned(),
                    namespace: self.namespace().to_owned(),
                    holder: other.clone(),
                    since: term.since,
                    until: term.until,
                });
            }
            let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
            let taken = spec(holder, duration, Some(now));
            lease.spec = Some(if is_ours {
                LeaseSpec {
                    acquire_time: Some(MicroTime(term.since)),
                    lease_transitions: transitions,
                    ..taken
                }
            } else {
                LeaseSpec {
                    lease_transitions: Some(transitions.unwrap_or(0).saturating_add(1)),
                    ..taken
                }
            });
            // The update includes the revision that was read: only one of several takers of an expired lock
            // succeeds.
            let access = self.access("update", &LEASES, Some(name));
            match self.write::<Lease>(&access, &lease).await {
                Ok(answer) => return Ok(held(answer)),
                Err(ClusterError::Api {
                    status: 404 | 409, ..
                }) if races < RACES => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl HeldLease {
    /// Returns the name of the Lease.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns when others may take the lock over, unless it is renewed or released, by the server's clock.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        Term::of(&self.lease).until
    }

    /// Extends the lock by its full duration, if a third of it has passed.
    ///
    /// # Errors
    /// [`ClusterError::LeaseLost`] if this holder no longer has it.
    pub async fn renew_in_time(&mut self) -> Result<(), ClusterError> {
        let left = self.until().duration_since(self.now());
        let third = SignedDuration::try_from(self.duration / 3).unwrap_or(SignedDuration::MAX);
        if left > third.saturating_mul(2) {
            return Ok(());
        }
        self.renew().await
    }

    /// Returns the time of the server's clock.
    fn now(&self) -> Timestamp {
        // The difference to a server's clock may exceed the range of time.
        Timestamp::now()
            .saturating_add(self.ahead)
            .unwrap_or_else(|_| Timestamp::now())
    }

    /// Extends the lock by its full duration, with one request.
    ///
    /// # Errors
    /// [`ClusterError::LeaseLost`] if this holder no longer has it.
    pub async fn renew(&mut self) -> Result<(), ClusterError> {
        let mut lease = self.lease.clone();
        let now = self.now();
        let acquired = Term::of(&lease).since;
        let spec = lease.spec.get_or_insert_default();
        spec.acquire_time = Some(MicroTime(acquired));
        spec.renew_time = Some(MicroTime(now));
        let access = self.cluster.access("update", &LEASES, Some(&self.name));
        match self.cluster.write::<Lease>(&access, &lease).await {
            Ok(answer) => {
                *self.lease = answer.object;
                Ok(())
            }
            Err(ClusterError::Api {
                status: 404 | 409, ..
            }) => {
                // Somebody took the lock over or only changed its labels; in the latter case the lock goes
                // on.
                self.look_again().await
            }
            Err(error) => Err(error),
        }
    }

    /// Runs `work` and renews the lock meanwhile. A failed renewal is retried as long as the lock has time
    /// left. If renewals are not allowed, `on_unrenewable` is called once, and `work` continues without them.
    ///
    /// # Errors
    /// [`ClusterError::LeaseLost`] if the lock is lost; `work` is then stopped immediately.
    pub async fn keep_while<T>(
        &mut self,
        work: impl Future<Output = T>,
        on_unrenewable: impl FnOnce(&ClusterError),
    ) -> Result<T, ClusterError> {
        let mut work = std::pin::pin!(work);
        let interval = self.duration / 3;
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(interval) => {}
            }
            let renewal = async {
                let begun = tokio::time::Instant::now();
                let limit = self.duration.saturating_sub(begun - renewed);
                let outcome = tokio::time::timeout(limit, self.renew()).await;
                (begun, outcome.ok())
            };
            let (begun, outcome) = tokio::select! {
                done = &mut work => return Ok(done),
                outcome = renewal => outcome,
            };
            match outcome {
                Some(Ok(())) => renewed = begun,
                Some(Err(error @ ClusterError::LeaseLost { .. })) => return Err(error),
                Some(Err(error @ ClusterError::Forbidden { .. })) => {
                    on_unrenewable(&error);
                    return Ok(work.await);
                }
                _ if renewed.elapsed() >= self.duration => return Err(self.lost(None)),
                _ => {}
            }
        }
    }

    /// Releases the lock, with one request unless the Lease has changed meanwhile. If that fails, the lock
    /// expires by itself.
    ///
    /// # Errors
    /// When the server did not release it. A lock that is gone or held by somebody else is not an error.
    pub async fn release(&mut self) -> Result<(), ClusterError> {
        let mut races = 0;
        loop {
            let metadata = &self.lease.metadata;
            let options = DeleteOptions {
                preconditions: Some(Preconditions {
                    resource_version: metadata.resource_version.clone(),
                    uid: metadata.uid.clone(),
                }),
                ..DeleteOptions::default()
            };
            let access = self.cluster.access("delete", &LEASES, Some(&self.name));
            match self.cluster.write::<Value>(&access, &options).await {
                Ok(_) | Err(ClusterError::Api { status: 404, .. }) => return Ok(()),
                Err(ClusterError::Api { status: 409, .. }) if races < RACES => races += 1,
                Err(error) => return Err(error),
            }
            match self.look_again().await {
                Ok(()) => {}
                Err(ClusterError::LeaseLost { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the current Lease. Returns an error if this holder does not hold it.
    async fn look_again(&mut self) -> Result<(), ClusterError> {
        let present: Option<Lease> = self.cluster.get(&LEASES, &self.name).await?;
        let Some(lease) = present else {
            return Err(self.lost(None));
        };
        let holder = Term::of(&lease).holder;
        if holder.as_ref() != Some(&self.holder) {
            return Err(self.lost(holder));
        }
        *self.lease = lease;
        Ok(())
    }

    fn lost(&self, holder: Option<String>) -> ClusterError {
        ClusterError::LeaseLost {
            name: self.name.clone(),
            namespace: self.cluster.namespace().to_owned(),
            holder,
        }
    }
}

/// The holder of a Lease and the time it is held.
struct Term {
    /// The holder; `None` if the Lease is free.
    holder: Option<String>,
    since: Timestamp,
    until: Timestamp,
}

impl Term {
    fn of(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let created = lease.metadata.creation_timestamp.as_ref();
        let created = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        let since = spec.acquire_time.map_or(created, |time| time.0);
        let renewed = spec.renew_time.map_or(created, |time| time.0);
        let seconds = spec.lease_duration_seconds.unwrap_or(0);
        let length = SignedDuration::from_secs(seconds.into());
        Self {
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            since,
            // A time that is out of range counts as "never".
            until: renewed.checked_add(length).unwrap_or(Timestamp::MAX),
        }
    }
}

fn spec(holder: &str, duration: Duration, now: Option<Timestamp>) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(i32::try_from(duration.as_secs().max(1)).unwrap_or(i32::MAX)),
        acquire_time: now.map(MicroTime),
        renew_time: now.map(MicroTime),
        ..LeaseSpec::default()
    }
}

/// Returns the time of the server's response. If a proxy removed the header, it is this machine's time.
fn server_time<T>(answer: &Answer<T>) -> Timestamp {
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok());
    date.map_or_else(Timestamp::now, |date| date.timestamp())
}

#[cfg(test)]
mod tests;
