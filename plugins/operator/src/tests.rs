mod create;
mod delete;
mod restore;
mod schedules;
mod status;

use broker_engine::mock::{Done, Host};
use broker_engine::{
    Activity, ErrorKind, OptionSetting, OptionValue, Outcome, Report, RestoreSource, State,
};
use serde_json::{Value, json};

use super::*;

const BACKUP: &str = "kubectl-broker.io/v1alpha1/Backup";
const RESTORE: &str = "kubectl-broker.io/v1alpha1/Restore";

/// The time 2026-03-02T10:30:00Z, in milliseconds since the Unix epoch.
const NOW: u64 = 1_772_447_400_000;

fn object(kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "kubectl-broker.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": "2026-03-02T10:29:30Z"},
        "spec": spec,
        "status": status,
    })
}

/// Returns the spec of a run of the schedule `nightly`.
fn spec_of_run() -> Value {
    json!({
        "engine": {"name": "hivemq"},
        "target": {"statefulSet": "mqtt"},
        "options": {"scope": "all"},
        "store": {"name": "s3"},
        "schedule": {"name": "nightly", "uid": "uid-nightly", "time": "2026-03-02T02:00:00Z"},
    })
}

fn succeeded() -> Value {
    json!({
        "run": {
            "phase": "Succeeded", "startedAt": "2026-03-02T02:00:01Z", "finishedAt": "2026-03-02T02:01:00Z",
            "attempts": [{"pod": "a"}, {"pod": "b"}],
            "progress": {"step": "verify", "bytes": 5, "totalBytes": 9},
        },
        "backupId": "20260302-020000",
        "copy": {"store": "s3", "reference": "prod/1", "bytes": 9, "sha256": "00"},
    })
}

fn failed() -> Value {
    json!({"run": {
        "phase": "Failed",
        "failure": {"code": "Failed", "message": "disk full", "hint": "Free some space"},
    }})
}

/// Returns a host with a schedule and one of its runs.
fn host() -> Host {
    let schedule = json!({
        "engine": {"name": "hivemq"}, "target": {"statefulSet": "mqtt"}, "options": {"scope": "all"},
        "ports": {"management-port": 8081}, "credentials": {"secret": {"name": "admin"}},
        "timeout": "30m", "retries": 1, "connection": "PortForward", "tls": {"a-ca": "system"}, "job": {"labels": {"a": "b"}},
        "schedule": "H 2 * * *", "timeZone": "Europe/Berlin", "suspend": false,
        "startingDeadlineSeconds": 600, "concurrencyPolicy": "Forbid",
        "store": {"name": "s3"}, "verify": "Deep", "deletionPolicy": "Delete",
        "retention": {"keepLast": 3}, "deepCheck": {"schedule": "@weekly"},
        "successfulHistoryLimit": 10, "failedHistoryLimit": 10,
    });
    let status = json!({
        "nextRunTime": "2026-03-03T01:17:00Z", "lastSuccessTime": "2026-03-02T02:01:00Z",
        "conditions": [
            {"type": "Scheduled", "status": "True", "reason": "Scheduled", "message": "runs"},
            {"type": "Healthy", "status": "True", "reason": "Succeeded", "message": "good"},
        ],
    });
    let mut run = object("Backup", "nightly-29540640", &spec_of_run(), &succeeded());
    run["metadata"]["labels"] = json!({"kubectl-broker.io/schedule": "nightly"});
    Host::new(MANIFEST)
        .at(NOW)
        .object(object("BackupSchedule", "nightly", &schedule, &status))
        .object(run)
}

/// Returns a host with one object.
fn one(kind: &str, spec: &Value, status: &Value) -> Host {
    let object = object(kind, "x", spec, status);
    Host::new(MANIFEST).at(NOW).object(object)
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
        Operator::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn field<'a>(backup: &'a Backup, name: &str) -> Option<&'a str> {
    let found = backup.fields.iter().find(|field| field.name == name);
    found.map(|field| field.value.as_str())
}

/// Returns the only change that the engine made.
fn done(host: &Host) -> Done {
    let mut done = host.done();
    assert_eq!(done.len(), 1, "{done:?}");
    done.remove(0)
}

fn text(report: Result<Report>) -> String {
    match report {
        Ok(Report::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}
