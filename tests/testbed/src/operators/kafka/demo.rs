//! Namespace `kafka` of the demonstration: each kind, in its most common states.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::control::api_version;
use crate::clock::seconds;

const NAMESPACE: &str = "kafka";

pub fn objects(now: Timestamp) -> Vec<Value> {
    vec![
        nightly(now),
        once(now),
        broken(now),
        suspended(now),
        restored(now),
        validated(now),
    ]
}

fn object(kind: &str, name: &str, created: Timestamp, spec: &Value, status: &Value) -> Value {
    let finalizer = match kind {
        "KafkaBackup" => "backup",
        "KafkaRestore" => "restore",
        _ => "validation",
    };
    let mut status = status.clone();
    status["observedGeneration"] = json!(1);
    json!({
        "apiVersion": api_version(),
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "creationTimestamp": seconds(created),
            "generation": 1,
            "finalizers": [format!("kafka.oso.sh/{finalizer}-finalizer")],
        },
        "spec": spec,
        "status": status,
    })
}

fn cluster() -> Value {
    json!({"bootstrapServers": ["kafka-0.kafka:9092", "kafka-1.kafka:9092"]})
}

fn spec(topics: &[&str]) -> Value {
    json!({
        "kafkaCluster": cluster(),
        "topics": topics,
        "storage": {"storageType": "pvc", "pvc": {"claimName": "kafka-backups"}},
        "compression": "zstd",
    })
}

fn completed(name: &str, at: Timestamp, topics: u64) -> Value {
    json!({
        "phase": "Completed",
        "message": "Backup completed successfully",
        "lastBackupTime": seconds(at),
        "lastScheduleTime": seconds(at),
        "recordsProcessed": topics * 1250,
        "bytesProcessed": topics * (4 << 20),
        "segmentsCompleted": topics * 3,
        "backupId": format!("{name}-{}", at.strftime("%Y%m%d-%H%M%S")),
    })
}

/// Returns a backup that runs each night at 2. Its last run was today, and the next is tomorrow.
fn nightly(now: Timestamp) -> Value {
    let day = 24 * 3600;
    let today = now.as_second().div_euclid(day) * day + 2 * 3600;
    let last = if today > now.as_second() {
        today - day
    } else {
        today
    };
    let at = |second| Timestamp::from_second(second).unwrap_or(now);
    let mut spec = spec(&["orders", "payments"]);
    spec["schedule"] = json!("0 0 2 * * *");
    let mut status = completed("nightly", at(last), 2);
    status["nextScheduledBackup"] = json!(seconds(at(last + day)));
    let created = now - SignedDuration::from_hours(24 * 30);
    object("KafkaBackup", "nightly", created, &spec, &status)
}

fn once(now: Timestamp) -> Value {
    let at = now - SignedDuration::from_hours(24 * 3);
    let status = completed("before-upgrade", at, 1);
    object(
        "KafkaBackup",
        "before-upgrade",
        at,
        &spec(&["orders"]),
        &status,
    )
}

fn broken(now: Timestamp) -> Value {
    let at = now - SignedDuration::from_hours(24 * 2);
    let status = json!({
        "phase": "Failed",
        "message": "Failed to connect to broker kafka-1.kafka:9092: connection refused",
    });
    object(
        "KafkaBackup",
        "clickstream",
        at,
        &spec(&["clicks"]),
        &status,
    )
}

fn suspended(now: Timestamp) -> Value {
    let at = now - SignedDuration::from_hours(24 * 20);
    let mut spec = spec(&["audit"]);
    spec["schedule"] = json!("0 0 4 * * SUN");
    spec["suspend"] = json!(true);
    let status = json!({"phase": "Ready", "message": "Backup schedule is active"});
    object("KafkaBackup", "weekly", at, &spec, &status)
}

fn restored(now: Timestamp) -> Value {
    let at = now - SignedDuration::from_hours(24);
    let spec = json!({
        "backupRef": {"name": "before-upgrade"},
        "kafkaCluster": cluster(),
        "topics": ["orders"],
        "topicMapping": {"orders": "orders-restored"},
    });
    let status = json!({
        "phase": "Completed",
        "message": "Restore completed successfully",
        "startTime": seconds(at),
        "completionTime": seconds(at + SignedDuration::from_secs(42)),
        "progressPercent": 100.0,
        "recordsRestored": 1250,
        "bytesRestored": 4 << 20,
        "segmentsProcessed": 3,
    });
    object("KafkaRestore", "orders-check", at, &spec, &status)
}

fn validated(now: Timestamp) -> Value {
    let at = now - SignedDuration::from_hours(5);
    let spec = json!({
        "backupRef": {"name": "nightly"},
        "kafkaCluster": cluster(),
        "checks": {"messageCount": {"enabled": true}},
    });
    let status = json!({
        "phase": "Completed",
        "message": "Validation completed with result Fail",
        "validationResult": "Fail",
        "checksTotal": 1,
        "checksCompleted": 1,
        "checksFailed": 1,
        "checkResults": [{"checkName": "messageCount", "outcome": "Failed",
                          "message": "1250 records expected, 1248 found"}],
    });
    object("KafkaBackupValidation", "nightly-check", at, &spec, &status)
}
