//! Creating backups.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use super::{FLAGS, count, kafka, shown, spec};
use crate::support::Bed;

#[test]
fn a_backup_of_flags_runs_to_its_end_and_is_waited_for_by_watching() {
    let bed = Bed::start();
    let run = kafka(&bed, &format!("create --name mine {FLAGS}"));
    assert_snapshot!(run.outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    mine   Completed   -   2500   8.0MiB   AGE
    note: mine 300
    exit 0
    ");
    // The first read found the backup running, the second at its end: in between the program watched.
    let looks = bed.requests().count("GET", "/kafkabackups/mine");
    assert_eq!(looks, 2);
    let watches = bed.requests().all();
    let watches = watches.iter().filter(|request| {
        request.query.contains("watch=true") && request.query.contains("metadata.name%3Dmine")
    });
    assert_eq!(watches.count(), 2);
}

#[test]
fn a_backup_has_the_time_in_its_name_where_it_has_no_other() {
    let bed = Bed::start();
    let run = kafka(&bed, &format!("create --wait=false -o name {FLAGS}"));
    let name = run.stdout.trim();
    let stamp = name.strip_prefix("backup-").expect("its prefix");
    assert_eq!((stamp.len(), &stamp[8..9]), (15, "-"), "{name}");
    assert_eq!(
        spec(&bed, "kafkabackups", name)["topics"],
        json!(["orders", "payments"])
    );
}

#[test]
fn a_scheduled_backup_runs_now_as_a_copy() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "create --from nightly --name now").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    now   Completed   -   2500   8.0MiB   AGE
    note: nightly
    note: now 300
    exit 0
    ");
    let mut expected = spec(&bed, "kafkabackups", "nightly");
    expected.as_object_mut().expect("a spec").remove("schedule");
    assert_eq!(spec(&bed, "kafkabackups", "now"), expected);
    assert_snapshot!(kafka(&bed, "create --from missing").outcome(), @r#"
    NotFound: "missing" 404 https://127.0.0.1:PORT kafka kafkabackups.kafka.oso.sh missing
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka`
    exit 10
    "#);
}

#[test]
fn a_file_says_what_flags_can_not() {
    let (bed, folder) = (Bed::start(), tempfile::tempdir().expect("a folder"));
    let file = "
apiVersion: kafka.oso.sh/v1alpha1
kind: KafkaBackup
metadata:
  name: tuned
spec:
  kafkaCluster: {bootstrapServers: [kafka:9092]}
  topics: [orders]
  storage: {storageType: pvc, pvc: {claimName: kafka-backups}}
  rateLimiting: {recordsPerSec: 500}
";
    let program = bed.program().in_folder(folder.path());
    let run = |file: &str, more: &str| {
        fs::write(folder.path().join("backup.yaml"), file).expect("a file");
        program.run(&format!(
            "backup --engine kafka -n kafka create --file backup.yaml {more}"
        ))
    };
    assert_snapshot!(run(file, "-o name").outcome(), @"
    stdout:
    tuned
    note: 300
    exit 0
    ");
    assert_eq!(
        spec(&bed, "kafkabackups", "tuned")["rateLimiting"]["recordsPerSec"],
        500
    );
    // The API server reports all violations of the schema.
    let lacking = "{metadata: {name: x}, spec: {kafkaCluster: {}, compressionLevel: 3}}";
    assert_snapshot!(run(lacking, "").message(), @r#"
    Usage: the API server refuses to create kafkabackups x in namespace kafka: KafkaBackup.kafka.oso.sh "x" is invalid: [spec.storage: Required value, spec.topics: Required value, spec.kafkaCluster.bootstrapServers: Required value]
    hint:
    exit 2
    "#);
    assert_snapshot!(run("{metadata: {name: x}, spec: {kafkaCluster: {bootstrapServers: [a]}, storage: {pvc: {}}, topics: orders}}", "").message(), @r#"
    Usage: the API server refuses to create kafkabackups x in namespace kafka: KafkaBackup.kafka.oso.sh "x" is invalid: spec.topics: Invalid value: "string": spec.topics in body must be of type array: "string"
    hint:
    exit 2
    "#);
    // The engine reports violations of the operator's rules before anything is created.
    let bad = "{spec: {kafkaCluster: {bootstrapServers: ['kafka:9092']}, topics: [], continuous: true,
                 stopAtCurrentOffsets: true, storage: {pvc: {claimName: c}}, retention: {enabled: true}}}";
    assert_snapshot!(run(bad, "").message(), @"
    Usage: the operator would refuse this backup: spec.topics names no topic; spec.continuous and spec.stopAtCurrentOffsets exclude each other; spec.retention needs maxAgeDays or keepLast
    exit 2
    ");
    assert_snapshot!(run("a: [1\nb: 2", "").message(), @"
    Usage: --file is not YAML or JSON: line 2 column 2: illegal placement of ':' indicator
    exit 2
    ");
    assert_snapshot!(run(file, "--topics a").hint(), @"
    Usage: --file --topics
    hint: With --file only --name can be given
    exit 2
    ");
    assert_snapshot!(run(&format!("{file}  schedule: '0 0 2 * * *'\n"), "").shown(), @"
    stderr:
    error: --file has spec.schedule, but `create` begins a backup now
    hint: Create it with `kubectl apply`, and run it now with `kubectl broker backup create --engine kafka --from NAME`
    exit 2
    ");
    assert_snapshot!(run(file, "--wait=false").outcome(), @r#"
    Conflict: "tuned" 409 create https://127.0.0.1:PORT kafka kafkabackups.kafka.oso.sh
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka`
    exit 11
    "#);
}

#[test]
fn flags_that_can_not_be_are_refused_before_anything_is_created() {
    let bed = Bed::start();
    let before = count(&bed, "kafkabackups");
    assert_snapshot!(kafka(&bed, "create").shown(), @"
    stderr:
    error: --bootstrap-servers is missing
    hint: A backup needs --bootstrap-servers, --topics and --storage; or give --from NAME, or --file FILE
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --compression-level 30")).message(), @"
    Usage: the operator would refuse this backup: --compression-level must be 1–22, not 30
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --continuous --stop-at-current-offsets")).outcome(), @"
    Usage: --continuous --stop-at-current-offsets
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --from nightly")).outcome(), @"
    Usage: --from --topics
    hint: --from --name
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "create --bootstrap-servers a --topics b --storage s3://c").shown(), @"
    stderr:
    error: --storage s3:// needs --storage-secret
    hint: Name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --compression gzip")).outcome(), @"
    Usage: '--compression <COMPRESSION>' 'gzip'
      [possible values: none, lz4, zstd]
    exit 2
    ");
    assert_eq!(count(&bed, "kafkabackups"), before);
}

#[test]
fn a_backup_that_fails_is_a_failure_with_the_operators_reason() {
    let command = format!("create --name mine {FLAGS}");
    assert_snapshot!(kafka(&Bed::with(&["kafka-fail=broker kafka:9092: connection refused"]), &command).reason(), @"
    note: mine 300
    Failed: mine: Failed (broker kafka:9092: connection refused)
    hint: `kubectl broker backup list --engine kafka`
    exit 1
    ");
}

#[test]
fn without_waiting_a_backup_is_pending_and_what_never_ends_is_said() {
    let command = format!("create --name mine {FLAGS}");
    assert_snapshot!(shown(&[], &format!("{command} --wait=false")), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    mine   Pending   -   -   -   AGE
    exit 0
    ");
    assert_snapshot!(shown(&["kafka-stuck"], &format!("{command} --continuous --timeout 1s")), @"
    note: `--wait=false`
    note: mine 1
    TimedOut: 1 mine
    hint: `--timeout` `kubectl broker backup status --engine kafka --id mine`
    exit 124
    ");
    assert_snapshot!(shown(&["kafka-off"], &format!("{command} --timeout 1s")), @"
    note: mine 1
    TimedOut: 1 mine
    hint: `--timeout` `kubectl broker backup status --engine kafka --id mine`
    exit 124
    ");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let command = format!("create --name nightly {FLAGS}");
    assert_snapshot!(shown(&[], &command), @r#"
    Conflict: "nightly" 409 create https://127.0.0.1:PORT kafka kafkabackups.kafka.oso.sh nightly
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka`
    exit 11
    "#);
}
