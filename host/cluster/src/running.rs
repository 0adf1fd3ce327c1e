//! Finds the pods of a target in which commands may run.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use super::request::{PODS, STATEFUL_SETS, check_name};
use super::{Cluster, ClusterError, Target, pods};

/// The largest number of missing pods that are named.
const MAX_PODS: i32 = 1000;

/// A pod with a running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPod {
    /// Name of the pod.
    pub name: String,
    /// The container that kubectl uses if none is named.
    pub default_container: String,
}

/// A pod of a `StatefulSet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPod {
    /// Name of the pod.
    pub name: String,
    /// The reason why the pod can't be used; `None` if it can.
    pub problem: Option<String>,
}

impl Cluster {
    /// Returns all pods of a target in the order of their ordinals. At least one of them is usable.
    ///
    /// A pod is usable if it has a running container and is not being deleted. The readiness of an endpoint's
    /// container is checked only when the endpoint is used: the readiness of the pod says nothing about it.
    ///
    /// It takes 1 request; if no pod is usable, some more to find the reason.
    ///
    /// # Errors
    /// When no pod is usable, with the reason, or when the user may not list pods.
    pub async fn pods_of(&self, target: &Target) -> Result<Vec<TargetPod>, ClusterError> {
        check_name("StatefulSet", &target.statefulset)?;
        let mut owned = self.list::<Pod>(&PODS).await?;
        owned.retain(|pod| pods::is_owned(pod, &target.statefulset));
        owned.sort_by_key(|pod| pods::ordinal(pods::name(pod), &target.statefulset));
        if !owned.iter().any(can_be_asked) {
            let name = &target.statefulset;
            let record = self.get::<StatefulSet>(&STATEFUL_SETS, name).await;
            return Err(self.no_ready_pod(name, record, &owned).await);
        }
        let found = owned.iter().map(|pod| TargetPod {
            name: pods::name(pod).to_owned(),
            problem: (!can_be_asked(pod)).then(|| pods::why_not_ready(pod)),
        });
        Ok(found.collect())
    }

    /// Returns the names of the pods that a `StatefulSet` should have, and that are not among `known`, with 1
    /// request. Returns nothing if the size of the set can't be read.
    pub async fn missing_pods(&self, target: &Target, known: &[TargetPod]) -> Vec<String> {
        let name = &target.statefulset;
        let set = self.get::<StatefulSet>(&STATEFUL_SETS, name).await;
        let spec = match set {
            Ok(set) => set.and_then(|set| set.spec),
            Err(error) => {
                tracing::debug!("the size of StatefulSet {name} is unknown: {error}");
                None
            }
        };
        let Some(spec) = spec else {
            return Vec::new();
        };
        let first = spec.ordinals.and_then(|ordinals| ordinals.start);
        let first = first.unwrap_or(0).max(0);
        let count = spec.replicas.unwrap_or(1).clamp(0, MAX_PODS);
        let wanted = (first..first.saturating_add(count)).map(|at| format!("{name}-{at}"));
        let is_known = |name: &String| known.iter().any(|pod| pod.name == *name);
        wanted.filter(|name| !is_known(name)).collect()
    }

    /// Returns the running pods of a target: ready pods first, then in the order of their ordinals. If the
    /// user chose a pod, it is the only one. The list has at least one pod.
    ///
    /// It takes 1 request; if no pod runs, some more to find the reason.
    ///
    /// # Errors
    /// When no pod runs, with the reason, or when the user may not list pods.
    pub async fn running_pods(&self, target: &Target) -> Result<Vec<RunningPod>, ClusterError> {
        check_name("StatefulSet", &target.statefulset)?;
        if let Some(name) = &target.pod {
            check_name("pod", name)?;
            let Some(pod) = self.get::<Pod>(&PODS, name).await? else {
                return Err(self.no_pod(name).await);
            };
            let running = running(&pod).ok_or_else(|| ClusterError::PodNotUsable {
                pod: name.clone(),
                namespace: self.namespace().to_owned(),
                reason: pods::why_not_ready(&pod),
            })?;
            return Ok(vec![running]);
        }
        let mut owned = self.list::<Pod>(&PODS).await?;
        owned.retain(|pod| pods::is_owned(pod, &target.statefulset));
        owned.sort_by_key(|pod| {
            let ordinal = pods::ordinal(pods::name(pod), &target.statefulset);
            (!pods::is_ready(pod), ordinal)
        });
        let found: Vec<_> = owned.iter().filter_map(running).collect();
        if found.is_empty() {
            let name = &target.statefulset;
            let record = self.get::<StatefulSet>(&STATEFUL_SETS, name).await;
            return Err(self.no_ready_pod(name, record, &owned).await);
        }
        Ok(found)
    }
}

fn can_be_asked(pod: &Pod) -> bool {
    !pods::is_deleting(pod) && pods::has_running_container(pod)
}

fn running(pod: &Pod) -> Option<RunningPod> {
    pods::has_running_container(pod).then(|| RunningPod {
        name: pods::name(pod).to_owned(),
        default_container: pods::default_container(pod).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Answers, owned_pod, target};

    fn pod(name: &str, ready: bool) -> Value {
        owned_pod(name, ready, &json!([]))
    }

    async fn names(answers: Answers, chosen: Option<&str>) -> Result<Vec<String>, ClusterError> {
        let found = answers.mocked().running_pods(&target(chosen)).await?;
        Ok(found.into_iter().map(|pod| pod.name).collect())
    }

    #[tokio::test]
    async fn running_pods_of_the_set_come_ready_ones_first_with_one_request() {
        let mut starting = pod("broker-0", true);
        starting["status"]["conditions"][0]["status"] = json!("False");
        let mut stranger = pod("broker-4", true);
        stranger["metadata"]["ownerReferences"] = json!([]);
        let crashing = pod("broker-3", false);
        let listed = [
            starting,
            pod("broker-10", true),
            pod("broker-2", true),
            crashing,
            stranger,
        ];
        let answers = Answers::default().list("pods", &listed);
        let found = names(answers.clone(), None).await.unwrap();
        assert_eq!(found, ["broker-2", "broker-10", "broker-0"]);
        assert_eq!(answers.asked(), ["pods"]);
    }

    #[tokio::test]
    async fn all_pods_of_the_set_are_told_with_why_they_can_not_be_asked() {
        let mut stranger = pod("broker-4", true);
        stranger["metadata"]["ownerReferences"] = json!([]);
        // One of its containers runs, though the pod is not ready.
        let mut starting = pod("broker-3", true);
        starting["status"]["conditions"][0]["status"] = json!("False");
        let mut deleted = pod("broker-5", true);
        deleted["metadata"]["deletionTimestamp"] = json!("2025-09-06T12:00:00Z");
        let listed = [
            pod("broker-10", true),
            pod("broker-2", false),
            pod("broker-0", true),
            starting,
            deleted,
            stranger,
        ];
        let answers = Answers::default().list("pods", &listed);
        let found = answers.mocked().pods_of(&target(None)).await.unwrap();
        let asked: Vec<_> = found
            .iter()
            .map(|pod| (pod.name.as_str(), pod.problem.is_none()))
            .collect();
        assert_eq!(
            asked,
            [
                ("broker-0", true),
                ("broker-2", false),
                ("broker-3", true),
                ("broker-5", false),
                ("broker-10", true)
            ]
        );
        let none = Answers::default().list("pods", &[pod("broker-0", false)]);
        let error = none.mocked().pods_of(&target(None)).await.unwrap_err();
        assert!(matches!(error, ClusterError::NoReadyPod { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_chosen_pod_is_the_only_one_and_has_to_run() {
        let answers = Answers::default()
            .with("/api/v1/namespaces/mqtt", 200, &json!({}))
            .with("pods/broker-1", 200, &pod("broker-1", true))
            .with("pods/broker-2", 200, &pod("broker-2", false));
        let found = names(answers.clone(), Some("broker-1")).await.unwrap();
        assert_eq!(found, ["broker-1"]);
        let error = names(answers.clone(), Some("broker-2")).await.unwrap_err();
        assert!(error.to_string().contains("CrashLoopBackOff"), "{error}");
        let error = names(answers, Some("broker-9")).await.unwrap_err();
        assert!(matches!(error, ClusterError::PodNotFound { .. }), "{error}");
    }

    #[tokio::test]
    async fn where_nothing_runs_the_reason_is_told() {
        let answers = Answers::default().list("pods", &[pod("broker-0", false)]);
        let error = names(answers, None).await.unwrap_err();
        assert!(matches!(error, ClusterError::NoReadyPod { .. }), "{error}");
    }
}
