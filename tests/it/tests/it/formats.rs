//! `backup list` and `backup status` in every format.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::Bed;

#[test]
fn the_sidecar_lists_the_remote_backups_newest_first() {
    let run = Bed::start().run("backup --engine sidecar list");
    assert_snapshot!(run.outcome(), @"
    stdout:
    OBJECT   STATE   SIZE   AGE
    backup/20250905-130215.backup   uploaded   2.3GiB   AGE
    backup/20250826-020003.backup   uploaded   2.1GiB   AGE
    backup/20250819-143025.backup   uploaded   2.1GiB   AGE
    backup/20250812-020004.backup   uploaded   1.7GiB   AGE
    backup/20250803-020002.backup   uploaded   1.5GiB   AGE
    backup/20250727-020001.backup   uploaded   1.2GiB   AGE
    backup/20250720-020005.backup   uploaded   936.0MiB   AGE
    backup/20250713-020004.backup   uploaded   819.2MiB   AGE
    backup/20250706-020003.backup   uploaded   700.0MiB   AGE
    backup/20250629-020002.backup   uploaded   625.0MiB   AGE
    backup/20250622-020006.backup   uploaded   512B   AGE
    backup/20250615-020001.backup   uploaded   384.0MiB   AGE
    note: 12 14.4 broker-0
    exit 0
    ");
}

#[test]
fn hivemq_lists_its_backups_newest_first() {
    let run = Bed::start().run("backup list --engine hivemq");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    note: 6 89.2
    exit 0
    ");
}

#[test]
fn wide_has_more_columns() {
    let bed = Bed::start();
    let run = bed.run("backup list --engine sidecar -o wide --limit 2");
    assert_snapshot!(run.outcome(), @"
    stdout:
    OBJECT   POD   STATE   SIZE   AGE   CREATED   FAILURE
    backup/20250905-130215.backup   broker-0   uploaded   2.3GiB   AGE   2025-09-05T13:04:15Z   -
    backup/20250826-020003.backup   broker-0   uploaded   2.1GiB   AGE   2025-08-26T02:02:03Z   -
    note: 2 12 broker-0
    exit 0
    ");
    let run = bed.run("backup list --engine hivemq -o wide --limit 2");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED   FAILURE
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z   Not enough disk space on node broker-1.
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z   -
    note: 2 6
    exit 0
    ");
}

#[test]
fn columns_line_up() {
    let bed = Bed::start();
    for arguments in [
        "backup list --engine sidecar",
        "backup list --engine hivemq -o wide",
        "engines",
    ] {
        let run = bed.run(arguments);
        let mut lines = run.stdout.lines();
        let header = lines.next().expect("a header");
        let starts: Vec<_> = (1..header.len())
            .filter(|at| header[..*at].ends_with("  ") && !header[*at..].starts_with(' '))
            .collect();
        assert!(starts.len() > 1, "{header}");
        for line in lines {
            for start in &starts {
                let gap = line.get(start - 2..*start).unwrap_or("  ");
                assert_eq!(gap, "  ", "column {start} of {line:?}");
            }
        }
    }
}

#[test]
fn json_is_one_document_with_exact_values() {
    let run = Bed::start().run("backup list --engine sidecar -o json --limit 1");
    assert_eq!(
        run.json(),
        json!({
            "apiVersion": "kubectl-broker/v1",
            "kind": "BackupList",
            "scope": {
                "engine": "kubectl-broker/sidecar",
                "engineVersion": "0.1.0",
                "namespace": "messaging",
                "pod": "broker-0",
                "statefulset": "broker",
            },
            "items": [{
                "activity": "Backup",
                "created": "2025-09-05T13:04:15Z",
                "failure": null,
                "fields": {},
                "id": "backup/20250905-130215.backup",
                "reportedState": "uploaded",
                "sizeBytes": 2_469_606_195_u64,
                "state": "Succeeded",
            }],
        })
    );
}

#[test]
fn json_of_a_failed_backup_says_why() {
    let bed = Bed::start();
    let list = bed.run("backup list --engine hivemq -o json").json();
    assert_snapshot!(serde_json::to_string_pretty(&list["items"][0]).unwrap(), @r#"
    {
      "activity": "Backup",
      "created": "2025-09-06T11:40:00Z",
      "failure": "Not enough disk space on node broker-1.",
      "fields": {},
      "id": "20250906-114000",
      "reportedState": "FAILED",
      "sizeBytes": null,
      "state": "Failed"
    }
    "#);
}

#[test]
fn yaml_is_in_block_style() {
    let run = Bed::start().run("backup list --engine hivemq -o yaml --limit 1");
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    apiVersion: kubectl-broker/v1
    items:
    - activity: Backup
      created: "2025-09-06T11:40:00Z"
      failure: Not enough disk space on node broker-1.
      fields: {}
      id: 20250906-114000
      reportedState: FAILED
      sizeBytes: null
      state: Failed
    kind: BackupList
    scope:
      engine: kubectl-broker/hivemq
      engineVersion: "0.1.0"
      namespace: messaging
      pod: null
      statefulset: broker
    exit 0
    "#);
}

#[test]
fn name_is_one_id_a_line_and_nothing_else() {
    let run = Bed::start().run("backup list --engine sidecar -o name --limit 3");
    assert_snapshot!(run.outcome(), @"
    stdout:
    backup/20250905-130215.backup
    backup/20250826-020003.backup
    backup/20250819-143025.backup
    exit 0
    ");
}

#[test]
fn limit_keeps_the_newest() {
    let bed = Bed::start();
    let all = bed.run("backup list --engine sidecar -o json").ids();
    assert_eq!(all.len(), 12);
    let some = bed
        .run("backup list --engine sidecar -o json --limit 5")
        .ids();
    assert_eq!(some, all[..5]);
    let more = bed
        .run("backup list --engine sidecar -o json --limit 4000000000")
        .ids();
    assert_eq!(more, all);
}

#[test]
fn status_of_one_backup() {
    let bed = Bed::start();
    let run = bed.run("backup status --engine hivemq --id 20250826-020000");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED   FAILURE
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z   Node broker-2 left the cluster during the restore.
    exit 0
    ");
    let run = bed.run("backup status --engine sidecar --id backup/20250622-020006.backup");
    assert_snapshot!(run.outcome(), @"
    stdout:
    OBJECT   STATE   SIZE   AGE
    backup/20250622-020006.backup   uploaded   512B   AGE
    note: broker-0
    exit 0
    ");
    let run = bed.run("backup status --engine hivemq --id 20250806-080853 -o json");
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "copy": null,
      "details": {},
      "file": null,
      "files": null,
      "item": {
        "activity": "Backup",
        "created": "2025-08-06T08:08:53Z",
        "failure": null,
        "fields": {},
        "id": "20250806-080853",
        "reportedState": "COMPLETED",
        "sizeBytes": 1204224,
        "state": "Succeeded"
      },
      "kind": "Backup",
      "scope": {
        "engine": "kubectl-broker/hivemq",
        "engineVersion": "0.1.0",
        "namespace": "messaging",
        "pod": null,
        "statefulset": "broker"
      }
    }
    exit 0
    "#);
}

#[test]
fn the_sidecar_tells_how_far_an_upload_of_the_pod_is() {
    let run =
        Bed::start().run("backup status --engine sidecar --id 20250806-080853 --pod broker-1");
    assert_snapshot!(run.outcome(), @"
    stdout:
    OBJECT   STATE   SIZE   AGE   FAILURE
    20250806-080853   failed   1.1MiB   AGE   upload timed out after 10m0s
    note: broker-1
    exit 0
    ");
}

#[test]
fn latest_is_the_newest_that_ended_well() {
    let bed = Bed::start();
    let run = bed.run("backup status --engine hivemq --latest");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    note: 20250906-114000 FAILED
    exit 0
    ");
    let run = bed.run("backup status --engine sidecar --latest -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    backup/20250905-130215.backup
    exit 0
    ");
}

#[test]
fn a_backup_that_does_not_exist_is_not_found() {
    let bed = Bed::start();
    let run = bed.run("backup status --engine hivemq --id 19990101-000000");
    assert_snapshot!(run.outcome(), @"
    NotFound: '19990101-000000' /api/v1/management/backups/19990101-000000 404 GET
    hint: `kubectl broker backup list --engine hivemq`
    exit 10
    ");
    let run = bed.run("backup status --engine sidecar --id nothing");
    assert_snapshot!(run.message(), @r#"
    NotFound: no backup named "nothing" on the pod's disk or in the remote store
    hint: `kubectl broker backup list --engine sidecar`
    exit 10
    "#);
}

#[test]
fn colours_are_for_those_who_ask() {
    let bed = Bed::start();
    let colored = bed
        .program()
        .spawn("backup list --engine hivemq --color always")
        .wait_with_output()
        .expect("the program ends");
    let plain = bed.run("backup list --engine hivemq");
    assert!(colored.stdout.contains(&0x1b));
    assert_eq!(
        bed.run("backup list --engine hivemq --color never").stdout,
        plain.stdout
    );
    assert_eq!(
        bed.run("backup list --engine hivemq --no-color").stdout,
        plain.stdout
    );
}

/// Programs that read errors as documents get one for each error.
#[test]
fn a_wrong_command_line_is_a_document_too() {
    let bed = Bed::start();
    for line in [
        "backup list --lmit 2 -o json",
        "-ojson backup list --limit many",
        "backup --output=json lst",
        "backup restore --id a --latest --output json",
    ] {
        let run = bed.run(line);
        assert_eq!(run.code, 2, "{}", run.shown());
        let error = run.error();
        assert_eq!(error["code"], "Usage", "{line}: {error}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|it| !it.starts_with("error"))
        );
    }
    let run = bed.run("backup list --help -o json");
    assert_eq!(run.code, 0, "{}", run.shown());
    assert!(run.stdout.contains("Usage"), "{}", run.shown());
}
