//! Engine `backuprequest`: backups that a backup-controller makes from objects.

use std::fs;

use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use testbed::{Testbed, backup_request};

use crate::support::{Bed, Run};

const NAMESPACE: &str = "proj-retail-prd";
const REQUESTS: &str = "backuprequests.backup.liferay.cloud";
/// In the demonstration: one that ended well, and one that failed.
const DONE: &str = "retail-prd-backup-20250905-100000";
const FAILED: &str = "retail-prd-backup-20250906-100000";
/// All that is needed to create one, with a name that is the same in each run.
const NEW: &str = "--project retail --environment prd --database-instance retail-prd-db \
                   --source-bucket liferay-retail-prd-dl --destination-bucket liferay-backups \
                   --destination-prefix retail/prd/x/dl --name new";

fn run(bed: &Bed, arguments: &str) -> Run {
    bed.run(&line(arguments))
}

fn line(arguments: &str) -> String {
    format!("backup {arguments} --engine backuprequest -n {NAMESPACE}")
}

/// What is shown, without what is random in the names of restores.
fn shown(run: &Run) -> String {
    let stamp = Regex::new("-restore-[a-z0-9]{5}").expect("a pattern");
    stamp
        .replace_all(&run.shown(), "-restore-RANDOM")
        .into_owned()
}

fn set(bed: &Bed, fault: &str) {
    bed.faults()
        .set(fault.parse().expect("a fault of the testbed"));
}

/// Lets the controller look at an object again.
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

/// How often one object was watched, and how often it was read.
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
    assert_snapshot!(run(&bed, "list").shown(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE
    liferaybackup/nightly-20250905   -   -   Succeeded   -   -   AGE
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    stderr:
    3 backups
    exit 0
    ");
    assert_snapshot!(run(&bed, "list -o wide").shown(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE   SNAPSHOT   OBJECTS   LOCATION   COMPLETED   PROGRESS   CONDITIONS   FAILURE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE   rds:us-east-1:retail-prd-20250906-100000   -   -   2025-09-06T10:21:00Z   -   DatabaseBackupReady=True (SnapshotSucceeded), DocumentLibraryBackupReady=False (CopyFailed)   CopyFailed: AccessDenied while copying document_library/2024/01/12345.pdf
    liferaybackup/nightly-20250905   -   -   Succeeded   -   -   AGE   5b0c4f7e-2a55-4f6e-9a57-0d1f3c3a9d10   -   liferay-backups/retail/nightly-20250905   2025-09-05T22:11:00Z   -   Succeeded=True (BackupSucceeded)   -
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE   rds:us-east-1:retail-prd-20250905-100000   12453   s3://liferay-backups/retail/prd/20250905-100000/manifest.json   2025-09-05T10:21:00Z   -   DatabaseBackupReady=True (SnapshotSucceeded), DocumentLibraryBackupReady=True (CopySucceeded), Ready=True (BackupComplet…   -
    stderr:
    3 backups
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
    // It looks once more, and then waits for what happens.
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
    assert_snapshot!(run(&bed, &format!("create {NEW} --wait=false -o name")).shown(), @"
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
            // So that the next state is another change.
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
    assert_snapshot!(run(&bed, &format!("status --id {DONE}")).shown(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250905-100000   retail   prd   Archiving   45.2 GB   126.0 GB   AGE
    exit 0
    ");
}

#[test]
fn a_backup_that_fails_in_either_step_is_a_failure_with_its_reason() {
    let ended = |step: &str| {
        let bed = Bed::with(&[&format!("backuprequest-fails={step}")]);
        run(&bed, &format!("create {NEW}")).shown()
    };
    assert_snapshot!(ended("validation"), @"
    stderr:
    Backup new has begun; waiting up to 300 s for its end
    error: the backup new ended badly: Failed (ValidationFailed: there is no instance retail-prd-db)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
    assert_snapshot!(ended("database"), @"
    stderr:
    Backup new has begun; waiting up to 300 s for its end
    error: the backup new ended badly: Failed (SnapshotFailed: the snapshot is `failed`: StorageFull)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
    assert_snapshot!(ended("documents"), @"
    stderr:
    Backup new has begun; waiting up to 300 s for its end
    error: the backup new ended badly: Failed (CopyFailed: AccessDenied while copying document_library/2024/01/12345.pdf)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
}

#[test]
fn one_that_nobody_takes_up_is_given_up_in_time_and_followed_later() {
    let bed = Bed::with(&["backuprequest-stuck=none"]);
    assert_snapshot!(run(&bed, &format!("create {NEW} --timeout 1s")).shown(), @"
    stderr:
    Backup new has begun; waiting up to 1 s for its end
    error: new has not ended within 1 s; it goes on in the backend
    hint: Follow it with `kubectl broker backup status --engine backuprequest --id new`, or give a longer `--timeout`
    exit 124
    ");
    bed.faults().clear();
    touch(&bed, REQUESTS, "new");
    wait_for_state(&bed, "new", "Succeeded");
    assert_snapshot!(run(&bed, "status --id new").shown(), @"
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
    assert_snapshot!(run(&bed, &format!("create {NEW} --wait=false")).shown(), @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    new   retail   prd   Pending   -   -   AGE
    stderr:
    2 backups of project retail are running; the controller begins this one when fewer than 2 are
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
    assert_snapshot!(run(&bed, "create --project retail").shown(), @"
    stderr:
    error: `--environment` is missing: for example `--environment prd`
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW} --retention-days 5")).shown(), @"
    stderr:
    error: `--retention-days 5` must be from 7 to 365
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW} --provider azur")).shown(), @"
    stderr:
    error: invalid value 'azur' for '--provider <PROVIDER>'
      [possible values: aws, gcp, azure, local]

      tip: a similar value exists: 'azure'

    For more information, try '--help'.
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
    assert_snapshot!(program.run(&line("create --file bad.yaml")).shown(), @r#"
    stderr:
    error: the API server refuses to create backuprequests bad in namespace proj-retail-prd: BackupRequest.backup.liferay.cloud "bad" is invalid: [spec.environment: Required value, spec.database.instanceId: Required value, spec.documentLibrary.destinationBucket: Required value, spec.documentLibrary.sourceBucket: Required value, spec.provider: Unsupported value: "azur": supported values: "aws", "gcp", "azure", spec.database.retention: Invalid value: "soon": spec.database.retention in body should match '^\d+[dhm]$', spec.retentionDays: Invalid value: 400: spec.retentionDays in body should be less than or equal to 365]
    hint: Correct what it names; nothing was changed in the cluster
    exit 2
    "#);
    assert_snapshot!(program.run(&line("create --file bad.yaml --name x")).shown(), @"
    stderr:
    error: `--file` has the whole BackupRequest: leave `--name` out
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
    assert_snapshot!(run(&bed, &format!("create {taken}")).shown(), @r#"
    stderr:
    error: https://127.0.0.1:PORT answered 409 when asked to create backuprequests retail-prd-backup-20250905-100000 in namespace proj-retail-prd: backuprequests.backup.liferay.cloud "retail-prd-backup-20250905-100000" already exists
    hint: Take another name; `kubectl get backuprequests.backup.liferay.cloud -n proj-retail-prd` lists those that are taken
    exit 11
    "#);
}

#[test]
fn a_right_that_is_missing_is_named_with_its_rule() {
    let bed = Bed::with(&["deny=create:backuprequests"]);
    assert_snapshot!(run(&bed, &format!("create {NEW}")).shown(), @r#"
    stderr:
    error: not allowed to create backuprequests new in namespace proj-retail-prd: backuprequests.backup.liferay.cloud is forbidden: User "testbed" cannot create resource "backuprequests" in API group "backup.liferay.cloud" in the namespace "proj-retail-prd"
    hint: Ask for this right: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=create --resource=backuprequests.backup.liferay.cloud`, or in a Role `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["create"]}`
    exit 12
    "#);
    let bed = Bed::with(&["deny=list:backuprequests"]);
    assert_snapshot!(run(&bed, "list").shown(), @r#"
    stderr:
    error: not allowed to list backuprequests in namespace proj-retail-prd: backuprequests.backup.liferay.cloud is forbidden: User "testbed" cannot list resource "backuprequests" in API group "backup.liferay.cloud" in the namespace "proj-retail-prd"
    hint: Ask for this right: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=list --resource=backuprequests.backup.liferay.cloud`, or in a Role `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["list"]}`
    exit 12
    "#);
    // One of several kinds is left out, aloud.
    let bed = Bed::with(&["deny=list:liferaybackups"]);
    assert_snapshot!(run(&bed, "list").shown(), @r#"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    stderr:
    warning: engine kubectl-broker/backuprequest: objects of kind LiferayBackup are left out: not allowed to list liferaybackups in namespace proj-retail-prd: liferaybackups.backup.liferay.cloud is forbidden: User "testbed" cannot list resource "liferaybackups" in API group "backup.liferay.cloud" in the namespace "proj-retail-prd"
    2 backups
    exit 0
    "#);
}

/// A cluster with some kinds and nothing else.
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
fn a_cluster_without_the_kinds_is_told_what_it_lacks() {
    let bed = with_kinds(Vec::new());
    assert_snapshot!(run(&bed, "list").shown(), @"
    stderr:
    error: the cluster has none of the kinds that this engine works with
    hint: Install the backup-controller and its CRDs (BackupRequest of backup.liferay.cloud/v1alpha1); `kubectl api-resources --api-group=backup.liferay.cloud` shows what is there
    exit 10
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW}")).shown(), @"
    stderr:
    error: the cluster has no BackupRequests, so that none can be created
    hint: Install the backup-controller and its CRD BackupRequest of backup.liferay.cloud/v1alpha1. LiferayBackups are made by Liferay's own schedule: this engine only shows them
    exit 2
    ");
    assert_snapshot!(run(&bed, "status --id x").shown(), @"
    stderr:
    error: https://127.0.0.1:PORT knows no kind backup.liferay.cloud/v1alpha1/BackupRequest
    hint: Install the operator that brings it, or look for another version with `kubectl api-resources --api-group=backup.liferay.cloud`
    exit 10
    ");
    let program = bed.program().data_although_failed();
    assert_snapshot!(program.run(&line("test")).shown(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete
    right:secrets   -   passed   may get
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/RestoreRequest; what needs it can't be done
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/RestoreRequest; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1beta1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1/LiferayBackup; what needs it can't be done
    detect   backuprequest   failed   the cluster has none of the kinds that this engine works with
    list   backuprequest   skipped   it needs a check that failed

    backuprequest/detect:
      Install the backup-controller and its CRDs (BackupRequest of backup.liferay.cloud/v1alpha1); `kubectl api-resources --api-group=backup.liferay.cloud` shows what is there
    stderr:
    12 checks: 3 passed, 1 failed, 8 skipped
    exit 1
    ");
}

#[test]
fn a_test_shows_kinds_and_rights() {
    let bed = Bed::with(&["deny=delete:backuprequests"]);
    let program = bed.program().data_although_failed();
    assert_snapshot!(program.run(&line("test")).shown(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete
    right:secrets   -   passed   may get
    right:backuprequests   backuprequest   warned   may not delete: what needs it fails
    right:restorerequests   backuprequest   passed   may get, list, watch, create, delete
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/RestoreRequest; what needs it can't be done
    right:liferaybackups   backuprequest   passed   may get, list, watch
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1beta1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1/LiferayBackup; what needs it can't be done
    detect   backuprequest   passed   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    list   backuprequest   passed   3 backups

    backuprequest/right:backuprequests:
      Ask for this right: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=get,list,watch,create,delete --resource=backuprequests.backup.liferay.cloud`, or in a Role `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["get", "list", "watch", "create", "delete"]}`
    stderr:
    12 checks: 7 passed, 1 warned, 4 skipped
    exit 0
    "#);
}

/// What a LiferayBackup of a version shows while it is followed to its end.
fn followed(version: &str) -> String {
    let bed = with_kinds(vec![backup_request::liferay_backup(version)]);
    set(&bed, "backuprequest-stuck=none");
    let object = json!({
        "apiVersion": format!("backup.liferay.cloud/{version}"), "kind": "LiferayBackup",
        "metadata": {"name": "now", "namespace": NAMESPACE},
    });
    bed.objects().put(object).expect("it is put");
    assert_eq!(run(&bed, "list -o json").ids(), ["liferaybackup/now"]);
    let program = bed.program().data_although_failed();
    let child = program.spawn(&line("status --id liferaybackup/now --watch"));
    while watches_and_looks(&bed, "now").0 == 0 {
        std::thread::yield_now();
    }
    bed.faults().clear();
    touch(&bed, "liferaybackups.backup.liferay.cloud", "now");
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    run.shown()
}

#[test]
fn liferay_backups_are_found_in_whichever_version_and_followed() {
    let shown = followed("v1alpha1");
    assert_snapshot!(shown, @"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    liferaybackup/now   -   -   Running   -   -   AGE
    liferaybackup/now   -   -   Succeeded   -   -   AGE
    exit 0
    ");
    assert_eq!(followed("v1"), shown);
}

#[test]
fn a_liferay_backup_that_failed_says_why() {
    let bed = with_kinds(vec![backup_request::liferay_backup("v1alpha1")]);
    set(&bed, "backuprequest-fails=database");
    let object = json!({
        "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": "LiferayBackup",
        "metadata": {"name": "now", "namespace": NAMESPACE},
    });
    bed.objects().put(object).expect("it is put");
    let failed = |object: &Value| !object["status"].is_null();
    let there = || {
        bed.objects()
            .get("liferaybackups.backup.liferay.cloud", NAMESPACE, "now")
    };
    while !there().is_some_and(|object| failed(&object)) {
        std::thread::yield_now();
    }
    let document = run(&bed, "list -o json").json();
    assert_eq!(document["items"][0]["state"], "Failed");
    assert_eq!(
        document["items"][0]["failure"],
        "SnapshotFailed: the quota is used up"
    );
}

#[test]
fn a_restore_is_an_object_that_is_followed_to_its_end() {
    let bed = Bed::start();
    let restore = format!("restore --id {DONE} --target-environment uat --yes");
    assert_snapshot!(shown(&run(&bed, &restore)), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM   Succeeded   -   2025-09-06T12:00:00Z
    backup: retail-prd-backup-20250905-100000
    target-environment: uat
    stderr:
    Restoring backup retail-prd-backup-20250905-100000 into namespace proj-retail-prd (engine backuprequest)
    exit 0
    ");
    let listed = run(&bed, "list --restores -o json").ids();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].starts_with("restorerequest/"), "{listed:?}");
    let bed = Bed::with(&["backuprequest-fails=database"]);
    assert_snapshot!(shown(&run(&bed, &restore)), @"
    stderr:
    Restoring backup retail-prd-backup-20250905-100000 into namespace proj-retail-prd (engine backuprequest)
    error: the restore of restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM ended badly: Failed (RestoreFailed: the instance is `failed`)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
    let bed = Bed::with(&["backuprequest-fails=validation"]);
    assert_snapshot!(shown(&run(&bed, &restore)), @"
    stderr:
    Restoring backup retail-prd-backup-20250905-100000 into namespace proj-retail-prd (engine backuprequest)
    error: the restore of restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM ended badly: Failed (ApprovalMissing: production needs an approval)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
}

#[test]
fn a_restore_that_can_not_be_is_refused() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, &format!("restore --id {DONE} --yes")).shown(), @"
    stderr:
    Restoring backup retail-prd-backup-20250905-100000 into namespace proj-retail-prd (engine backuprequest)
    error: `--target-environment` is missing: the environment that the backup is restored to
    exit 2
    ");
    let target = "--target-environment uat --yes";
    assert_snapshot!(run(&bed, &format!("restore --id {FAILED} {target}")).shown(), @"
    stderr:
    Restoring backup retail-prd-backup-20250906-100000 into namespace proj-retail-prd (engine backuprequest)
    error: retail-prd-backup-20250906-100000 can't be restored: it is Failed
    hint: Only a backup that has ended well can be; `kubectl broker backup list --engine backuprequest` shows them
    exit 11
    ");
    assert_snapshot!(run(&bed, &format!("restore --id {DONE} {target} --dry-run")).shown(), @"
    stderr:
    error: RestoreRequests of backup.liferay.cloud can't be tried without being done
    hint: Leave `--dry-run` out; only those of backup.lc2.io have it
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("restore --id liferaybackup/nightly-20250905 {target}")).shown(), @"
    stderr:
    Restoring backup liferaybackup/nightly-20250905 into namespace proj-retail-prd (engine backuprequest)
    error: LiferayBackups are restored by Liferay's own workflow, not by an object
    hint: `argo submit --from workflowtemplate/backup-restore-workflow-template -p liferay-backup-name=nightly-20250905` begins it
    exit 2
    ");
    let bed = with_kinds(vec![backup_request::backup_request()]);
    let done = Bed::start().objects().get(REQUESTS, NAMESPACE, DONE);
    bed.objects()
        .put(done.expect("it is there"))
        .expect("it is put");
    assert_snapshot!(run(&bed, &format!("restore --id {DONE} {target}")).shown(), @"
    stderr:
    Restoring backup retail-prd-backup-20250905-100000 into namespace proj-retail-prd (engine backuprequest)
    error: the cluster has no RestoreRequest, so that nothing can be restored
    hint: Install a backup-controller that brings the CRD of RestoreRequests, or restore the snapshot and the bucket by hand: `kubectl broker backup status --engine backuprequest -o wide` names them
    exit 2
    ");
}

#[test]
fn the_newest_controller_restores_in_its_own_group_and_can_try_it() {
    let bed = Bed::start();
    for kind in backup_request::lc2() {
        bed.objects().register(kind);
    }
    let object = json!({
        "apiVersion": "backup.lc2.io/v1alpha1", "kind": "BackupRequest",
        "metadata": {"name": "portal", "namespace": NAMESPACE},
        "spec": {"application": "portal", "projectId": "retail", "provider": "local"},
        "status": {"state": "Completed"},
    });
    bed.objects().put(object).expect("it is put");
    let restore =
        "restore --id backuprequest.backup.lc2.io/portal --target-environment uat --sanitize";
    assert_snapshot!(shown(&run(&bed, &format!("{restore} --dry-run"))), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest.backup.lc2.io/portal-restore-RANDOM   Pending   -   2025-09-06T12:00:00Z
    backup: backuprequest.backup.lc2.io/portal
    target-environment: uat
    exit 0
    ");
    assert_snapshot!(shown(&run(&bed, &format!("{restore} --yes"))), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest.backup.lc2.io/portal-restore-RANDOM   Completed   -   2025-09-06T12:00:00Z
    backup: backuprequest.backup.lc2.io/portal
    target-environment: uat
    stderr:
    Restoring backup backuprequest.backup.lc2.io/portal into namespace proj-retail-prd (engine backuprequest)
    exit 0
    ");
    let objects = bed.objects().list("restorerequests.backup.lc2.io", None);
    assert!(
        objects
            .iter()
            .any(|object| object["spec"]["dryRun"] == true)
    );
    set(&bed, "backuprequest-fails=validation");
    assert_snapshot!(shown(&run(&bed, &format!("{restore} --restore-type full --yes"))), @"
    stderr:
    Restoring backup backuprequest.backup.lc2.io/portal into namespace proj-retail-prd (engine backuprequest)
    error: the restore of restorerequest.backup.lc2.io/portal-restore-RANDOM ended badly: Failed (the checksum of manifest.json does not fit)
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 1
    ");
}

#[test]
fn an_object_is_deleted_when_it_does_not_run() {
    let bed = Bed::with(&["backuprequest-stuck=InProgress"]);
    assert_eq!(run(&bed, &format!("create {NEW} --wait=false")).code, 0);
    wait_for_state(&bed, "new", "InProgress");
    assert_snapshot!(run(&bed, "delete --id new --yes").shown(), @"
    stderr:
    Removing backup new for good (engine backuprequest)
    error: new is running (InProgress)
    hint: Wait until it has ended, or remove its object all the same with `--force`
    exit 11
    ");
    assert_eq!(run(&bed, "delete --id new --yes --force").code, 0);
    assert_snapshot!(run(&bed, &format!("delete --id {DONE} --yes")).shown(), @"
    stdout:
    retail-prd-backup-20250905-100000 is deleted
    stderr:
    Removing backup retail-prd-backup-20250905-100000 for good (engine backuprequest)
    exit 0
    ");
    assert_snapshot!(run(&bed, &format!("delete --id {DONE} --yes")).shown(), @r#"
    stderr:
    Removing backup retail-prd-backup-20250905-100000 for good (engine backuprequest)
    error: there is no BackupRequest "retail-prd-backup-20250905-100000" here
    hint: `kubectl broker backup list --engine backuprequest` shows what is there
    exit 10
    "#);
    assert_snapshot!(run(&bed, "delete --id liferaybackup/nightly-20250905 --yes").shown(), @"
    stderr:
    Removing backup liferaybackup/nightly-20250905 for good (engine backuprequest)
    error: LiferayBackups are removed by Liferay's own retention job
    hint: It removes what is older than `backup.retentionDays` of the chart
    exit 2
    ");
}

#[test]
fn a_manifest_is_found_and_checked() {
    let bed = Bed::start();
    let manifest = |more: &str| {
        let program = bed.program();
        let mut arguments: Vec<_> = "backup manifest --engine backuprequest -n"
            .split(' ')
            .collect();
        arguments.extend([NAMESPACE, DONE]);
        arguments.extend(more.split_whitespace());
        program.run_with(&arguments).shown()
    };
    assert_snapshot!(manifest(""), @"
    stdout:
    s3://liferay-backups/retail/prd/20250905-100000/manifest.json
    It lies in object storage, which is not reached through the cluster. To check it:
    aws s3 cp 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' - | kubectl broker backup manifest retail-prd-backup-20250905-100000 --file -
    exit 0
    ");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("manifest.json");
    let mut document = json!({
        "version": "1.0", "timestamp": "2025-09-05T10:21:00Z", "projectId": "retail",
        "environment": "prd", "backupId": DONE,
        "database": {
            "snapshotId": "rds:us-east-1:retail-prd-20250905-100000", "instanceId": "retail-prd-db",
            "sizeBytes": 48_586_496_000_u64, "engine": "postgres", "engineVersion": "15.4",
        },
        "documentLibrary": {"objectCount": 12453, "totalSizeBytes": 135_291_469_824_u64},
    });
    let write = |document: &Value| fs::write(&file, document.to_string()).expect("a file");
    let given = format!("--file {}", file.display());
    write(&document);
    assert_snapshot!(manifest(&given), @"
    stdout:
    The manifest (spelling backupId) is that of retail-prd-backup-20250905-100000.
    passed   backup: retail-prd-backup-20250905-100000
    passed   project: retail
    passed   environment: prd
    passed   database instance: retail-prd-db
    passed   snapshot: rds:us-east-1:retail-prd-20250905-100000
    warned   destination bucket: the manifest does not say; liferay-backups in the backup
    passed   objects: 12453
    passed   database size: 48586496000 bytes (45.2 GB)
    passed   library size: 135291469824 bytes (126.0 GB)
    warned   files: the manifest lists none
    warned   checksum: the manifest has none
    exit 0
    ");
    document["backupId"] = json!("another");
    write(&document);
    assert_snapshot!(manifest(&given), @"
    stderr:
    error: the manifest is not that of retail-prd-backup-20250905-100000: backup is another, and retail-prd-backup-20250905-100000 in the backup
    hint: `kubectl broker backup manifest retail-prd-backup-20250905-100000` says which file to fetch
    exit 13
    ");
}
