//! Engine `backuprequest`: backups that a backup-controller makes from objects.

mod create;
mod kinds;
mod manifest;
mod restore;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::Testbed;

use crate::FROZEN;
use crate::support::{Bed, Run};

const NAMESPACE: &str = "proj-retail-prd";
const REQUESTS: &str = "backuprequests.backup.liferay.cloud";
/// The name of the check of S3. An engine for interface 0.1 has an endpoint for it.
const S3_CHECK: &str = match FROZEN {
    None => "storage:manifests",
    Some(_) => "endpoint:storage",
};
/// Two backups of the demonstration: one succeeded, and one failed.
const DONE: &str = "retail-prd-backup-20250905-100000";
const FAILED: &str = "retail-prd-backup-20250906-100000";
/// The required flags for a new backup, with a fixed name.
const NEW: &str = "--project retail --environment prd --database-instance retail-prd-db \
                   --source-bucket liferay-retail-prd-dl --destination-bucket liferay-backups \
                   --destination-prefix retail/prd/x/dl --name new";

fn run(bed: &Bed, arguments: &str) -> Run {
    bed.run(&line(arguments))
}

fn line(arguments: &str) -> String {
    format!("backup {arguments} --engine backuprequest -n {NAMESPACE}")
}

fn set(bed: &Bed, fault: &str) {
    bed.faults()
        .set(fault.parse().expect("a fault of the testbed"));
}

/// Changes an object, so that the controller processes it again.
fn touch(bed: &Bed, resource: &str, name: &str) {
    let changed = bed.objects().modify(resource, NAMESPACE, name, |object| {
        object["metadata"]["annotations"]["touched"] = json!("yes");
    });
    changed.expect("it is there");
}

fn state(bed: &Bed, name: &str) -> Value {
    let object = bed.objects().get(REQUESTS, NAMESPACE, name);
    object.map_or(Value::Null, |object| object["status"]["state"].clone())
}

fn wait_for_state(bed: &Bed, name: &str, wanted: &str) {
    while state(bed, name) != wanted {
        std::thread::yield_now();
    }
}

/// Returns how often one object was watched, and how often it was read.
fn watches_and_looks(bed: &Bed, name: &str) -> (usize, usize) {
    let asked = bed.requests().all();
    let watches = asked.iter().filter(|it| {
        it.query.contains("watch=true") && it.query.contains(&format!("metadata.name%3D{name}"))
    });
    let looks = asked
        .iter()
        .filter(|it| it.method == "GET" && it.path.ends_with(&format!("/{name}")));
    (watches.count(), looks.count())
}

fn created(bed: &Bed) -> usize {
    bed.requests().count("POST", "/backuprequests")
}

#[test]
fn backups_of_all_kinds_are_listed_newest_first() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, "list").outcome(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE
    liferaybackup/nightly-20250905   -   -   Succeeded   -   -   AGE
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    note: 3
    exit 0
    ");
    assert_snapshot!(run(&bed, "list -o wide").outcome(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE   SNAPSHOT   OBJECTS   LOCATION   COMPLETED   PROGRESS   CONDITIONS   FAILURE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE   rds:us-east-1:retail-prd-20250906-100000   -   -   2025-09-06T10:21:00Z   -   DatabaseBackupReady=True (SnapshotSucceeded), DocumentLibraryBackupReady=False (CopyFailed)   CopyFailed: AccessDenied while copying document_library/2024/01/12345.pdf
    liferaybackup/nightly-20250905   -   -   Succeeded   -   -   AGE   5b0c4f7e-2a55-4f6e-9a57-0d1f3c3a9d10   -   liferay-backups/retail/nightly-20250905   2025-09-05T22:11:00Z   -   Succeeded=True (BackupSucceeded)   -
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE   rds:us-east-1:retail-prd-20250905-100000   12453   s3://liferay-backups/retail/prd/20250905-100000/manifest.json   2025-09-05T10:21:00Z   -   DatabaseBackupReady=True (SnapshotSucceeded), DocumentLibraryBackupReady=True (CopySucceeded), Ready=True (BackupComplet…   -
    note: 3
    exit 0
    ");
    assert_eq!(run(&bed, "list --project other -o json").ids(), [""; 0]);
    let ids = run(&bed, "list --environment prd -o json").ids();
    assert_eq!(ids, [FAILED, DONE]);
}

#[test]
fn an_engine_without_pods_is_only_asked_where_it_is_named() {
    let bed = Bed::start();
    let run = bed.run("backup list -o json");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(bed.requests().count("*", "/apis/backup.liferay.cloud"), 0);
}

#[test]
fn each_word_of_each_controller_is_understood() {
    let java = [
        ("Pending", "Pending"),
        ("SnapshotInProgress", "Running"),
        ("ExportInProgress", "Running"),
        ("TransferInProgress", "Running"),
        ("GeneratingMetadata", "Running"),
    ];
    for (words, states) in [
        (
            "implemented",
            vec![
                ("Pending", "Pending"),
                ("InProgress", "Running"),
                ("Succeeded", "Succeeded"),
            ],
        ),
        ("java", [&java[..], &[("Succeeded", "Succeeded")]].concat()),
        (
            "newest",
            [&java[..], &[("Completed", "Succeeded")]].concat(),
        ),
    ] {
        let bed = Bed::with(&[&format!("backuprequest-words={words}")]);
        set(&bed, "backuprequest-stuck=Pending");
        assert_eq!(run(&bed, &format!("create {NEW} --wait=false")).code, 0);
        for (word, meaning) in states {
            set(&bed, &format!("backuprequest-stuck={word}"));
            touch(&bed, REQUESTS, "new");
            wait_for_state(&bed, "new", word);
            let document = run(&bed, "status --id new -o json").json();
            assert_eq!(document["item"]["state"], meaning, "{words}: {word}");
            assert_eq!(document["item"]["reportedState"], word);
            // The removal makes the next state another change.
            let removed = |object: &mut Value| object["metadata"]["annotations"] = Value::Null;
            bed.objects()
                .modify(REQUESTS, NAMESPACE, "new", removed)
                .expect("it is there");
        }
    }
}

#[test]
fn a_word_that_nobody_knows_is_shown_as_it_is() {
    let bed = Bed::start();
    let strange = |object: &mut Value| object["status"]["state"] = json!("Archiving");
    bed.objects()
        .modify(REQUESTS, NAMESPACE, DONE, strange)
        .expect("it is there");
    assert_snapshot!(run(&bed, &format!("status --id {DONE}")).outcome(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250905-100000   retail   prd   Archiving   45.2 GB   126.0 GB   AGE
    exit 0
    ");
}

/// Returns a cluster with some kinds and nothing else.
fn with_kinds(kinds: Vec<testbed::ResourceType>) -> Bed {
    Bed::of(Testbed::builder().empty().with(move |world| {
        let metadata = json!({"name": NAMESPACE});
        world.put([json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})]);
        for kind in kinds {
            world.objects.register(kind);
        }
    }))
}

#[test]
fn an_object_is_deleted_when_it_does_not_run() {
    let bed = Bed::with(&["backuprequest-stuck=InProgress"]);
    assert_eq!(run(&bed, &format!("create {NEW} --wait=false")).code, 0);
    wait_for_state(&bed, "new", "InProgress");
    assert_snapshot!(run(&bed, "delete --id new --yes").shown(), @"
    stderr:
    Removing backup new for good: context testbed, server https://127.0.0.1:PORT, namespace proj-retail-prd, engine backuprequest
    error: new is running (InProgress)
    hint: Wait until the backup has ended, or remove its object with `--force`
    exit 11
    ");
    assert_eq!(run(&bed, "delete --id new --yes --force").code, 0);
    assert_snapshot!(run(&bed, &format!("delete --id {DONE} --yes")).outcome(), @"
    stdout:
    retail-prd-backup-20250905-100000 is deleted
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    exit 0
    ");
    assert_snapshot!(run(&bed, &format!("delete --id {DONE} --yes")).outcome(), @r#"
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    NotFound: "retail-prd-backup-20250905-100000" BackupRequest
    hint: `kubectl broker backup list --engine backuprequest`
    exit 10
    "#);
    assert_snapshot!(run(&bed, "delete --id liferaybackup/nightly-20250905 --yes").shown(), @"
    stderr:
    Removing backup liferaybackup/nightly-20250905 for good: context testbed, server https://127.0.0.1:PORT, namespace proj-retail-prd, engine backuprequest
    error: LiferayBackups are removed by Liferay's own retention job
    hint: The job removes backups that are older than `backup.retentionDays` of the chart
    exit 2
    ");
}
