use super::*;

#[test]
fn a_restore_is_of_the_newest_set_into_the_cluster_of_the_backup() {
    let host = host();
    let given = [
        ("topics", "orders".into()),
        ("topic-mapping", "orders=orders-restored".into()),
        ("from-time", "2025-09-01T00:00:00Z".into()),
        ("to-time", "2025-09-02T00:00:00+02:00".into()),
        ("create-topics", true.into()),
    ];
    let restored = restore(&host, false, &given).unwrap();
    assert_eq!(restored.backup.id, "restore/nightly-20250906-120000");
    assert_eq!(
        (restored.backup.activity, restored.backup.state),
        (Activity::Restore, State::Pending)
    );
    let done = done(&host);
    assert_eq!(done.kind, RESTORE);
    assert_eq!(
        done.sent["spec"],
        json!({
            "backupRef": {"name": "nightly", "backupId": "nightly-20250906-020000"},
            "kafkaCluster": {"bootstrapServers": ["kafka:9092"]},
            "topics": ["orders"],
            "topicMapping": {"orders": "orders-restored"},
            "pitr": {"startTime": "2025-09-01T00:00:00Z", "endTime": "2025-09-01T22:00:00Z"},
            "createTopics": true,
        })
    );
}

#[test]
fn a_restore_into_another_cluster_of_another_set_purges_if_it_is_told_to() {
    let host = host();
    let given = [
        ("backup-id", "nightly-20250901-020000".into()),
        ("bootstrap-servers", "other:9092".into()),
        ("purge-topics", true.into()),
        ("auto-consumer-groups", true.into()),
        ("name", "again".into()),
    ];
    assert_eq!(
        restore(&host, false, &given).unwrap().backup.id,
        "restore/again"
    );
    assert_eq!(
        done(&host).sent["spec"],
        json!({
            "backupRef": {"name": "nightly", "backupId": "nightly-20250901-020000"},
            "kafkaCluster": {"bootstrapServers": ["other:9092"]},
            "purgeTopics": true,
            "autoConsumerGroups": true,
        })
    );
}

#[test]
fn a_restore_that_the_operator_would_refuse_is_refused_before_it_is_created() {
    for (given, message) in [
        (
            vec![],
            "without --topics, all topics are restored into themselves, which the operator refuses",
        ),
        (
            vec![("topics", "a,b".into()), ("topic-mapping", "a=x".into())],
            "the operator refuses to restore b into itself",
        ),
        (
            vec![("topics", "a".into()), ("topic-mapping", "a=a".into())],
            "the operator refuses to restore a into itself",
        ),
        (
            vec![("topics", "a".into()), ("topic-mapping", "b=x".into())],
            "--topic-mapping names b, but --topics does not",
        ),
        (
            vec![("topic-mapping", "a".into())],
            "--topic-mapping has \"a\", which is not a pair",
        ),
        (
            vec![("topic-mapping", "a=b,a=c".into())],
            "--topic-mapping names \"a\" twice",
        ),
        (
            vec![("purge-topics", true.into()), ("to-time", "now".into())],
            "--to-time \"now\" is not an RFC 3339 time",
        ),
        (
            vec![
                ("purge-topics", true.into()),
                ("from-time", "2025-09-02T00:00:00Z".into()),
                ("to-time", "2025-09-02T00:00:00Z".into()),
            ],
            "--from-time must be before --to-time",
        ),
        (
            vec![("purge-topics", true.into()), ("ca-secret", "x".into())],
            "--ca-secret needs --bootstrap-servers",
        ),
        (
            vec![
                ("purge-topics", true.into()),
                ("bootstrap-servers", "other:9093".into()),
                ("security-protocol", "SSL".into()),
            ],
            "the operator would refuse this restore: --security-protocol SSL needs --ca-secret or --tls-secret",
        ),
    ] {
        let host = host();
        let error = restore(&host, false, &given).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::InvalidArgument, message)
        );
        assert_eq!(host.done(), []);
    }
}

#[test]
fn a_backup_without_a_set_can_not_be_restored() {
    let request = RestoreRequest {
        source: RestoreSource::Id("once".to_owned()),
        dry_run: false,
        options: options(&[("purge-topics", true.into())]),
    };
    let error = host().run(|| Kafka::restore(request)).unwrap_err();
    assert_eq!(error.message, "KafkaBackup once has no backup yet");
}

#[test]
fn a_dry_run_is_waited_for_and_leaves_nothing() {
    let host = host().settles(RESTORE, json!({"phase": "Completed"}));
    let restored = restore(&host, true, &[]).unwrap();
    assert_eq!(restored.backup.state, State::Succeeded);
    assert!(host.warnings()[0].starts_with("Without a dry run, this restore would be refused"));
    let verbs: Vec<_> = host.done().iter().map(|done| done.verb).collect();
    assert_eq!(verbs, ["create", "delete"]);
    assert_eq!(host.done()[0].sent["spec"]["dryRun"], true);

    let failed = json!({"phase": "Failed", "message": "no such bucket"});
    let host = self::host().settles(RESTORE, failed);
    let error = restore(&host, true, &[("purge-topics", true.into())]).unwrap_err();
    assert_eq!(
        error.message,
        "the operator would refuse this restore: no such bucket"
    );

    let error = restore(&self::host(), true, &[("purge-topics", true.into())]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
}
