use super::*;

#[test]
fn each_phase_has_its_state() {
    let state = |kind: &str, id: &str, status: Value| {
        let host = Host::new(MANIFEST).object(object(kind, "x", &json!({}), &status));
        let found = self::status(&host, id).unwrap();
        (found.state, found.reported_state)
    };
    let phase = |phase: &str| json!({"phase": phase, "observedGeneration": 2});
    for (status, expected) in [
        (json!({}), State::Pending),
        (phase("Ready"), State::Pending),
        (phase("Running"), State::Running),
        (phase("Completed"), State::Succeeded),
        (phase("Failed"), State::Failed),
        (phase("Pruning"), State::Unknown),
    ] {
        assert_eq!(state("KafkaBackup", "x", status).0, expected);
    }
    // The status is about an earlier generation of the spec.
    let before = json!({"phase": "Completed", "observedGeneration": 1});
    assert_eq!(state("KafkaBackup", "x", before), (State::Pending, None));
    let restored = |name: &str| state("KafkaRestore", "restore/x", phase(name)).0;
    assert_eq!(restored("RolledBack"), State::Failed);
    assert_eq!(restored("Ready"), State::Unknown);
    let reset = state(
        "KafkaOffsetReset",
        "offset-reset/x",
        phase("PartiallyCompleted"),
    );
    assert_eq!(reset.0, State::Partial);
    let rolled = state(
        "KafkaOffsetRollback",
        "offset-rollback/x",
        phase("Completed"),
    );
    assert_eq!(rolled.0, State::Succeeded);
    for (result, expected) in [
        ("Pass", State::Succeeded),
        ("Warn", State::Partial),
        ("Skip", State::Partial),
        ("Fail", State::Failed),
        ("Maybe", State::Unknown),
    ] {
        let status = json!({"phase": "Completed", "validationResult": result});
        let shown = state("KafkaBackupValidation", "validation/x", status);
        assert_eq!(shown, (expected, Some(format!("Completed, {result}"))));
    }
}

#[test]
fn a_schedule_that_waits_has_what_it_made_last() {
    let state = |spec: Value, id: Option<&str>| {
        let status = json!({"phase": "Ready", "backupId": id});
        let host = Host::new(MANIFEST).object(object("KafkaBackup", "x", &spec, &status));
        self::status(&host, "x").unwrap().state
    };
    let scheduled = || json!({"schedule": "@daily", "suspend": true});
    assert_eq!(state(scheduled(), Some("x-1")), State::Succeeded);
    assert_eq!(state(scheduled(), None), State::Pending);
    // This object is about to run again.
    assert_eq!(state(json!({}), Some("x-1")), State::Pending);
}

#[test]
fn a_backup_is_shown_with_what_its_newest_set_holds() {
    let shown = status(&host(), "nightly").unwrap();
    assert_eq!((shown.size, shown.activity), (Some(9), Activity::Backup));
    // The time is that of the backup set, not that of the object.
    assert_eq!(shown.created.as_deref(), Some("2025-09-06T02:00:00Z"));
    let fields: Vec<_> = shown
        .fields
        .iter()
        .map(|field| format!("{}={}", field.name, field.value))
        .collect();
    assert_eq!(
        fields,
        [
            "schedule=0 0 2 * * *",
            "records=7",
            "segments=3",
            "backup-id=nightly-20250906-020000",
            "last-backup=2025-09-06T02:00:00Z",
            "next-backup=2025-09-07T02:00:00Z",
        ]
    );
    assert_eq!(
        status(&host(), "once").unwrap().created.as_deref(),
        Some("2025-09-01T00:00:00Z")
    );
}

#[test]
fn old_backups_that_could_not_be_removed_are_told_without_a_failure() {
    let status = json!({"phase": "Completed", "message": "done", "retentionError": "GCS"});
    let host = Host::new(MANIFEST).object(object("KafkaBackup", "x", &spec(), &status));
    let shown = self::status(&host, "x").unwrap();
    assert_eq!((shown.state, shown.failure), (State::Succeeded, None));
    let message = shown.fields.iter().find(|field| field.name == "message");
    assert_eq!(message.unwrap().value, "done; retention: GCS");
}

#[test]
fn each_kind_is_listed_with_its_ids() {
    let none = json!({});
    let host = host()
        .object(object("KafkaRestore", "r", &none, &none))
        .object(object("KafkaBackupValidation", "v", &none, &none))
        .object(object("KafkaOffsetReset", "o", &none, &none))
        .object(object("KafkaOffsetRollback", "b", &none, &none));
    let ids = |given: &[(&str, OptionValue)]| {
        let request = ListRequest {
            cursor: None,
            limit: None,
            options: options(given),
        };
        let listed = host.run(|| Kafka::list(request)).unwrap();
        listed
            .backups
            .into_iter()
            .map(|backup| backup.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), ["nightly", "once"]);
    for (kind, id) in [
        ("restore", "restore/r"),
        ("validation", "validation/v"),
        ("offset-reset", "offset-reset/o"),
        ("offset-rollback", "offset-rollback/b"),
    ] {
        assert_eq!(ids(&[("kind", kind.into())]), [id]);
    }
    assert_eq!(ids(&[("kind", "backup".into())]), ["nightly", "once"]);
}

#[test]
fn what_failed_in_groups_and_checks_is_told_with_the_message() {
    let failure = |kind: &str, id: &str, status: Value| {
        let host = Host::new(MANIFEST).object(object(kind, "x", &json!({}), &status));
        self::status(&host, id).unwrap().failure
    };
    // A result without some fields does not make the object unreadable.
    let partial = json!({"phase": "PartiallyCompleted", "message": "1 failed", "groupResults": [
        {"groupId": "app", "success": true},
        {"groupId": "billing", "success": false, "error": "active members"},
        {"groupId": "audit", "error": "gone"},
        {"success": false},
    ]});
    assert_eq!(
        failure("KafkaOffsetReset", "offset-reset/x", partial).as_deref(),
        Some("1 failed; billing: active members; audit: gone; : no reason given")
    );
    let failed = json!({"phase": "Completed", "validationResult": "Fail", "checkResults": [
        {"checkName": "messageCount", "outcome": "Failed", "message": "7 of 9"},
        {"checkName": "offsetRange", "outcome": "Passed"},
    ]});
    assert_eq!(
        failure("KafkaBackupValidation", "validation/x", failed).as_deref(),
        Some("messageCount: Failed (7 of 9)")
    );
}

#[test]
fn an_id_that_names_nothing_is_not_found() {
    for id in ["", "restore/", "other/x", "restore/a/b", "missing"] {
        let error = status(&host(), id).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{id}");
    }
}
