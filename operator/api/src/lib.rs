//! The kinds of the operator: their types, and the definitions that a cluster gets.
//!
//! The operator and the program in the pod of a Job share these types. The crate makes no request.
//!
//! The operator decides and the pod reports. A pod never writes a phase: it writes its attempt, its progress and what it
//! found into the status. The operator derives the phase from the Job. So a second attempt can still report, and a
//! pod that dies can't leave a wrong end.

#![deny(missing_docs)]

mod backup;
mod common;
mod kafka;
mod kind;
mod names;
mod patch;
mod phase;
mod requests;
mod restore;
#[expect(
    clippy::struct_field_names,
    reason = "the retention has the flags of the program; a derive repeats the struct"
)]
mod schedule;
mod store;
mod work;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use backup::{
    Backup, BackupSpec, BackupStatus, CopyRecord, DeletionPolicy, ScheduledBy, VerifyMode,
};
pub use common::{Condition, ConfigMapKey, KeyRef, NameRef, Status, set_condition};
pub use kafka::{
    CheckResult, GroupResult, KafkaBackup, KafkaBackupSpec, KafkaBackupStatus,
    KafkaBackupValidation, KafkaBackupValidationSpec, KafkaBackupValidationStatus, KafkaCondition,
    KafkaOffsetReset, KafkaOffsetResetSpec, KafkaOffsetResetStatus, KafkaOffsetRollback,
    KafkaOffsetRollbackSpec, KafkaOffsetRollbackStatus, KafkaPhase, KafkaRestore, KafkaRestoreSpec,
    KafkaRestoreStatus, RollbackRecord, Verification,
};
pub use kind::RunKind;
pub use names::{
    GROUP, LABEL_KIND, LABEL_MANAGED_BY, LABEL_OBJECT, LABEL_SCHEDULE, PROGRAM, VERSION, job_name,
};
pub use patch::status_patch;
pub use phase::{Attempt, Fault, Phase, Progress, RunStatus};
pub use requests::{
    Approvals, BackupRequest, BackupRequestSpec, BackupRequestStatus, DatabaseBackup,
    DatabaseTarget, DocumentsRecord, DocumentsTarget, LABEL_ENVIRONMENT, LABEL_PROJECT, Provider,
    RequestState, RequestedDatabase, RequestedDocuments, RestoreRequest, RestoreRequestSpec,
    RestoreRequestStatus, RestoreUnit, SnapshotRecord,
};
pub use restore::{CopyRef, Restore, RestoreFrom, RestoreSpec, RestoreStatus};
pub use schedule::{
    BackupSchedule, BackupScheduleSpec, BackupScheduleStatus, Concurrency, DeepCheck, Retention,
    Upkeep,
};
pub use store::{BackupStore, BackupStoreSpec, BackupStoreStatus, Encryption, Lock, LockMode};
pub use work::{Connection, Credentials, Engine, JobSettings, NamedCredentials, Target, Work};

/// Returns the definitions of the kinds of the backup-controller plan.
#[must_use]
pub fn request_definitions() -> Vec<CustomResourceDefinition> {
    vec![BackupRequest::crd(), RestoreRequest::crd()]
}

/// Returns the definitions of the kinds for Kafka, in the order of their names.
#[must_use]
pub fn kafka_definitions() -> Vec<CustomResourceDefinition> {
    vec![
        KafkaBackup::crd(),
        KafkaBackupValidation::crd(),
        KafkaOffsetReset::crd(),
        KafkaOffsetRollback::crd(),
        KafkaRestore::crd(),
    ]
}

/// Returns the definitions of the operator's own kinds, in the order of their names.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        Backup::crd(),
        BackupSchedule::crd(),
        BackupStore::crd(),
        Restore::crd(),
    ]
}
