use super::*;

fn restore(
    host: &Host,
    id: &str,
    dry_run: bool,
    given: &[(&str, OptionValue)],
) -> Result<Restoration> {
    host.run(|| {
        Operator::restore(RestoreRequest {
            source: RestoreSource::Id(id.to_owned()),
            dry_run,
            options: options(given),
        })
    })
}

const ID: &str = "nightly-29540640";

#[test]
fn a_restore_has_the_work_of_its_backup_and_the_consent() {
    let host = host();
    let restoration = restore(&host, ID, false, &[]).unwrap();
    let done = done(&host);
    assert_eq!((done.verb, done.kind.as_str()), ("create", RESTORE));
    // Options for making a backup are none for a restore.
    assert_eq!(
        done.sent,
        json!({
            "metadata": {"generateName": "nightly-29540640-"},
            "spec": {
                "engine": {"name": "hivemq"}, "target": {"statefulSet": "mqtt"},
                "from": {"backup": {"name": ID}}, "confirm": "mqtt",
            },
        })
    );
    let backup = &restoration.backup;
    assert_eq!(
        (backup.activity, backup.state),
        (Activity::Restore, State::Pending)
    );
    assert_eq!(backup.id, "restore/nightly-29540640-00001");
    let details: Vec<_> = restoration
        .details
        .iter()
        .map(|it| format!("{}={}", it.name, it.value))
        .collect();
    assert_eq!(
        details,
        [
            "target=mqtt",
            "source=copy prod/1 in BackupStore s3, or backup 20260302-020000 of a backend that takes no files",
        ]
    );
}

#[test]
fn the_target_is_that_of_the_flag_or_the_default_of_the_operator() {
    let host = host();
    let given = [
        ("run-statefulset", "other".into()),
        ("run-options", "mode=fast".into()),
        ("name", "back".into()),
    ];
    restore(&host, ID, false, &given).unwrap();
    let sent = done(&host).sent;
    assert_eq!(sent["metadata"], json!({"name": "back"}));
    assert_eq!(sent["spec"]["target"], json!({"statefulSet": "other"}));
    assert_eq!(sent["spec"]["confirm"], "other");
    assert_eq!(sent["spec"]["options"], json!({"mode": "fast"}));

    let host = one(
        "Backup",
        &json!({"engine": {"name": "hivemq"}, "target": {"namespace": "far"}}),
        &succeeded(),
    );
    let restoration = restore(&host, "x", false, &[]).unwrap();
    assert_eq!(done(&host).sent["spec"]["confirm"], "broker");
    assert_eq!(restoration.details[0].value, "far/broker");
}

#[test]
fn only_a_backup_that_succeeded_is_restored() {
    let refused = |status: &Value| {
        let host = one("Backup", &json!({"engine": {"name": "hivemq"}}), status);
        let error = restore(&host, "x", false, &[]).unwrap_err();
        assert_eq!(host.done(), []);
        assert_eq!(error.kind, ErrorKind::Conflict);
        error.message
    };
    assert_eq!(
        refused(&failed()),
        "Backup x has not succeeded: it is Failed"
    );
    assert_eq!(
        refused(&json!({})),
        "Backup x has not succeeded: it is not looked at yet"
    );
    assert_eq!(
        refused(&json!({"run": {"phase": "Succeeded"}})),
        "Backup x has neither a copy nor an id of its backend"
    );
    let host = host();
    assert_eq!(
        restore(&host, "restore/x", false, &[]).unwrap_err().kind,
        ErrorKind::InvalidArgument
    );
    let mut going = object("Backup", "x", &json!({}), &succeeded());
    going["metadata"]["deletionTimestamp"] = json!("2026-03-02T10:00:00Z");
    let host = host.object(going);
    assert_eq!(
        restore(&host, "x", false, &[]).unwrap_err().message,
        "Backup x is being deleted"
    );
}

#[test]
fn the_source_is_the_copy_or_what_the_backend_keeps() {
    let from = |status: &Value, wanted: &str| -> Result<(Value, String)> {
        let host = one("Backup", &json!({"engine": {"name": "hivemq"}}), status);
        let restoration = restore(&host, "x", false, &[("run-source", wanted.into())])?;
        let told = restoration.details[1].value.clone();
        Ok((done(&host).sent["spec"]["from"].clone(), told))
    };
    assert_eq!(
        from(&succeeded(), "backend"),
        Ok((
            json!({"backupId": "20260302-020000"}),
            "backup 20260302-020000 of the backend".to_owned()
        ))
    );
    assert_eq!(
        from(&succeeded(), "copy"),
        Ok((
            json!({"copy": {"store": {"name": "s3"}, "reference": "prod/1"}}),
            "copy prod/1 in BackupStore s3".to_owned()
        ))
    );
    let with = |field: &str| {
        let mut status = succeeded();
        status
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name == "run" || name == field);
        status
    };
    let refused = |status: &Value, wanted: &str| from(status, wanted).unwrap_err().message;
    assert_eq!(
        refused(&with("copy"), "backend"),
        "Backup x has no id of its backend"
    );
    assert_eq!(refused(&with("backupId"), "copy"), "Backup x has no copy");
    let host = one(
        "Backup",
        &json!({"engine": {"name": "hivemq"}}),
        &with("backupId"),
    );
    let restoration = restore(&host, "x", false, &[]).unwrap();
    assert_eq!(
        restoration.details[1].value,
        "backup 20260302-020000 of the backend"
    );
    assert_eq!(
        done(&host).sent["spec"]["from"],
        json!({"backup": {"name": "x"}})
    );
}

#[test]
fn a_dry_run_needs_no_consent_and_leaves_no_object() {
    let host = host().settles(RESTORE, json!({"run": {"phase": "Succeeded"}}));
    let restoration = restore(&host, ID, true, &[]).unwrap();
    assert_eq!(restoration.backup.state, State::Succeeded);
    let done = host.done();
    let verbs: Vec<_> = done.iter().map(|it| it.verb).collect();
    assert_eq!(verbs, ["create", "delete"]);
    assert_eq!(done[0].sent["spec"]["dryRun"], true);
    assert_eq!(done[0].sent["spec"]["confirm"], Value::Null);
}

#[test]
fn a_dry_run_that_fails_tells_the_reason_and_the_hint() {
    let host = host().settles(RESTORE, failed());
    let error = restore(&host, ID, true, &[]).unwrap_err();
    assert!(
        error.message.ends_with("failed: disk full (Failed)"),
        "{}",
        error.message
    );
    assert_eq!(error.hint.as_deref(), Some("Free some space"));
    assert_eq!(host.done().len(), 2);
}

#[test]
fn a_dry_run_that_does_not_end_stays_and_is_named() {
    let host = host().settles(RESTORE, json!({"run": {"phase": "Running"}}));
    let error = restore(&host, ID, true, &[]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    let hint = error.hint.expect("a hint");
    assert!(
        hint.contains("--id restore/nightly-29540640-00001"),
        "{hint}"
    );
    assert_eq!(done(&host).verb, "create");
}
