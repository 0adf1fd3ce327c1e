//! Creating backups and waiting for them.

use std::fs;

use insta::assert_snapshot;
use regex::Regex;

use super::{
    DONE, NAMESPACE, NEW, REQUESTS, created, line, run, state, touch, wait_for_state,
    watches_and_looks,
};
use crate::support::Bed;

#[test]
fn a_backup_is_waited_for_by_watching_its_object() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, &format!("create {NEW}")).shown(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    new   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    stderr:
    Backup new has begun; waiting up to 300 s for its end
    exit 0
    ");
    assert_eq!(created(&bed), 1);
    let (watches, looks) = watches_and_looks(&bed, "new");
    assert!(watches >= 1, "{:#?}", bed.requests().all());
    assert!(looks <= 4, "{looks} looks");
}

#[test]
fn a_change_of_its_object_ends_the_waiting() {
    let bed = Bed::with(&["backuprequest-stuck=InProgress"]);
    let program = bed.program();
    let child = program.spawn(&line(&format!("create {NEW}")));
    wait_for_state(&bed, "new", "InProgress");
    // The program reads the object once more, and then watches it.
    while watches_and_looks(&bed, "new").0 < 2 {
        std::thread::yield_now();
    }
    bed.faults().clear();
    touch(&bed, REQUESTS, "new");
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (_, looks) = watches_and_looks(&bed, "new");
    assert!(looks <= 6, "{looks} looks");
}

#[test]
fn without_waiting_the_name_is_all_that_is_printed() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, &format!("create {NEW} --wait=false -o name")).outcome(), @"
    stdout:
    new
    exit 0
    ");
}

#[test]
fn a_name_is_made_of_project_environment_and_time() {
    let bed = Bed::start();
    let without_name = NEW.strip_suffix("--name new").expect("it ends so");
    let name = run(&bed, &format!("create {without_name} --wait=false -o name")).stdout;
    let pattern = Regex::new("^retail-prd-backup-[0-9]{8}-[0-9]{6}\n$").expect("a pattern");
    assert!(pattern.is_match(&name), "{name}");
    let object = bed.objects().get(REQUESTS, NAMESPACE, name.trim());
    let labels = &object.expect("it was created")["metadata"]["labels"];
    assert_eq!(labels["backup.liferay.cloud/project"], "retail");
    assert_eq!(labels["backup.liferay.cloud/environment"], "prd");
}

#[test]
fn a_backup_that_fails_in_either_step_is_a_failure_with_its_reason() {
    let ended = |step: &str| {
        let bed = Bed::with(&[&format!("backuprequest-fails={step}")]);
        run(&bed, &format!("create {NEW}")).reason()
    };
    assert_snapshot!(ended("validation"), @"
    note: new 300
    Failed: new: Failed (ValidationFailed: there is no instance retail-prd-db)
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
    assert_snapshot!(ended("database"), @"
    note: new 300
    Failed: new: Failed (SnapshotFailed: the snapshot is `failed`: StorageFull)
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
    assert_snapshot!(ended("documents"), @"
    note: new 300
    Failed: new: Failed (CopyFailed: AccessDenied while copying document_library/2024/01/12345.pdf)
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
}

#[test]
fn one_that_nobody_takes_up_is_given_up_in_time_and_followed_later() {
    let bed = Bed::with(&["backuprequest-stuck=none"]);
    assert_snapshot!(run(&bed, &format!("create {NEW} --timeout 1s")).outcome(), @"
    note: new 1
    TimedOut: 1 new
    hint: `--timeout` `kubectl broker backup status --engine backuprequest --id new`
    exit 124
    ");
    bed.faults().clear();
    touch(&bed, REQUESTS, "new");
    wait_for_state(&bed, "new", "Succeeded");
    assert_snapshot!(run(&bed, "status --id new").outcome(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    new   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    exit 0
    ");
}

#[test]
fn the_third_backup_of_a_project_is_told_that_it_waits() {
    let bed = Bed::with(&["backuprequest-stuck=InProgress"]);
    for name in ["a", "b"] {
        let run = run(
            &bed,
            &format!(
                "create {} --wait=false",
                NEW.replace("--name new", &format!("--name {name}"))
            ),
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        wait_for_state(&bed, name, "InProgress");
    }
    assert_snapshot!(run(&bed, &format!("create {NEW} --wait=false")).outcome(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    new   retail   prd   Pending   -   -   AGE
    note: 2 retail 2
    exit 0
    ");
    wait_for_state(&bed, "new", "Pending");
    bed.faults().clear();
    touch(&bed, REQUESTS, "a");
    for name in ["a", "b", "new"] {
        wait_for_state(&bed, name, "Succeeded");
    }
}

#[test]
fn what_is_missing_is_named_by_its_flag_and_nothing_is_created() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, "create --project retail").message(), @"
    Usage: `--environment` is missing: for example `--environment prd`
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW} --retention-days 5")).message(), @"
    Usage: `--retention-days 5` must be 7–365
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW} --provider azur")).outcome(), @"
    Usage: '--provider <PROVIDER>' 'azur'
      [possible values: aws, gcp, azure, local]
      'azure'
    exit 2
    ");
    assert_eq!(created(&bed), 0);
}

#[test]
fn what_the_schema_refuses_is_told_in_full() {
    let bed = Bed::start();
    let folder = tempfile::tempdir().expect("a folder");
    let request = "apiVersion: backup.liferay.cloud/v1alpha1\nkind: BackupRequest\nmetadata: {name: bad}\n\
                   spec: {projectId: retail, provider: azur, retentionDays: 400, database: {retention: soon}, documentLibrary: {}}\n";
    fs::write(folder.path().join("bad.yaml"), request).expect("a file");
    let program = bed.program().in_folder(folder.path());
    assert_snapshot!(program.run(&line("create --file bad.yaml")).message(), @r#"
    Usage: the API server refuses to create backuprequests bad in namespace proj-retail-prd: BackupRequest.backup.liferay.cloud "bad" is invalid: [spec.environment: Required value, spec.database.instanceId: Required value, spec.documentLibrary.destinationBucket: Required value, spec.documentLibrary.sourceBucket: Required value, spec.provider: Unsupported value: "azur": supported values: "aws", "gcp", "azure", spec.database.retention: Invalid value: "soon": spec.database.retention in body should match '^\d+[dhm]$', spec.retentionDays: Invalid value: 400: spec.retentionDays in body should be less than or equal to 365]
    hint:
    exit 2
    "#);
    assert_snapshot!(program.run(&line("create --file bad.yaml --name x")).message(), @"
    Usage: `--file` has the complete BackupRequest: leave out `--name`
    exit 2
    ");
    let good = "spec:\n  projectId: retail\n  environment: prd\n  database: {instanceId: a}\n  \
                documentLibrary: {sourceBucket: aaa, destinationBucket: bbb}\nmetadata: {name: good}\n";
    fs::write(folder.path().join("good.yaml"), good).expect("a file");
    let run = program.run(&line("create --file good.yaml"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(state(&bed, "good"), "Succeeded");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let bed = Bed::start();
    let taken = NEW.replace("--name new", &format!("--name {DONE}"));
    assert_snapshot!(run(&bed, &format!("create {taken}")).message(), @r#"
    Conflict: https://127.0.0.1:PORT answered 409 when asked to create backuprequests retail-prd-backup-20250905-100000 in namespace proj-retail-prd: backuprequests.backup.liferay.cloud "retail-prd-backup-20250905-100000" already exists
    hint: `kubectl get backuprequests.backup.liferay.cloud -n proj-retail-prd`
    exit 11
    "#);
}
