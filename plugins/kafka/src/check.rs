//! Rules for a spec that the operator enforces and the API server does not (`ValidationFailed`). They are those of the operator
//! itself.

use broker_engine::Result;
use kafka_spec::{BackupSpec, KafkaCluster, rules};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::flags::invalid;

pub use kafka_spec::rules::Names;

/// Checks the spec of a KafkaBackup.
///
/// # Errors
/// Returns all violations in one message.
pub fn backup(spec: &Value, names: Names) -> Result<()> {
    check::<BackupSpec>("backup", spec, |spec| rules::backup(spec, names))
}

/// Checks the cluster of a restore, which flags describe.
///
/// # Errors
/// Returns the violation that the operator would report.
pub fn cluster(cluster: &Value) -> Result<()> {
    check::<KafkaCluster>("restore", cluster, |cluster| {
        rules::cluster(cluster, Names::Flags)
    })
}

/// Checks a part of an object. The API server knows the definitions that are installed, so it refuses what they don't allow.
fn check<T: DeserializeOwned>(
    what: &str,
    part: &Value,
    rules: impl Fn(&T) -> Vec<String>,
) -> Result<()> {
    let problems = T::deserialize(part).map_or_else(|_| Vec::new(), |part| rules(&part));
    if problems.is_empty() {
        return Ok(());
    }
    Err(invalid(format!(
        "the operator would refuse this {what}: {}",
        problems.join("; ")
    )))
}
