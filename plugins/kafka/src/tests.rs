use broker_engine::mock::{Done, Host};
use broker_engine::{
    Activity, ErrorKind, OptionSetting, OptionValue, Report, Restoration, RestoreSource,
};
use serde_json::{Value, json};

use super::*;

const BACKUP: &str = "kafka.oso.sh/v1alpha1/KafkaBackup";
const RESTORE: &str = "kafka.oso.sh/v1alpha1/KafkaRestore";
const VALIDATION: &str = "kafka.oso.sh/v1alpha1/KafkaBackupValidation";
const RESET: &str = "kafka.oso.sh/v1alpha1/KafkaOffsetReset";

/// 2025-09-06T12:00:00Z
const NOW: u64 = 1_757_160_000_000;

fn spec() -> Value {
    json!({
        "kafkaCluster": {"bootstrapServers": ["kafka:9092"]},
        "topics": ["orders"],
        "storage": {"storageType": "pvc", "pvc": {"claimName": "backups"}},
    })
}

fn object(kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "kafka.oso.sh/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "generation": 2, "creationTimestamp": "2025-09-01T00:00:00Z"},
        "spec": spec,
        "status": status,
    })
}

/// A host with a backup each night, which has run.
fn host() -> Host {
    let mut scheduled = spec();
    scheduled["schedule"] = json!("0 0 2 * * *");
    scheduled["suspend"] = json!(false);
    let status = json!({
        "phase": "Completed", "observedGeneration": 2, "backupId": "nightly-20250906-020000",
        "lastBackupTime": "2025-09-06T02:00:00Z", "recordsProcessed": 7, "bytesProcessed": 9,
        "segmentsCompleted": 3, "nextScheduledBackup": "2025-09-07T02:00:00Z",
    });
    Host::new(MANIFEST)
        .at(NOW)
        .object(object("KafkaBackup", "nightly", &scheduled, &status))
        .object(object("KafkaBackup", "once", &spec(), &json!({})))
}

fn options(given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let setting = |(name, value): &(&str, OptionValue)| OptionSetting {
        name: (*name).to_owned(),
        value: value.clone(),
    };
    given.iter().map(setting).collect()
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        Kafka::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn create(host: &Host, given: &[(&str, OptionValue)]) -> Result<Backup> {
    host.run(|| {
        Kafka::create(CreateRequest {
            options: options(given),
        })
    })
}

fn restore(host: &Host, dry_run: bool, given: &[(&str, OptionValue)]) -> Result<Restoration> {
    host.run(|| {
        Kafka::restore(RestoreRequest {
            source: RestoreSource::Id("nightly".to_owned()),
            dry_run,
            options: options(given),
        })
    })
}

/// The only thing that was done.
fn done(host: &Host) -> Done {
    let mut done = host.done();
    assert_eq!(done.len(), 1, "{done:?}");
    done.remove(0)
}

/// What is needed of a backup by flags, and more.
fn flags<'a>(more: &[(&'a str, OptionValue)]) -> Vec<(&'a str, OptionValue)> {
    let mut flags = vec![
        ("bootstrap-servers", "a:9092, b:9092".into()),
        ("topics", "orders,payments".into()),
        ("storage", "pvc://backups/kafka".into()),
    ];
    for (name, value) in more {
        flags.retain(|(known, _)| known != name);
        flags.push((name, value.clone()));
    }
    flags
}

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
    // A status of the spec before this one.
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
fn a_backup_is_shown_with_what_its_newest_set_holds() {
    let shown = status(&host(), "nightly").unwrap();
    assert_eq!((shown.size, shown.activity), (Some(9), Activity::Backup));
    // The time is that of what can be restored, not that of the object.
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
            limit: None,
            options: options(given),
        };
        let listed = host.run(|| Kafka::list(request)).unwrap();
        listed
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
    // A result that lacks a field does not make the object unreadable.
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
        ("backups", "--storage \"backups\" is no storage"),
        ("ftp://x", "--storage \"ftp://x\" is no storage"),
        ("pvc://", "--storage \"pvc://\" is no storage"),
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
        "--storage-secret does not go with --storage pvc://"
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused_by_name() {
    for (given, message) in [
        (
            vec![("topics", "a,,b".into())],
            "--topics \"a,,b\" has a name that is empty",
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
            "the operator would refuse this backup: --compression-level is 23, and 1 to 22 can be",
        ),
        (
            vec![
                ("compression", "lz4".into()),
                ("compression-level", 3.into()),
            ],
            "the operator would refuse this backup: --compression-level is one of zstd, not of lz4",
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
         spec.storage.storageType is \"nfs\", and pvc, s3, azure and gcs can be; \
         spec.compressionLevel is 0, and 1 to 22 can be; \
         spec.continuous and spec.stopAtCurrentOffsets exclude each other; \
         spec.retention.keepLast is 0, and must be above 0"
    );
    assert_eq!(
        refused(
            "{spec: {storage: {storageType: azure, azure: {useWorkloadIdentity: true, sasTokenSecret: {}}},
              compression: gzip, retention: {enabled: true}}}"
        ),
        "the operator would refuse this backup: \
         spec.storage.azure has sasTokenSecret and useWorkloadIdentity, which exclude each other; \
         spec.compression is \"gzip\", and none, lz4 and zstd can be; \
         spec.retention needs maxAgeDays or keepLast"
    );
    assert_eq!(
        refused("{spec: {storage: {storageType: s3, pvc: {}}}}"),
        "the operator would refuse this backup: spec.storage.storageType is s3, and spec.storage.s3 is missing"
    );
    assert!(refused("a: [").starts_with("--file is no YAML or JSON: line "));
    assert_eq!(
        refused(
            "{spec: {kafkaCluster: {securityProtocol: SASL_SSL, connection: {connectionsPerBroker: 0}},
              segmentMaxBytes: 0, segmentMaxIntervalMs: 0, rateLimiting: {maxConcurrentPartitions: 0}}}"
        ),
        "the operator would refuse this backup: \
         spec.kafkaCluster.securityProtocol SASL_SSL needs caSecret or tlsSecret; \
         spec.segmentMaxBytes is 0, and must be above 0; \
         spec.segmentMaxIntervalMs is 0, and must be above 0; \
         spec.rateLimiting.maxConcurrentPartitions is 0, and must be above 0; \
         spec.kafkaCluster.connection.connectionsPerBroker is 0, and must be above 0"
    );
    let other = "--file is no KafkaBackup: it needs a `spec`, and its `kind` is KafkaBackup";
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
    let notes = notes.unwrap();
    assert!(
        notes[0].starts_with("A continuous backup has no end"),
        "{notes:?}"
    );
}

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
            "without --topics all topics are restored into themselves, which the operator refuses",
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
            "--topic-mapping names b, and --topics does not",
        ),
        (
            vec![("topic-mapping", "a".into())],
            "--topic-mapping has \"a\", which is no pair",
        ),
        (
            vec![("topic-mapping", "a=b,a=c".into())],
            "--topic-mapping names \"a\" twice",
        ),
        (
            vec![("purge-topics", true.into()), ("to-time", "now".into())],
            "--to-time \"now\" is no time in RFC 3339",
        ),
        (
            vec![
                ("purge-topics", true.into()),
                ("from-time", "2025-09-02T00:00:00Z".into()),
                ("to-time", "2025-09-02T00:00:00Z".into()),
            ],
            "--from-time is not before --to-time",
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
    assert!(host.warnings()[0].starts_with("A restore that is no dry run would be refused"));
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

#[test]
fn what_runs_is_deleted_by_force_only() {
    let running = json!({"phase": "Running"});
    let host = host().object(object("KafkaRestore", "r", &json!({}), &running));
    let delete = |id: &str, force| {
        host.run(|| {
            Kafka::delete(DeleteRequest {
                id: id.to_owned(),
                force,
                options: Vec::new(),
            })
        })
    };
    assert_eq!(
        delete("restore/r", false).unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(delete("restore/r", true), Ok(()));
    assert_eq!(host.warnings(), Vec::<String>::new());
    assert_eq!(delete("nightly", false), Ok(()));
    assert!(host.warnings()[0].contains("its data stays in the storage"));
}

fn text(report: Result<Report>) -> String {
    match report {
        Ok(Report::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

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
    // Any change of its spec would run it again.
    let error = act("suspend", "once").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(host.done().len(), 2);
}

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
            "--checks has \"size\", which is no check",
        ),
        (
            vec![("checks", "consumer-group-offsets".into())],
            "the check consumer-group-offsets needs --groups",
        ),
        (
            vec![("groups", "a".into())],
            "--groups needs the check consumer-group-offsets",
        ),
    ] {
        assert_eq!(validate(&given).unwrap_err().message, message);
    }
    let begun = text(validate(&[("no-wait", true.into())]));
    assert!(begun.contains("--id validation/nightly-00001"), "{begun}");
    let late = validate(&[]).unwrap_err();
    assert_eq!(late.kind, ErrorKind::TimedOut);
    assert!(late.hint.unwrap().contains("--id validation/nightly-00001"));
}

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
            "--offset goes with --strategy to-offset only",
        ),
        (
            vec![("strategy", "to-offset".into()), ("offset", (-1).into())],
            "--offset is below 0",
        ),
        (
            vec![("strategy", "from-mapping".into())],
            "--strategy from-mapping needs the restore that noted the offsets",
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
            .contains("no absolute path")
    );
    assert_eq!(
        text(act("/data/snapshot.json")),
        "3 consumer groups were rolled back."
    );
    let reference = json!({"name": "snapshot.json", "path": "/data/snapshot.json"});
    assert_eq!(done(&host).sent["spec"]["snapshotRef"], reference);
}
