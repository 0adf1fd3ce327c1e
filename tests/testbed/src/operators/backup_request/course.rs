//! The sequence of statuses of an object.

use serde_json::{Value, json};

use crate::faults::backup_request::{BackupRequestFaults, Step, Words};

/// Returns all statuses of an object from the first to the last; `now` is the time of its end.
pub fn of(object: &Value, resource: &str, faults: &BackupRequestFaults, now: &str) -> Vec<Value> {
    match resource {
        "liferaybackups.backup.liferay.cloud" => liferay(faults, now),
        "restorerequests.backup.liferay.cloud" => restore(object, faults),
        "restorerequests.backup.lc2.io" => newest_restore(faults),
        _ => backup(object, faults, now),
    }
}

/// Returns the status after the current one. Returns `None` if the object has ended, is stuck, or has a
/// status of another author.
pub fn next<'a>(
    object: &Value,
    course: &'a [Value],
    faults: &BackupRequestFaults,
) -> Option<&'a Value> {
    let status = &object["status"];
    let state = status["state"].as_str().unwrap_or("none");
    if faults.stuck.as_deref() == Some(state) {
        return None;
    }
    if status.is_null() {
        return course.first();
    }
    let at = course.iter().position(|known| known == status)?;
    course.get(at + 1)
}

/// Returns whether the next status would start the run of the object.
pub fn begins_to_run(object: &Value, next: &Value) -> bool {
    !runs(object) && is_running(next)
}

pub fn runs(object: &Value) -> bool {
    is_running(&object["status"])
}

fn is_running(status: &Value) -> bool {
    let state = status["state"].as_str().unwrap_or("Pending");
    !["Pending", "Succeeded", "Completed", "Failed"].contains(&state)
}

fn condition(ty: &str, status: bool, reason: &str, message: &str) -> Value {
    let status = if status { "True" } else { "False" };
    json!({"type": ty, "status": status, "reason": reason, "message": message})
}

fn backup(object: &Value, faults: &BackupRequestFaults, now: &str) -> Vec<Value> {
    let begun = object["metadata"]["creationTimestamp"].clone();
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (snapshot, copying, rest): (&str, &[&str], &str) = match faults.words {
        Words::Implemented => ("InProgress", &["InProgress"], "Succeeded"),
        Words::Java => (
            "SnapshotInProgress",
            &[
                "ExportInProgress",
                "TransferInProgress",
                "GeneratingMetadata",
            ],
            "Succeeded",
        ),
        Words::Newest => (
            "SnapshotInProgress",
            &[
                "ExportInProgress",
                "TransferInProgress",
                "GeneratingMetadata",
            ],
            "Completed",
        ),
    };
    let mut course = vec![json!({"state": "Pending"})];
    if faults.fails == Some(Step::Validation) {
        let message = format!(
            "there is no instance {}",
            text(&spec["database"]["instanceId"])
        );
        course.push(json!({
            "state": "Failed", "startTime": begun, "completionTime": now,
            "conditions": [condition("Ready", false, "ValidationFailed", &message)],
        }));
        return course;
    }
    course.push(json!({"state": snapshot, "startTime": begun}));
    if faults.fails == Some(Step::Database) {
        let message = "the snapshot is `failed`: StorageFull";
        course.push(json!({
            "state": "Failed", "startTime": begun, "completionTime": now,
            "conditions": [condition("DatabaseBackupReady", false, "SnapshotFailed", message)],
        }));
        return course;
    }
    let name = text(&object["metadata"]["name"]);
    let database = json!({
        "snapshotId": format!("rds:us-east-1:{}", name.replace("-backup", "")),
        "size": "45.2 GB",
    });
    let saved = condition("DatabaseBackupReady", true, "SnapshotSucceeded", "");
    let copying_now = condition("DocumentLibraryBackupReady", false, "CopyInProgress", "");
    for state in copying {
        course.push(json!({
            "state": state, "startTime": begun, "database": database,
            "conditions": [saved, copying_now],
        }));
    }
    if faults.fails == Some(Step::Documents) {
        let message = "AccessDenied while copying document_library/2024/01/12345.pdf";
        course.push(json!({
            "state": "Failed", "startTime": begun, "completionTime": now, "database": database,
            "conditions": [saved, condition("DocumentLibraryBackupReady", false, "CopyFailed", message)],
        }));
        return course;
    }
    let library = &spec["documentLibrary"];
    let prefix = text(&library["destinationPrefix"]);
    let parent = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
    let scheme = if spec["provider"] == "gcp" {
        "gs"
    } else {
        "s3"
    };
    let bucket = text(&library["destinationBucket"]);
    course.push(json!({
        "state": rest, "startTime": begun, "completionTime": now, "database": database,
        "documentLibrary": {
            "objectCount": 12453, "totalSize": "126.0 GB",
            "manifestPath": format!("{scheme}://{bucket}/{parent}/manifest.json"),
        },
        "conditions": [
            saved,
            condition("DocumentLibraryBackupReady", true, "CopySucceeded", ""),
            condition("Ready", true, "BackupCompleted", ""),
        ],
    }));
    course
}

fn restore(object: &Value, faults: &BackupRequestFaults) -> Vec<Value> {
    let begun = object["metadata"]["creationTimestamp"].clone();
    let running = |database: &str| {
        json!({
            "state": "InProgress", "startTime": begun,
            "database": {"status": database, "providerOperationId": "op-1"},
        })
    };
    let mut course = vec![json!({"state": "Pending"})];
    let failed = |reason: &str, message: &str| {
        json!({
            "state": "Failed", "startTime": begun,
            "conditions": [condition("Ready", false, reason, message)],
        })
    };
    match faults.fails {
        Some(Step::Validation) => {
            course.push(failed("ApprovalMissing", "production needs an approval"));
        }
        Some(_) => {
            course.push(running("creating"));
            course.push(failed("RestoreFailed", "the instance is `failed`"));
        }
        None => {
            course.push(running("creating"));
            course.push(running("available"));
            course.push(json!({
                "state": "Succeeded", "startTime": begun,
                "database": {"status": "available", "providerOperationId": "op-1"},
                "documentLibrary": {"status": "copied"},
            }));
        }
    }
    course
}

fn newest_restore(faults: &BackupRequestFaults) -> Vec<Value> {
    let states: &[_] = match faults.fails {
        Some(_) => &[("Pending", 0), ("ValidatingBackup", 5)],
        None => &[
            ("Pending", 0),
            ("ValidatingBackup", 5),
            ("RestoringSnapshot", 30),
            ("RestoringDump", 50),
            ("RestoringStorage", 80),
            ("Completed", 100),
        ],
    };
    let states = states.iter();
    let mut course: Vec<_> = states
        .map(|(state, progress)| json!({"state": state, "progress": progress}))
        .collect();
    if faults.fails.is_some() {
        let error = "the checksum of manifest.json does not fit";
        course.push(json!({"state": "Failed", "progress": 5, "error": error}));
    }
    course
}

fn liferay(faults: &BackupRequestFaults, now: &str) -> Vec<Value> {
    vec![match faults.fails {
        Some(_) => json!({
            "completionTime": now,
            "conditions": [condition("Succeeded", false, "SnapshotFailed", "the quota is used up")],
        }),
        None => json!({
            "completionTime": now,
            "conditions": [condition("Succeeded", true, "BackupSucceeded", "")],
            "databaseSnapshot": {"uuid": "5b0c4f7e-2a55-4f6e-9a57-0d1f3c3a9d11"},
            "documentLibrary": {"destinationBucket": "liferay-backups", "destinationPath": "retail/now"},
        }),
    }]
}
