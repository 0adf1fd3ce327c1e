//! The specs of the five kinds of `kafka.oso.sh/v1alpha1`, and the one set of rules that they must keep.
//!
//! The types are those of the CustomResourceDefinitions: names in camel case, with the defaults of the schema.
//! Unknown fields are ignored, as the API server drops them. [`rules`] has what the schemas can't say.

#![forbid(unsafe_code)]

mod backup;
mod cluster;
mod offsets;
mod restore;
pub mod rules;
mod storage;
mod validation;

use serde::{Deserialize, Deserializer};

pub use backup::{BackupSpec, Checkpoint, Metrics, Retention};
pub use cluster::{
    CaSecret, CircuitBreaker, Connection, KafkaCluster, RateLimiting, SaslSecret, TlsSecret,
};
pub use offsets::{MappingRef, OffsetResetSpec, OffsetRollbackSpec, SnapshotRef};
pub use restore::{BackupRef, OffsetReset, PointInTime, Repartitioning, RestoreSpec, Rollback};
pub use storage::{
    Azure, AzureKey, AzurePrincipal, AzureSas, Gcs, GcsSecret, Pvc, PvcCreation, PvcPlace, S3,
    S3Secret, Storage,
};
pub use validation::{
    Checks, Evidence, GroupCheck, MessageCountCheck, Notifications, OffsetRangeCheck, PagerDuty,
    SecretKey, Signing, SigningSecret, Slack, ValidationSpec, Webhook,
};

/// The group and version of all kinds.
pub const API_VERSION: &str = "kafka.oso.sh/v1alpha1";

const fn yes() -> bool {
    true
}

/// Reads a block that may be null. The definitions of the upstream operator allow that.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Returns whether a block says nothing that a missing one does not say. Schemas then show no default for it.
fn is_default<T: Default + PartialEq>(block: &T) -> bool {
    *block == T::default()
}
