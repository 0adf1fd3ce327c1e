//! A lock that everybody who works on the cluster sees: a Lease with a holder and an expiry.
//!
//! All times are of the API server's clock: `creationTimestamp`, which it writes, and the header
//! `Date` of its answers. Neither a wrong clock here nor one at the holder's can end a lock early,
//! or keep it for years. For the same reason a new Lease has no times of its own (the server adds
//! its creation), and a renewal writes this machine's time moved by its difference to the server's.

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

/// Longest wait for the name of this user, without which all goes on.
const SELF_REVIEW: Duration = Duration::from_secs(5);

/// How often somebody else may be faster before that is taken for an answer.
const RACES: usize = 4;

/// What came of the wish for a lock.
#[derive(Debug)]
pub enum Acquired {
    Held(HeldLease),
    /// This user may not keep Leases. The error says which right is missing; a lock on this
    /// machine is what is left, and the user is to be told.
    NotAllowed(ClusterError),
}

/// A lock that is held until it is released, or its time is over.
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

/// The name of the lock for one operation on one target.
///
/// Both are parts of names of Kubernetes objects. Where they don't fit into one, a digest of them does.
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
    /// What the API server calls this user, with one request; `None` where it does not say in time (it was asked to
    /// first by Kubernetes 1.28), or may not be asked.
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

    /// Takes the lock `name` for `holder`, who must be one of a kind, for `duration` (at least a
    /// second). One request where it is free, three where its last holder let it expire.
    ///
    /// # Errors
    /// [`ClusterError::LeaseHeld`] when somebody else has it.
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
                // It was released a moment ago.
                Err(ClusterError::Api { status: 404, .. }) if races < RACES => continue,
                // That it is there is known: whoever may not look must not take it for free.
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
            if let Some(other) = &term.holder
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
            lease.spec = Some(LeaseSpec {
                lease_transitions: Some(transitions.unwrap_or(0).saturating_add(1)),
                ..spec(holder, duration, Some(now))
            });
            // With the revision that was read: of several who see it expired, one gets it.
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
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When others may take it over, if it is neither renewed nor released: the server's clock.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        Term::of(&self.lease).until
    }

    /// Starts its time anew, with one request.
    ///
    /// # Errors
    /// [`ClusterError::LeaseLost`] when it is no longer this holder's.
    pub async fn renew(&mut self) -> Result<(), ClusterError> {
        let mut lease = self.lease.clone();
        // A server may say that its clock stands at the end of all time.
        let now = Timestamp::now()
            .saturating_add(self.ahead)
            .unwrap_or_else(|_| Timestamp::now());
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
                // Somebody has it, or somebody only labelled it: then it goes on from there.
                self.look_again().await
            }
            Err(error) => Err(error),
        }
    }

    /// Runs `work`, and renews the lock all the while. Renewals that fail are tried again as long
    /// as the lock has time left. Where they are not allowed, `unrenewable` is told so once, and `work` goes on without.
    ///
    /// # Errors
    /// [`ClusterError::LeaseLost`] when the lock is lost: `work` was then stopped where it stood.
    pub async fn keep_while<T>(
        &mut self,
        work: impl Future<Output = T>,
        unrenewable: impl FnOnce(&ClusterError),
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
                    unrenewable(&error);
                    return Ok(work.await);
                }
                _ if renewed.elapsed() >= self.duration => return Err(self.lost(None)),
                _ => {}
            }
        }
    }

    /// Gives the lock back, with one request. If that fails, it ends by itself when its time is over.
    ///
    /// # Errors
    /// When the server did not do it. A lock that others have or that is gone is no error.
    pub async fn release(&mut self) -> Result<(), ClusterError> {
        for _ in 0..2 {
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
                Err(ClusterError::Api { status: 409, .. }) => {}
                Err(error) => return Err(error),
            }
            match self.look_again().await {
                Ok(()) => {}
                Err(ClusterError::LeaseLost { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the Lease as it is now; an error if it is not ours.
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

/// Who has a Lease, and how long.
struct Term {
    /// `None` where nobody has it.
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
            // A time so late that it can't be told apart from "never".
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

/// What the server's clock said when it answered; this machine's, if a proxy took the header away.
fn server_time<T>(answer: &Answer<T>) -> Timestamp {
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok());
    date.map_or_else(Timestamp::now, |date| date.timestamp())
}

#[cfg(test)]
mod tests;
