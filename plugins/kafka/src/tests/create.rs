use super::*;

#[test]
fn flags_become_a_backup_that_runs_once() {
    let host = host();
    let more = [
        ("compression", "zstd".into()),
        ("compression-level", 9.into()),
        ("consumer-group-snapshot", true.into()),
        ("continuous", false.into()),
        ("security-protocol", "sasl_ssl".into()),
        ("sasl-secret", "kafka-user".into()),
        ("sasl-mechanism", "SCRAM-SHA-512".into()),
        ("ca-secret", "kafka-ca".into()),
    ];
    let made = create(&host, &flags(&more)).unwrap();
    assert_eq!(
        (made.id.as_str(), made.state),
        ("backup-20250906-120000", State::Pending)
    );
    let done = done(&host);
    assert_eq!((done.verb, done.kind.as_str()), ("create", BACKUP));
    assert_eq!(
        done.sent,
        json!({
            "metadata": {"name": "backup-20250906-120000"},
            "spec": {
                "kafkaCluster": {
                    "bootstrapServers": ["a:9092", "b:9092"],
                    "securityProtocol": "SASL_SSL",
                    "saslSecret": {"name": "kafka-user", "mechanism": "SCRAM-SHA-512"},
                    "caSecret": {"name": "kafka-ca"},
                },
                "topics": ["orders", "payments"],
                "storage": {"storageType": "pvc", "pvc": {"claimName": "backups", "subPath": "kafka"}},
                "compression": "zstd",
                "compressionLevel": 9,
                "consumerGroupSnapshot": true,
            },
        })
    );
}

#[test]
fn each_storage_has_a_url() {
    let storage = |given: &[(&str, OptionValue)]| {
        let host = host();
        create(&host, &flags(given)).map(|_| done(&host).sent["spec"]["storage"].clone())
    };
    let secret = ("storage-secret", OptionValue::from("s"));
    let s3 = [
        ("storage", "s3://bucket/a/b".into()),
        secret.clone(),
        ("s3-region", "eu-central-1".into()),
        ("s3-endpoint", "http://minio:9000".into()),
    ];
    assert_eq!(
        storage(&s3).unwrap(),
        json!({"storageType": "s3", "s3": {
            "bucket": "bucket", "prefix": "a/b", "region": "eu-central-1",
            "credentialsSecret": {"name": "s"},
            "endpoint": "http://minio:9000", "pathStyle": true, "allowHttp": true,
        }})
    );
    assert_eq!(
        storage(&[("storage", "gs://bucket/".into()), secret.clone()]).unwrap(),
        json!({"storageType": "gcs", "gcs": {"bucket": "bucket", "credentialsSecret": {"name": "s"}}})
    );
    assert_eq!(
        storage(&[
            ("storage", "azure://account/container/p".into()),
            secret.clone()
        ])
        .unwrap(),
        json!({"storageType": "azure", "azure": {
            "accountName": "account", "container": "container", "prefix": "p",
            "credentialsSecret": {"name": "s"},
        }})
    );
    let refused = |given: &[(&str, OptionValue)]| storage(given).unwrap_err().message;
    for (url, message) in [
        (
            "backups",
            "--storage \"backups\" is not a valid storage URL",
        ),
        (
            "ftp://x",
            "--storage \"ftp://x\" is not a valid storage URL",
        ),
        ("pvc://", "--storage \"pvc://\" is not a valid storage URL"),
        ("s3://bucket", "--storage s3:// needs --storage-secret"),
    ] {
        assert_eq!(refused(&[("storage", url.into())]), message);
    }
    assert_eq!(
        refused(&[("storage", "s3://b".into()), secret.clone()]),
        "--storage s3:// needs --s3-region"
    );
    assert_eq!(
        refused(&[secret]),
        "--storage-secret can't be used with --storage pvc://"
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused_by_name() {
    for (given, message) in [
        (
            vec![("topics", "a,,b".into())],
            "--topics \"a,,b\" has an empty name",
        ),
        (
            vec![("security-protocol", "TLS".into())],
            "--security-protocol can't be \"TLS\"",
        ),
        (
            vec![("security-protocol", "SASL_SSL".into())],
            "--security-protocol SASL_SSL needs --sasl-secret",
        ),
        (
            vec![("security-protocol", "ssl".into())],
            "the operator would refuse this backup: --security-protocol SSL needs --ca-secret or --tls-secret",
        ),
        (
            vec![("sasl-secret", "x".into())],
            "--sasl-secret needs --security-protocol SASL_PLAINTEXT or SASL_SSL",
        ),
        (
            vec![("compression-level", 23.into())],
            "the operator would refuse this backup: --compression-level must be 1–22, not 23",
        ),
        (
            vec![
                ("compression", "lz4".into()),
                ("compression-level", 3.into()),
            ],
            "the operator would refuse this backup: --compression-level applies only to zstd, not to lz4",
        ),
        (
            vec![
                ("continuous", true.into()),
                ("stop-at-current-offsets", true.into()),
            ],
            "the operator would refuse this backup: --continuous and --stop-at-current-offsets exclude each other",
        ),
        (
            vec![("from", "nightly".into())],
            "--from and --topics exclude each other",
        ),
        (
            vec![("file", "{}".into())],
            "--file and --topics exclude each other",
        ),
    ] {
        let host = host();
        let error = create(&host, &flags(&given)).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::InvalidArgument, message)
        );
        assert_eq!(host.done(), []);
    }
    let error = create(&host(), &[("topics", "a".into())]).unwrap_err();
    assert_eq!(error.message, "--bootstrap-servers is missing");
    let error = create(&host(), &[("file", "{}".into()), ("from", "x".into())]).unwrap_err();
    assert_eq!(error.message, "--file and --from exclude each other");
}

#[test]
fn a_scheduled_backup_runs_now_as_a_copy_without_its_schedule() {
    let host = host();
    let made = create(&host, &[("from", "nightly".into())]).unwrap();
    assert_eq!(made.id, "nightly-20250906-120000");
    assert_eq!(done(&host).sent["spec"], spec());
}

#[test]
fn a_file_is_taken_as_kubectl_takes_it() {
    let host = host();
    let file = "
apiVersion: kafka.oso.sh/v1alpha1
kind: KafkaBackup
metadata:
  name: mine
  labels: {team: orders}
spec:
  topics: [orders]
  checkpoint: {enabled: true}
status: {phase: Completed}
";
    assert_eq!(create(&host, &[("file", file.into())]).unwrap().id, "mine");
    let sent = done(&host).sent;
    assert_eq!(sent["metadata"]["labels"], json!({"team": "orders"}));
    assert_eq!(sent["spec"]["checkpoint"], json!({"enabled": true}));
    assert_eq!(sent.get("status"), None);
    let named = create(&host, &[("file", file.into()), ("name", "other".into())]);
    assert_eq!(named.unwrap().id, "other");
    let nameless = create(&host, &[("file", "spec: {topics: [a]}".into())]);
    assert_eq!(nameless.unwrap().id, "backup-20250906-120000");
}

#[test]
fn a_file_with_what_the_operator_refuses_is_refused_with_all_its_fields() {
    let refused = |file: &str| {
        create(&host(), &[("file", file.into())])
            .unwrap_err()
            .message
    };
    assert_eq!(
        refused(
            "{spec: {topics: [], kafkaCluster: {bootstrapServers: []}, storage: {storageType: nfs},
              compressionLevel: 0, continuous: true, stopAtCurrentOffsets: true,
              retention: {enabled: true, keepLast: 0}}}"
        ),
        "the operator would refuse this backup: spec.topics names no topic; \
         spec.kafkaCluster.bootstrapServers names no server; \
         spec.storage.storageType must be pvc, s3, azure or gcs, not \"nfs\"; \
         spec.compressionLevel must be 1–22, not 0; \
         spec.continuous and spec.stopAtCurrentOffsets exclude each other; \
         spec.retention.keepLast must be above 0, not 0"
    );
    assert_eq!(
        refused(
            "{spec: {topics: [a], kafkaCluster: {bootstrapServers: ['k:1']}, storage: {storageType: azure, azure: {
                accountName: a, container: c, useWorkloadIdentity: true, sasTokenSecret: {name: s}}},
              compression: gzip, retention: {enabled: true}}}"
        ),
        "the operator would refuse this backup: \
         spec.storage.azure has sasTokenSecret and useWorkloadIdentity, which exclude each other; \
         spec.compression must be none, lz4 or zstd, not \"gzip\"; \
         spec.retention needs maxAgeDays or keepLast"
    );
    assert_eq!(
        refused(
            "{spec: {topics: [a], kafkaCluster: {bootstrapServers: ['k:1']}, storage: {storageType: s3}}}"
        ),
        "the operator would refuse this backup: spec.storage.storageType is s3, but spec.storage.s3 is missing"
    );
    assert!(refused("a: [").starts_with("--file is not YAML or JSON: line "));
    assert_eq!(
        refused(
            "{spec: {topics: [a], kafkaCluster: {bootstrapServers: ['k:1'], securityProtocol: SASL_SSL,
                saslSecret: {name: s, mechanism: PLAIN}, connection: {connectionsPerBroker: 0}},
              storage: {pvc: {claimName: c}}, segmentMaxBytes: 0, segmentMaxIntervalMs: 0, rateLimiting: {maxConcurrentPartitions: 0}}}"
        ),
        "the operator would refuse this backup: \
         spec.kafkaCluster.securityProtocol SASL_SSL needs caSecret or tlsSecret; \
         spec.kafkaCluster.connection.connectionsPerBroker must be above 0, not 0; \
         spec.segmentMaxBytes must be above 0, not 0; \
         spec.segmentMaxIntervalMs must be above 0, not 0; \
         spec.rateLimiting.maxConcurrentPartitions must be above 0, not 0"
    );
    let other = "--file is not a KafkaBackup: it needs a `spec` and the `kind` KafkaBackup";
    assert_eq!(refused("{kind: KafkaRestore, spec: {}}"), other);
    assert_eq!(refused("[]"), other);
    assert!(refused("{spec: {schedule: '@daily'}}").contains("spec.schedule"));
}

#[test]
fn a_continuous_backup_is_said_to_have_no_end() {
    let notes = host().run(|| {
        Kafka::prepare(PrepareRequest {
            options: options(&flags(&[("continuous", true.into())])),
        })
    });
    let notes = notes.unwrap().notes;
    assert!(
        notes[0].starts_with("A continuous backup does not end"),
        "{notes:?}"
    );
}
