use super::*;

fn delete(host: &Host, id: &str, force: bool) -> Result<Vec<String>> {
    host.run(|| {
        Aws::delete(DeleteRequest {
            id: id.to_owned(),
            force,
            options: Vec::new(),
        })
    })
}

fn act(host: &Host, verb: &str, settings: &[(&str, OptionValue)]) -> Report {
    host.act::<Aws>(verb, settings).unwrap()
}

fn complete() -> Host {
    let host = with_snapshot(with_documents(1_100), 0)
        .action("rds:DeleteDBSnapshot", Ok("<x/>".to_owned()));
    create(&host, &whole(&[])).unwrap();
    until_ended(&host, ID).unwrap();
    host
}

fn deletions(host: &Host) -> usize {
    let called = host.called().into_iter();
    called
        .filter(|it| it.action == "rds:DeleteDBSnapshot")
        .count()
}

#[test]
fn a_backup_is_deleted_whole_and_nothing_else() {
    let host = complete().stored(BACKUPS, "retail/prd/20251109-143000x/a", "");
    assert_eq!(delete(&host, ID, false), Ok(vec![]));
    assert_eq!(host.keys_of(BACKUPS), ["retail/prd/20251109-143000x/a"]);
    assert_eq!((deletions(&host), host.keys_of(SOURCE).len()), (1, 1_100));
    assert_eq!(
        delete(&host, ID, false).unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[test]
fn a_deletion_that_is_stopped_leaves_no_backup_and_goes_on() {
    for steps in (0..14).chain([100, 1_000, 1_050, 1_108, 1_112]) {
        let host = complete().stopped_after(Some(steps));
        assert_eq!(
            delete(&host, ID, false).unwrap_err().kind,
            ErrorKind::Cancelled,
            "{steps}"
        );
        let host = host.stopped_after(None);
        let keys = host.keys_of(BACKUPS);
        let has_begun = keys.contains(&format!("{FOLDER}/deleting"));
        let backup = status(&host, ID).unwrap();
        assert_eq!(backup.state == State::Failed, has_begun, "{steps}");
        if has_begun {
            assert_eq!(backup.reported_state.as_deref(), Some("deleting"));
            for error in [finish(&host, ID).err(), create(&host, &whole(&[])).err()] {
                assert_eq!(error.unwrap().kind, ErrorKind::Conflict);
            }
        }
        delete(&host, ID, false).unwrap();
        assert_eq!(host.keys_of(BACKUPS), Vec::<String>::new(), "{steps}");
        assert!(deletions(&host) >= 1);
    }
}

#[test]
fn a_snapshot_of_something_else_is_kept() {
    let other = snapshot("available", "").replace(ID, "b/other/20250101-000000");
    let host = with_documents(1)
        .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
        .action("rds:DescribeDBSnapshots", Ok(other));
    create(&host, &whole(&[])).unwrap();
    until_ended(&host, ID).unwrap();
    let warnings = delete(&host, ID, false).unwrap();
    assert!(warnings[0].contains("is kept"), "{warnings:?}");
    assert_eq!(deletions(&host), 0);
}

#[test]
fn a_snapshot_that_is_gone_does_not_stop_the_deletion() {
    let gone = refused(
        "DescribeDBSnapshots",
        404,
        "DBSnapshotNotFound",
        ErrorKind::NotFound,
    );
    let host = with_documents(1)
        .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
        .action("rds:DescribeDBSnapshots", Err(gone));
    assert_eq!(create(&host, &whole(&[])).unwrap().state, State::Pending);
    assert_eq!(finish(&host, ID).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(
        delete(&host, ID, false).unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(delete(&host, ID, true), Ok(vec![]));
    assert_eq!(host.keys_of(BACKUPS), Vec::<String>::new());
}

#[test]
fn a_pinned_backup_is_not_deleted() {
    let host = complete();
    let id: [(&str, OptionValue); 1] = [("backup", ID.into())];
    act(&host, "pin", &id);
    let again = act(&host, "pin", &id);
    assert_eq!(
        again,
        Report::text(format!("The backup {ID} is pinned already."))
    );
    assert_eq!(
        detail(&status(&host, ID).unwrap().fields, "pinned"),
        Some("yes")
    );
    for force in [false, true] {
        assert_eq!(
            delete(&host, ID, force).unwrap_err().kind,
            ErrorKind::Conflict
        );
    }
    assert_eq!(copies(&host).len(), 1_100);
    act(&host, "unpin", &id);
    delete(&host, ID, false).unwrap();
    let error = host.act::<Aws>("pin", &id).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

/// Returns a host with backups of these times, of which some have a retention.
fn with_backups(times: &[(&str, Option<&str>)]) -> Host {
    let host = with_documents(2);
    for (time, retention) in times {
        let mut options = documents_only(&[]);
        options.retain(|it| it.name != "at");
        options.extend(self::options(&[("at", (*time).into())]));
        if let Some(retention) = retention {
            options.extend(self::options(&[("retention", (*retention).into())]));
        }
        let id = create(&host, &options).unwrap().id;
        until_ended(&host, &id).unwrap();
    }
    host
}

fn expired(host: &Host, more: &[(&str, OptionValue)]) -> Vec<(String, Outcome)> {
    let mut settings = vec![("destination-bucket", BACKUPS.into())];
    settings.extend(more.iter().cloned());
    let Report::Items(items) = act(host, "expire", &settings) else {
        panic!("no items");
    };
    let time = |id: &str| id.rsplit('/').next().unwrap().to_owned();
    items
        .iter()
        .map(|it| (time(&it.name), it.outcome))
        .collect()
}

#[test]
fn old_backups_expire_but_never_pinned_ones_and_never_the_newest() {
    let times = [
        ("20251001-000000", Some("7d")),
        ("20251002-000000", None),
        ("20251003-000000", Some("30d")),
        ("20251004-000000", Some("7d")),
        ("20251005-000000", Some("7d")),
    ];
    let host = with_backups(&times);
    let pinned = "liferay-backups/retail/prd/20251004-000000";
    act(&host, "pin", &[("backup", pinned.into())]);
    let before = host.keys_of(BACKUPS);
    let pairs = |all: &[(&str, Outcome)]| -> Vec<_> {
        all.iter()
            .map(|(time, it)| ((*time).to_owned(), *it))
            .collect()
    };
    let all = pairs(&[
        ("20251005-000000", Outcome::Skipped),
        ("20251004-000000", Outcome::Skipped),
        ("20251003-000000", Outcome::Passed),
        ("20251001-000000", Outcome::Passed),
    ]);
    assert_eq!(expired(&host, &[("dry-run", true.into())]), all);
    assert_eq!(host.keys_of(BACKUPS), before);
    let of_other = expired(&host, &[("destination-prefix", "other".into())]);
    assert_eq!(of_other, []);
    assert_eq!(expired(&host, &[]), all);
    assert_eq!(expired(&host, &[]), all[..2]);
    let left = expired(&host, &[("retention", "1h".into())]);
    assert_eq!(left[2], ("20251002-000000".to_owned(), Outcome::Passed));
    let newest = "liferay-backups/retail/prd/20251005-000000";
    assert_eq!(status(&host, newest).unwrap().state, State::Succeeded);
    assert_eq!(status(&host, pinned).unwrap().state, State::Succeeded);
}

#[test]
fn a_backup_that_is_being_made_expires_only_when_it_is_given_up() {
    let host = with_backups(&[("20251109-100000", Some("30m"))]);
    let begin = |time: &str| {
        let mut options = documents_only(&[("retention", "30m".into())]);
        options.retain(|it| it.name != "at");
        options.extend(self::options(&[("at", time.into())]));
        create(&host, &options).unwrap();
    };
    begin("20251109-120000");
    begin("20251001-120000");
    let expected = [
        ("20251109-100000".to_owned(), Outcome::Skipped),
        ("20251001-120000".to_owned(), Outcome::Passed),
    ];
    assert_eq!(expired(&host, &[]), expected);
}
