//! The kinds in the cluster, and the permissions of the user.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::backup_request;

use super::{NAMESPACE, NEW, line, run, set, touch, watches_and_looks, with_kinds};
use crate::support::Bed;

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
    // One of several kinds is left out with a warning.
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
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/RestoreRequest; what needs it can't be done
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/RestoreRequest; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1alpha1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1beta1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1/LiferayBackup; what needs it can't be done
    endpoint:storage   backuprequest   warned   no AWS credentials were found, and S3 wants some: what needs it fails
    detect   backuprequest   failed   the cluster has none of the kinds that this engine works with
    list   backuprequest   skipped   it needs a check that failed

    backuprequest/endpoint:storage:
      Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sso login` logs in where the profile uses that

    backuprequest/detect:
      Install the backup-controller and its CRDs (BackupRequest of backup.liferay.cloud/v1alpha1); `kubectl api-resources --api-group=backup.liferay.cloud` shows what is there
    stderr:
    13 checks: 3 passed, 1 warned, 1 failed, 8 skipped
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
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:backuprequests   backuprequest   warned   may not delete (for engine backuprequest): what needs it fails
    right:restorerequests   backuprequest   passed   may get, list, watch, create, delete (for engine backuprequest)
    kind:BackupRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/BackupRequest; what needs it can't be done
    kind:RestoreRequest   backuprequest   skipped   the cluster does not have backup.lc2.io/v1alpha1/RestoreRequest; what needs it can't be done
    right:liferaybackups   backuprequest   passed   may get, list, watch (for engine backuprequest)
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1beta1/LiferayBackup; what needs it can't be done
    kind:LiferayBackup   backuprequest   skipped   the cluster does not have backup.liferay.cloud/v1/LiferayBackup; what needs it can't be done
    endpoint:storage   backuprequest   warned   no AWS credentials were found, and S3 wants some: what needs it fails
    detect   backuprequest   passed   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    list   backuprequest   passed   3 backups

    backuprequest/right:backuprequests:
      Ask for this right: `kubectl create role broker-backuprequests -n proj-retail-prd --verb=get,list,watch,create,delete --resource=backuprequests.backup.liferay.cloud`, or in a Role `{apiGroups: ["backup.liferay.cloud"], resources: ["backuprequests"], verbs: ["get", "list", "watch", "create", "delete"]}`

    backuprequest/endpoint:storage:
      Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sso login` logs in where the profile uses that
    stderr:
    13 checks: 7 passed, 2 warned, 4 skipped
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
