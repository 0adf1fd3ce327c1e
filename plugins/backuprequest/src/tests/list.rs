use super::*;

#[test]
fn all_kinds_are_listed_and_ids_say_which() {
    let host = host()
        .object(request("a", json!({})))
        .object(lc2("a", json!({"state": "Completed"})))
        .object(liferay("v1alpha1", json!([])));
    let backups = list(&host, &[]).unwrap();
    let ids: Vec<_> = backups.iter().map(|backup| backup.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "a",
            "backuprequest.backup.lc2.io/a",
            "liferaybackup/nightly"
        ]
    );
    for id in ids {
        assert_eq!(status(&host, id).unwrap().id, id);
    }
    let of = |name, value: &str| list(&host, &[(name, value.into())]).unwrap().len();
    assert_eq!((of("project", "retail"), of("project", "other")), (2, 0));
    assert_eq!(of("environment", "prd"), 1);
    assert_eq!(list(&host, &[("restores", true.into())]).unwrap(), []);
}

#[test]
fn a_kind_that_is_lacking_does_not_hide_the_others() {
    let host = host()
        .object(liferay("v1", json!([])))
        .refuses_objects("list", KIND, missing(KIND))
        .refuses_objects("list", LC2_KIND, missing(LC2_KIND));
    for version in ["v1alpha1", "v1beta1"] {
        let kind = format!("backup.liferay.cloud/{version}/LiferayBackup");
        let host = host.clone().refuses_objects("list", &kind, missing(&kind));
        drop(host);
    }
    assert_eq!(list(&host, &[]).unwrap().len(), 1);
    let detail = host.run(BackupRequest::detect).unwrap().detail.unwrap();
    assert_eq!(
        detail,
        "LiferayBackup, RestoreRequest, RestoreRequest of backup.lc2.io"
    );
}

#[test]
fn with_no_kind_at_all_it_is_said_what_to_install() {
    let mut host = host();
    for rule in [
        KIND,
        LC2_KIND,
        "backup.liferay.cloud/v1alpha1/RestoreRequest",
        "backup.lc2.io/v1alpha1/RestoreRequest",
        "backup.liferay.cloud/v1alpha1/LiferayBackup",
        "backup.liferay.cloud/v1beta1/LiferayBackup",
        "backup.liferay.cloud/v1/LiferayBackup",
    ] {
        host = host.refuses_objects("list", rule, missing(rule));
    }
    for error in [
        list(&host, &[]).unwrap_err(),
        host.run(BackupRequest::detect).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(
            error
                .hint
                .unwrap()
                .contains("Install the backup-controller")
        );
    }
}

#[test]
fn what_may_not_be_read_is_left_out_aloud_unless_it_is_the_main_kind() {
    let forbidden = || Error::new(ErrorKind::Forbidden, "no right");
    let host =
        host()
            .object(request("a", json!({})))
            .refuses_objects("list", LC2_KIND, forbidden());
    assert_eq!(list(&host, &[]).unwrap().len(), 1);
    assert_eq!(
        host.warnings(),
        ["objects of kind BackupRequest of backup.lc2.io are left out: no right"]
    );
    let host = host.refuses_objects("list", KIND, forbidden());
    assert_eq!(list(&host, &[]).unwrap_err(), forbidden());
}

#[test]
fn an_id_that_names_nothing_is_told_apart_from_a_kind_that_is_lacking() {
    let host = host().object(request("a", json!({})));
    let error = status(&host, "b").unwrap_err();
    assert_eq!(
        error.message,
        "there is no BackupRequest \"b\" in this namespace"
    );
    let error = status(&host, "liferaybackup/b").unwrap_err();
    assert_eq!(
        error.message,
        "there is no LiferayBackup \"b\" in this namespace"
    );
    let error = status(&host, "pod/b").unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.hint.unwrap().contains("`liferaybackup/NAME`"));
    let host = host.refuses_objects("list", LC2_KIND, missing(LC2_KIND));
    let error = status(&host, "backuprequest.backup.lc2.io/b").unwrap_err();
    assert_eq!(error, missing(LC2_KIND));
}
