//! Engine kafka against the operator of the testbed, as its users meet it.

use std::fs;

use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use testbed::Testbed;

use crate::support::{Bed, Run};

const FLAGS: &str =
    "--bootstrap-servers kafka:9092 --topics orders,payments --storage pvc://kafka-backups";

fn kafka(bed: &Bed, arguments: &str) -> Run {
    bed.run(&format!("backup --engine kafka -n kafka {arguments}"))
}

/// What a single command comes to in a new cluster.
fn shown(faults: &[&str], arguments: &str) -> String {
    kafka(&Bed::with(faults), arguments).shown()
}

fn spec(bed: &Bed, plural: &str, name: &str) -> Value {
    let object = bed
        .objects()
        .get(&format!("{plural}.kafka.oso.sh"), "kafka", name);
    object.expect("it is there")["spec"].clone()
}

fn count(bed: &Bed, plural: &str) -> usize {
    let resource = format!("{plural}.kafka.oso.sh");
    bed.objects().list(&resource, Some("kafka")).len()
}

#[test]
fn backups_are_listed_with_what_their_newest_set_holds() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "list").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE
    clickstream   Failed   -   -   -   AGE
    before-upgrade   Completed   -   1250   4.0MiB   AGE
    weekly   Ready   0 0 4 * * SUN (suspended)   -   -   AGE
    stderr:
    4 backups, 12.0MiB in all
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "list -o wide").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE   6   nightly-20250906-020000   2025-09-06T02:00:00Z   2025-09-07T02:00:00Z   -   Backup completed successfully
    clickstream   Failed   -   -   -   AGE   -   -   -   -   -   Failed to connect to broker kafka-1.kafka:9092: connection refused
    before-upgrade   Completed   -   1250   4.0MiB   AGE   3   before-upgrade-20250903-120000   2025-09-03T12:00:00Z   -   -   Backup completed successfully
    weekly   Ready   0 0 4 * * SUN (suspended)   -   -   AGE   -   -   -   -   -   Backup schedule is active
    stderr:
    4 backups, 12.0MiB in all
    exit 0
    ");
    let list = kafka(&bed, "list -o json").json();
    assert_snapshot!(format!("{:#}", list["items"][0]), @r#"
    {
      "activity": "Backup",
      "created": "2025-09-06T02:00:00Z",
      "failure": null,
      "fields": {
        "backup-id": "nightly-20250906-020000",
        "last-backup": "2025-09-06T02:00:00Z",
        "message": "Backup completed successfully",
        "next-backup": "2025-09-07T02:00:00Z",
        "records": "2500",
        "schedule": "0 0 2 * * *",
        "segments": "6"
      },
      "id": "nightly",
      "reportedState": "Completed",
      "sizeBytes": 8388608,
      "state": "Succeeded"
    }
    "#);
}

#[test]
fn the_state_of_each_kind_of_work_is_shown_by_its_id() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "status --id nightly").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id restore/orders-check -o wide").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    restore/orders-check   Completed   -   1250   4.0MiB   AGE   3   -   -   -   100%   Restore completed successfully
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id validation/nightly-check").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    validation/nightly-check   Completed, Fail   -   -   -   AGE
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id missing").shown(), @r#"
    stderr:
    error: https://127.0.0.1:PORT answered 404 when asked to get kafkabackups missing in namespace kafka: kafkabackups.kafka.oso.sh "missing" not found
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka` lists what is there
    exit 10
    "#);
    assert_snapshot!(kafka(&bed, "status --id topic/x").shown(), @"
    stderr:
    error: `topic/x` is no name of a KafkaBackup
    hint: An id is the name of a KafkaBackup, or restore/NAME, validation/NAME, offset-reset/NAME or offset-rollback/NAME
    exit 10
    ");
}

#[test]
fn a_backup_of_flags_runs_to_its_end_and_is_waited_for_by_watching() {
    let bed = Bed::start();
    let run = kafka(&bed, &format!("create --name mine {FLAGS}"));
    assert_snapshot!(run.shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    mine   Completed   -   2500   8.0MiB   AGE
    stderr:
    Backup mine has begun; waiting up to 300 s for its end
    exit 0
    ");
    // One look found it running, one at its end: between them the cluster told of changes.
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
    assert_snapshot!(kafka(&bed, "create --from nightly --name now").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    now   Completed   -   2500   8.0MiB   AGE
    stderr:
    The set belongs to the copy: the retention of nightly never removes it
    Backup now has begun; waiting up to 300 s for its end
    exit 0
    ");
    let mut expected = spec(&bed, "kafkabackups", "nightly");
    expected.as_object_mut().expect("a spec").remove("schedule");
    assert_eq!(spec(&bed, "kafkabackups", "now"), expected);
    assert_snapshot!(kafka(&bed, "create --from missing").shown(), @r#"
    stderr:
    error: https://127.0.0.1:PORT answered 404 when asked to get kafkabackups missing in namespace kafka: kafkabackups.kafka.oso.sh "missing" not found
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka` lists what is there
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
    assert_snapshot!(run(file, "-o name").shown(), @"
    stdout:
    tuned
    stderr:
    Backup tuned has begun; waiting up to 300 s for its end
    exit 0
    ");
    assert_eq!(
        spec(&bed, "kafkabackups", "tuned")["rateLimiting"]["recordsPerSec"],
        500
    );
    // What the schema wants is said by the API server, in full.
    let lacking = "{metadata: {name: x}, spec: {kafkaCluster: {}, compressionLevel: 3}}";
    assert_snapshot!(run(lacking, "").shown(), @r#"
    stderr:
    error: the API server refuses to create kafkabackups x in namespace kafka: KafkaBackup.kafka.oso.sh "x" is invalid: [spec.storage: Required value, spec.topics: Required value, spec.kafkaCluster.bootstrapServers: Required value]
    hint: Correct what it names; nothing was changed in the cluster
    exit 2
    "#);
    assert_snapshot!(run("{metadata: {name: x}, spec: {kafkaCluster: {bootstrapServers: [a]}, storage: {pvc: {}}, topics: orders}}", "").shown(), @r#"
    stderr:
    error: the API server refuses to create kafkabackups x in namespace kafka: KafkaBackup.kafka.oso.sh "x" is invalid: spec.topics: Invalid value: "string": spec.topics in body must be of type array: "string"
    hint: Correct what it names; nothing was changed in the cluster
    exit 2
    "#);
    // What the operator wants is said before anything is created.
    let bad = "{spec: {topics: [], continuous: true, stopAtCurrentOffsets: true, retention: {enabled: true}}}";
    assert_snapshot!(run(bad, "").shown(), @"
    stderr:
    error: the operator would refuse this backup: spec.topics names no topic; spec.continuous and spec.stopAtCurrentOffsets exclude each other; spec.retention needs maxAgeDays or keepLast
    exit 2
    ");
    assert_snapshot!(run("a: [1\nb: 2", "").shown(), @"
    stderr:
    error: --file is no YAML or JSON: line 2 column 2: illegal placement of ':' indicator
    exit 2
    ");
    assert_snapshot!(run(file, "--topics a").shown(), @"
    stderr:
    error: --file and --topics exclude each other
    hint: With --file only --name can be given
    exit 2
    ");
    assert_snapshot!(run(&format!("{file}  schedule: '0 0 2 * * *'\n"), "").shown(), @"
    stderr:
    error: --file has spec.schedule, and `create` begins a backup that runs now
    hint: Create it with `kubectl apply`, and run it now with `kubectl broker backup create --engine kafka --from NAME`
    exit 2
    ");
    assert_snapshot!(run(file, "--wait=false").shown(), @r#"
    stderr:
    error: https://127.0.0.1:PORT answered 409 when asked to create kafkabackups tuned in namespace kafka: kafkabackups.kafka.oso.sh "tuned" already exists
    hint: Take another name; `kubectl get kafkabackups.kafka.oso.sh -n kafka` lists those that are taken
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
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --compression-level 30")).shown(), @"
    stderr:
    error: the operator would refuse this backup: --compression-level is 30, and 1 to 22 can be
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --continuous --stop-at-current-offsets")).shown(), @"
    stderr:
    error: the operator would refuse this backup: --continuous and --stop-at-current-offsets exclude each other
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --from nightly")).shown(), @"
    stderr:
    error: --from and --topics exclude each other
    hint: With --from only --name can be given
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "create --bootstrap-servers a --topics b --storage s3://c").shown(), @"
    stderr:
    error: --storage s3:// needs --storage-secret
    hint: It is a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    exit 2
    ");
    assert_snapshot!(kafka(&bed, &format!("create {FLAGS} --compression gzip")).shown(), @"
    stderr:
    error: invalid value 'gzip' for '--compression <COMPRESSION>'
      [possible values: none, lz4, zstd]

    For more information, try '--help'.
    exit 2
    ");
    assert_eq!(count(&bed, "kafkabackups"), before);
}

#[test]
fn a_backup_that_fails_is_a_failure_with_the_operators_reason() {
    let command = format!("create --name mine {FLAGS}");
    assert_snapshot!(shown(&["kafka-fail=broker kafka:9092: connection refused"], &command), @"
    stderr:
    Backup mine has begun; waiting up to 300 s for its end
    error: the backup mine ended badly: Failed (broker kafka:9092: connection refused)
    hint: `kubectl broker backup list --engine kafka` shows what is there
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
    stderr:
    A continuous backup has no end: without `--wait=false` this waits until its time is over
    Backup mine has begun; waiting up to 1 s for its end
    error: mine has not ended within 1 s; it goes on in the backend
    hint: Follow it with `kubectl broker backup status --engine kafka --id mine`, or give a longer `--timeout`
    exit 124
    ");
    assert_snapshot!(shown(&["kafka-off"], &format!("{command} --timeout 1s")), @"
    stderr:
    Backup mine has begun; waiting up to 1 s for its end
    error: mine has not ended within 1 s; it goes on in the backend
    hint: Follow it with `kubectl broker backup status --engine kafka --id mine`, or give a longer `--timeout`
    exit 124
    ");
}

#[test]
fn a_status_of_an_older_generation_is_pending() {
    let bed = Bed::with(&["kafka-off"]);
    let resource = "kafkabackups.kafka.oso.sh";
    let changed = bed
        .objects()
        .modify(resource, "kafka", "nightly", |object| {
            object["metadata"]["generation"] = json!(2);
        });
    changed.expect("it is there");
    assert_snapshot!(kafka(&bed, "status --id nightly").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Pending   0 0 2 * * *   2500   8.0MiB   AGE
    exit 0
    ");
}

#[test]
fn each_change_of_a_backup_is_a_row() {
    let bed = Bed::start();
    kafka(&bed, &format!("create --wait=false --name mine {FLAGS}"));
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id mine -o wide");
    assert_snapshot!(run.shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    mine   Running   -   -   -   AGE   -   -   -   -   -   Backup is running
    mine   Completed   -   2500   8.0MiB   AGE   6   mine-20250906-120000   2025-09-06T12:00:00Z   -   -   Backup completed successfully
    exit 0
    ");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let command = format!("create --name nightly {FLAGS}");
    assert_snapshot!(shown(&[], &command), @r#"
    stderr:
    error: https://127.0.0.1:PORT answered 409 when asked to create kafkabackups nightly in namespace kafka: kafkabackups.kafka.oso.sh "nightly" already exists
    hint: Take another name; `kubectl get kafkabackups.kafka.oso.sh -n kafka` lists those that are taken
    exit 11
    "#);
}

#[test]
fn a_right_that_is_missing_is_named_with_its_rule() {
    let create = format!("create --name mine {FLAGS}");
    assert_snapshot!(shown(&["deny=list:kafkabackups"], "list"), @r#"
    stderr:
    error: not allowed to list kafkabackups in namespace kafka: kafkabackups.kafka.oso.sh is forbidden: User "testbed" cannot list resource "kafkabackups" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkabackups -n kafka --verb=list --resource=kafkabackups.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["list"]}`
    exit 12
    "#);
    assert_snapshot!(shown(&["deny=create:kafkabackups"], &create), @r#"
    stderr:
    error: not allowed to create kafkabackups mine in namespace kafka: kafkabackups.kafka.oso.sh is forbidden: User "testbed" cannot create resource "kafkabackups" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkabackups -n kafka --verb=create --resource=kafkabackups.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["create"]}`
    exit 12
    "#);
    let restore = "restore --id nightly --purge-topics --yes --name back";
    assert_snapshot!(shown(&["deny=create:kafkarestores"], restore), @r#"
    stderr:
    Restoring backup nightly into namespace kafka (engine kafka)
    error: not allowed to create kafkarestores back in namespace kafka: kafkarestores.kafka.oso.sh is forbidden: User "testbed" cannot create resource "kafkarestores" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkarestores -n kafka --verb=create --resource=kafkarestores.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["create"]}`
    exit 12
    "#);
}

#[test]
fn where_watching_is_not_allowed_waiting_goes_on_by_looking() {
    let command = format!("create --name mine {FLAGS} -o name");
    assert_snapshot!(shown(&["deny=watch:kafkabackups"], &command), @"
    stdout:
    mine
    stderr:
    Backup mine has begun; waiting up to 300 s for its end
    exit 0
    ");
}

#[test]
fn a_cluster_without_the_kinds_is_told_so() {
    let builder = Testbed::builder().empty().with(|world| {
        world.put([json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kafka"},
        })]);
    });
    let bed = Bed::of(builder);
    assert_snapshot!(kafka(&bed, "list").shown(), @"
    stderr:
    error: https://127.0.0.1:PORT knows no kind kafka.oso.sh/v1alpha1/KafkaBackup
    hint: Install the operator that brings it, or look for another version with `kubectl api-resources --api-group=kafka.oso.sh`
    exit 10
    ");
}

#[test]
fn the_check_up_says_what_it_needs() {
    let program = |bed: &Bed| {
        let program = bed.program().data_although_failed();
        program.run("backup test --engine kafka -n kafka").shown()
    };
    assert_snapshot!(program(&Bed::start()), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete
    right:secrets   -   passed   may get
    right:kafkabackups   kafka   passed   may get, list, watch, create, patch, delete
    right:kafkarestores   kafka   passed   may get, list, watch, create, delete
    right:kafkaoffsetresets   kafka   passed   may get, list, watch, create, delete
    right:kafkaoffsetrollbacks   kafka   passed   may get, list, watch, create, delete
    right:kafkabackupvalidations   kafka   passed   may get, list, watch, create, delete
    detect   kafka   passed   kafka-backup-operator
    list   kafka   passed   4 backups
    stderr:
    10 checks: 10 passed
    exit 0
    ");
    assert_snapshot!(program(&Bed::with(&["deny=create:kafkarestores"])), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete
    right:secrets   -   passed   may get
    right:kafkabackups   kafka   passed   may get, list, watch, create, patch, delete
    right:kafkarestores   kafka   warned   may not create: what needs it fails
    right:kafkaoffsetresets   kafka   passed   may get, list, watch, create, delete
    right:kafkaoffsetrollbacks   kafka   passed   may get, list, watch, create, delete
    right:kafkabackupvalidations   kafka   passed   may get, list, watch, create, delete
    detect   kafka   passed   kafka-backup-operator
    list   kafka   passed   4 backups

    kafka/right:kafkarestores:
      Ask for this right: `kubectl create role broker-kafkarestores -n kafka --verb=get,list,watch,create,delete --resource=kafkarestores.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["get", "list", "watch", "create", "delete"]}`
    stderr:
    10 checks: 9 passed, 1 warned
    exit 0
    "#);
}

#[test]
fn a_restore_into_other_topics_runs_to_its_end() {
    let bed = Bed::start();
    let command = "restore --id nightly --yes --name back --topics orders --topic-mapping \
                   orders=orders-restored --from-time 2025-09-01T00:00:00Z --to-time 2025-09-05T00:00:00Z";
    assert_snapshot!(kafka(&bed, command).shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/back   Completed   8.0MiB   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    stderr:
    Restoring backup nightly into namespace kafka (engine kafka)
    exit 0
    ");
    assert_snapshot!(format!("{:#}", spec(&bed, "kafkarestores", "back")), @r#"
    {
      "backupRef": {
        "backupId": "nightly-20250906-020000",
        "name": "nightly"
      },
      "kafkaCluster": {
        "bootstrapServers": [
          "kafka-0.kafka:9092",
          "kafka-1.kafka:9092"
        ]
      },
      "pitr": {
        "endTime": "2025-09-05T00:00:00Z",
        "startTime": "2025-09-01T00:00:00Z"
      },
      "topicMapping": {
        "orders": "orders-restored"
      },
      "topics": [
        "orders"
      ]
    }
    "#);
    assert_snapshot!(kafka(&bed, "status --id restore/back").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    restore/back   Completed   -   2500   8.0MiB   AGE
    exit 0
    ");
}

#[test]
fn the_newest_whole_backup_is_restored_where_it_is_asked_for() {
    let bed = Bed::start();
    let run = kafka(
        &bed,
        "restore --latest --yes --purge-topics --name back -o json",
    );
    assert_snapshot!(format!("{:#}", run.json()), @r#"
    {
      "apiVersion": "kubectl-broker/v1",
      "details": {
        "backup-id": "nightly-20250906-020000"
      },
      "dryRun": false,
      "item": {
        "activity": "Restore",
        "created": "2025-09-06T12:00:00Z",
        "failure": null,
        "fields": {
          "backup-id": "nightly-20250906-020000",
          "message": "Restore completed successfully",
          "progress": "100%",
          "records": "2500",
          "segments": "6"
        },
        "id": "restore/back",
        "reportedState": "Completed",
        "sizeBytes": 8388608,
        "state": "Succeeded"
      },
      "kind": "Restore",
      "scope": {
        "engine": "kubectl-broker/kafka",
        "namespace": "kafka",
        "statefulset": null
      }
    }
    "#);
    let of = &spec(&bed, "kafkarestores", "back")["backupRef"];
    assert_eq!(
        *of,
        json!({"name": "nightly", "backupId": "nightly-20250906-020000"})
    );
}

#[test]
fn a_restore_that_is_not_safe_is_refused_before_the_operator_refuses_it() {
    let bed = Bed::start();
    let before = count(&bed, "kafkarestores");
    assert_snapshot!(kafka(&bed, "restore --id nightly --yes").shown(), @"
    stderr:
    Restoring backup nightly into namespace kafka (engine kafka)
    error: without --topics all topics are restored into themselves, which the operator refuses
    hint: Name them, each with another name: --topics a,b with --topic-mapping; or give --purge-topics, which empties them first
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id nightly --yes --topics orders,payments --topic-mapping orders=x").shown(), @"
    stderr:
    Restoring backup nightly into namespace kafka (engine kafka)
    error: the operator refuses to restore payments into itself
    hint: Give it another name: --topic-mapping payments=payments-restored; or give --purge-topics, which empties it first
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id weekly --yes --purge-topics").shown(), @"
    stderr:
    Restoring backup weekly into namespace kafka (engine kafka)
    error: KafkaBackup weekly has no backup yet
    hint: Name one of the storage with --backup-id
    exit 11
    ");
    assert_snapshot!(kafka(&bed, "restore --id restore/orders-check --yes --purge-topics").shown(), @"
    stderr:
    Restoring backup restore/orders-check into namespace kafka (engine kafka)
    error: restore/orders-check is no backup
    hint: `kubectl broker backup list --engine kafka` shows the backups
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id nightly --purge-topics").shown(), @"
    stderr:
    error: nothing was done: Restoring backup nightly into namespace kafka (engine kafka) needs a confirmation
    hint: Give `--yes` if you mean it; on a terminal the name of the target is asked for
    exit 2
    ");
    assert_eq!(count(&bed, "kafkarestores"), before);
}

#[test]
fn what_is_refused_here_is_refused_by_the_operator_too() {
    let bed = Bed::start();
    bed.objects()
        .put(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaRestore",
            "metadata": {"name": "unsafe", "namespace": "kafka"},
            "spec": {"backupRef": {"name": "nightly"}, "kafkaCluster": {"bootstrapServers": ["a"]}},
        }))
        .expect("it is put");
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id restore/unsafe");
    assert_snapshot!(run.shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    restore/unsafe   Failed   -   -   -   AGE
    stderr:
    error: the restore of restore/unsafe ended badly: Failed (Validation failed: topics must be listed explicitly unless purgeTopics is set)
    hint: `kubectl broker backup list --engine kafka` shows what is there
    exit 1
    ");
}

#[test]
fn a_restore_that_fails_is_a_failure_with_its_reason() {
    let command = "restore --id nightly --yes --purge-topics --name back";
    assert_snapshot!(shown(&["kafka-fail=topic orders: not enough replicas"], command), @"
    stderr:
    Restoring backup nightly into namespace kafka (engine kafka)
    error: the restore of restore/back ended badly: Failed (topic orders: not enough replicas)
    hint: `kubectl broker backup list --engine kafka` shows what is there
    exit 1
    ");
}

#[test]
fn a_dry_run_asks_the_operator_and_leaves_nothing() {
    let bed = Bed::start();
    let before = count(&bed, "kafkarestores");
    let command = "restore --id nightly --dry-run --name try";
    assert_snapshot!(kafka(&bed, &format!("{command} --purge-topics")).shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/try   Completed   -   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    exit 0
    ");
    assert_snapshot!(kafka(&bed, command).shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/try   Completed   -   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    stderr:
    warning: engine kubectl-broker/kafka: A restore that is no dry run would be refused: without --topics all topics are restored into themselves, which the operator refuses
    exit 0
    ");
    assert_eq!(count(&bed, "kafkarestores"), before);
}

#[test]
fn a_backup_is_deleted_and_its_data_stays() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "delete --id before-upgrade --yes").shown(), @"
    stdout:
    before-upgrade is deleted
    stderr:
    Removing backup before-upgrade for good (engine kafka)
    warning: engine kubectl-broker/kafka: Only KafkaBackup before-upgrade is deleted: its data stays in the storage, and retention no longer removes it
    exit 0
    ");
    assert_eq!(count(&bed, "kafkabackups"), 3);
    assert_snapshot!(kafka(&bed, "delete --id before-upgrade --yes").shown(), @r#"
    stderr:
    Removing backup before-upgrade for good (engine kafka)
    error: https://127.0.0.1:PORT answered 404 when asked to get kafkabackups before-upgrade in namespace kafka: kafkabackups.kafka.oso.sh "before-upgrade" not found
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka` lists what is there
    exit 10
    "#);
    let stuck = Bed::with(&["kafka-stuck"]);
    kafka(&stuck, &format!("create --wait=false --name mine {FLAGS}"));
    assert_snapshot!(kafka(&stuck, "delete --id mine --yes").shown(), @"
    stderr:
    Removing backup mine for good (engine kafka)
    error: KafkaBackup mine is running
    hint: Wait for its end, or delete it all the same with `--force`
    exit 11
    ");
    assert_eq!(kafka(&stuck, "delete --id mine --yes --force").code, 0);
}

#[test]
fn a_validation_ends_with_its_result() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "validate nightly").shown(), @"
    stdout:
    KafkaBackup nightly: Pass
    messageCount: Passed
    offsetRange: Passed
    exit 0
    ");
    assert_eq!(count(&bed, "kafkabackupvalidations"), 2);
    assert_snapshot!(shown(&["kafka-result=Warn"], "validate nightly"), @"
    stdout:
    KafkaBackup nightly: Warn
    messageCount: Warning (the topic has grown since the backup)
    offsetRange: Passed
    exit 0
    ");
    assert_snapshot!(shown(&["kafka-result=Skip"], "validate nightly"), @"
    stdout:
    KafkaBackup nightly: Skip
    messageCount: Skipped (nothing to compare with)
    offsetRange: Passed
    exit 0
    ");
    let all = "validate nightly --checks message-count,consumer-group-offsets --groups app";
    assert_snapshot!(shown(&["kafka-result=Fail"], all), @"
    stderr:
    error: KafkaBackup nightly: Fail; consumerGroupOffsets: Failed (1250 records expected, 1248 found); messageCount: Passed
    hint: Make another backup, and find out why this one is not as its topics are
    exit 13
    ");
    assert_snapshot!(shown(&[], "validate nightly --checks size"), @r#"
    stderr:
    error: --checks has "size", which is no check
    hint: There are message-count, offset-range and consumer-group-offsets
    exit 2
    "#);
}

/// Without what the API server adds to names.
fn nameless(run: &Run) -> String {
    let suffix = Regex::new("(nightly|offset-reset)-[b-z2-9]{5}").expect("a pattern");
    suffix.replace_all(&run.shown(), "$1-SUFFIX").into_owned()
}

#[test]
fn a_verb_that_fails_says_why_and_one_that_does_not_wait_how_to_look() {
    let failing = Bed::with(&["kafka-fail=no such bucket"]);
    assert_snapshot!(nameless(&kafka(&failing, "validate nightly")), @"
    stderr:
    error: KafkaBackupValidation nightly-SUFFIX failed: no such bucket
    hint: The operator's log says more
    exit 1
    ");
    assert_snapshot!(nameless(&kafka(&Bed::start(), "validate nightly --no-wait")), @"
    stdout:
    KafkaBackupValidation nightly-SUFFIX is created.
    `kubectl broker backup status --engine kafka --id validation/nightly-SUFFIX` shows how far it is.
    exit 0
    ");
}

#[test]
fn offsets_are_reset_when_it_is_confirmed() {
    let bed = Bed::start();
    let command = "offset-reset app,billing --cluster-of nightly --strategy to-earliest";
    assert_snapshot!(kafka(&bed, command).shown(), @"
    stderr:
    error: nothing was done: Doing `offset-reset app,billing` at namespace kafka (engine kafka) needs a confirmation
    hint: Give `--yes` if you mean it; on a terminal the name of the target is asked for
    exit 2
    ");
    assert_eq!(count(&bed, "kafkaoffsetresets"), 0);
    assert_snapshot!(kafka(&bed, &format!("{command} --yes")).shown(), @"
    stdout:
    2 of 2 consumer groups were reset.
    stderr:
    Doing `offset-reset app,billing` at namespace kafka (engine kafka)
    exit 0
    ");
    assert_snapshot!(kafka(&bed, &format!("{command} --yes --dry-run")).shown(), @"
    stdout:
    The operator would do this; nothing was changed.
    stderr:
    Doing `offset-reset app,billing` at namespace kafka (engine kafka)
    exit 0
    ");
    let mapped =
        "offset-reset app --cluster-of restore/orders-check --strategy from-mapping --yes -o json";
    assert_eq!(
        kafka(&bed, mapped).json()["text"],
        "1 of 1 consumer groups were reset."
    );
    assert_snapshot!(kafka(&bed, "offset-reset app --cluster-of nightly --strategy to-offset --yes").shown(), @"
    stderr:
    Doing `offset-reset app` at namespace kafka (engine kafka)
    error: --strategy to-offset needs --offset
    exit 2
    ");
}

#[test]
fn groups_that_can_not_be_reset_are_named() {
    let command = "offset-reset app,billing --cluster-of nightly --strategy to-latest --yes";
    let bed = Bed::with(&["kafka-partial"]);
    assert_snapshot!(nameless(&kafka(&bed, &format!("{command} --continue-on-error"))), @"
    stderr:
    Doing `offset-reset app,billing` at namespace kafka (engine kafka)
    error: 1 of 2 consumer groups were reset. billing: group has active members
    hint: A group can be reset while none of its members runs; do it once more for these groups
    exit 1
    ");
    assert_snapshot!(nameless(&kafka(&bed, command)), @"
    stderr:
    Doing `offset-reset app,billing` at namespace kafka (engine kafka)
    error: KafkaOffsetReset offset-reset-SUFFIX failed: Offset reset failed: group has active members
    hint: The operator's log says more
    exit 1
    ");
}

#[test]
fn offsets_are_rolled_back_to_a_file_in_the_operators_pod() {
    let bed = Bed::start();
    let command = "--cluster-of nightly --yes";
    assert_snapshot!(kafka(&bed, &format!("offset-rollback /data/snapshot.json {command}")).shown(), @"
    stdout:
    3 consumer groups were rolled back.
    stderr:
    Doing `offset-rollback /data/snapshot.json` at namespace kafka (engine kafka)
    exit 0
    ");
    assert_snapshot!(kafka(&bed, &format!("offset-rollback snapshot.json {command}")).shown(), @r#"
    stderr:
    Doing `offset-rollback snapshot.json` at namespace kafka (engine kafka)
    error: "snapshot.json" is no absolute path
    hint: The operator reads the snapshot from its own pod: give the path there
    exit 2
    "#);
    assert_snapshot!(kafka(&bed, &format!("offset-rollback /data/snapshot.json --dry-run {command}")).shown(), @"
    stdout:
    The operator would do this; nothing was changed.
    stderr:
    Doing `offset-rollback /data/snapshot.json` at namespace kafka (engine kafka)
    exit 0
    ");
}

#[test]
fn a_schedule_is_set_as_the_operator_reads_it() {
    let bed = Bed::start();
    let schedule = |cron: &str| {
        let arguments = [
            "backup", "--engine", "kafka", "-n", "kafka", "schedule", "nightly", cron,
        ];
        bed.program().run_with(&arguments).shown()
    };
    assert_snapshot!(schedule("0 3 * * 1-5"), @r#"
    stderr:
    error: the schedule "0 3 * * 1-5" has 5 fields, and the operator reads 6 or 7, seconds first
    hint: Write '0 0 3 * * MON-FRI'
    exit 2
    "#);
    assert_snapshot!(schedule("0 0 25 * * *"), @r#"
    stderr:
    error: the schedule "0 0 25 * * *" has "25" as hour: 0 to 23 can be
    exit 2
    "#);
    assert_snapshot!(schedule("0 0 3 * * MON-FRI"), @"
    stdout:
    KafkaBackup nightly runs by the schedule 0 0 3 * * MON-FRI (UTC).
    If it was due since it ran last, it runs at once.
    `kubectl broker backup list --engine kafka -o wide` shows the next time.
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id nightly -o wide").shown(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    nightly   Ready   0 0 3 * * MON-FRI   2500   8.0MiB   AGE   6   nightly-20250906-020000   2025-09-06T02:00:00Z   2025-09-08T03:00:00Z   -   Backup schedule is active
    exit 0
    ");
    // The operator would have refused the first.
    let refused = bed
        .objects()
        .modify("kafkabackups.kafka.oso.sh", "kafka", "nightly", |object| {
            object["spec"]["schedule"] = json!("0 3 * * 1-5");
            object["metadata"]["generation"] = json!(9);
        });
    refused.expect("it is there");
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id nightly");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("Invalid cron schedule '0 3 * * 1-5'"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_schedule_is_suspended_and_goes_on() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "suspend nightly").shown(), @"
    stdout:
    The schedule 0 0 2 * * * of KafkaBackup nightly is suspended.
    exit 0
    ");
    assert_eq!(spec(&bed, "kafkabackups", "nightly")["suspend"], true);
    assert_snapshot!(kafka(&bed, "suspend nightly").shown(), @"
    stdout:
    KafkaBackup nightly is suspended already.
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "resume nightly").shown(), @"
    stdout:
    The schedule 0 0 2 * * * of KafkaBackup nightly goes on.
    If it was due meanwhile, it runs at once.
    exit 0
    ");
    assert_eq!(spec(&bed, "kafkabackups", "nightly")["suspend"], false);
    assert_snapshot!(kafka(&bed, "suspend before-upgrade").shown(), @"
    stderr:
    error: KafkaBackup before-upgrade has no schedule
    hint: `kubectl broker backup schedule --engine kafka before-upgrade CRON` gives it one
    exit 11
    ");
    assert_snapshot!(shown(&["deny=patch:kafkabackups"], "suspend nightly"), @r#"
    stderr:
    error: not allowed to patch kafkabackups nightly in namespace kafka: kafkabackups.kafka.oso.sh "nightly" is forbidden: User "testbed" cannot patch resource "kafkabackups" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkabackups -n kafka --verb=patch --resource=kafkabackups.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["patch"]}`
    exit 12
    "#);
}

#[test]
fn what_the_engine_does_with_objects_is_written_down() {
    let (bed, folder) = (Bed::start(), tempfile::tempdir().expect("a folder"));
    let program = bed.program().in_folder(folder.path());
    let run = program.run(
        "backup --engine kafka -n kafka restore --id nightly --yes --purge-topics --name back \
         --wait=false --audit calls.jsonl",
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = fs::read_to_string(folder.path().join("calls.jsonl")).expect("the calls");
    let calls: Vec<_> = text
        .lines()
        .map(|line| {
            let call: Value = serde_json::from_str(line).expect("a line of JSON");
            format!("{} {}", call["call"], call["arguments"]["kind"])
        })
        .collect();
    assert_snapshot!(calls.join("\n"), @r#"
    "resources.get" "kafka.oso.sh/v1alpha1/KafkaBackup"
    "resources.create" "kafka.oso.sh/v1alpha1/KafkaRestore"
    "#);
}

#[test]
fn another_engine_is_not_taken_for_it() {
    assert_snapshot!(Bed::start().run("backup list -n kafka").shown(), @"
    stderr:
    Using StatefulSet broker
    error: there is no StatefulSet broker in namespace kafka; the namespace has none
    hint: Name it with `--statefulset`; `kubectl get statefulsets -n kafka` lists them
    exit 10
    ");
}
