use std::collections::BTreeSet;

use super::*;

#[test]
fn a_backup_that_is_stopped_after_any_step_goes_on_and_copies_nothing_twice() {
    // The documents of one batch, and of the next one.
    for steps in (0..60).chain([200, 500, 1_000, 1_005, 1_010, 1_015, 1_020, 1_100]) {
        let host = with_documents(1_030).stopped_after(Some(steps));
        let options = documents_only(&[]);
        let first = create(&host, &options).and_then(|_| until_ended(&host, ID));
        assert!(first.is_err() || steps > 1_000);
        let host = host.stopped_after(None);
        create(&host, &options).unwrap();
        assert_eq!(until_ended(&host, ID).unwrap().state, State::Succeeded);
        finish(&host, ID).unwrap();
        let copied = host.copied();
        let distinct: BTreeSet<_> = copied.iter().collect();
        assert_eq!((copied.len(), distinct.len()), (1_030, 1_030), "{steps}");
        assert_eq!(host.keys_of(BACKUPS).len(), 1_032, "{steps}");
        let checks = check(&host, &[]).unwrap();
        assert!(
            checks.iter().all(|it| it.outcome == Outcome::Passed),
            "{steps}"
        );
    }
}

#[test]
fn a_backup_of_a_database_that_is_stopped_after_any_step_has_one_snapshot() {
    let exists = refused(
        "CreateDBSnapshot",
        400,
        "DBSnapshotAlreadyExists",
        ErrorKind::Conflict,
    );
    let mut has_ended = false;
    for steps in 0.. {
        let host = with_documents(5)
            .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
            .action("rds:CreateDBSnapshot", Err(exists.clone()))
            .action("rds:DescribeDBSnapshots", Ok(snapshot("available", "")))
            .stopped_after(Some(steps));
        let options = whole(&[]);
        let first = create(&host, &options).and_then(|_| until_ended(&host, ID));
        let host = host.stopped_after(None);
        create(&host, &options).unwrap();
        assert_eq!(until_ended(&host, ID).unwrap().state, State::Succeeded);
        finish(&host, ID).unwrap();
        assert_eq!((host.copied().len(), host.keys_of(BACKUPS).len()), (5, 7));
        let checks = check(&host, &[]).unwrap();
        assert!(checks.iter().all(|it| it.outcome == Outcome::Passed));
        if has_ended {
            break;
        }
        has_ended = first.is_ok();
        assert!(steps < MOST);
    }
}

#[test]
fn a_backup_that_is_stopped_again_and_again_ends_all_the_same() {
    let host = with_documents(1_200);
    let options = documents_only(&[]);
    let mut rounds = 0;
    loop {
        let host = host.clone().stopped_after(Some(97));
        let done = create(&host, &options).and_then(|_| until_ended(&host, ID));
        // Those that are there are asked for one after the other, and count as steps here.
        let host = host.stopped_after(Some(2_000 * usize::from(rounds % 10 == 9)));
        let done = done.or_else(|_| until_ended(&host, ID));
        if done.is_ok_and(|it| it.state == State::Succeeded) {
            break;
        }
        rounds += 1;
        assert!(rounds < MOST, "no end");
    }
    let host = host.stopped_after(None);
    let distinct: BTreeSet<_> = host.copied().into_iter().collect();
    assert_eq!((host.copied().len(), distinct.len()), (1_200, 1_200));
    assert!(
        check(&host, &[])
            .unwrap()
            .iter()
            .all(|it| it.outcome == Outcome::Passed)
    );
}

#[test]
fn a_busy_store_is_asked_again_and_one_that_stays_busy_ends_the_call() {
    let host = with_documents(100).busy_every(3);
    let backup = backed_up(&host, &documents_only(&[]));
    assert_eq!((backup.state, backup.warnings.len()), (State::Succeeded, 0));
    assert_eq!(host.copied().len(), 100);

    let host = with_documents(100).busy_every(1);
    create(&host, &documents_only(&[])).unwrap();
    let error = until_ended(&host, ID).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let host = host.busy_every(0);
    assert_eq!(until_ended(&host, ID).unwrap().state, State::Succeeded);
    assert_eq!(host.copied().len(), 100);
}

#[test]
fn a_document_that_changed_while_nothing_ran_is_copied_again() {
    let host = with_documents(40).stopped_after(Some(30));
    let options = documents_only(&[]);
    create(&host, &options)
        .and_then(|_| until_ended(&host, ID))
        .unwrap_err();
    let copied = host.copied();
    let first = copied[0]
        .strip_prefix(&format!("{BACKUPS}/{FOLDER}/dl/"))
        .unwrap();
    let host = host
        .stopped_after(None)
        .stored(SOURCE, first, "another text");
    assert_eq!(until_ended(&host, ID).unwrap().state, State::Succeeded);
    let copy = host.bytes_of(BACKUPS, &format!("{FOLDER}/dl/{first}"));
    assert_eq!(copy.unwrap(), b"another text");
    assert!(
        check(&host, &[])
            .unwrap()
            .iter()
            .all(|it| it.outcome == Outcome::Passed)
    );
}

#[test]
fn a_refused_cursor_does_not_begin_the_backup_anew() {
    let host = with_documents(3_500).ticking(20_000);
    create(&host, &documents_only(&[])).unwrap();
    let mut calls = 0;
    while status(&host, ID).unwrap().state == State::Running {
        let _refused = host.clone().forgetting_cursors();
        finish(&host, ID).unwrap();
        calls += 1;
        assert!(calls < MOST);
    }
    assert!(calls > 1);
    assert_eq!(host.copied().len(), 3_500);
    assert_eq!(copies(&host).len(), 3_500);
}

#[test]
fn the_same_settings_are_the_same_run_and_others_a_conflict() {
    let host = with_documents(3);
    create(&host, &documents_only(&[])).unwrap();
    assert_eq!(
        create(&host, &documents_only(&[])).unwrap().state,
        State::Running
    );
    let note = prepare(&host, &documents_only(&[])).unwrap().notes;
    assert!(note[0].contains("is continued"), "{note:?}");
    let other = documents_only(&[("exclude", "*.pdf".into()), ("retention", "7d".into())]);
    for error in [prepare(&host, &other).err(), create(&host, &other).err()] {
        let error = error.unwrap();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(
            error.message.ends_with("documents, retention"),
            "{}",
            error.message
        );
    }
    until_ended(&host, ID).unwrap();
    // The backup is complete: the same command has nothing to do.
    let again = create(&host, &documents_only(&[])).unwrap();
    assert_eq!((again.state, host.copied().len()), (State::Succeeded, 3));
}

#[test]
fn two_processes_can_not_make_the_same_backup() {
    let host = with_documents(3);
    create(&host, &documents_only(&[])).unwrap();
    let journal = format!("{FOLDER}/run/000001.ndjson");
    // The other process writes its journal between the look and the write of this one.
    let taken = Error::new(ErrorKind::Conflict, "not as demanded");
    let host = host.refused(BACKUPS, &journal, taken);
    let error = finish(&host, ID).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains("another process"),
        "{}",
        error.message
    );
}

#[test]
fn damaged_journals_and_records_are_told() {
    let host = with_documents(3);
    create(&host, &documents_only(&[])).unwrap();
    for text in ["", "{}\n", "{\"number\":1}\n", "\u{fffd}\n"] {
        let host = host
            .clone()
            .stored(BACKUPS, &format!("{FOLDER}/run/000001.ndjson"), text);
        let error = finish(&host, ID).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity, "{text}");
    }
    let host = host.stored(BACKUPS, &format!("{FOLDER}/run/run.json"), "[]");
    assert_eq!(finish(&host, ID).unwrap_err().kind, ErrorKind::Protocol);
}
