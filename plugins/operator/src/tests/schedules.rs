use super::*;

fn act(host: &Host, verb: &str, given: &[(&str, OptionValue)]) -> Result<Report> {
    host.act::<Operator>(verb, given)
}

fn items(report: Result<Report>) -> Vec<(String, Outcome, String)> {
    let Ok(Report::Items(items)) = report else {
        panic!("{report:?}")
    };
    let item = |it: broker_engine::Check| (it.name, it.outcome, it.message.unwrap_or_default());
    items.into_iter().map(item).collect()
}

fn shown(spec: Value, status: &Value) -> (Outcome, String) {
    let mut spec = spec;
    spec["schedule"] = json!("@daily");
    let host = one("BackupSchedule", &spec, status);
    let mut items = items(act(&host, "schedules", &[("name", "x".into())]));
    let (_, outcome, message) = items.remove(0);
    (outcome, message)
}

#[test]
fn a_schedule_is_shown_with_its_times() {
    assert_eq!(
        items(act(&host(), "schedules", &[])),
        [(
            "nightly".to_owned(),
            Outcome::Passed,
            "H 2 * * * Europe/Berlin; next run 2026-03-03T01:17:00Z; last success 2026-03-02T02:01:00Z".to_owned()
        )]
    );
    assert_eq!(
        text(act(&Host::new(MANIFEST), "schedules", &[])),
        "There is no BackupSchedule in this namespace."
    );
    let missing = act(&host(), "schedules", &[("name", "y".into())]).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
}

#[test]
fn what_is_wrong_with_a_schedule_is_told() {
    assert_eq!(
        shown(json!({}), &json!({})),
        (
            Outcome::Passed,
            "@daily UTC; next run unknown: the operator has not looked at it yet; no success yet"
                .to_owned()
        )
    );
    assert_eq!(
        shown(
            json!({"suspend": true}),
            &json!({"nextRunTime": "2026-03-03T01:17:00Z"})
        ),
        (
            Outcome::Skipped,
            "@daily UTC; suspended; no success yet".to_owned()
        )
    );
    let invalid = json!({"conditions": [
        {"type": "Scheduled", "status": "False", "reason": "InvalidSchedule", "message": "hour must be 0–23\nnote: forged"},
    ]});
    assert_eq!(
        shown(json!({}), &invalid),
        (
            Outcome::Warned,
            "@daily UTC; no runs: hour must be 0–23 note: forged (InvalidSchedule); no success yet"
                .to_owned()
        )
    );
    let unhealthy = json!({"nextRunTime": "n", "lastFailureTime": "f", "conditions": [
        {"type": "Healthy", "status": "False", "reason": "OOMKilled", "message": "out of memory"},
    ]});
    assert_eq!(
        shown(json!({}), &unhealthy),
        (
            Outcome::Warned,
            "@daily UTC; next run n; no success yet; last failure f: out of memory (OOMKilled)"
                .to_owned()
        )
    );
}

#[test]
fn a_schedule_is_suspended_and_resumed_once() {
    let host = host();
    let act = |verb: &str| text(act(&host, verb, &[("name", "nightly".into())]));
    assert_eq!(act("resume"), "BackupSchedule nightly is not suspended.");
    assert_eq!(host.done(), []);
    assert!(
        act("suspend")
            .starts_with("BackupSchedule nightly (H 2 * * * Europe/Berlin) is suspended.")
    );
    assert_eq!(done(&host).sent, json!({"spec": {"suspend": true}}));
    assert_eq!(
        act("suspend"),
        "BackupSchedule nightly is suspended already."
    );
    let resumed = act("resume");
    assert!(
        resumed.contains("not caught up: `kubectl broker backup run --engine operator nightly`"),
        "{resumed}"
    );
    assert_eq!(host.done()[1].sent, json!({"spec": {"suspend": false}}));
}

#[test]
fn the_times_of_a_schedule_are_set() {
    let host = host();
    let given = [("name", "nightly".into()), ("cron", "@hourly".into())];
    let told = text(act(&host, "schedule", &given));
    let first = "BackupSchedule nightly runs at @hourly Europe/Berlin.";
    assert!(told.starts_with(first), "{told}");
    assert!(!told.contains("suspended"), "{told}");
    assert_eq!(done(&host).sent, json!({"spec": {"schedule": "@hourly"}}));
    let given = [("name", "other".into()), ("cron", "@hourly".into())];
    let missing = act(&host, "schedule", &given).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
}

#[test]
fn a_run_is_waited_for_and_shown() {
    let host = host().settles(BACKUP, succeeded());
    let Ok(Report::Backups(backups)) = act(&host, "run", &[("name", "nightly".into())]) else {
        panic!("no backup")
    };
    assert_eq!(backups.len(), 1);
    assert_eq!(backups[0].state, State::Succeeded);
    assert_eq!(done(&host).sent["metadata"]["generateName"], "nightly-run-");
}

#[test]
fn a_run_that_fails_tells_the_reason_and_the_hint() {
    let run = |status: Value| {
        let host = host().settles(BACKUP, status);
        act(&host, "run", &[("name", "nightly".into())]).unwrap_err()
    };
    let error = run(failed());
    assert!(
        error.message.ends_with("failed: disk full (Failed)"),
        "{}",
        error.message
    );
    assert_eq!(error.hint.as_deref(), Some("Free some space"));
    let lost = run(json!({"run": {"phase": "Lost"}}));
    assert!(
        lost.message.ends_with("failed: no reason given"),
        "{}",
        lost.message
    );
    assert!(lost.hint.is_some());
}

#[test]
fn a_run_that_does_not_end_says_what_it_waits_for() {
    let run = |status: Value| {
        let host = host().settles(BACKUP, status);
        act(&host, "run", &[("name", "nightly".into())]).unwrap_err()
    };
    let overlooked = run(json!({}));
    assert_eq!(overlooked.kind, ErrorKind::TimedOut);
    assert!(
        overlooked
            .message
            .starts_with("the operator has not looked at Backup nightly-run-")
    );
    assert!(
        overlooked
            .hint
            .expect("a hint")
            .starts_with("Check that the operator runs")
    );
    let waiting = run(json!({"run": {"phase": "Starting"}, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "FailedMount", "message": "no Secret"},
    ]}));
    assert!(
        waiting
            .message
            .ends_with("has not ended; it waits: no Secret (FailedMount)"),
        "{}",
        waiting.message
    );
}

#[test]
fn a_run_can_be_left_to_itself() {
    let host = host();
    let given = [("name", "nightly".into()), ("no-wait", true.into())];
    let told = text(act(&host, "run", &given));
    assert!(told.starts_with("Backup nightly-run-"), "{told}");
    assert!(
        told.contains("backup status --engine operator --id nightly-run-"),
        "{told}"
    );
}
