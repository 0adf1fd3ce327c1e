//! RestoreRequests.

use insta::assert_snapshot;
use serde_json::json;
use testbed::backup_request;

use super::{DONE, FAILED, NAMESPACE, REQUESTS, run, set, with_kinds};
use crate::support::Bed;

#[test]
fn a_restore_is_an_object_that_is_followed_to_its_end() {
    let bed = Bed::start();
    let restore = format!("restore --id {DONE} --target-environment uat --yes");
    assert_snapshot!(run(&bed, &restore).outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM   Succeeded   -   2025-09-06T12:00:00Z
    backup: retail-prd-backup-20250905-100000
    target-environment: uat
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    exit 0
    ");
    let listed = run(&bed, "list --restores -o json").ids();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].starts_with("restorerequest/"), "{listed:?}");
    let bed = Bed::with(&["backuprequest-fails=database"]);
    assert_snapshot!(run(&bed, &restore).outcome(), @"
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    Failed: RestoreFailed `failed` restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
    let bed = Bed::with(&["backuprequest-fails=validation"]);
    assert_snapshot!(run(&bed, &restore).outcome(), @"
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    Failed: ApprovalMissing restorerequest/retail-prd-backup-20250905-100000-restore-RANDOM
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
}

#[test]
fn a_restore_that_can_not_be_is_refused() {
    let bed = Bed::start();
    assert_snapshot!(run(&bed, &format!("restore --id {DONE} --yes")).message(), @"
    note: retail-prd-backup-20250905-100000 testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    Usage: `--target-environment` is missing: the environment that the backup is restored to
    exit 2
    ");
    let target = "--target-environment uat --yes";
    assert_snapshot!(run(&bed, &format!("restore --id {FAILED} {target}")).shown(), @"
    stderr:
    Restoring backup retail-prd-backup-20250906-100000: context testbed, server https://127.0.0.1:PORT, namespace proj-retail-prd, engine backuprequest
    error: retail-prd-backup-20250906-100000 can't be restored: it is Failed
    hint: Choose a backup that has succeeded; `kubectl broker backup list --engine backuprequest` shows them
    exit 11
    ");
    assert_snapshot!(run(&bed, &format!("restore --id {DONE} {target} --dry-run")).shown(), @"
    stderr:
    error: RestoreRequests of backup.liferay.cloud have no dry run
    hint: Leave out `--dry-run`; only those of backup.lc2.io have it
    exit 2
    ");
    assert_snapshot!(run(&bed, &format!("restore --id liferaybackup/nightly-20250905 {target}")).shown(), @"
    stderr:
    Restoring backup liferaybackup/nightly-20250905: context testbed, server https://127.0.0.1:PORT, namespace proj-retail-prd, engine backuprequest
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
    Restoring backup retail-prd-backup-20250905-100000: context testbed, server https://127.0.0.1:PORT, namespace proj-retail-prd, engine backuprequest
    error: the cluster does not have the kind RestoreRequest, so nothing can be restored
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
    assert_snapshot!(run(&bed, &format!("{restore} --dry-run")).outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest.backup.lc2.io/portal-restore-RANDOM   Pending   -   2025-09-06T12:00:00Z
    backup: backuprequest.backup.lc2.io/portal
    target-environment: uat
    exit 0
    ");
    assert_snapshot!(run(&bed, &format!("{restore} --yes")).outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restorerequest.backup.lc2.io/portal-restore-RANDOM   Completed   -   2025-09-06T12:00:00Z
    backup: backuprequest.backup.lc2.io/portal
    target-environment: uat
    note: backuprequest.backup.lc2.io/portal testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    exit 0
    ");
    let objects = bed.objects().list("restorerequests.backup.lc2.io", None);
    assert!(
        objects
            .iter()
            .any(|object| object["spec"]["dryRun"] == true)
    );
    set(&bed, "backuprequest-fails=validation");
    assert_snapshot!(run(&bed, &format!("{restore} --restore-type full --yes")).outcome(), @"
    note: backuprequest.backup.lc2.io/portal testbed https://127.0.0.1:PORT proj-retail-prd backuprequest
    Failed: manifest.json restorerequest.backup.lc2.io/portal-restore-RANDOM
    hint: `kubectl broker backup list --engine backuprequest`
    exit 1
    ");
}
