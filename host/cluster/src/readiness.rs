//! Counts the pods of a target that exist and are ready.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use super::error::show;
use super::request::{PODS, STATEFUL_SETS, check_name};
use super::{Cluster, ClusterError, Target, pods};

/// The pods of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The number of ready pods.
    pub ready: usize,
    /// The desired number of pods.
    pub wanted: usize,
    /// Name and reason of each pod that exists and is not ready; safe to show.
    pub unready: Vec<String>,
}

impl Cluster {
    /// Inspects the chosen pod, or all pods of the `StatefulSet` with 2 concurrent requests. Each node with
    /// pods that are not ready takes one more request.
    ///
    /// # Errors
    /// When no pod has a running container, with the reason.
    pub async fn readiness(&self, target: &Target) -> Result<Readiness, ClusterError> {
        check_name("StatefulSet", &target.statefulset)?;
        if let Some(name) = &target.pod {
            check_name("pod", name)?;
            let Some(pod) = self.get::<Pod>(&PODS, name).await? else {
                return Err(self.no_pod(name).await);
            };
            if !pods::has_running_container(&pod) {
                return Err(ClusterError::PodNotUsable {
                    pod: name.clone(),
                    namespace: self.namespace().to_owned(),
                    reason: pods::why_not_ready(&pod),
                });
            }
            return Ok(self.counted(vec![pod], 1).await);
        }
        let (record, listed) = tokio::join!(
            self.get::<StatefulSet>(&STATEFUL_SETS, &target.statefulset),
            self.list::<Pod>(&PODS)
        );
        let mut owned = listed?;
        owned.retain(|pod| pods::is_owned(pod, &target.statefulset));
        owned.sort_by_key(|pod| pods::ordinal(pods::name(pod), &target.statefulset));
        // An endpoint needs only its own container, and its state is known only when the endpoint is used.
        if !owned.iter().any(pods::has_running_container) {
            return Err(self.no_ready_pod(&target.statefulset, record, &owned).await);
        }
        // A user who may not read the StatefulSet still sees its pods.
        let wanted = match &record {
            Ok(Some(record)) => record.spec.as_ref().map(|spec| spec.replicas.unwrap_or(1)),
            _ => None,
        };
        let wanted = wanted.and_then(|count| usize::try_from(count).ok());
        let wanted = wanted.unwrap_or(owned.len());
        Ok(self.counted(owned, wanted).await)
    }

    async fn counted(&self, mut pods: Vec<Pod>, wanted: usize) -> Readiness {
        let there = pods.len();
        pods.retain(|pod| !pods::is_ready(pod));
        let why = self.why_not_ready(&pods).await;
        Readiness {
            ready: there - pods.len(),
            wanted,
            unready: why
                .into_iter()
                .map(|(pod, why)| format!("{} ({})", show(&pod), show(&why)))
                .collect(),
        }
    }
}
