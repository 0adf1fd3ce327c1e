use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, LocalObjectReference, PodSecurityContext, ResourceRequirements, Toleration,
    Volume, VolumeMount,
};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConfigMapKey, NameRef};

/// The work of a run, and the settings of its Job. Backups, restores and schedules have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// The engine that knows the backup system.
    pub engine: Engine,
    /// The target of the engine.
    #[serde(default)]
    pub target: Target,
    /// Options of the engine, as on the command line: `retention: 7d` is `--retention 7d`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = "self.all(name, name.size() <= 63 && self[name].size() <= 4096)")]
    pub options: BTreeMap<String, String>,
    /// Ports of the engine by the name of their flag: `management-port: 8081`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = "self.all(name, self[name] > 0 && self[name] < 65536)")]
    pub ports: BTreeMap<String, i32>,
    /// TLS settings of the engine by the name of their flag: `vault-ca: secret/vault-ca`. The value of a flag that takes
    /// none is `true`. The service account of the Job reads the Secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = "self.all(name, name.size() <= 127 && self[name].size() <= 1024)")]
    pub tls: BTreeMap<String, String>,
    /// Credentials of the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Longest time of an attempt, such as `30m` or `2h`. After it the program stops, and says how far it was.
    #[serde(default = "an_hour")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(h|m|s))+$') && duration(self) >= duration('10s') && duration(self) <= duration('720h')").message("must be 10s–720h, such as 30m or 2h"))]
    pub timeout: String,
    /// Number of further attempts after a failed one.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 10))]
    pub retries: i32,
    /// The way to the backend. `Auto` connects to the address of the pod, and falls back to a port-forward.
    #[serde(default)]
    pub connection: Connection,
    /// Settings of the Job.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_settings",
        deserialize_with = "read_settings"
    )]
    #[schemars(with = "Option<JobSettings>")]
    pub job: Option<Arc<JobSettings>>,
}

// Serde reads and writes shared values itself only with a feature, which would hold for all crates.

#[expect(clippy::ref_option, reason = "serde hands over the field")]
fn write_settings<S: Serializer>(
    settings: &Option<Arc<JobSettings>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    settings.as_deref().serialize(serializer)
}

fn read_settings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Arc<JobSettings>>, D::Error> {
    let settings = Option::<JobSettings>::deserialize(deserializer)?;
    Ok(settings.map(Arc::new))
}

fn an_hour() -> String {
    "1h".to_owned()
}

const fn two() -> i32 {
    2
}

/// The way from a pod of the operator's Jobs to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Connection {
    /// The address of the pod if it answers, else a port-forward.
    #[default]
    Auto,
    /// Always a port-forward through the API server.
    PortForward,
}

/// The engine of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.image) == has(self.acceptCapabilities)").message("image and acceptCapabilities go together: kubectl broker plugin inspect shows the digest of the capabilities"),
    validation = Rule::new("!has(self.image) || !has(self.lockfile)").message("an engine comes from an image or from a lockfile"),
)]
pub struct Engine {
    /// Name of a bundled engine, or PUBLISHER/NAME of one from the image or the lockfile.
    #[schemars(
        length(min = 1, max = 127),
        regex(pattern = r"^[a-z0-9]([a-z0-9./-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// A lockfile of engines that are not bundled, with the capabilities that are accepted. It is the `plugins.lock`
    /// that `kubectl broker plugin install` writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockfile: Option<ConfigMapKey>,
    /// The engine in a registry, by digest: `oci://registry.example/engines/vault@sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^oci://[^@\s]+@sha256:[0-9a-f]{64}$")
    )]
    pub image: Option<String>,
    /// The accepted capabilities, by the digest that `kubectl broker plugin inspect` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 71, max = 71), regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub accept_capabilities: Option<String>,
}

/// The target of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Namespace of the target [default: that of the object]. The service account of the Job needs its permissions there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Name of the StatefulSet, for engines with pods [default: broker].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub stateful_set: Option<String>,
    /// Name of the pod [default: a ready one].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub pod: Option<String>,
    /// Name of the cluster in copies [default: in-cluster].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub cluster: Option<String>,
}

/// Credentials of a backend. The kubelet hands the Secrets to the pod: neither the operator nor the service account of the
/// Job needs a permission to read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// A Secret with the keys `username` and `password`, or `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<NameRef>,
    /// Credentials that the engine asks for by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub named: Vec<NamedCredentials>,
}

/// Credentials with a name of the engine's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedCredentials {
    /// The name in the manifest.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// A Secret with the keys `username` and `password`, or `token`.
    pub secret: NameRef,
}

/// Settings of a Job and its pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSettings {
    /// Service account of the pod [default: kubectl-broker]. It needs the permissions in `deploy/operator/runner.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Image of the program [default: that of the operator's settings].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Secrets for pulling the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_list")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Labels of the Job and the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: BTreeMap<String, String>,
    /// Requests and limits of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub resources: Option<ResourceRequirements>,
    /// Further variables of the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_list")]
    pub env: Vec<EnvVar>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations of the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_list")]
    pub tolerations: Vec<Toleration>,
    /// Affinity of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub affinity: Option<Affinity>,
    /// Priority class of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Security settings of the pod, instead of the operator's restricted ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub security_context: Option<PodSecurityContext>,
    /// Further volumes, such as the claim behind a store with a `file:` address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_list")]
    pub volumes: Vec<Volume>,
    /// Where the volumes are mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_list")]
    pub volume_mounts: Vec<VolumeMount>,
}

/// The schema of an object that the API server judges when the Job is made. Its own schema is large, and differs
/// between versions of Kubernetes.
fn free(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// The schema of a list of such objects.
fn free_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": 32, "items": free(generator)})
}
