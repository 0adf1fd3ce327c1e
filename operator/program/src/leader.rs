//! The election of the one operator that works.
//!
//! A Lease names the leader. Its age is measured with this machine's own monotonic clock, since the Lease was last seen to
//! change; times of other machines decide nothing. The leader renews it every few seconds, and stops before others
//! may take it. Deterministic names of runs are the second guard: a leader that was paused can't make a run twice.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

/// How long a Lease lasts after its last renewal.
const LEASE: Duration = Duration::from_secs(15);
/// How long a leader tries to renew before it gives up: earlier than others may begin.
const GIVE_UP: Duration = Duration::from_secs(10);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// A leader, and the Lease that it holds.
pub(crate) struct Leader {
    leases: Api<Lease>,
    name: String,
    holder: String,
    lease: Lease,
    renewed: Instant,
}

/// The end of a leadership.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeadershipLost {
    #[error("{holder} has taken the Lease {name}")]
    Taken { name: String, holder: String },
    #[error("the Lease {name} could not be renewed for {} s: {reason}", GIVE_UP.as_secs())]
    NotRenewed { name: String, reason: String },
}

/// Waits until this process is the leader. Each look at the Lease tells `told` who holds it.
pub(crate) async fn elected(
    client: &Client,
    namespace: &str,
    name: &str,
    holder: &str,
    told: impl Fn(Option<&str>),
) -> Leader {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let mut seen: Option<(Option<String>, Instant)> = None;
    loop {
        match try_to_lead(&leases, name, holder, &mut seen, &told).await {
            Ok(Some(lease)) => {
                tracing::info!(lease = name, holder, "this replica is the leader");
                return Leader {
                    leases,
                    name: name.to_owned(),
                    holder: holder.to_owned(),
                    lease,
                    renewed: Instant::now(),
                };
            }
            Ok(None) => {}
            Err(error) => {
                let reason = crate::reason(&error);
                tracing::warn!(lease = name, reason, "the Lease can't be acquired");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Acquires the Lease if it is free, or if it has not changed for its whole duration.
async fn try_to_lead(
    leases: &Api<Lease>,
    name: &str,
    holder: &str,
    seen: &mut Option<(Option<String>, Instant)>,
    told: &impl Fn(Option<&str>),
) -> Result<Option<Lease>, kube::Error> {
    let Some(found) = leases.get_opt(name).await? else {
        let new = Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(spec(holder, None)),
        };
        return unless_raced(leases.create(&PostParams::default(), &new).await);
    };
    let version = found.metadata.resource_version.clone();
    let since = match seen {
        Some((known, since)) if *known == version => *since,
        _ => {
            let now = Instant::now();
            *seen = Some((version, now));
            now
        }
    };
    let spec_found = found.spec.as_ref();
    let held_by = spec_found.and_then(|spec| spec.holder_identity.as_deref());
    told(held_by);
    let lasts = spec_found.and_then(|spec| spec.lease_duration_seconds);
    let lasts = lasts.and_then(|seconds| u64::try_from(seconds).ok());
    let lasts = lasts.map_or(LEASE, Duration::from_secs);
    let is_free = held_by.is_none_or(str::is_empty) || held_by == Some(holder);
    if !is_free && since.elapsed() < lasts {
        return Ok(None);
    }
    // The resource version makes sure that only one of those that wait gets it.
    let mine = Lease {
        spec: Some(spec(holder, spec_found)),
        metadata: found.metadata.clone(),
    };
    unless_raced(leases.replace(name, &PostParams::default(), &mine).await)
}

/// Another replica that was faster is no error.
fn unless_raced(result: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

fn spec(holder: &str, before: Option<&LeaseSpec>) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    let is_same = before.is_some_and(|it| it.holder_identity.as_deref() == Some(holder));
    let acquired = before
        .filter(|_| is_same)
        .and_then(|it| it.acquire_time.clone());
    let transitions = before.and_then(|it| it.lease_transitions).unwrap_or(0);
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
        acquire_time: acquired.or_else(|| Some(now.clone())),
        renew_time: Some(now),
        lease_transitions: Some(if is_same || before.is_none() {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..LeaseSpec::default()
    }
}

impl Leader {
    /// Renews the Lease for as long as that succeeds.
    pub(crate) async fn keep(&mut self) -> LeadershipLost {
        loop {
            tokio::time::sleep(PAUSE).await;
            let mine = Lease {
                spec: Some(spec(&self.holder, self.lease.spec.as_ref())),
                metadata: self.lease.metadata.clone(),
            };
            let params = PostParams::default();
            let rest = GIVE_UP.saturating_sub(self.renewed.elapsed());
            let begun = Instant::now();
            let renewed =
                tokio::time::timeout(rest, self.leases.replace(&self.name, &params, &mine)).await;
            let reason = match renewed {
                Ok(Ok(lease)) => {
                    self.lease = lease;
                    // The Lease lasts from the time of the request at the earliest.
                    self.renewed = begun;
                    continue;
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                    match self.look_again().await {
                        Some(lost) => return lost,
                        None => "it was changed".to_owned(),
                    }
                }
                Ok(Err(error)) => crate::reason(&error),
                Err(_) => "no answer".to_owned(),
            };
            if self.renewed.elapsed() >= GIVE_UP {
                return LeadershipLost::NotRenewed {
                    name: self.name.clone(),
                    reason,
                };
            }
        }
    }

    /// Reads the Lease after a conflict. An answer that was lost looks like one, too.
    async fn look_again(&mut self) -> Option<LeadershipLost> {
        let found = tokio::time::timeout(PAUSE, self.leases.get(&self.name)).await;
        let Ok(Ok(lease)) = found else {
            return None;
        };
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|it| it.holder_identity.clone());
        let holder = holder.unwrap_or_default();
        if holder == self.holder {
            self.lease = lease;
            return None;
        }
        Some(LeadershipLost::Taken {
            name: self.name.clone(),
            holder,
        })
    }

    /// Releases the Lease, so that another replica need not wait for its end.
    pub(crate) async fn release(mut self) {
        if let Some(spec) = &mut self.lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
        }
        let params = PostParams::default();
        let released = self.leases.replace(&self.name, &params, &self.lease);
        match tokio::time::timeout(PAUSE, released).await {
            Ok(Ok(_)) => tracing::info!(lease = self.name, "the Lease is released"),
            Ok(Err(error)) => {
                let reason = crate::reason(&error);
                tracing::warn!(lease = self.name, reason, "the Lease is not released");
            }
            Err(_) => tracing::warn!(lease = self.name, "the Lease is not released: no answer"),
        }
    }
}
