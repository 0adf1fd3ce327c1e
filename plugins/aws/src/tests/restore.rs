use super::*;

const RESTORE: &str = "liferay-backups/retail/prd/20251109-143000#restore-back";

/// The same as the value of a tag.
const TAG: &str = "liferay-backups/retail/prd/20251109-143000:restore-back";

fn restore(host: &Host, dry_run: bool, given: &[(&str, OptionValue)]) -> Result<Restoration> {
    let mut all = vec![("restore-name", "back".into())];
    all.extend(given.iter().cloned());
    let options = options(&all);
    host.run(|| {
        Aws::restore(RestoreRequest {
            source: RestoreSource::Id(ID.to_owned()),
            dry_run,
            options,
        })
    })
}

fn to_bucket() -> Vec<(&'static str, OptionValue)> {
    vec![("target-bucket", TARGET.into())]
}

fn complete(number: usize) -> Host {
    let host = with_documents(number);
    backed_up(&host, &documents_only(&[]));
    host
}

fn copied_to_target(host: &Host) -> usize {
    let copied = host.copied().into_iter();
    copied.filter(|it| it.starts_with(TARGET)).count()
}

#[test]
fn documents_are_restored_in_several_calls() {
    let host = complete(2_500).ticking(20_000);
    let begun = restore(&host, false, &to_bucket()).unwrap();
    assert_eq!(begun.backup.id, RESTORE);
    assert_eq!(begun.backup.activity, Activity::Restore);
    assert_eq!(begun.backup.reported_state.as_deref(), Some("restoring"));
    assert_eq!(detail(&begun.details, "to-copy"), Some("2500"));
    assert_eq!(copied_to_target(&host), 0);
    let ended = until_ended(&host, RESTORE).unwrap();
    assert_eq!(
        (ended.state, ended.activity),
        (State::Succeeded, Activity::Restore)
    );
    assert_eq!(host.keys_of(TARGET), host.keys_of(SOURCE));
    assert_eq!(copied_to_target(&host), 2_500);
    let details = finish(&host, RESTORE).unwrap();
    assert_eq!(detail(&details, "restored"), Some("2500"));
}

#[test]
fn a_restore_that_is_stopped_after_any_step_goes_on() {
    for steps in (0..40).chain([500, 1_020, 1_040, 1_060]) {
        let host = complete(1_040).stopped_after(Some(steps));
        let done = restore(&host, false, &to_bucket()).and_then(|_| until_ended(&host, RESTORE));
        assert!(done.is_err() || steps > 1_040);
        let host = host.stopped_after(None);
        restore(&host, false, &to_bucket()).unwrap();
        assert_eq!(until_ended(&host, RESTORE).unwrap().state, State::Succeeded);
        assert_eq!(host.keys_of(TARGET), host.keys_of(SOURCE));
        assert_eq!(copied_to_target(&host), 1_040, "{steps}");
    }
}

#[test]
fn equal_documents_are_left_and_others_replaced_only_on_demand() {
    let host = complete(4)
        .stored(TARGET, "lib/20097/00/0.pdf", "document 0")
        .stored(TARGET, "lib/20097/01/1.pdf", "another one")
        .stored(TARGET, "lib/20097/01/mine", "mine");
    let given = [
        ("target-bucket", TARGET.into()),
        ("target-prefix", "/lib/".into()),
    ];
    for dry_run in [true, false] {
        let error = restore(&host, dry_run, &given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(
            error.message.ends_with("such as 20097/01/1.pdf"),
            "{}",
            error.message
        );
    }
    let mut given = given.to_vec();
    given.push(("overwrite", true.into()));
    let tried = restore(&host, true, &given).unwrap();
    let counts = ["to-copy", "equal", "different"].map(|name| detail(&tried.details, name));
    assert_eq!(counts, [Some("3"), Some("1"), Some("1")]);
    assert_eq!(copied_to_target(&host), 0);
    restore(&host, false, &given).unwrap();
    until_ended(&host, RESTORE).unwrap();
    assert_eq!(copied_to_target(&host), 3);
    let text = |key: &str| host.bytes_of(TARGET, key).unwrap();
    assert_eq!(text("lib/20097/01/1.pdf"), b"document 1");
    assert_eq!(text("lib/20097/01/mine"), b"mine");
}

#[test]
fn a_busy_store_is_asked_again() {
    let host = complete(50).busy_every(3);
    restore(&host, false, &to_bucket()).unwrap();
    assert_eq!(until_ended(&host, RESTORE).unwrap().state, State::Succeeded);
    assert_eq!(copied_to_target(&host), 50);
}

#[test]
fn a_document_that_is_written_meanwhile_stops_the_restore() {
    let host = complete(4);
    restore(&host, false, &to_bucket()).unwrap();
    let host = host.stored(TARGET, "20097/02/2.pdf", "newer");
    assert_eq!(
        finish(&host, RESTORE).unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(host.bytes_of(TARGET, "20097/02/2.pdf").unwrap(), b"newer");
}

#[test]
fn a_document_with_a_long_key_gets_its_key_again() {
    let key = "k".repeat(1024);
    let host = host()
        .stored(SOURCE, &key, "x")
        .stored(SOURCE, "short", "y");
    backed_up(&host, &documents_only(&[]));
    assert_eq!(copies(&host), ["short"]);
    restore(&host, false, &to_bucket()).unwrap();
    assert_eq!(until_ended(&host, RESTORE).unwrap().state, State::Succeeded);
    assert_eq!(host.keys_of(TARGET), host.keys_of(SOURCE));
    let tried = restore(&host, true, &to_bucket()).unwrap();
    assert_eq!(detail(&tried.details, "equal"), Some("2"));
}

fn with_database(answers: Vec<Result<String>>) -> Host {
    let host = with_snapshot(with_documents(2), 0);
    create(&host, &whole(&[])).unwrap();
    until_ended(&host, ID).unwrap();
    // The backup did not describe the instance: `prepare` was not called. Its answer goes first.
    let host = answers
        .into_iter()
        .fold(host, |host, answer| {
            host.action("rds:DescribeDBInstances", answer)
        })
        .action("rds:RestoreDBInstanceFromDBSnapshot", Ok("<x/>".to_owned()));
    host.run(rds::look).unwrap();
    host
}

fn to_database() -> Vec<(&'static str, OptionValue)> {
    vec![
        ("db-instance", "retail-new-db".into()),
        ("db-subnet-group", "private".into()),
        ("db-security-groups", "sg-1, sg-2".into()),
    ]
}

fn no_instance() -> Result<String> {
    Err(refused(
        "DescribeDBInstances",
        404,
        "DBInstanceNotFound",
        ErrorKind::NotFound,
    ))
}

#[test]
fn a_snapshot_is_restored_to_a_new_instance() {
    let ours = tag("kubectl-broker/restore", TAG);
    let host = with_database(vec![
        no_instance(),
        no_instance(),
        no_instance(),
        Ok(instance("creating", &ours)),
        Ok(instance("available", &ours)),
    ]);
    let called = |host: &Host| {
        let called = host.called().into_iter();
        let called = called.filter(|it| it.action == "rds:RestoreDBInstanceFromDBSnapshot");
        called.collect::<Vec<_>>()
    };
    let tried = restore(&host, true, &to_database()).unwrap();
    assert_eq!(
        detail(&tried.details, "database"),
        Some("RDS instance retail-new-db")
    );
    assert_eq!(called(&host), []);
    let begun = restore(&host, false, &to_database()).unwrap();
    assert_eq!(begun.backup.state, State::Pending);
    let parameters = called(&host).remove(0).parameters;
    let expected = [
        ("DBInstanceIdentifier", "retail-new-db"),
        ("DBSnapshotIdentifier", "retail-prd-20251109-143000"),
        ("DBSubnetGroupName", "private"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-1"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.2", "sg-2"),
        ("Tags.Tag.1.Key", "kubectl-broker/restore"),
        ("Tags.Tag.1.Value", TAG),
    ];
    let given = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(given.collect::<Vec<_>>(), expected);
    let running = status(&host, RESTORE).unwrap();
    assert_eq!(running.reported_state.as_deref(), Some("database creating"));
    assert_eq!(status(&host, RESTORE).unwrap().state, State::Succeeded);
    // The same restore again finds its own instance.
    let again = restore(&host, false, &to_database()).unwrap();
    assert_eq!(
        (again.backup.state, called(&host).len()),
        (State::Succeeded, 1)
    );
}

#[test]
fn nothing_is_restored_over_an_instance() {
    let host = with_database(vec![Ok(instance("available", ""))]);
    for dry_run in [true, false] {
        let mut given = to_database();
        given.extend(to_bucket());
        let error = restore(&host, dry_run, &given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(
            error.message.contains("exists already"),
            "{}",
            error.message
        );
    }
    assert_eq!(
        (copied_to_target(&host), host.keys_of(TARGET).len()),
        (0, 0)
    );
    let called = host.called();
    assert!(called.iter().all(|it| !it.action.contains("Restore")));
    assert_eq!(
        status(&host, RESTORE).unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[test]
fn an_instance_that_can_not_be_used_is_a_failed_restore() {
    let host = with_database(vec![
        no_instance(),
        Ok(instance("incompatible-network", "")),
    ]);
    let begun = restore(&host, false, &to_database()).unwrap();
    assert_eq!(begun.backup.state, State::Failed);
    assert!(
        begun
            .backup
            .failure
            .unwrap()
            .contains("incompatible-network")
    );
}

#[test]
fn a_cluster_is_restored_with_its_engine_and_a_warning() {
    let facts = "<Status>available</Status><Engine>aurora-mysql</Engine>";
    let described = xml(
        "DescribeDBClusterSnapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshot",
        facts,
    );
    let gone = refused(
        "DescribeDBClusters",
        404,
        "DBClusterNotFoundFault",
        ErrorKind::NotFound,
    );
    let there = xml(
        "DescribeDBClusters",
        "DBClusters",
        "DBCluster",
        "<Status>available</Status>",
    );
    let host = with_documents(1)
        .action("rds:CreateDBClusterSnapshot", Ok("<x/>".to_owned()))
        .action("rds:DescribeDBClusterSnapshots", Ok(described))
        .action("rds:DescribeDBClusters", Err(gone))
        .action("rds:DescribeDBClusters", Ok(there))
        .action("rds:RestoreDBClusterFromSnapshot", Ok("<x/>".to_owned()));
    let mut given = documents_only(&[("db-cluster", "c".into())]);
    given.retain(|it| it.name != "documents-only");
    backed_up(&host, &given);
    let error = restore(&host, true, &[("db-instance", "x".into())]).unwrap_err();
    assert!(
        error.message.contains("not of an RDS instance"),
        "{}",
        error.message
    );
    let done = restore(&host, false, &[("db-cluster", "new".into())]).unwrap();
    assert_eq!(done.backup.state, State::Succeeded);
    assert!(done.backup.warnings[0].contains("no instance yet"));
    let called = host.called();
    let restored = called
        .iter()
        .find(|it| it.action == "rds:RestoreDBClusterFromSnapshot");
    let engine = ("Engine".to_owned(), "aurora-mysql".to_owned());
    assert!(restored.unwrap().parameters.contains(&engine));
}

#[test]
fn other_settings_of_the_same_restore_are_a_conflict() {
    let host = complete(2);
    restore(&host, false, &to_bucket()).unwrap();
    let other = [
        ("target-bucket", TARGET.into()),
        ("target-prefix", "x".into()),
    ];
    let error = restore(&host, false, &other).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    let warnings = host.run(|| {
        Aws::delete(DeleteRequest {
            id: RESTORE.to_owned(),
            ..DeleteRequest::default()
        })
    });
    assert_eq!(warnings.unwrap().len(), 1);
    restore(&host, false, &other).unwrap();
}

#[test]
fn restores_that_make_no_sense_are_refused() {
    let host = complete(2);
    let cases: [&[(&str, OptionValue)]; 7] = [
        &[],
        &[("db-instance", "x".into())],
        &[("target-prefix", "x".into())],
        &[("overwrite", true.into())],
        &[
            ("target-bucket", TARGET.into()),
            ("db-subnet-group", "x".into()),
        ],
        &[("target-bucket", BACKUPS.into())],
        &[
            ("target-bucket", BACKUPS.into()),
            ("target-prefix", "retail/prd/x".into()),
        ],
    ];
    for given in cases {
        let error = restore(&host, false, given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{given:?}");
    }
    let host = with_documents(2);
    create(&host, &documents_only(&[])).unwrap();
    let error = restore(&host, false, &to_bucket()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}
