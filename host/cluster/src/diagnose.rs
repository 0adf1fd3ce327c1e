//! Finds the reason why no pod was found. These requests are made only on the way to an error.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Pod};

use super::near::near;
use super::request::{NAMESPACES, PODS, STATEFUL_SETS};
use super::{Cluster, ClusterError, pods};

/// The maximum number of nodes that one error inspects.
const MOST_NODES: usize = 8;

impl Cluster {
    /// Returns the error for a `StatefulSet` whose pods were all inspected and are not ready.
    pub(super) async fn no_ready_pod(
        &self,
        statefulset: &str,
        record: Result<Option<StatefulSet>, ClusterError>,
        owned: &[Pod],
    ) -> ClusterError {
        let mut reasons: Vec<String> = self
            .why_not_ready(owned)
            .await
            .into_iter()
            .map(|(pod, why)| format!("{pod}: {why}"))
            .collect();
        match record {
            Ok(None) if owned.is_empty() => return self.no_statefulset(statefulset).await,
            Err(error) if owned.is_empty() => return error,
            Ok(Some(record)) => {
                let wanted = record.spec.and_then(|spec| spec.replicas).unwrap_or(1);
                if wanted == 0 {
                    reasons.insert(0, "it is scaled to 0 replicas".to_owned());
                } else if owned.is_empty() {
                    reasons.push(format!("none of its {wanted} pods exists yet"));
                }
            }
            _ => {}
        }
        ClusterError::NoReadyPod {
            statefulset: statefulset.to_owned(),
            namespace: self.namespace().to_owned(),
            reasons,
        }
    }

    /// Returns the name of each pod and the reason why it is not ready. The reason includes the state of its
    /// node if the user may read nodes.
    pub(super) async fn why_not_ready(&self, unready: &[Pod]) -> Vec<(String, String)> {
        let nodes: BTreeSet<&str> = unready
            .iter()
            .filter(|pod| !pods::is_ready(pod))
            .filter_map(pods::node)
            .take(MOST_NODES)
            .collect();
        let troubles = join_all(nodes.iter().map(|node| self.node_trouble(node))).await;
        let troubles: BTreeMap<&str, Option<String>> = nodes.into_iter().zip(troubles).collect();
        let why = |pod: &Pod| {
            // A pod that is reported as ready is here because a tunnel to it was refused.
            if pods::is_ready(pod) {
                return "reported as ready, but gone".to_owned();
            }
            let why = pods::why_not_ready(pod);
            match pods::node(pod).and_then(|node| troubles.get(node)?.as_ref()) {
                Some(trouble) => format!("{why}; {trouble}"),
                None => why,
            }
        };
        let unready = unready.iter();
        unready
            .map(|pod| (pods::name(pod).to_owned(), why(pod)))
            .collect()
    }

    async fn no_statefulset(&self, name: &str) -> ClusterError {
        let (namespace_missing, existing) = tokio::join!(
            self.namespace_is_missing(),
            self.list::<StatefulSet>(&STATEFUL_SETS)
        );
        if namespace_missing {
            return self.no_namespace();
        }
        let existing: Option<Vec<String>> = existing.ok().map(|sets| {
            sets.into_iter()
                .filter_map(|set| set.metadata.name)
                .collect()
        });
        ClusterError::StatefulSetNotFound {
            name: name.to_owned(),
            namespace: self.namespace().to_owned(),
            near: near(name, existing.iter().flatten().map(String::as_str)),
            existing,
        }
    }

    pub(super) async fn no_pod(&self, pod: &str) -> ClusterError {
        let (namespace_missing, existing) =
            tokio::join!(self.namespace_is_missing(), self.list::<Pod>(&PODS));
        if namespace_missing {
            return self.no_namespace();
        }
        ClusterError::PodNotFound {
            pod: pod.to_owned(),
            namespace: self.namespace().to_owned(),
            near: near(pod, existing.iter().flatten().map(pods::name)),
        }
    }

    /// Returns true if the namespace does not exist. If the user may not read namespaces, it counts as
    /// existing.
    pub(super) async fn namespace_is_missing(&self) -> bool {
        matches!(
            self.get::<Namespace>(&NAMESPACES, self.namespace()).await,
            Ok(None)
        )
    }

    pub(super) fn no_namespace(&self) -> ClusterError {
        ClusterError::NamespaceNotFound {
            namespace: self.namespace().to_owned(),
        }
    }
}
