use broker_engine::mock::Host;
use broker_engine::{
    Activity, Create, CreateRequest, Delete, DeleteRequest, OptionSetting, OptionValue, Prepare,
    PrepareRequest, Restoration, Restore, RestoreRequest, RestoreSource, State,
};
use serde_json::json;

use super::*;

const KIND: &str = "backup.liferay.cloud/v1alpha1/BackupRequest";
const LC2_KIND: &str = "backup.lc2.io/v1alpha1/BackupRequest";
/// 2025-11-09 14:30:00 UTC.
const NOW: u64 = 1_762_698_600_000;

fn host() -> Host {
    Host::new(MANIFEST).at(NOW)
}

fn request(name: &str, status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": "BackupRequest",
        "metadata": {"name": name, "creationTimestamp": "2025-11-09T14:30:00Z"},
        "spec": {
            "projectId": "retail", "environment": "prd", "provider": "aws",
            "database": {"instanceId": "retail-prd-db"},
            "documentLibrary": {
                "sourceBucket": "liferay-retail-prd-dl", "destinationBucket": "liferay-backups",
                "destinationPrefix": "retail/prd/20251109-143000/dl",
            },
        },
    });
    object["status"] = status;
    object
}

fn lc2(name: &str, status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "backup.lc2.io/v1alpha1", "kind": "BackupRequest", "metadata": {"name": name},
        "spec": {"application": "portal", "projectId": "retail", "provider": "local"},
    });
    object["status"] = status;
    object
}

fn liferay(version: &str, conditions: Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("backup.liferay.cloud/{version}"), "kind": "LiferayBackup",
        "metadata": {"name": "nightly"},
        "status": {
            "databaseSnapshot": {"uuid": "5b0c"},
            "documentLibrary": {"destinationBucket": "b", "destinationPath": "/p/q"},
        },
    });
    object["status"]["conditions"] = conditions;
    object
}

fn options(given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let given = given.iter();
    given
        .map(|(name, value)| OptionSetting {
            name: (*name).to_owned(),
            value: value.clone(),
        })
        .collect()
}

fn list(host: &Host, given: &[(&str, OptionValue)]) -> Result<Vec<Backup>> {
    host.run(|| {
        BackupRequest::list(ListRequest {
            limit: None,
            options: options(given),
        })
    })
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        BackupRequest::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn field<'a>(backup: &'a Backup, name: &str) -> Option<&'a str> {
    let field = backup.fields.iter().find(|field| field.name == name);
    field.map(|field| field.value.as_str())
}

/// What is needed to create a backup, but for `without`, and with `more`.
fn flags(without: &str, more: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let needed: [(&str, OptionValue); 5] = [
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("database-instance", "retail-prd-db".into()),
        ("source-bucket", "liferay-retail-prd-dl".into()),
        ("destination-bucket", "liferay-backups".into()),
    ];
    let given: Vec<_> = needed
        .into_iter()
        .filter(|(name, _)| *name != without && !more.iter().any(|(other, _)| other == name))
        .chain(more.iter().cloned())
        .collect();
    options(&given)
}

fn create(host: &Host, options: Vec<OptionSetting>) -> Result<Backup> {
    host.run(|| BackupRequest::create(CreateRequest { options }))
}

fn prepare(host: &Host, options: Vec<OptionSetting>) -> Result<Vec<String>> {
    host.run(|| BackupRequest::prepare(PrepareRequest { options }))
}

fn delete(host: &Host, id: &str, force: bool) -> Result<()> {
    host.run(|| {
        BackupRequest::delete(DeleteRequest {
            id: id.to_owned(),
            force,
            options: Vec::new(),
        })
    })
}

fn restore(
    host: &Host,
    id: &str,
    dry_run: bool,
    given: &[(&str, OptionValue)],
) -> Result<Restoration> {
    host.run(|| {
        BackupRequest::restore(RestoreRequest {
            source: RestoreSource::Id(id.to_owned()),
            dry_run,
            options: options(given),
        })
    })
}

fn missing(kind: &str) -> Error {
    Error::not_found(format!("the server knows no kind {kind}"))
}

#[test]
fn every_word_of_every_document_has_its_meaning() {
    for (word, meaning) in [
        ("", State::Pending),
        ("Pending", State::Pending),
        ("InProgress", State::Running),
        ("DatabaseComplete", State::Running),
        ("SnapshotInProgress", State::Running),
        ("ExportInProgress", State::Running),
        ("TransferInProgress", State::Running),
        ("GeneratingMetadata", State::Running),
        ("Succeeded", State::Succeeded),
        ("Completed", State::Succeeded),
        ("Failed", State::Failed),
        ("Archiving", State::Unknown),
    ] {
        let backup = status(&host().object(request("a", json!({"state": word}))), "a").unwrap();
        assert_eq!(backup.state, meaning, "{word}");
        assert_eq!(
            backup.reported_state.as_deref(),
            Some(word).filter(|it| !it.is_empty())
        );
        let backup = status(
            &host().object(lc2("a", json!({"state": word}))),
            "backuprequest.backup.lc2.io/a",
        );
        assert_eq!(backup.unwrap().state, meaning, "{word}");
    }
    let restore = |state: &str| {
        json!({"apiVersion": "backup.lc2.io/v1alpha1", "kind": "RestoreRequest",
               "metadata": {"name": "r"}, "status": {"state": state, "progress": 30}})
    };
    for word in [
        "ValidatingBackup",
        "RestoringSnapshot",
        "RestoringDump",
        "RestoringStorage",
    ] {
        let host = host().object(restore(word));
        let backup = status(&host, "restorerequest.backup.lc2.io/r").unwrap();
        assert_eq!(
            (backup.state, backup.activity),
            (State::Running, Activity::Restore)
        );
        assert_eq!(field(&backup, "progress"), Some("30%"));
    }
}

#[test]
fn what_the_controller_says_is_shown_as_it_says_it() {
    let status_of = json!({
        "state": "Failed", "completionTime": "2025-11-09T14:51:00Z",
        "database": {"snapshotId": "rds:retail", "size": "45.2 GB"},
        "documentLibrary": {"objectCount": 12453, "totalSize": "126.0 GB", "manifestPath": "s3://b/m.json"},
        "conditions": [
            {"type": "DatabaseBackupReady", "status": "True", "reason": "SnapshotSucceeded"},
            {"type": "DocumentLibraryBackupReady", "status": "False", "reason": "CopyFailed", "message": "denied"},
            {"type": "Ready", "status": "False", "reason": "BackupFailed"},
            {"type": "Odd"},
        ],
    });
    let backup = status(&host().object(request("a", status_of)), "a").unwrap();
    assert_eq!(
        backup.failure.as_deref(),
        Some("CopyFailed: denied; BackupFailed")
    );
    assert_eq!(backup.created.as_deref(), Some("2025-11-09T14:30:00Z"));
    assert_eq!(backup.size, None, "its GB may be 1000 or 1024 MB");
    for (name, value) in [
        ("project", "retail"),
        ("environment", "prd"),
        ("database-size", "45.2 GB"),
        ("library-size", "126.0 GB"),
        ("snapshot", "rds:retail"),
        ("objects", "12453"),
        ("location", "s3://b/m.json"),
        ("completed", "2025-11-09T14:51:00Z"),
        (
            "conditions",
            "DatabaseBackupReady=True (SnapshotSucceeded), DocumentLibraryBackupReady=False (CopyFailed), Ready=False (BackupFailed)",
        ),
    ] {
        assert_eq!(field(&backup, name), Some(value), "{name}");
    }
    let told = json!({"state": "Failed", "error": "no space", "conditions": []});
    let backup = status(&host().object(request("a", told)), "a").unwrap();
    assert_eq!(backup.failure.as_deref(), Some("no space"));
}

#[test]
fn a_liferay_backup_is_followed_by_its_condition_in_any_version() {
    for (version, conditions, state) in [
        ("v1alpha1", json!([]), State::Running),
        (
            "v1beta1",
            json!([{"type": "Succeeded", "status": "True"}]),
            State::Succeeded,
        ),
        (
            "v1",
            json!([{"type": "Succeeded", "status": "False", "reason": "Quota"}]),
            State::Failed,
        ),
        (
            "v1",
            json!([{"type": "Other", "status": "True"}]),
            State::Running,
        ),
        (
            "v1",
            json!([{"type": "Succeeded", "status": "Perhaps"}]),
            State::Unknown,
        ),
    ] {
        let backup = status(
            &host().object(liferay(version, conditions)),
            "liferaybackup/nightly",
        );
        let backup = backup.unwrap();
        assert_eq!(backup.state, state);
        assert_eq!(
            backup.failure.as_deref(),
            (state == State::Failed).then_some("Quota")
        );
        assert_eq!(field(&backup, "location"), Some("b/p/q"));
    }
}

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
    assert_eq!(error.message, "there is no BackupRequest \"b\" here");
    let error = status(&host, "liferaybackup/b").unwrap_err();
    assert_eq!(error.message, "there is no LiferayBackup \"b\" here");
    let error = status(&host, "pod/b").unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(error.hint.unwrap().contains("`liferaybackup/NAME`"));
    let host = host.refuses_objects("list", LC2_KIND, missing(LC2_KIND));
    let error = status(&host, "backuprequest.backup.lc2.io/b").unwrap_err();
    assert_eq!(error, missing(LC2_KIND));
}

#[test]
fn a_request_is_made_of_the_flags() {
    let host = host();
    let more = [
        ("provider", "gcp".into()),
        ("database-type", "dump".into()),
        ("database-retention", "14d".into()),
        ("retention-days", 30.into()),
        ("destination-prefix", "retail/prd/x/dl".into()),
        ("exclude-generated-files", true.into()),
    ];
    let backup = create(&host, flags("", &more)).unwrap();
    assert_eq!(backup.id, "retail-prd-backup-20251109-143000");
    assert_eq!(backup.state, State::Pending);
    let done = host.done();
    assert_eq!((done[0].verb, done[0].kind.as_str()), ("create", KIND));
    assert_eq!(
        done[0].sent,
        json!({
            "metadata": {
                "name": "retail-prd-backup-20251109-143000",
                "labels": {"backup.liferay.cloud/project": "retail", "backup.liferay.cloud/environment": "prd"},
            },
            "spec": {
                "projectId": "retail", "environment": "prd", "provider": "gcp", "retentionDays": 30,
                "database": {"type": "dump", "instanceId": "retail-prd-db", "retention": "14d"},
                "documentLibrary": {
                    "sourceBucket": "liferay-retail-prd-dl", "destinationBucket": "liferay-backups",
                    "destinationPrefix": "retail/prd/x/dl", "excludeGeneratedFiles": true,
                },
            },
        })
    );
}

#[test]
fn what_is_not_given_is_left_to_the_controller() {
    let host = host();
    create(&host, flags("", &[("name", "mine".into())])).unwrap();
    let spec = &host.done()[0].sent["spec"];
    assert_eq!(spec["database"], json!({"instanceId": "retail-prd-db"}));
    assert_eq!(spec["provider"], Value::Null);
    assert_eq!(host.done()[0].name, "mine");
}

#[test]
fn flags_that_can_not_be_are_refused_by_name_before_anything_is_begun() {
    for flag in [
        "project",
        "environment",
        "database-instance",
        "source-bucket",
        "destination-bucket",
    ] {
        let error = create(&host(), flags(flag, &[])).unwrap_err();
        let begin = format!("`--{flag}` is missing: ");
        assert!(error.message.starts_with(&begin), "{}", error.message);
    }
    let long = "a".repeat(64);
    for (flag, value) in [
        ("project", OptionValue::from("retail shop")),
        ("project", (&*long).into()),
        ("environment", "-prd".into()),
        ("source-bucket", "s3://a/b".into()),
        ("destination-bucket", "AB".into()),
        ("destination-prefix", "/a".into()),
        ("database-retention", "7".into()),
        ("database-retention", "sevend".into()),
        ("database-retention", "d".into()),
        ("retention-days", 6.into()),
        ("retention-days", 366.into()),
        ("name", "Über".into()),
        ("name", "a..b".into()),
    ] {
        let host = host();
        let options = flags("", &[(flag, value.clone())]);
        let error = prepare(&host, options.clone()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(
            error.message.contains(&format!("--{flag}")),
            "{}",
            error.message
        );
        assert_eq!(create(&host, options).unwrap_err(), error);
        assert_eq!(host.done(), []);
    }
    for days in [7, 365] {
        create(&host(), flags("", &[("retention-days", days.into())])).unwrap();
    }
    // A label may have capitals; a name made of it may not.
    let error = create(&host(), flags("", &[("project", "Retail".into())])).unwrap_err();
    assert!(error.message.contains("give `--name`"), "{}", error.message);
}

#[test]
fn a_file_is_sent_as_it_is_with_a_name_where_it_has_none() {
    let yaml = "kind: BackupRequest\nspec: {projectId: retail, environment: prd, more: [1]}\n";
    let host = host();
    let backup = create(&host, options(&[("file", yaml.into())])).unwrap();
    assert_eq!(backup.id, "retail-prd-backup-20251109-143000");
    assert_eq!(host.done()[0].sent["spec"]["more"], json!([1]));
    let named = r#"{"metadata": {"name": "x"}, "spec": {}}"#;
    let backup = create(&host, options(&[("file", named.into())])).unwrap();
    assert_eq!(backup.id, "x");
}

#[test]
fn a_file_that_is_no_request_is_refused() {
    for (file, part) in [
        ("a: [", "neither YAML nor JSON"),
        ("kind: Pod\nspec: {}", "only a BackupRequest"),
        (
            "apiVersion: backup.lc2.io/v1alpha1\nspec: {}",
            "only a BackupRequest",
        ),
        ("metadata: {name: x}", "no `spec`"),
        ("spec: {projectId: x}", "neither a name"),
        (
            "spec: {projectId: X, environment: prd}",
            "give `metadata.name of --file`",
        ),
    ] {
        let error = create(&host(), options(&[("file", file.into())])).unwrap_err();
        assert!(error.message.contains(part), "{}", error.message);
    }
    let both = options(&[
        ("file", "spec: {}".into()),
        ("restores", false.into()),
        ("name", "x".into()),
    ]);
    let error = create(&host(), both).unwrap_err();
    assert_eq!(
        error.message,
        "`--file` has the whole BackupRequest: leave `--name` out"
    );
}

#[test]
fn a_backup_that_has_to_wait_for_others_of_its_project_says_so() {
    let running = |name| request(name, json!({"state": "InProgress"}));
    let host = host().object(running("a"));
    assert_eq!(
        prepare(&host, flags("", &[])).unwrap(),
        Vec::<String>::new()
    );
    let host = host.object(running("b"));
    let notes = prepare(&host, flags("", &[])).unwrap();
    assert!(
        notes[0].starts_with("2 backups of project retail are running"),
        "{notes:?}"
    );
    let other = flags("", &[("project", "other".into())]);
    assert_eq!(prepare(&host, other).unwrap(), Vec::<String>::new());
}

#[test]
fn without_the_kind_nothing_can_be_created() {
    let host = host()
        .refuses_objects("create", KIND, missing(KIND))
        .refuses_objects("list", KIND, missing(KIND));
    for error in [
        create(&host, flags("", &[])).unwrap_err(),
        prepare(&host, flags("", &[])).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.hint.unwrap().contains("CRD BackupRequest"));
    }
}

#[test]
fn an_object_is_deleted_unless_it_runs() {
    let host = host()
        .object(request("old", json!({"state": "Succeeded"})))
        .object(request("new", json!({"state": "InProgress"})));
    delete(&host, "old", false).unwrap();
    let error = delete(&host, "new", false).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Conflict, "new is running (InProgress)")
    );
    delete(&host, "new", true).unwrap();
    assert_eq!(host.done().len(), 2);
    assert_eq!(
        delete(&host, "new", true).unwrap_err().kind,
        ErrorKind::NotFound
    );
    let error = delete(&host, "liferaybackup/nightly", true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

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

fn manifest(host: &Host, name: &str, file: Option<&str>) -> Result<String> {
    let mut given: Vec<(&str, OptionValue)> = vec![("name", name.into())];
    given.extend(file.map(|file| ("file", file.into())));
    match host.act::<BackupRequest>("manifest", &given)? {
        Report::Text(text) => Ok(text),
        other => panic!("{other:?}"),
    }
}

fn backed_up() -> Host {
    host().object(request(
        "retail-prd-backup-20251109-143000",
        json!({
            "state": "Succeeded", "database": {"snapshotId": "rds:x", "size": "45.2 GB"},
            "documentLibrary": {
                "objectCount": 2, "totalSize": "3.0 KB",
                "manifestPath": "s3://liferay-backups/retail/prd/20251109-143000/manifest.json",
            },
        }),
    ))
}

const ID: &str = "retail-prd-backup-20251109-143000";

fn snake() -> Value {
    json!({
        "version": "1.0", "project": "retail", "environment": "prd", "backup_id": ID,
        "database": {"snapshot_id": "rds:x", "instance_id": "retail-prd-db", "size_bytes": 48_586_496_000_u64},
        "document_library": {
            "destination_bucket": "liferay-backups", "object_count": 2, "total_size_bytes": 3000,
            "files": [{"key": "a", "size_bytes": 1000}, {"key": "b", "size_bytes": 2000}],
        },
    })
}

fn camel() -> Value {
    json!({
        "version": "1.0", "projectId": "retail", "environment": "prd", "backupId": ID,
        "database": {"snapshotId": "rds:x", "instanceId": "retail-prd-db", "sizeBytes": 45_200_000_000_u64},
        "documentLibrary": {
            "objectCount": 2, "totalSizeBytes": 3000,
            "files": [{"key": "a", "sizeBytes": 1000}, {"key": "b", "sizeBytes": 2000}],
        },
    })
}

fn refined() -> Value {
    json!({
        "projectId": "retail", "environment": "prd", "backupId": ID, "initiator": "cron",
        "database": {"type": "rds-snapshot", "snapshotId": "rds:x", "instanceId": "retail-prd-db", "size": "45.2 GB"},
        "documentLibrary": {"bucket": "liferay-backups", "objectCount": 2, "totalSize": "3.0 KB"},
    })
}

#[test]
fn a_manifest_is_checked_in_each_spelling() {
    for (document, spelling) in [
        (snake(), "(spelling backup_id)"),
        (camel(), "(spelling backupId)"),
        (refined(), "(spelling backupId, without version)"),
    ] {
        let report = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap();
        assert!(report.contains(spelling), "{report}");
        for line in [
            "passed   backup: retail-prd-backup-20251109-143000",
            "passed   project: retail",
            "passed   database instance: retail-prd-db",
            "passed   snapshot: rds:x",
            "passed   objects: 2",
            "45.2 GB",
            "3.0 KB",
            "warned   checksum: the manifest has none",
        ] {
            assert!(report.contains(line), "{line}\n{report}");
        }
    }
}

#[test]
fn a_manifest_of_another_backup_is_an_error_that_names_every_difference() {
    for (place, value, part) in [
        (
            "/backup_id",
            json!("other"),
            "backup is other, and retail-prd",
        ),
        (
            "/project",
            json!("shop"),
            "project is shop, and retail in the backup",
        ),
        ("/database/snapshot_id", json!("rds:y"), "snapshot is rds:y"),
        (
            "/database/size_bytes",
            json!(1),
            "database size is 1 bytes, and 45.2 GB",
        ),
        (
            "/document_library/object_count",
            json!(3),
            "objects is 3, and 2 in the backup; 2 of 3 are listed",
        ),
        (
            "/document_library/total_size_bytes",
            json!(3001),
            "the files have 3000 bytes, and 3001 in total",
        ),
        ("/version", json!("1.0"), ""),
    ] {
        let mut document = snake();
        *document.pointer_mut(place).unwrap() = value;
        let checked = manifest(&backed_up(), ID, Some(&document.to_string()));
        match part {
            "" => drop(checked.unwrap()),
            part => {
                let error = checked.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Integrity);
                assert!(error.message.contains(part), "{}", error.message);
            }
        }
    }
}

#[test]
fn a_checksum_that_fits_no_form_is_a_warning_and_one_that_is_none_an_error() {
    let mut document = snake();
    document["checksum"] = json!(format!("sha256:{}", "0".repeat(64)));
    let report = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap();
    assert!(
        report.contains("warned   checksum: it fits none of the forms"),
        "{report}"
    );
    document["checksum"] = json!("md5:0");
    let error = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap_err();
    assert!(error.message.contains("is no sha256"), "{}", error.message);
}

#[test]
fn a_list_that_the_controller_has_ended_is_a_warning() {
    let file = json!({"key": "a", "sizeBytes": 1});
    let mut document = camel();
    document["documentLibrary"] =
        json!({"objectCount": 12453, "totalSizeBytes": 12453, "files": vec![file; 10_000]});
    let host = host().object(request(ID, json!({"state": "Succeeded"})));
    let report = manifest(&host, ID, Some(&document.to_string())).unwrap();
    assert!(
        report.contains("10000 of 12453 are listed: the controller lists no more"),
        "{report}"
    );
}

#[test]
fn what_is_no_manifest_is_said() {
    for (file, part) in [
        ("\u{1f}\u{8b}", "is no manifest"),
        ("{}", "names no backup"),
    ] {
        let error = manifest(&backed_up(), ID, Some(file)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity);
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[test]
fn without_a_file_it_is_said_where_the_manifest_lies() {
    let report = manifest(&backed_up(), ID, None).unwrap();
    assert!(
        report.ends_with(
            "aws s3 cp 's3://liferay-backups/retail/prd/20251109-143000/manifest.json' - | kubectl broker backup manifest retail-prd-backup-20251109-143000 --file -"
        ),
        "{report}"
    );
    // The controller has not said so.
    let host = host().object(request("a", json!({})));
    let report = manifest(&host, "a", None).unwrap();
    assert!(
        report.starts_with(
            "s3://liferay-backups/retail/prd/20251109-143000/manifest.json (the controller has not said so"
        ),
        "{report}"
    );
    let host = host.object(lc2("b", json!({})));
    let report = manifest(&host, "backuprequest.backup.lc2.io/b", None).unwrap();
    assert!(
        report.starts_with("The controller has not said where"),
        "{report}"
    );
    let error = manifest(&host, "liferaybackup/x", None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
