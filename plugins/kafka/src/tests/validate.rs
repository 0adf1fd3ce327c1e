use super::*;

#[test]
fn a_validation_is_judged_by_its_result() {
    let result = |result: &str, outcome: &str| {
        let status = json!({"phase": "Completed", "validationResult": result, "checkResults": [
            {"checkName": "messageCount", "outcome": outcome, "message": "7 of 9"},
            {"checkName": "offsetRange", "outcome": "Passed"},
        ]});
        let host = host().settles(VALIDATION, status);
        (
            host.act::<Kafka>("validate", &[("name", "nightly".into())]),
            host,
        )
    };
    let (report, host) = result("Pass", "Passed");
    assert_eq!(
        text(report),
        "KafkaBackup nightly: Pass\nmessageCount: Passed (7 of 9)\noffsetRange: Passed"
    );
    assert_eq!(
        done(&host).sent["spec"],
        json!({
            "backupRef": {"name": "nightly"},
            "checks": {"messageCount": {"enabled": true}, "offsetRange": {"enabled": true}},
            "kafkaCluster": {"bootstrapServers": ["kafka:9092"]},
        })
    );
    assert!(text(result("Warn", "Warning").0).contains("Warn"));
    let error = result("Fail", "Failed").0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Integrity);
    assert_eq!(
        error.message,
        "KafkaBackup nightly: Fail; messageCount: Failed (7 of 9); offsetRange: Passed"
    );
}

#[test]
fn a_validation_without_a_result_that_is_known_is_no_success() {
    let status = json!({"phase": "Completed"});
    let error = host()
        .settles(VALIDATION, status)
        .act::<Kafka>("validate", &[("name", "nightly".into())])
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Protocol, "KafkaBackup nightly: no result")
    );
}

#[test]
fn a_backup_without_a_set_can_not_be_validated_unless_one_is_named() {
    let host = host();
    let name = ("name", OptionValue::from("once"));
    let error = host
        .act::<Kafka>("validate", std::slice::from_ref(&name))
        .unwrap_err();
    assert_eq!(error.message, "KafkaBackup once has no backup yet");
    assert_eq!(host.done(), []);
    let given = [
        name,
        ("backup-id", "once-20250901-020000".into()),
        ("no-wait", true.into()),
    ];
    text(host.act::<Kafka>("validate", &given));
    assert_eq!(
        done(&host).sent["spec"]["backupRef"],
        json!({"name": "once", "backupId": "once-20250901-020000"})
    );
}

#[test]
fn the_checks_of_a_validation_are_those_that_there_are() {
    let validate = |given: &[(&str, OptionValue)]| {
        let mut all = vec![("name", OptionValue::from("nightly"))];
        all.extend(given.iter().cloned());
        host().act::<Kafka>("validate", &all)
    };
    for (given, message) in [
        (
            vec![("checks", "size".into())],
            "--checks has \"size\", which is not a check",
        ),
        (
            vec![("groups", "a".into())],
            "--groups needs the check consumer-group-offsets",
        ),
    ] {
        assert_eq!(validate(&given).unwrap_err().message, message);
    }
    let host = host();
    let all_groups = [
        ("name", OptionValue::from("nightly")),
        ("checks", "consumer-group-offsets".into()),
        ("no-wait", true.into()),
    ];
    text(host.act::<Kafka>("validate", &all_groups));
    assert_eq!(
        done(&host).sent["spec"]["checks"]["consumerGroupOffsets"]["consumerGroups"],
        json!([])
    );
    let begun = text(validate(&[("no-wait", true.into())]));
    assert!(begun.contains("--id validation/nightly-00001"), "{begun}");
    let late = validate(&[]).unwrap_err();
    assert_eq!(late.kind, ErrorKind::TimedOut);
    assert!(late.hint.unwrap().contains("--id validation/nightly-00001"));
}
