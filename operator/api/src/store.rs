use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, Fault, JobSettings, KeyRef, NameRef};

/// A place for copies of backups.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kubectl-broker.io",
    version = "v1alpha1",
    kind = "BackupStore",
    plural = "backupstores",
    shortname = "bks",
    category = "broker",
    namespaced,
    status = "BackupStoreStatus",
    derive = "PartialEq",
    doc = "A place for copies of backups: an object store, or a folder of a volume.",
    validation = Rule::new("self.metadata.name.size() <= 43").message("the name must have at most 43 characters"),
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".spec.url"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Copies","type":"integer","jsonPath":".status.copies"}"#,
    printcolumn = r#"{"name":"Bytes","type":"integer","jsonPath":".status.bytes"}"#,
    printcolumn = r#"{"name":"Checked","type":"date","jsonPath":".status.lastCheckTime"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
)]
#[serde(rename_all = "camelCase")]
pub struct BackupStoreSpec {
    /// The address: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://ACCOUNT/CONTAINER/PREFIX` or `file:///FOLDER`.
    #[schemars(
        length(min = 6, max = 1024),
        regex(pattern = r"^(s3|gs|az|file)://\S+$")
    )]
    pub url: String,
    /// Address of an S3 server other than Amazon's, or of another endpoint of Google or Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^https?://\S+$"))]
    pub endpoint: Option<String>,
    /// The region of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// A Secret whose keys become variables of the pod, such as `AWS_ACCESS_KEY_ID`. Without it, the identity of the
    /// service account is used (IRSA, GKE and Azure workload identity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<NameRef>,
    /// Trusted certificates as PEM text, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_bundle: Option<String>,
    /// Encryption of copies before they leave the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Protection of new copies against deletion (S3 Object Lock).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// The time zone in which retention counts hours, days, weeks, months and years [default: UTC]. The store keeps the
    /// first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// How often the store is tested and counted, such as `24h`. `0s` means only when the spec changes. After a failed test,
    /// the next one comes within ten minutes.
    #[serde(default = "a_day")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(h|m|s))+$') && (duration(self) == duration('0s') || duration(self) >= duration('1m'))").message("must be 0s, or at least 1m, such as 24h"))]
    pub check_interval: String,
    /// Settings of the Jobs that test the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<JobSettings>>,
}

fn a_day() -> String {
    "24h".to_owned()
}

/// Encryption with age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// The recipients that can decrypt copies (`age1…`).
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 2048)))]
    pub recipients: Vec<String>,
    /// A key of a Secret with identities, for deep checks and restores. Backups don't need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<KeyRef>,
}

/// Protection of new copies against deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Whether users with a special permission can remove it early.
    pub mode: LockMode,
    /// Its length in days.
    #[schemars(range(min = 1, max = 36500))]
    pub days: i32,
}

/// The modes of S3 Object Lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LockMode {
    /// Users with the permission `s3:BypassGovernanceRetention` can remove it.
    Governance,
    /// Nothing can remove it before its end.
    Compliance,
}

/// The known facts about a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupStoreStatus {
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the store was last tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check_time: Option<Timestamp>,
    /// Number of copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<i64>,
    /// Bytes of the copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Why the last test failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Fault>,
    /// `Ready`: the last test passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}
