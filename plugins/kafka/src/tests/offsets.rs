use super::*;

#[test]
fn offsets_are_reset_by_a_strategy_with_what_it_needs() {
    let reset = |host: &Host, given: &[(&str, OptionValue)]| {
        let mut all = vec![("groups", OptionValue::from("app,billing"))];
        all.extend(given.iter().cloned());
        host.act::<Kafka>("offset-reset", &all)
    };
    let nightly = ("cluster-of", OptionValue::from("nightly"));
    for (given, message) in [
        (
            vec![("strategy", "to-offset".into())],
            "--strategy to-offset needs --offset",
        ),
        (
            vec![("strategy", "to-timestamp".into())],
            "--strategy to-timestamp needs --time",
        ),
        (
            vec![("strategy", "to-latest".into()), ("offset", 1.into())],
            "--offset needs --strategy to-offset",
        ),
        (
            vec![("strategy", "to-offset".into()), ("offset", (-1).into())],
            "--offset must be 0 or above",
        ),
        (
            vec![("strategy", "from-mapping".into())],
            "--strategy from-mapping needs the restore that recorded the offsets",
        ),
    ] {
        let mut given = given;
        given.push(nightly.clone());
        let host = host();
        assert_eq!(reset(&host, &given).unwrap_err().message, message);
        assert_eq!(host.done(), []);
    }

    let host = host().settles(
        RESET,
        json!({"phase": "Completed", "groupsTotal": 2, "groupsReset": 2}),
    );
    let given = [
        nightly.clone(),
        ("strategy", "to-timestamp".into()),
        ("time", "2025-09-06T12:00:00Z".into()),
        ("topics", "orders".into()),
    ];
    assert_eq!(
        text(reset(&host, &given)),
        "2 of 2 consumer groups were reset."
    );
    let done = done(&host);
    assert_eq!(done.name, "offset-reset-00001");
    assert_eq!(
        done.sent["spec"],
        json!({
            "kafkaCluster": {"bootstrapServers": ["kafka:9092"]},
            "consumerGroups": ["app", "billing"],
            "resetStrategy": "to-timestamp",
            "resetTimestamp": NOW,
            "topics": ["orders"],
        })
    );
}

#[test]
fn what_a_restore_noted_leads_back_to_it() {
    let restore = object("KafkaRestore", "r", &spec(), &json!({"phase": "Completed"}));
    let host = host().object(restore);
    let given = [
        ("groups", "app".into()),
        ("cluster-of", "restore/r".into()),
        ("strategy", "from-mapping".into()),
        ("no-wait", true.into()),
    ];
    text(host.act::<Kafka>("offset-reset", &given));
    let sent = done(&host).sent;
    assert_eq!(
        sent["spec"]["offsetMappingRef"],
        json!({"restoreName": "r"})
    );
}

#[test]
fn groups_that_could_not_be_reset_make_it_fail() {
    let status = json!({"phase": "PartiallyCompleted", "groupsTotal": 2, "groupsReset": 1, "groupResults": [
        {"groupId": "app", "success": true},
        {"groupId": "billing", "success": false, "error": "active members"},
    ]});
    let given = [
        ("groups", "app,billing".into()),
        ("cluster-of", "nightly".into()),
        ("strategy", "to-latest".into()),
        ("continue-on-error", true.into()),
    ];
    let error = host()
        .settles(RESET, status)
        .act::<Kafka>("offset-reset", &given)
        .unwrap_err();
    assert_eq!(
        error.message,
        "1 of 2 consumer groups were reset. billing: active members"
    );
    let failed = json!({"phase": "Failed", "message": "no broker"});
    let error = host()
        .settles(RESET, failed)
        .act::<Kafka>("offset-reset", &given)
        .unwrap_err();
    assert_eq!(
        error.message,
        "KafkaOffsetReset offset-reset-00001 failed: no broker"
    );
}

#[test]
fn a_rollback_needs_a_path_in_the_operators_pod() {
    let kind = "kafka.oso.sh/v1alpha1/KafkaOffsetRollback";
    let host = host().settles(kind, json!({"phase": "Completed", "groupsRolledBack": 3}));
    let act = |path: &str| {
        host.act::<Kafka>(
            "offset-rollback",
            &[("path", path.into()), ("cluster-of", "nightly".into())],
        )
    };
    assert!(
        act("snapshot.json")
            .unwrap_err()
            .message
            .contains("not an absolute path")
    );
    assert_eq!(
        text(act("/data/snapshot.json")),
        "3 consumer groups were rolled back."
    );
    let reference = json!({"name": "snapshot.json", "path": "/data/snapshot.json"});
    assert_eq!(done(&host).sent["spec"]["snapshotRef"], reference);
}

#[test]
fn nothing_reset_is_no_success() {
    let given = [
        ("groups", "app,billing".into()),
        ("cluster-of", "nightly".into()),
        ("strategy", "to-latest".into()),
    ];
    for (status, message) in [
        (
            json!({"phase": "Completed", "groupsTotal": 0, "groupsReset": 0, "message": "no groups"}),
            "0 of 2 consumer groups were reset; the operator says: no groups",
        ),
        (
            json!({"phase": "Completed", "groupsTotal": 1, "groupsReset": 1}),
            "1 of 2 consumer groups were reset",
        ),
        (
            json!({"phase": "Completed"}),
            "the operator reports success, but not how many consumer groups were reset",
        ),
    ] {
        let host = host().settles(RESET, status);
        let error = host.act::<Kafka>("offset-reset", &given).unwrap_err();
        assert_eq!(error.message, message);
        assert!(error.hint.is_some());
    }
    // The details of each group are sufficient without a total.
    let told = json!({"phase": "Completed", "groupResults": [
        {"groupId": "app", "success": true}, {"groupId": "billing", "success": true},
    ]});
    let host = host().settles(RESET, told);
    assert_eq!(
        text(host.act::<Kafka>("offset-reset", &given)),
        "2 of 2 consumer groups were reset."
    );
}

#[test]
fn nothing_rolled_back_is_no_success() {
    let kind = "kafka.oso.sh/v1alpha1/KafkaOffsetRollback";
    let given = [("path", "/s.json".into()), ("cluster-of", "nightly".into())];
    for (status, message) in [
        (
            json!({"phase": "Completed", "groupsRolledBack": 0}),
            "0 consumer groups were rolled back",
        ),
        (
            json!({"phase": "Completed", "groupsRolledBack": 2, "groupsFailed": 1}),
            "2 consumer groups were rolled back, 1 were not",
        ),
        (
            json!({"phase": "Completed"}),
            "the operator reports success, but not how many consumer groups were rolled back",
        ),
    ] {
        let host = host().settles(kind, status);
        let error = host.act::<Kafka>("offset-rollback", &given).unwrap_err();
        assert_eq!(error.message, message);
    }
}
