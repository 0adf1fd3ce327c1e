//! Reads which `StatefulSet`s there are, in one namespace or in all, and which volumes their pods claim.
//!
//! The names come from a server. Those that no namespace or object can have are left out, because they become parts of
//! paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker_manifest::ObjectKind;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::request::{CLAIMS, PODS, Resource, STATEFUL_SETS, check_name, is_name};
use super::{Cluster, ClusterError, Inner, ObjectScope, ObjectType, Selection, pods, refusal};

/// The size of a volume, among the resources of a claim.
const STORAGE: &str = "storage";
/// The maximum number of objects of one kind that are read.
const MAX_OBJECTS: u32 = 20_000;

/// The objects that a list returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The objects.
    pub found: T,
    /// Whether these are all objects. A list ends at a limit.
    pub is_whole: bool,
}

/// A `StatefulSet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSet {
    /// Namespace of the set.
    pub namespace: String,
    /// Name of the set.
    pub name: String,
    /// The number of ready pods.
    pub ready: usize,
    /// The desired number of pods.
    pub wanted: usize,
}

/// A volume that a pod of a `StatefulSet` claims. The texts come from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Name of the `PersistentVolumeClaim`.
    pub name: String,
    /// Name of the pod.
    pub pod: String,
    /// The requested size as Kubernetes writes it, such as `10Gi`. `None` if the claim does not exist.
    pub requested: Option<String>,
    /// The size of the volume, in the same form. `None` if there is no volume yet.
    pub capacity: Option<String>,
    /// The phase of the claim, such as `Bound`. `None` if the claim does not exist.
    pub phase: Option<String>,
    /// The storage class. `None` if the claim names none.
    pub storage_class: Option<String>,
}

impl Cluster {
    /// Returns the same cluster with another namespace.
    ///
    /// # Errors
    /// When it is no name of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Result<Self, ClusterError> {
        check_name("namespace", namespace)?;
        Ok(self.with_namespace(namespace.to_owned()))
    }

    /// Returns the same cluster for lists of the objects of all namespaces. Its namespace is empty, and nothing but
    /// [`Cluster::stateful_sets`] and [`Cluster::namespaces_with`] works with that.
    #[must_use]
    pub fn in_all_namespaces(&self) -> Self {
        self.with_namespace(String::new())
    }

    fn with_namespace(&self, namespace: String) -> Self {
        Self(Arc::new(Inner {
            client: self.0.client.clone(),
            identity: self.0.identity.clone(),
            namespace,
            namespace_source: self.0.namespace_source,
            leaves_credentials_out: self.0.leaves_credentials_out,
            request_timeout: self.0.request_timeout,
            dials_pods: self.0.dials_pods,
            requests: Arc::clone(&self.0.requests),
        }))
    }

    /// Returns the `StatefulSet`s by namespace and name.
    ///
    /// # Errors
    /// When they may not be listed, or the namespace does not exist.
    pub async fn stateful_sets(&self) -> Result<Listed<Vec<FoundSet>>, ClusterError> {
        let listed = self.pages::<StatefulSet>(&STATEFUL_SETS).await?;
        let found = listed.found.into_iter();
        let mut found: Vec<_> = found.filter_map(|set| found_set(set, self)).collect();
        if found.is_empty() && !self.is_everywhere() && self.namespace_is_missing().await {
            return Err(self.no_namespace());
        }
        found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(Listed {
            found,
            is_whole: listed.is_whole,
        })
    }

    /// Returns the claims of the pods of each `StatefulSet` in the namespace, by the name of the set. Pods and claims
    /// are read at the same time.
    ///
    /// # Errors
    /// When pods or claims may not be listed.
    pub async fn claims(&self) -> Result<Listed<BTreeMap<String, Vec<Claim>>>, ClusterError> {
        let (pods, claims) = tokio::join!(
            self.pages::<Pod>(&PODS),
            self.pages::<PersistentVolumeClaim>(&CLAIMS)
        );
        let (mut pods, claims) = (pods?, claims?);
        let is_whole = pods.is_whole && claims.is_whole;
        let named = claims.found.into_iter();
        let named = named.filter_map(|claim| Some((claim.metadata.name.clone()?, claim)));
        let claims: BTreeMap<_, _> = named.collect();
        pods.found.sort_by_cached_key(|pod| {
            let name = pods::name(pod);
            let set = pods::owner(pod).unwrap_or_default();
            (pods::ordinal(name, set), name.to_owned())
        });
        let mut found: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
        for pod in &pods.found {
            let Some(set) = pods::owner(pod) else {
                continue;
            };
            let volumes = pod.spec.iter().flat_map(|it| it.volumes.iter().flatten());
            for name in volumes.filter_map(|volume| claim_of(volume, pods::name(pod))) {
                let known = claims.get(&name);
                let of_set = found.entry(set.to_owned()).or_default();
                of_set.push(claim(name, pods::name(pod), known));
            }
        }
        Ok(Listed { found, is_whole })
    }

    /// Returns the namespaces with objects of a kind: those of all namespaces, or the one of the command.
    ///
    /// # Errors
    /// When the cluster does not have the kind, or the objects may not be listed.
    pub async fn namespaces_with(
        &self,
        kind: &ObjectKind,
    ) -> Result<Listed<BTreeSet<String>>, ClusterError> {
        let ty = self.object_type(kind, &ObjectScope::Command).await?;
        let limit = if self.is_everywhere() { MAX_OBJECTS } else { 1 };
        let listed = self.up_to(&ty, limit).await?;
        let namespaces = listed.found.iter().filter_map(|object| {
            let namespace = object.pointer("/metadata/namespace")?.as_str()?;
            self.accepted(Some(namespace.to_owned()))
        });
        Ok(Listed {
            found: namespaces.collect(),
            is_whole: listed.is_whole || !self.is_everywhere(),
        })
    }

    fn is_everywhere(&self) -> bool {
        self.namespace().is_empty()
    }

    /// Returns the namespace of a listed object, if it can be one.
    fn accepted(&self, namespace: Option<String>) -> Option<String> {
        if self.is_everywhere() {
            namespace.filter(|it| is_name(it))
        } else {
            Some(self.namespace().to_owned())
        }
    }

    /// Reads the objects page by page.
    async fn pages<T: DeserializeOwned>(
        &self,
        resource: &Resource,
    ) -> Result<Listed<Vec<T>>, ClusterError> {
        let ty = ObjectType::of(resource, self.namespace());
        let listed = self.up_to(&ty, MAX_OBJECTS).await?;
        let typed = listed.found.into_iter().map(|object| {
            T::deserialize(&object).map_err(|error| {
                let excerpt = format!("{error}: {object}");
                refusal::not_kubernetes(&self.0.identity, 200, &excerpt)
            })
        });
        Ok(Listed {
            found: typed.collect::<Result<_, _>>()?,
            is_whole: listed.is_whole,
        })
    }

    async fn up_to(&self, ty: &ObjectType, limit: u32) -> Result<Listed<Vec<Value>>, ClusterError> {
        let selection = Selection {
            limit: Some(limit),
            ..Selection::default()
        };
        // Boxed to keep the futures of all callers small.
        let found = Box::pin(self.list_objects(ty, &selection)).await?;
        Ok(Listed {
            is_whole: found.len() < limit as usize,
            found,
        })
    }
}

fn found_set(set: StatefulSet, cluster: &Cluster) -> Option<FoundSet> {
    let count = |count: i32| usize::try_from(count).unwrap_or(0);
    let ready = set.status.and_then(|status| status.ready_replicas);
    // A set that does not name its size has one pod.
    let wanted = set.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    Some(FoundSet {
        namespace: cluster.accepted(set.metadata.namespace)?,
        name: set.metadata.name.filter(|it| is_name(it))?,
        ready: count(ready.unwrap_or(0)),
        wanted: count(wanted),
    })
}

/// Returns the name of the claim behind a volume. An ephemeral volume has one that is named after the pod.
fn claim_of(volume: &Volume, pod: &str) -> Option<String> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some(source.claim_name.clone());
    }
    let is_ephemeral = volume.ephemeral.is_some();
    is_ephemeral.then(|| format!("{pod}-{}", volume.name))
}

fn claim(name: String, pod: &str, known: Option<&PersistentVolumeClaim>) -> Claim {
    let spec = known.and_then(|claim| claim.spec.as_ref());
    let status = known.and_then(|claim| claim.status.as_ref());
    let requested = || spec?.resources.as_ref()?.requests.as_ref()?.get(STORAGE);
    let capacity = || status?.capacity.as_ref()?.get(STORAGE);
    Claim {
        name,
        pod: pod.to_owned(),
        requested: requested().map(|size| size.0.clone()),
        capacity: capacity().map(|size| size.0.clone()),
        phase: status.and_then(|status| status.phase.clone()),
        storage_class: spec.and_then(|spec| spec.storage_class_name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answers, owned_pod, status};

    const SETS: &str = "/apis/apps/v1/namespaces/mqtt/statefulsets";
    const ALL_SETS: &str = "/apis/apps/v1/statefulsets";

    /// Returns a set of 3 pods, of which 2 are ready.
    fn set(namespace: &str, name: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 3, "selector": {}, "template": {}, "serviceName": ""},
            "status": {"replicas": 3, "readyReplicas": 2},
        })
    }

    fn shown(listed: &Listed<Vec<FoundSet>>) -> Vec<String> {
        let sets = listed.found.iter();
        let line =
            |it: &FoundSet| format!("{}/{} {}/{}", it.namespace, it.name, it.ready, it.wanted);
        sets.map(line).collect()
    }

    #[tokio::test]
    async fn sets_come_by_name_with_their_sizes() {
        let mut unsized_set = set("mqtt", "a");
        unsized_set["spec"]["replicas"] = Value::Null;
        unsized_set["status"] = Value::Null;
        let answers = Answers::default().list(SETS, &[set("mqtt", "b"), unsized_set]);
        let sets = answers.mocked().stateful_sets().await.expect("sets");
        assert_eq!(shown(&sets), ["mqtt/a 0/1", "mqtt/b 2/3"]);
        assert!(sets.is_whole);
    }

    #[tokio::test]
    async fn a_namespace_that_does_not_exist_is_no_empty_one() {
        let answers = Answers::default().list(SETS, &[]);
        let sets = answers.mocked().stateful_sets().await;
        let error = sets.expect_err("an error");
        assert!(matches!(error, ClusterError::NamespaceNotFound { .. }));
        let there = answers.with("/api/v1/namespaces/mqtt", 200, &json!({"metadata": {}}));
        let sets = there.mocked().stateful_sets().await.expect("none");
        assert_eq!(sets.found, []);
    }

    #[tokio::test]
    async fn all_namespaces_have_a_path_and_a_permission_of_their_own() {
        let sets = [set("b", "x"), set("a", "y")];
        let answers = Answers::default().list(ALL_SETS, &sets);
        let found = answers.mocked().in_all_namespaces().stateful_sets().await;
        assert_eq!(shown(&found.expect("sets")), ["a/y 2/3", "b/x 2/3"]);
        // No namespace is looked at if there are no sets.
        let empty = Answers::default().list(ALL_SETS, &[]);
        let found = empty.mocked().in_all_namespaces().stateful_sets().await;
        assert_eq!(found.expect("none").found, []);
        let refused = status(403, "forbidden");
        let answers = Answers::default().with(ALL_SETS, 403, &refused);
        let found = answers.mocked().in_all_namespaces().stateful_sets().await;
        let error = found.expect_err("an error");
        assert!(error.to_string().contains("in all namespaces"), "{error}");
        let ClusterError::Forbidden { access, .. } = error else {
            panic!("{error}");
        };
        let rule = access.rule();
        let command = "`kubectl create clusterrole broker-statefulsets --verb=get,list ";
        assert!(rule.starts_with(command), "{rule}");
    }

    #[tokio::test]
    async fn names_that_could_lead_elsewhere_are_left_out() {
        let hostile = [
            set("../kube-system", "x"),
            set("a", "../../secrets"),
            set("a", "\u{1b}[2J"),
            set("", "x"),
            set("a", "x"),
        ];
        let answers = Answers::default().list(ALL_SETS, &hostile);
        let found = answers.mocked().in_all_namespaces().stateful_sets().await;
        assert_eq!(shown(&found.expect("sets")), ["a/x 2/3"]);
        // A list of one namespace has the objects of that namespace, whatever they say.
        let answers = Answers::default().list(SETS, &[set("other", "x")]);
        let found = answers.mocked().stateful_sets().await;
        assert_eq!(shown(&found.expect("sets")), ["mqtt/x 2/3"]);
    }

    #[tokio::test]
    async fn what_is_no_stateful_set_is_an_error_that_shows_it() {
        let answers = Answers::default().list(SETS, &[json!({"metadata": {"name": 7}})]);
        let error = answers
            .mocked()
            .stateful_sets()
            .await
            .expect_err("an error");
        assert!(
            matches!(error, ClusterError::NotKubernetes { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn claims_are_those_of_the_volumes_of_the_pods() {
        let mut first = owned_pod("broker-0", true, &json!([]));
        first["spec"]["volumes"] = json!([
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-broker-0"}},
            {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            {"name": "settings", "configMap": {"name": "x"}},
        ]);
        let mut second = owned_pod("broker-10", true, &json!([]));
        second["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-broker-10"}}]);
        let mut stranger = owned_pod("other", true, &json!([]));
        stranger["metadata"]["ownerReferences"] = Value::Null;
        stranger["spec"]["volumes"] = first["spec"]["volumes"].clone();
        let bound = json!({
            "metadata": {"name": "data-broker-0"},
            "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}},
        });
        let pending = json!({
            "metadata": {"name": "data-broker-10"},
            "spec": {"resources": {"requests": {"storage": "5Gi"}}},
            "status": {"phase": "Pending"},
        });
        let answers = Answers::default()
            .list("pods", &[second, stranger, first])
            .list("persistentvolumeclaims", &[bound, pending]);
        let found = answers.mocked().claims().await.expect("claims").found;
        assert_eq!(found.keys().collect::<Vec<_>>(), ["broker"]);
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let shown = found["broker"].iter().map(|it| {
            let known = [&it.requested, &it.capacity, &it.phase, &it.storage_class].map(text);
            format!("{} {} {}", it.pod, it.name, known.join(" "))
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "broker-0 data-broker-0 5Gi 10Gi Bound fast",
                "broker-0 broker-0-scratch - - - -",
                "broker-10 data-broker-10 5Gi - Pending -",
            ]
        );
    }

    #[tokio::test]
    async fn objects_tell_their_namespaces() {
        let kind = ObjectKind {
            group: "kafka.oso.sh".into(),
            version: "v1alpha1".into(),
            kind: "KafkaBackup".into(),
        };
        let kinds = json!({"resources": [{"name": "kafkabackups", "kind": "KafkaBackup", "namespaced": true}]});
        let object = |namespace: &str| json!({"metadata": {"name": "x", "namespace": namespace}});
        let objects = ["b", "a", "b", "../x"].map(object);
        let answers = Answers::default()
            .with("/apis/kafka.oso.sh/v1alpha1", 200, &kinds)
            .list("/apis/kafka.oso.sh/v1alpha1/kafkabackups", &objects)
            .list(
                "/apis/kafka.oso.sh/v1alpha1/namespaces/mqtt/kafkabackups",
                &objects[..1],
            );
        let everywhere = answers.mocked().in_all_namespaces();
        let found = everywhere.namespaces_with(&kind).await.expect("objects");
        assert_eq!(found.found.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        let found = answers.mocked().namespaces_with(&kind).await.expect("one");
        assert_eq!(found.found.into_iter().collect::<Vec<_>>(), ["mqtt"]);
        assert!(found.is_whole);
    }
}
