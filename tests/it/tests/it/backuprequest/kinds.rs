//! The kinds in the cluster, and the permissions of the user.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::backup_request;

use super::{NAMESPACE, NEW, S3_CHECK, line, run, set, touch, watches_and_looks, with_kinds};
use crate::support::{Bed, Invocation};

#[test]
fn a_right_that_is_missing_is_named_with_its_rule() {
    let bed = Bed::with(&["deny=create:backuprequests"]);
    assert_snapshot!(run(&bed, &format!("create {NEW}")).outcome(), @r#"
    NotAllowed: "backup.liferay.cloud" "backuprequests" "proj-retail-prd" "testbed" backuprequests.backup.liferay.cloud new proj-retail-prd
    hint: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=create --resource=backuprequests.backup.liferay.cloud` `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["create"]}`
    exit 12
    "#);
    let bed = Bed::with(&["deny=list:backuprequests"]);
    assert_snapshot!(run(&bed, "list").outcome(), @r#"
    NotAllowed: "backup.liferay.cloud" "backuprequests" "proj-retail-prd" "testbed" backuprequests.backup.liferay.cloud proj-retail-prd
    hint: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=list --resource=backuprequests.backup.liferay.cloud` `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["list"]}`
    exit 12
    "#);
    // One of several kinds is left out with a warning.
    let bed = Bed::with(&["deny=list:liferaybackups"]);
    assert_snapshot!(run(&bed, "list").outcome(), @r#"
    stdout:
    NAME   PROJECT   ENVIRONMENT   STATE   DATABASE   LIBRARY   AGE
    retail-prd-backup-20250906-100000   retail   prd   Failed   45.2 GB   -   AGE
    retail-prd-backup-20250905-100000   retail   prd   Succeeded   45.2 GB   126.0 GB   AGE
    warning: "backup.liferay.cloud" "liferaybackups" "proj-retail-prd" "testbed" LiferayBackup kubectl-broker/backuprequest liferaybackups.backup.liferay.cloud proj-retail-prd
    note: 2
    exit 0
    "#);
}

#[test]
fn a_cluster_without_the_kinds_is_told_what_it_lacks() {
    let bed = with_kinds(Vec::new());
    assert_snapshot!(run(&bed, "list").shown(), @"
    stderr:
    error: the cluster has none of the kinds that this engine works with
    hint: Install the backup-controller and its CRDs (BackupRequest of backup.liferay.cloud/v1alpha1); `kubectl api-resources --api-group=backup.liferay.cloud` shows the existing kinds
    exit 10
    ");
    assert_snapshot!(run(&bed, &format!("create {NEW}")).hint(), @"
    Usage: BackupRequest
    hint: Install the backup-controller and its CRD BackupRequest of backup.liferay.cloud/v1alpha1. LiferayBackups are made by Liferay's own schedule: this engine only shows them
    exit 2
    ");
    assert_snapshot!(run(&bed, "status --id x").outcome(), @"
    NotFound: backup.liferay.cloud/v1alpha1/BackupRequest https://127.0.0.1:PORT
    hint: `kubectl api-resources --api-group=backup.liferay.cloud`
    exit 10
    ");
    let program = bed.program().data_although_failed();
    assert_snapshot!(tested(&program), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    kind:BackupRequest   backuprequest   skipped   backup.liferay.cloud/v1alpha1/BackupRequest
    kind:RestoreRequest   backuprequest   skipped   backup.liferay.cloud/v1alpha1/RestoreRequest
    kind:BackupRequest   backuprequest   skipped   backup.lc2.io/v1alpha1/BackupRequest
    kind:RestoreRequest   backuprequest   skipped   backup.lc2.io/v1alpha1/RestoreRequest
    kind:LiferayBackup   backuprequest   skipped   backup.liferay.cloud/v1alpha1/LiferayBackup
    kind:LiferayBackup   backuprequest   skipped   backup.liferay.cloud/v1beta1/LiferayBackup
    kind:LiferayBackup   backuprequest   skipped   backup.liferay.cloud/v1/LiferayBackup
    storage:manifests   backuprequest   warned
    detect   backuprequest   failed
    list   backuprequest   skipped

    backuprequest/storage:manifests:
      hint: AWS_ACCESS_KEY_ID AWS_PROFILE AWS_SECRET_ACCESS_KEY `aws sso login`

    backuprequest/detect:
      hint: BackupRequest `kubectl api-resources --api-group=backup.liferay.cloud` backup.liferay.cloud/v1alpha1
    note: 13 3 1 1 8
    exit 1
    ");
}

/// Returns the outcome of `backup test`, with the same name for the check of S3 in all versions of the engine.
fn tested(program: &Invocation) -> String {
    let outcome = program.run(&line("test")).outcome();
    outcome.replace(S3_CHECK, "storage:manifests")
}

#[test]
fn a_test_shows_kinds_and_rights() {
    let bed = Bed::with(&["deny=delete:backuprequests"]);
    let program = bed.program().data_although_failed();
    assert_snapshot!(tested(&program), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:backuprequests   backuprequest   warned   backuprequest
    right:restorerequests   backuprequest   passed   backuprequest
    kind:BackupRequest   backuprequest   skipped   backup.lc2.io/v1alpha1/BackupRequest
    kind:RestoreRequest   backuprequest   skipped   backup.lc2.io/v1alpha1/RestoreRequest
    right:liferaybackups   backuprequest   passed   backuprequest
    kind:LiferayBackup   backuprequest   skipped   backup.liferay.cloud/v1beta1/LiferayBackup
    kind:LiferayBackup   backuprequest   skipped   backup.liferay.cloud/v1/LiferayBackup
    storage:manifests   backuprequest   warned
    detect   backuprequest   passed   BackupRequest LiferayBackup RestoreRequest
    list   backuprequest   passed   3

    backuprequest/right:backuprequests:
      hint: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=get,list,watch,create,delete --resource=backuprequests.backup.liferay.cloud` `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["get", "list", "watch", "create", "delete"]}`

    backuprequest/storage:manifests:
      hint: AWS_ACCESS_KEY_ID AWS_PROFILE AWS_SECRET_ACCESS_KEY `aws sso login`
    note: 13 7 2 4
    exit 0
    "#);
}

/// Returns the output for a LiferayBackup of a version that is followed to its end.
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
    run.outcome()
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
