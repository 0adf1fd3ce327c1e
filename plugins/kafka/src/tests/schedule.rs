use super::*;

#[test]
fn a_schedule_is_checked_before_it_is_set() {
    let host = host();
    let set = |cron: &str| {
        host.act::<Kafka>(
            "schedule",
            &[("name", "nightly".into()), ("cron", cron.into())],
        )
    };
    assert_eq!(
        set("0 3 * * *").unwrap_err().hint.as_deref(),
        Some("Write '0 0 3 * * *'")
    );
    assert_eq!(host.done(), []);
    assert!(text(set("0 0 3 * * *")).starts_with("KafkaBackup nightly runs by the schedule"));
    let done = done(&host);
    assert_eq!(
        (done.verb, done.sent),
        ("patch", json!({"spec": {"schedule": "0 0 3 * * *"}}))
    );
}

#[test]
fn only_what_has_a_schedule_is_suspended() {
    let host = host();
    let act = |verb: &str, name: &str| host.act::<Kafka>(verb, &[("name", name.into())]);
    assert!(text(act("resume", "nightly")).contains("is not suspended"));
    assert_eq!(host.done(), []);
    assert!(text(act("suspend", "nightly")).contains("is suspended"));
    assert_eq!(done(&host).sent, json!({"spec": {"suspend": true}}));
    assert!(text(act("suspend", "nightly")).contains("suspended already"));
    assert!(text(act("resume", "nightly")).contains("goes on"));
    // Any change of the spec would run the backup again.
    let error = act("suspend", "once").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(host.done().len(), 2);
}
