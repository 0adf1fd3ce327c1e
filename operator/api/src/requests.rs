//! The kinds of the backup-controller plan: a project asks for a backup of its database and its documents in a cloud.
//!
//! Fields, defaults and patterns are those of the plan. `retentionDays` is from its second version.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Condition;

/// The label with the project of a backup that a request asked for.
pub const LABEL_PROJECT: &str = "backup.liferay.cloud/project-id";
/// The label with the environment of a backup that a request asked for.
pub const LABEL_ENVIRONMENT: &str = "backup.liferay.cloud/environment";

/// A backup of the database and the documents of one environment of a project. Its spec never changes.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "backup.liferay.cloud",
    version = "v1alpha1",
    kind = "BackupRequest",
    plural = "backuprequests",
    shortname = "br",
    shortname = "brs",
    namespaced,
    status = "BackupRequestStatus",
    derive = "PartialEq",
    doc = "A backup of the database and the documents of one environment of a project.",
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.projectId"}"#,
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".spec.environment"}"#,
    printcolumn = r#"{"name":"State","type":"string","jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"Objects","type":"integer","jsonPath":".status.documentLibrary.objectCount","priority":1}"#,
    printcolumn = r#"{"name":"Manifest","type":"string","jsonPath":".status.documentLibrary.manifestPath","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("the spec of a BackupRequest can't be changed: create another BackupRequest"))]
pub struct BackupRequestSpec {
    /// The project. At most two of its backups run at a time.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    )]
    pub project_id: String,
    /// The environment of the project, such as `prd`.
    #[schemars(
        length(min = 1, max = 50),
        regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    )]
    pub environment: String,
    /// The cloud. With `gcp` only the documents are backed up, because Cloud SQL is not supported. Such a request ends
    /// as `Failed`, and says what is in the backup.
    #[serde(default)]
    pub provider: Provider,
    /// The database.
    pub database: RequestedDatabase,
    /// The documents.
    pub document_library: RequestedDocuments,
    /// Days for which the backup is kept, instead of the retention of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 7, max = 365))]
    pub retention_days: Option<i32>,
}

/// The cloud of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services: RDS and S3.
    #[default]
    Aws,
    /// Google Cloud: documents in Cloud Storage, without a database.
    Gcp,
}

/// The database of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestedDatabase {
    /// How it is backed up.
    #[serde(default, rename = "type")]
    pub kind: DatabaseBackup,
    /// Identifier of the RDS instance.
    #[schemars(length(min = 1, max = 255))]
    pub instance_id: String,
    /// How long the backup is kept.
    #[serde(default = "a_week")]
    #[schemars(length(max = 16), regex(pattern = r"^\d+[dhm]$"))]
    pub retention: String,
}

fn a_week() -> String {
    "7d".to_owned()
}

/// The ways to back up a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseBackup {
    /// A snapshot of the instance.
    #[default]
    Snapshot,
    /// A dump. It is refused now.
    Dump,
}

/// The documents of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestedDocuments {
    /// The bucket with the documents.
    #[schemars(length(min = 3, max = 63))]
    pub source_bucket: String,
    /// The bucket for their copies and the manifest.
    #[schemars(length(min = 3, max = 63))]
    pub destination_bucket: String,
    /// The folder of the backups in that bucket [default: PROJECT/ENVIRONMENT].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub destination_prefix: Option<String>,
    /// Whether to leave out the files that Liferay makes again.
    #[serde(default)]
    pub exclude_generated_files: bool,
}

/// The states of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RequestState {
    /// It waits for a place.
    Pending,
    /// It is under way.
    InProgress,
    /// It is complete.
    Succeeded,
    /// It failed for good, or only a part of it is complete.
    Failed,
}

impl RequestState {
    /// Returns whether the request has ended. Such a state never changes.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// Returns the name, as it stands in objects.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The known facts about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRequestStatus {
    /// The state. It never leaves `Succeeded` and `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RequestState>,
    /// When the backup began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// The snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<SnapshotRecord>,
    /// The copies of the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_library: Option<DocumentsRecord>,
    /// `Ready`, `DatabaseBackupReady` and `DocumentLibraryBackupReady`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// The snapshot of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRecord {
    /// Identifier of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub snapshot_id: Option<String>,
    /// Its size, for people, such as `45.2GiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub size: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
}

/// The copies of documents of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentsRecord {
    /// The number of documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_count: Option<i64>,
    /// Their size together, for people, such as `126.0GiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub total_size: Option<String>,
    /// Their size together, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_size_bytes: Option<i64>,
    /// The manifest: `s3://BUCKET/FOLDER/manifest.json`, or `gs://BUCKET/FOLDER/manifest.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1200))]
    pub manifest_path: Option<String>,
}

/// A restore of a requested backup into a new database and a bucket. The kind is that of the longer document about the
/// controller.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "backup.liferay.cloud",
    version = "v1alpha1",
    kind = "RestoreRequest",
    plural = "restorerequests",
    shortname = "rr",
    namespaced,
    status = "RestoreRequestStatus",
    derive = "PartialEq",
    doc = "A restore of a requested backup into a new database and a bucket.",
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.projectId"}"#,
    printcolumn = r#"{"name":"Backup","type":"string","jsonPath":".spec.backupId"}"#,
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".spec.targetEnvironment"}"#,
    printcolumn = r#"{"name":"State","type":"string","jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.backupId == oldSelf.backupId && self.targetEnvironment == oldSelf.targetEnvironment && has(self.database) == has(oldSelf.database) && (!has(self.database) || self.database == oldSelf.database) && has(self.documentLibrary) == has(oldSelf.documentLibrary) && (!has(self.documentLibrary) || self.documentLibrary == oldSelf.documentLibrary)").message("only the approval of a RestoreRequest can be changed: create another RestoreRequest"))]
pub struct RestoreRequestSpec {
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub project_id: Option<String>,
    /// The environment of the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub source_environment: Option<String>,
    /// The environment to restore into.
    #[schemars(length(min = 1, max = 50))]
    pub target_environment: String,
    /// Name of a BackupRequest in the same namespace, or the id of its backup: `BUCKET/FOLDER/TIME`, with `gs://` in
    /// front for Google Cloud Storage.
    #[schemars(length(min = 1, max = 1024))]
    pub backup_id: String,
    /// The parts to restore [default: all that have a target].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub units: Vec<RestoreUnit>,
    /// The new database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseTarget>,
    /// The bucket for the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_library: Option<DocumentsTarget>,
    /// The consent of another person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

/// A part of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RestoreUnit {
    /// The database.
    Database,
    /// The documents.
    DocumentLibrary,
}

/// The new database of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseTarget {
    /// Identifier of the instance to create. There must be none of that name.
    #[schemars(length(min = 1, max = 63))]
    pub target_instance_id: String,
    /// A point in time. It is refused now: a snapshot has only its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub point_in_time: Option<String>,
}

/// The bucket for restored documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentsTarget {
    /// The bucket, in the cloud of the backup. Documents that it has with another content are an error, and stay as they
    /// are.
    #[schemars(length(min = 3, max = 63))]
    pub target_bucket: String,
}

/// The consent to a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approvals {
    /// Whether the restore waits until `approvedBy` is set.
    #[serde(default)]
    pub required: bool,
    /// Name of the person who agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub approved_by: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
}

/// The known facts about a requested restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRequestStatus {
    /// The state. It never leaves `Succeeded` and `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RequestState>,
    /// When the restore began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// `Ready`, with the reason of a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}
