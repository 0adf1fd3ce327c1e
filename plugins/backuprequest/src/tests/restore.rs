use super::*;

const TARGET: &str = "target-environment";

#[test]
fn a_restore_is_an_object_of_the_backups_own_group() {
    let host = host().object(request("a", json!({"state": "Succeeded"})));
    let given = [
        (TARGET, "uat".into()),
        ("target-instance", "retail-uat-db".into()),
        ("target-bucket", "liferay-retail-uat-dl".into()),
    ];
    let restoration = restore(&host, "a", false, &given).unwrap();
    assert_eq!(restoration.backup.id, "restorerequest/a-restore-00001");
    assert_eq!(restoration.backup.activity, Activity::Restore);
    assert_eq!(
        host.done()[0].sent["spec"],
        json!({
            "projectId": "retail", "sourceEnvironment": "prd", "targetEnvironment": "uat",
            "backupId": "a", "database": {"targetInstanceId": "retail-uat-db"},
            "documentLibrary": {"targetBucket": "liferay-retail-uat-dl"},
        })
    );
    let host = host.object(lc2("b", json!({"state": "Completed"})));
    let given = [
        (TARGET, "uat".into()),
        ("restore-type", "full".into()),
        ("sanitize", true.into()),
    ];
    restore(&host, "backuprequest.backup.lc2.io/b", true, &given).unwrap();
    let done = host.done();
    assert_eq!(done[1].kind, "backup.lc2.io/v1alpha1/RestoreRequest");
    assert_eq!(
        done[1].sent["spec"],
        json!({"backupId": "b", "targetEnvironment": "uat", "restoreType": "full", "dryRun": true, "sanitize": true})
    );
}

#[test]
fn a_restore_that_can_not_be_is_refused_before_anything_is_begun() {
    let host = host()
        .object(request("a", json!({"state": "Succeeded"})))
        .object(request("running", json!({"state": "InProgress"})))
        .object(lc2("b", json!({"state": "Completed"})));
    let target = (TARGET, OptionValue::from("uat"));
    let newest = "backuprequest.backup.lc2.io/b";
    for (id, dry_run, given, kind) in [
        ("a", false, vec![], ErrorKind::InvalidArgument),
        ("a", true, vec![target.clone()], ErrorKind::Unsupported),
        (
            "a",
            false,
            vec![target.clone(), ("sanitize", true.into())],
            ErrorKind::Unsupported,
        ),
        (
            newest,
            false,
            vec![target.clone(), ("target-bucket", "x".into())],
            ErrorKind::Unsupported,
        ),
        ("running", false, vec![target.clone()], ErrorKind::Conflict),
        ("gone", false, vec![target.clone()], ErrorKind::NotFound),
        (
            "liferaybackup/x",
            false,
            vec![target.clone()],
            ErrorKind::Unsupported,
        ),
        (
            "restorerequest/x",
            false,
            vec![target.clone()],
            ErrorKind::InvalidArgument,
        ),
    ] {
        let error = restore(&host, id, dry_run, &given).unwrap_err();
        assert_eq!(error.kind, kind, "{id}: {}", error.message);
        assert_eq!(host.done(), []);
    }
    let lacking = "backup.liferay.cloud/v1alpha1/RestoreRequest";
    let host = host.refuses_objects("create", lacking, missing(lacking));
    let error = restore(&host, "a", false, &[target]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.hint.unwrap().contains("CRD of RestoreRequests"));
}
