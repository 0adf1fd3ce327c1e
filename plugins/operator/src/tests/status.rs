use super::*;

fn state(phase: &str, conditions: &Value) -> State {
    let status = json!({"run": {"phase": phase}, "conditions": conditions});
    self::status(&one("Backup", &json!({}), &status), "x")
        .unwrap()
        .state
}

#[test]
fn phases_are_states() {
    for (phase, expected) in [
        ("Queued", State::Pending),
        ("Starting", State::Pending),
        ("Running", State::Running),
        ("Succeeded", State::Succeeded),
        ("Failed", State::Failed),
        ("Lost", State::Failed),
        ("Napping", State::Unknown),
    ] {
        assert_eq!(state(phase, &json!([])), expected, "{phase}");
    }
}

#[test]
fn the_conditions_of_a_newer_operator_say_how_a_run_ended() {
    let condition = |type_: &str, status: &str| json!([{"type": type_, "status": status}]);
    assert_eq!(
        state("Archived", &condition("Complete", "True")),
        State::Succeeded
    );
    assert_eq!(
        state("Rejected", &condition("Failed", "True")),
        State::Failed
    );
    assert_eq!(
        state("Napping", &condition("Complete", "False")),
        State::Unknown
    );
    // A phase that is known counts, whatever stands beside it.
    assert_eq!(
        state("Running", &condition("Complete", "True")),
        State::Running
    );
}

#[test]
fn a_backup_is_shown_with_its_run_and_its_copy() {
    let shown = status(&host(), "nightly-29540640").unwrap();
    assert_eq!((shown.size, shown.activity), (Some(9), Activity::Backup));
    assert_eq!(shown.reported_state.as_deref(), Some("Succeeded"));
    let fields: Vec<_> = shown
        .fields
        .iter()
        .map(|field| format!("{}={}", field.name, field.value))
        .collect();
    assert_eq!(
        fields,
        [
            "schedule=nightly",
            "engine=hivemq",
            "target=mqtt",
            "store=s3",
            "copy=prod/1",
            "backup-id=20260302-020000",
            "started=2026-03-02T02:00:01Z",
            "finished=2026-03-02T02:01:00Z",
            "attempts=2",
        ]
    );
}

#[test]
fn a_running_backup_tells_how_far_it_is() {
    let running = json!({"run": {"phase": "Running", "progress": {"step": "copy", "bytes": 5, "totalBytes": 9}}});
    let shown = status(&one("Backup", &json!({}), &running), "x").unwrap();
    let progress = shown.progress.as_ref().expect("progress");
    assert_eq!(
        (progress.done, progress.total, progress.step.as_deref()),
        (5, Some(9), Some("copy"))
    );
    assert_eq!(field(&shown, "step"), Some("copy"));
    // A number below 0 is none.
    let strange = json!({"run": {"phase": "Running", "progress": {"step": "copy", "bytes": -1}}});
    let shown = status(&one("Backup", &json!({}), &strange), "x").unwrap();
    assert_eq!(shown.progress, None);
}

#[test]
fn a_failure_has_its_reason_and_its_hint() {
    let shown = status(&one("Backup", &json!({}), &failed()), "x").unwrap();
    assert_eq!(
        shown.failure.as_deref(),
        Some("disk full (Failed); next step: Free some space")
    );
    assert_eq!(field(&shown, "reason"), Some("Failed"));
    assert_eq!(field(&shown, "message"), shown.failure.as_deref());
}

#[test]
fn texts_of_the_cluster_stay_in_one_line() {
    let hostile = json!({"run": {
        "phase": "Failed",
        "failure": {"code": "A\nB", "message": "a\r\nhint: `rm -rf /`", "hint": "b\nc"},
    }, "backupId": "1\n2"});
    let shown = status(&one("Backup", &json!({}), &hostile), "x").unwrap();
    assert_eq!(
        shown.failure.as_deref(),
        Some("a hint: `rm -rf /` (A B); next step: b c")
    );
    let values = shown.fields.iter().map(|field| &field.value);
    assert!(
        values
            .chain(&shown.reported_state)
            .all(|it| !it.contains('\n'))
    );
}

#[test]
fn what_a_run_waits_for_is_a_warning_unless_it_is_its_turn() {
    let waiting = |reason: &str, phase: &str| {
        let status = json!({"run": {"phase": phase}, "conditions": [
            {"type": "Progressing", "status": "False", "reason": reason, "message": "why"},
        ]});
        let shown = super::status(&one("Backup", &json!({}), &status), "x").unwrap();
        (
            shown.warnings.join(" "),
            field(&shown, "reason").map(str::to_owned),
        )
    };
    assert_eq!(
        waiting("FailedMount", "Starting"),
        (
            "Backup x waits: why (FailedMount)".to_owned(),
            Some("FailedMount".to_owned())
        )
    );
    assert_eq!(
        waiting("Queued", "Queued"),
        (String::new(), Some("Queued".to_owned()))
    );
    // A run that has ended waits for nothing.
    assert_eq!(waiting("Succeeded", "Succeeded"), (String::new(), None));
}

#[test]
fn an_operator_that_does_not_run_is_told_after_a_minute() {
    // The object is 30 seconds old.
    let seen_at = |now: u64, status: &Value| {
        let host = one("Backup", &json!({}), status).at(now);
        super::status(&host, "x").unwrap().warnings.join(" ")
    };
    let host = one("Backup", &json!({}), &json!({})).at(NOW + 31_000);
    let shown = status(&host, "x").unwrap();
    assert_eq!(field(&shown, "reason"), Some("NotLookedAt"));
    assert_eq!(field(&shown, "message"), Some(shown.warnings[0].as_str()));
    assert_eq!(seen_at(NOW, &json!({})), "");
    assert_eq!(seen_at(NOW + 30_000, &json!({})), "");
    let late = seen_at(NOW + 31_000, &json!({}));
    assert!(
        late.starts_with(
            "The operator has not looked at Backup x yet. Check that the operator runs"
        ),
        "{late}"
    );
    assert_eq!(
        seen_at(NOW + 31_000, &json!({"run": {"phase": "Running"}})),
        ""
    );
    // The clock of this machine may be behind.
    assert_eq!(seen_at(0, &json!({})), "");
}

#[test]
fn backups_and_restores_are_listed_apart() {
    let host = host()
        .object(object("Restore", "r", &json!({}), &json!({})))
        .object(object("Backup", "mine", &json!({}), &json!({})));
    let ids = |given: &[(&str, OptionValue)]| {
        let request = ListRequest {
            cursor: None,
            limit: None,
            options: options(given),
        };
        let listed = host.run(|| Operator::list(request))?;
        Ok(listed
            .backups
            .into_iter()
            .map(|it| it.id)
            .collect::<Vec<_>>())
    };
    let none: Result<Vec<String>> = ids(&[]);
    assert_eq!(none.unwrap(), ["mine", "nightly-29540640"]);
    assert_eq!(ids(&[("restores", true.into())]).unwrap(), ["restore/r"]);
    assert_eq!(
        ids(&[("of-schedule", "nightly".into())]).unwrap(),
        ["nightly-29540640"]
    );
    assert_eq!(ids(&[("of-schedule", "other".into())]).unwrap(), [""; 0]);
    let both = ids(&[("restores", true.into()), ("of-schedule", "nightly".into())]);
    assert_eq!(both.unwrap_err().kind, ErrorKind::InvalidArgument);
}

#[test]
fn a_cluster_without_the_operator_says_how_to_install_it() {
    let missing = Error::not_found("the cluster has no kind Backup");
    let host = Host::new(MANIFEST).refuses_objects("list", BACKUP, missing);
    let error = host.run(Operator::detect).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(
        error
            .hint
            .expect("a hint")
            .starts_with("Install broker-operator: `helm install")
    );
    let forbidden = Error::new(ErrorKind::Forbidden, "no").with_hint("grant it");
    let host = Host::new(MANIFEST).refuses_objects("list", BACKUP, forbidden);
    let error = host.run(Operator::detect).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("grant it"));
    let empty = Host::new(MANIFEST).run(Operator::detect).unwrap();
    assert_eq!(empty.detail.as_deref(), Some("no Backup yet"));
    assert_eq!(host_detail(), None);
}

fn host_detail() -> Option<String> {
    host().run(Operator::detect).unwrap().detail
}

#[test]
fn an_id_that_names_nothing_is_not_found() {
    for id in ["", "restore/", "other/x", "restore/a/b", "missing"] {
        let error = status(&host(), id).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{id}");
    }
}

#[test]
fn an_object_that_a_list_has_twice_is_one() {
    let object = |phase: &str| {
        let status = json!({"run": {"phase": phase}});
        serde_json::from_value::<Object>(object("Backup", "x", &json!({}), &status)).unwrap()
    };
    let distinct = distinct(vec![object("Running"), object("Succeeded")]);
    assert_eq!(distinct.len(), 1);
    assert_eq!(state::state(&distinct["x"]), State::Succeeded);
}
