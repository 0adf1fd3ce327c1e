mod create;
mod delete;
mod offsets;
mod restore;
mod schedule;
mod status;
mod validate;

use broker_engine::mock::{Done, Host};
use broker_engine::{
    Activity, ErrorKind, OptionSetting, OptionValue, Report, Restoration, RestoreSource,
};
use serde_json::{Value, json};

use super::*;

const BACKUP: &str = "kafka.oso.sh/v1alpha1/KafkaBackup";
const RESTORE: &str = "kafka.oso.sh/v1alpha1/KafkaRestore";
const VALIDATION: &str = "kafka.oso.sh/v1alpha1/KafkaBackupValidation";
const RESET: &str = "kafka.oso.sh/v1alpha1/KafkaOffsetReset";

/// The time 2025-09-06T12:00:00Z, in milliseconds since the Unix epoch.
const NOW: u64 = 1_757_160_000_000;

fn spec() -> Value {
    json!({
        "kafkaCluster": {"bootstrapServers": ["kafka:9092"]},
        "topics": ["orders"],
        "storage": {"storageType": "pvc", "pvc": {"claimName": "backups"}},
    })
}

fn object(kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "kafka.oso.sh/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "generation": 2, "creationTimestamp": "2025-09-01T00:00:00Z"},
        "spec": spec,
        "status": status,
    })
}

/// Returns a host with a nightly backup that has run.
fn host() -> Host {
    let mut scheduled = spec();
    scheduled["schedule"] = json!("0 0 2 * * *");
    scheduled["suspend"] = json!(false);
    let status = json!({
        "phase": "Completed", "observedGeneration": 2, "backupId": "nightly-20250906-020000",
        "lastBackupTime": "2025-09-06T02:00:00Z", "recordsProcessed": 7, "bytesProcessed": 9,
        "segmentsCompleted": 3, "nextScheduledBackup": "2025-09-07T02:00:00Z",
    });
    Host::new(MANIFEST)
        .at(NOW)
        .object(object("KafkaBackup", "nightly", &scheduled, &status))
        .object(object("KafkaBackup", "once", &spec(), &json!({})))
}

fn options(given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let setting = |(name, value): &(&str, OptionValue)| OptionSetting {
        name: (*name).to_owned(),
        value: value.clone(),
    };
    given.iter().map(setting).collect()
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        Kafka::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn create(host: &Host, given: &[(&str, OptionValue)]) -> Result<Backup> {
    host.run(|| {
        Kafka::create(CreateRequest {
            prepared: None,
            options: options(given),
        })
    })
}

fn restore(host: &Host, dry_run: bool, given: &[(&str, OptionValue)]) -> Result<Restoration> {
    host.run(|| {
        Kafka::restore(RestoreRequest {
            source: RestoreSource::Id("nightly".to_owned()),
            dry_run,
            options: options(given),
        })
    })
}

/// Returns the only change that the engine made.
fn done(host: &Host) -> Done {
    let mut done = host.done();
    assert_eq!(done.len(), 1, "{done:?}");
    done.remove(0)
}

/// Returns the flags that a backup requires, and more.
fn flags<'a>(more: &[(&'a str, OptionValue)]) -> Vec<(&'a str, OptionValue)> {
    let mut flags = vec![
        ("bootstrap-servers", "a:9092, b:9092".into()),
        ("topics", "orders,payments".into()),
        ("storage", "pvc://backups/kafka".into()),
    ];
    for (name, value) in more {
        flags.retain(|(known, _)| known != name);
        flags.push((name, value.clone()));
    }
    flags
}

fn text(report: Result<Report>) -> String {
    match report {
        Ok(Report::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}
