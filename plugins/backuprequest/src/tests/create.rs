use super::*;

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
    // A label may contain capitals; the object's name made of it must not.
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
        ("spec: {projectId: x}", "has no name"),
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
        "`--file` has the complete BackupRequest: leave out `--name`"
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
