use super::*;

#[test]
fn a_backup_goes_from_the_snapshot_over_the_copies_to_the_manifest() {
    let host = with_snapshot(with_documents(5), 3);
    let options = whole(&[("retention", "7d".into()), ("tag", "team=web".into())]);
    let prepared = prepare(&host, &options).unwrap();
    assert_eq!(prepared.notes, Vec::<String>::new());
    let begun = create(&host, &options).unwrap();
    assert_eq!(begun.id, ID);
    assert_eq!(begun.state, State::Running);
    assert_eq!(begun.reported_state.as_deref(), Some("snapshot"));
    let look = status(&host, ID).unwrap();
    let progress = look.progress.unwrap();
    assert_eq!((progress.done, progress.total), (10, Some(100)));
    // Nothing is copied before the snapshot is available.
    finish(&host, ID).unwrap();
    assert_eq!(host.copied(), Vec::<String>::new());

    let look = status(&host, ID).unwrap();
    assert_eq!(look.reported_state.as_deref(), Some("copying"));
    let ended = until_ended(&host, ID).unwrap();
    assert_eq!(ended.state, State::Succeeded);
    assert_eq!(ended.size, Some(48_586_496_000 + 5 * 10));
    assert_eq!(ended.created.as_deref(), Some("2025-11-09T14:30:00Z"));
    assert_eq!(detail(&ended.fields, "objects"), Some("5"));
    let details = finish(&host, ID).unwrap();
    let place = format!("s3://{ID}/manifest.json");
    assert_eq!(detail(&details, "manifest"), Some(place.as_str()));
    assert_eq!(
        detail(&details, "database-size"),
        Some("45.2GiB (full-snapshot)")
    );
    assert_eq!(host.copied().len(), 5);
    let left: Vec<_> = host.keys_of(BACKUPS);
    assert_eq!(
        left.len(),
        7,
        "the copies, the manifest and the record: {left:?}"
    );

    let called = host.called();
    let created = called.iter().find(|it| it.action == "rds:CreateDBSnapshot");
    let parameters = &created.unwrap().parameters;
    let value = |name: &str| {
        let found = parameters.iter().find(|(is, _)| is == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("DBInstanceIdentifier"), Some("retail-prd-db"));
    assert_eq!(
        value("DBSnapshotIdentifier"),
        Some("retail-prd-20251109-143000")
    );
    assert_eq!(value("Tags.Tag.1.Key"), Some("kubectl-broker/backup"));
    assert_eq!(value("Tags.Tag.1.Value"), Some(ID));
    assert_eq!(value("Tags.Tag.5.Value"), Some("web"));
}

#[test]
fn a_backup_of_many_documents_takes_several_calls_of_finish() {
    let host = with_documents(2_500).ticking(20_000);
    create(&host, &documents_only(&[])).unwrap();
    let mut calls = 0;
    let mut before = 0;
    while status(&host, ID).unwrap().state == State::Running {
        finish(&host, ID).unwrap();
        let copied = host.copied().len();
        assert!(copied > before || copied == 2_500);
        before = copied;
        calls += 1;
        assert!(calls < MOST);
    }
    assert!(calls >= 2, "{calls}");
    assert_eq!((host.copied().len(), copies(&host).len()), (2_500, 2_500));
    assert_eq!(status(&host, ID).unwrap().state, State::Succeeded);
}

#[test]
fn the_manifest_of_a_backup_without_documents_says_so() {
    let backup = {
        let host = host();
        create(&host, &documents_only(&[])).unwrap();
        let backup = until_ended(&host, ID).unwrap();
        assert_eq!(
            stored_manifest(&host)["document_library"]["files"],
            serde_json::json!([])
        );
        assert_eq!(prepare(&host, &documents_only(&[])).unwrap().notes.len(), 2);
        assert!(
            check(&host, &[])
                .unwrap()
                .iter()
                .all(|it| it.outcome == Outcome::Passed)
        );
        backup
    };
    assert_eq!((backup.state, backup.size), (State::Succeeded, Some(0)));
    let host = with_snapshot(host(), 0);
    let given = [
        ("db-instance", "retail-prd-db".into()),
        ("destination-bucket", BACKUPS.into()),
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("at", TIME.into()),
        ("database-only", true.into()),
    ];
    create(&host, &options(&given)).unwrap();
    assert_eq!(until_ended(&host, ID).unwrap().state, State::Succeeded);
    assert_eq!(stored_manifest(&host)["document_library"], Value::Null);
    let checks = check(&host, &[]).unwrap();
    let expected = [
        ("manifest", Outcome::Passed),
        ("snapshot retail-prd-20251109-143000", Outcome::Passed),
    ];
    assert_eq!(outcomes(&checks), expected);
}

#[test]
fn excluded_documents_are_not_copied() {
    let keys = [
        "lib/20097/0/adaptive/a/1.png",
        "lib/20097/0/document_preview/2.pdf",
        "lib/20097/0/document_thumbnail/3.png",
        "lib/20097/20121/4.pdf",
        "lib/tmp/5",
        "other/6",
    ];
    let host = keys
        .iter()
        .fold(host(), |host, key| host.stored(SOURCE, key, "x"));
    let more = [
        ("source-prefix", "lib/".into()),
        ("exclude", "tmp/**, *.bak".into()),
        ("exclude-generated-files", true.into()),
    ];
    backed_up(&host, &documents_only(&more));
    assert_eq!(copies(&host), ["lib/20097/20121/4.pdf"]);
    let library = &stored_manifest(&host)["document_library"];
    assert_eq!(library["excluded_patterns"].as_array().unwrap().len(), 5);
}

#[test]
fn keys_of_all_forms_are_copied_or_named() {
    let longest = format!("{}ü", "k".repeat(1022));
    let good = [
        "a b+c%20",
        "ü/😀",
        "a..b/...",
        "a//b",
        "//",
        "folder/",
        "#?&=\"'\\",
        &longest,
    ];
    let bad = ["a/../b", "./a", "tab\tin", "del\u{7f}"];
    let all = good.iter().chain(&bad);
    let host = all.fold(host(), |host, key| host.stored(SOURCE, key, "x"));
    let backup = backed_up(&host, &documents_only(&[]));
    assert_eq!(backup.state, State::Partial);
    assert_eq!(backup.warnings.len(), bad.len());
    let manifest = stored_manifest(&host);
    let library = &manifest["document_library"];
    let keys = |list: &str| {
        let list = library[list].as_array().unwrap().iter();
        let mut keys: Vec<_> = list
            .map(|it| it["key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<_> = keys.iter().map(|&key| key.to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys("files"), sorted(&good));
    assert_eq!(keys("skipped"), sorted(&bad));
    let checks = check(&host, &[("deep", true.into())]).unwrap();
    let expected = [
        ("manifest", Outcome::Passed),
        ("documents", Outcome::Passed),
        ("digests", Outcome::Passed),
        ("missing", Outcome::Warned),
    ];
    assert_eq!(outcomes(&checks), expected);
}

#[test]
fn documents_that_change_or_vanish_are_copied_again_or_named() {
    let host = ["again", "always", "gone", "same"]
        .iter()
        .fold(host(), |host, key| host.stored(SOURCE, key, "old"))
        .before_copy(SOURCE, "again", Some(b"new"))
        .before_copy(SOURCE, "gone", None);
    let host = (0..10).fold(host, |host, at| {
        host.before_copy(SOURCE, "always", Some(format!("version {at}").as_bytes()))
    });
    let backup = backed_up(&host, &documents_only(&[]));
    assert_eq!(backup.state, State::Partial);
    let expected = [
        "Document always is not in the backup: changed again and again",
        "Document gone is not in the backup: vanished",
    ];
    assert_eq!(backup.warnings, expected);
    assert_eq!(copies(&host), ["again", "same"]);
    let copy = host.bytes_of(BACKUPS, &format!("{FOLDER}/dl/again"));
    assert_eq!(copy.unwrap(), b"new");
    let details = finish(&host, ID).unwrap();
    assert_eq!(detail(&details, "vanished"), Some("1"));
    assert_eq!(detail(&details, "not-copied"), Some("1"));
}

#[test]
fn documents_that_vanish_leave_a_backup_complete() {
    let host = with_documents(3).before_copy(SOURCE, "20097/01/1.pdf", None);
    let backup = backed_up(&host, &documents_only(&[]));
    assert_eq!((backup.state, backup.warnings.len()), (State::Succeeded, 1));
}

#[test]
fn a_document_that_the_store_refuses_is_named_and_a_store_that_refuses_all_is_an_error() {
    let forbidden = Error::new(ErrorKind::Forbidden, "no permission s3:GetObject");
    let host = with_documents(3).refused(SOURCE, "20097/01/1.pdf", forbidden.clone());
    let backup = backed_up(&host, &documents_only(&[]));
    assert_eq!(backup.state, State::Partial);
    let named = "Document 20097/01/1.pdf is not in the backup: refused: no permission s3:GetObject";
    assert_eq!(backup.warnings, [named]);

    let host = (0..3).fold(with_documents(3), |host, at| {
        let key = format!("20097/{at:02}/{at}.pdf");
        host.refused(SOURCE, &key, forbidden.clone())
    });
    create(&host, &documents_only(&[])).unwrap();
    assert_eq!(finish(&host, ID).unwrap_err(), forbidden);
    assert_eq!(status(&host, ID).unwrap().state, State::Running);
}

#[test]
fn a_backup_without_most_of_its_documents_is_an_error() {
    let host = (0..=10_000).fold(host(), |host, at| {
        host.stored(SOURCE, &format!("./{at}"), "x")
    });
    create(&host, &documents_only(&[])).unwrap();
    for _ in 0..2 {
        let error = until_ended(&host, ID).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed);
        assert!(error.message.contains("useless"), "{}", error.message);
    }
}

#[test]
fn a_store_without_digests_is_named_in_the_manifest() {
    let host = with_documents(2).without_digest(SOURCE, "20097/01/1.pdf");
    backed_up(&host, &documents_only(&[]));
    let files = &stored_manifest(&host)["document_library"]["files"];
    assert_eq!(files[0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(files[0]["last_modified"], "2025-11-08T10:15:00.000Z");
    assert_eq!(files[1]["sha256"], Value::Null);
    assert_eq!(files[1]["checksum_type"], "none");
    let checks = check(&host, &[("deep", true.into())]).unwrap();
    assert!(outcomes(&checks).contains(&("digests", Outcome::Warned)));
}

#[test]
fn the_state_of_a_database_decides_whether_a_backup_can_begin() {
    for (state, kind) in [
        ("available", None),
        ("storage-optimization", None),
        ("modifying", Some(ErrorKind::Conflict)),
        ("deleting", Some(ErrorKind::Conflict)),
    ] {
        let host = with_documents(1).action("rds:DescribeDBInstances", Ok(instance(state, "")));
        let prepared = prepare(&host, &whole(&[]));
        assert_eq!(prepared.err().map(|error| error.kind), kind, "{state}");
    }
    let missing = refused(
        "DescribeDBInstances",
        404,
        "DBInstanceNotFound",
        ErrorKind::NotFound,
    );
    let host = with_documents(1).action("rds:DescribeDBInstances", Err(missing));
    let error = prepare(&host, &whole(&[])).unwrap_err();
    assert_eq!(error.message, "RDS instance retail-prd-db does not exist");
    for (bucket, option) in [
        (SOURCE, "--source-bucket"),
        (BACKUPS, "--destination-bucket"),
    ] {
        let no = Error::new(ErrorKind::Forbidden, "AccessDenied");
        let host = with_snapshot(with_documents(1), 0).refused(bucket, "", no);
        let error = prepare(&host, &whole(&[])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(error.message.contains(option), "{}", error.message);
    }
}

#[test]
fn a_snapshot_that_can_not_begin_leaves_nothing_behind() {
    let quota = refused(
        "CreateDBSnapshot",
        400,
        "SnapshotQuotaExceeded",
        ErrorKind::Failed,
    );
    let host = with_documents(1).action("rds:CreateDBSnapshot", Err(quota));
    let error = create(&host, &whole(&[])).unwrap_err();
    assert!(error.hint.unwrap().contains("expire"));
    assert_eq!(host.keys_of(BACKUPS), Vec::<String>::new());

    // Without an answer there may be a snapshot.
    let late = Error::new(ErrorKind::TimedOut, "no answer");
    let host = with_documents(1).action("rds:CreateDBSnapshot", Err(late));
    let error = create(&host, &whole(&[])).unwrap_err();
    assert!(error.hint.unwrap().contains("--at 20251109-143000"));
    assert_eq!(host.keys_of(BACKUPS).len(), 1);
}

#[test]
fn a_snapshot_that_fails_is_a_failed_backup() {
    for state in ["failed", "deleted", "incompatible-restore"] {
        let host = with_documents(1)
            .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
            .action("rds:DescribeDBSnapshots", Ok(snapshot(state, "")));
        let backup = create(&host, &whole(&[])).unwrap();
        assert_eq!(backup.state, State::Failed);
        assert!(backup.failure.unwrap().ends_with(state));
        assert_eq!(finish(&host, ID).unwrap_err().kind, ErrorKind::Failed);
        assert_eq!(host.copied(), Vec::<String>::new());
    }
}

#[test]
fn a_snapshot_that_exists_is_the_same_run_only_with_the_same_tags() {
    let exists = || {
        refused(
            "CreateDBSnapshot",
            400,
            "DBSnapshotAlreadyExists",
            ErrorKind::Conflict,
        )
    };
    let host = with_documents(1)
        .action("rds:CreateDBSnapshot", Err(exists()))
        .action("rds:DescribeDBSnapshots", Ok(snapshot("available", "")));
    assert_eq!(create(&host, &whole(&[])).unwrap().state, State::Running);
    let other = host.clone();
    let error = create(&other, &whole(&[("tag", "a=b".into())])).unwrap_err();
    assert!(
        error.message.ends_with("other settings: tags"),
        "{}",
        error.message
    );

    // A server that describes no tags with a snapshot is asked for them.
    let described = snapshot("available", "").replace("TagList", "Other");
    let tags = |id: &str| {
        format!(
            "<R><ListTagsForResourceResult><TagList>{}{}{}</TagList></ListTagsForResourceResult></R>",
            tag("kubectl-broker/backup", id),
            tag("kubectl-broker/project", "retail"),
            tag("kubectl-broker/environment", "prd")
        )
    };
    for (id, kind) in [
        (ID, None),
        ("other/x/20251109-143000", Some(ErrorKind::Conflict)),
    ] {
        let host = with_documents(1)
            .action("rds:CreateDBSnapshot", Err(exists()))
            .action("rds:DescribeDBSnapshots", Ok(described.clone()))
            .action("rds:ListTagsForResource", Ok(tags(id)));
        let error = create(&host, &whole(&[])).err();
        assert_eq!(error.map(|error| error.kind), kind);
    }
}

#[test]
fn an_aurora_cluster_has_actions_of_its_own() {
    let facts = "<DBClusterSnapshotArn>arn</DBClusterSnapshotArn><Status>available</Status><Engine>aurora-mysql</Engine><AllocatedStorage>1</AllocatedStorage>";
    let described = xml(
        "DescribeDBClusterSnapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshot",
        facts,
    );
    let cluster = xml(
        "DescribeDBClusters",
        "DBClusters",
        "DBCluster",
        "<Status>available</Status>",
    );
    let host = with_documents(1)
        .action("rds:DescribeDBClusters", Ok(cluster))
        .action("rds:CreateDBClusterSnapshot", Ok("<x/>".to_owned()))
        .action("rds:DescribeDBClusterSnapshots", Ok(described));
    let mut given = documents_only(&[("db-cluster", "c".into()), ("region", "eu-west-3".into())]);
    given.retain(|it| it.name != "documents-only");
    prepare(&host, &given).unwrap();
    backed_up(&host, &given);
    let database = &stored_manifest(&host)["database"];
    assert_eq!(database["kind"], "cluster");
    assert_eq!(
        (&database["size_bytes"], &database["size_source"]),
        (&(1_u64 << 30).into(), &"allocated-storage".into())
    );
    let called = host.called();
    assert!(
        called
            .iter()
            .all(|it| it.region.as_deref() == Some("eu-west-3")),
        "{called:?}"
    );
}

#[test]
fn hostile_responses_of_rds_are_errors() {
    for text in ["", "<html>", "{}", "<a/>", "<!DOCTYPE a><a/>"] {
        let host = with_documents(1)
            .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
            .action("rds:DescribeDBSnapshots", Ok(text.to_owned()));
        let error = create(&host, &whole(&[])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let base = || {
        vec![
            ("destination-bucket", BACKUPS.into()),
            ("source-bucket", SOURCE.into()),
        ]
    };
    let cases: [Vec<(&str, OptionValue)>; 14] = [
        vec![],
        vec![("db-instance", "a".into()), ("db-cluster", "b".into())],
        vec![("db-instance", "a".into()), ("documents-only", true.into())],
        vec![("db-instance", "a".into()), ("database-only", true.into())],
        vec![
            ("database-only", true.into()),
            ("documents-only", true.into()),
        ],
        vec![("db-instance", "a/b".into())],
        vec![("documents-only", true.into()), ("at", "yesterday".into())],
        vec![("documents-only", true.into()), ("retention", "7w".into())],
        vec![("documents-only", true.into()), ("retention", "d".into())],
        vec![("documents-only", true.into()), ("tag", "aws:a=b".into())],
        vec![("documents-only", true.into()), ("tag", "a".into())],
        vec![("documents-only", true.into()), ("project", "a/b".into())],
        vec![
            ("documents-only", true.into()),
            ("destination-prefix", "../a".into()),
        ],
        vec![("documents-only", true.into()), ("exclude", ",".into())],
    ];
    for case in cases {
        let given: Vec<_> = base().into_iter().chain(case).collect();
        let error = prepare(&host(), &options(&given)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{given:?}");
    }
    // Backups within the documents would be copied by the next backup.
    let same = [
        ("destination-bucket", SOURCE.into()),
        ("source-bucket", SOURCE.into()),
        ("documents-only", true.into()),
    ];
    let error = prepare(&host(), &options(&same)).unwrap_err();
    assert!(
        error.message.contains("among the documents"),
        "{}",
        error.message
    );
}

#[test]
fn backups_are_listed_from_their_folders() {
    let host = with_documents(2);
    backed_up(&host, &documents_only(&[]));
    let later = documents_only(&[]).into_iter().map(|mut it| {
        if it.name == "at" {
            it.value = "20251110-000000".into();
        }
        it
    });
    create(&host, &later.collect::<Vec<_>>()).unwrap();
    let host = host
        .stored(BACKUPS, "retail/prd/20251111-000000/manifest.json", "{")
        .stored(BACKUPS, "retail/notes/a.txt", "")
        .stored(BACKUPS, "retail/../notes/a.txt", "")
        .stored(BACKUPS, "retail//notes/a.txt", "")
        .stored(BACKUPS, "retail/a\tb/a.txt", "")
        .stored(BACKUPS, "retail/notes/20250101-000000/a.txt", "")
        .stored(BACKUPS, "other/20250101-000000/run/run.json", "no JSON");
    let list = |given: &[(&str, OptionValue)]| {
        let mut given = given.to_vec();
        given.push(("destination-bucket", BACKUPS.into()));
        let options = options(&given);
        host.run(|| {
            Aws::list(ListRequest {
                options,
                ..ListRequest::default()
            })
        })
    };
    let page = list(&[]).unwrap();
    let shown = page.backups.iter().map(|it| (it.id.as_str(), it.state));
    let expected = [
        ("liferay-backups/other/20250101-000000", State::Unknown),
        (ID, State::Succeeded),
        ("liferay-backups/retail/prd/20251110-000000", State::Running),
        ("liferay-backups/retail/prd/20251111-000000", State::Unknown),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(page.next, None);
    let of_project = [("project", "retail".into()), ("environment", "prd".into())];
    assert_eq!(list(&of_project).unwrap().backups.len(), 3);
    assert_eq!(
        list(&[("destination-prefix", "other".into())])
            .unwrap()
            .backups
            .len(),
        1
    );
}

#[test]
fn a_long_list_has_pages() {
    let host = (0..1_203).fold(host(), |host, at| {
        let (minute, second) = (at / 60, at % 60);
        let key = format!(
            "p{}/e/20251109-14{minute:02}{second:02}/run/run.json",
            at % 3
        );
        host.stored(BACKUPS, &key, "")
    });
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let options = options(&[("destination-bucket", BACKUPS.into())]);
        let request = ListRequest {
            cursor,
            limit: None,
            options,
        };
        let page = host.run(|| Aws::list(request)).unwrap();
        assert!(page.backups.len() <= 500);
        ids.extend(page.backups.into_iter().map(|it| it.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 1_203);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_backup_that_does_not_exist_is_not_found() {
    let host = host();
    assert_eq!(status(&host, ID).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(finish(&host, ID).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(check(&host, &[]).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(
        status(&host, "x").unwrap_err().kind,
        ErrorKind::InvalidArgument
    );
}

#[test]
fn detection_asks_rds() {
    let host = host().action("rds:DescribeDBInstances", Ok("<a/>".to_owned()));
    assert_eq!(host.run(Aws::detect).unwrap().product, "Amazon RDS and S3");
}
