use super::*;

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
