//! The objects that a Job gets as files.
//!
//! They are annotations of the pod, which a volume shows as files. So the input is a part of the Job: it is made with the Job,
//! never changes, and goes with it. The operator needs no permission for ConfigMaps.

use kafka_spec::API_VERSION;
use kube::{Resource, ResourceExt as _};
use operator_api::{KafkaBackup, KafkaBackupStatus};
use serde::Serialize;
use serde_json::{Value, json};

use super::Refusal;

/// The annotation with the object of a Job.
pub(super) const OBJECT: &str = "kubectl-broker.io/kafka-object";
/// The annotation with the KafkaBackup that the object refers to.
pub(super) const BACKUP: &str = "kubectl-broker.io/kafka-backup";
/// The bytes that both may have together. All annotations of a pod may have 256 KiB.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/>
const MOST: usize = 240 * 1024;

/// The objects, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) object: String,
    pub(super) backup: Option<String>,
}

impl Input {
    /// Returns the input of a Job. Only what the worker reads is in it.
    pub(super) fn new<K>(
        object: &K,
        spec: &impl Serialize,
        backup: Option<&KafkaBackup>,
    ) -> Result<Self, Refusal>
    where
        K: Resource<DynamicType = ()>,
    {
        let input = Self {
            object: shown(object, spec, None),
            backup: backup.map(of_backup),
        };
        let bytes = input.object.len() + input.backup.as_ref().map_or(0, String::len);
        if bytes > MOST {
            return Err(Refusal {
                reason: super::VALIDATION_FAILED,
                message: format!(
                    "the spec has {bytes} bytes as JSON, and a Job can pass {MOST}; use several objects with fewer topics"
                ),
            });
        }
        Ok(input)
    }
}

fn of_backup(backup: &KafkaBackup) -> String {
    shown(backup, &backup.spec, backup.status.as_ref())
}

fn shown<K>(object: &K, spec: &impl Serialize, status: Option<&KafkaBackupStatus>) -> String
where
    K: Resource<DynamicType = ()>,
{
    let metadata = object.meta();
    let mut value = json!({
        "apiVersion": API_VERSION,
        "kind": K::kind(&()),
        "metadata": {
            "name": object.name_any(),
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "generation": metadata.generation,
        },
        "spec": serde_json::to_value(spec).unwrap_or(Value::Null),
    });
    if let Some(id) = status.and_then(|it| it.backup_id.as_ref()) {
        value["status"] = json!({ "backupId": id });
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(topics: usize) -> KafkaBackup {
        let topics: Vec<_> = (0..topics).map(|it| format!("topic-{it}")).collect();
        serde_json::from_value(json!({
            "apiVersion": API_VERSION, "kind": "KafkaBackup",
            "metadata": { "name": "nightly", "namespace": "kafka", "uid": "u", "generation": 3,
                "managedFields": [{ "manager": "kubectl" }] },
            "spec": {
                "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "topics": topics,
                "storage": { "pvc": { "claimName": "backups" } },
            },
            "status": { "backupId": "nightly-20250906-120000", "message": "x" },
        }))
        .expect("a KafkaBackup")
    }

    #[test]
    fn the_worker_gets_what_it_reads_and_no_more() {
        let backup = backup(1);
        let input = Input::new(&backup, &backup.spec, Some(&backup)).expect("an input");
        let object: Value = serde_json::from_str(&input.object).expect("JSON");
        assert_eq!(
            object["metadata"],
            json!({ "name": "nightly", "namespace": "kafka", "uid": "u", "generation": 3 })
        );
        assert_eq!(object["spec"]["topics"], json!(["topic-0"]));
        assert_eq!(object.get("status"), None);
        let of: Value = serde_json::from_str(&input.backup.expect("it")).expect("JSON");
        assert_eq!(
            of["status"],
            json!({ "backupId": "nightly-20250906-120000" })
        );
    }

    #[test]
    fn a_spec_that_no_pod_can_carry_is_refused() {
        let backup = backup(40_000);
        let refusal = Input::new(&backup, &backup.spec, None).expect_err("too large");
        assert_eq!(refusal.reason, "ValidationFailed");
    }
}
