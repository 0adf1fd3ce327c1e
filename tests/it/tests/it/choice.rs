//! The choice of the engine, and the messages about it.

use insta::assert_snapshot;

use crate::support::{Bed, Invocation, programs};

#[test]
fn auto_takes_the_sidecar_where_it_answers() {
    let run = Bed::start().run("backup list --limit 1");
    assert_snapshot!(run.shown(), @"
    stdout:
    OBJECT   STATE   SIZE   AGE
    backup/20250905-130215.backup   uploaded   2.3GiB   AGE
    stderr:
    1 of 12 backups, from pod broker-0
    exit 0
    ");
}

#[test]
fn auto_falls_back_to_the_management_api_and_says_so() {
    let run = Bed::with(&["sidecar-off"]).run("backup list --limit 1");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    note: 8085 broker-0 tcp4 127.0.0.1:PORT IPv6 tcp6 [::1]:8085
    note: 1 6
    exit 0
    ");
}

#[test]
fn auto_takes_the_management_api_where_there_is_no_sidecar() {
    let run = Bed::start().run("backup list -n nosidecar --limit 1");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    note: 8085 broker-0 tcp4 127.0.0.1:PORT IPv6 tcp6 [::1]:8085
    note: 1 6
    exit 0
    ");
    let run = Bed::start().run("backup list -n platform --limit 1");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    note: 8085 broker-0 tcp4 127.0.0.1:PORT IPv6 tcp6 [::1]:8085
    note: 1 6
    exit 0
    ");
}

#[test]
fn auto_with_nothing_that_answers_fails_with_the_last_reason() {
    let run = Bed::with(&["sidecar-off", "hivemq-off"]).run("backup list");
    assert_snapshot!(run.outcome(), @"
    note: 8085 broker-0 tcp4 127.0.0.1:PORT IPv6 tcp6 [::1]:8085
    Failed: 127.0.0.1:PORT 8081 IPv6 [::1]:8081 broker-0 tcp4 tcp6
    hint: `--api-port`
    exit 1
    ");
}

#[test]
fn the_state_of_one_backup_is_asked_of_the_management_api_first() {
    let run = Bed::start().run("backup status --id 20250806-080853 -o json");
    assert_eq!(run.json()["scope"]["engine"], "kubectl-broker/hivemq");
}

#[test]
fn engines_says_what_each_can_do_and_whether_it_answers() {
    let run = Bed::start().run("engines");
    assert_snapshot!(run.outcome(), @"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL
    kubectl-broker/aws   0.1.0   detect,list,status,create,verify,restore,delete,expire,manifest,pin,unpin   -   no   no AWS credentials were found, but they are required
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   yes   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    kubectl-broker/hivemq   0.1.0   detect,health,list,status,create,download,restore   -   yes   HiveMQ management API (6 backups)
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   yes   kafka-backup-operator (no KafkaBackup yet)
    kubectl-broker/operator   0.1.0   detect,list,status,create,restore,delete,resume,run,schedule,schedules,suspend   -   no   https://127.0.0.1:PORT does not know the kind kubectl-broker.io/v1alpha1/Backup
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   yes   broker-backup (3 local backups)
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   no   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…
    exit 0
    ");
}

#[test]
fn engines_says_more_where_more_is_wanted() {
    let run = Bed::with(&["sidecar-off"]).run("engines -o wide");
    assert_snapshot!(run.outcome(), @"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL   INTERFACE   SUMMARY
    kubectl-broker/aws   0.1.0   detect,list,status,create,verify,restore,delete,expire,manifest,pin,unpin   -   no   no AWS credentials were found, but they are required   0.2.0   Backups of an RDS database and of the documents in a bucket, with a manifest
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   yes   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)   0.2.0   Backups that a backup-controller makes from BackupRequest objects, and LiferayBackups
    kubectl-broker/hivemq   0.1.0   detect,health,list,status,create,download,restore   -   yes   HiveMQ management API (6 backups)   0.2.0   Backups of HiveMQ Enterprise through its management REST API
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   yes   kafka-backup-operator (no KafkaBackup yet)   0.2.0   Kafka backups that kafka-backup-operator makes from KafkaBackup objects
    kubectl-broker/operator   0.1.0   detect,list,status,create,restore,delete,resume,run,schedule,schedules,suspend   -   no   https://127.0.0.1:PORT does not know the kind kubectl-broker.io/v1alpha1/Backup   0.2.0   Backups that broker-operator makes in the cluster, by schedule and by hand
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   no   nothing listens on port 8085 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…   0.2.0   Backups that the broker-backup sidecar keeps in object storage
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   no   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…   0.2.0   Backups that an application's strategy sidecar makes and hands out when asked
    exit 0
    ");
}

#[test]
fn engines_are_told_to_programs() {
    let bed = Bed::start();
    let run = bed.run("engines -o json -n nosidecar");
    assert_eq!(run.json()["kind"], "EngineList");
    assert_snapshot!(format!("{:#}", run.item("kubectl-broker/kafka")), @r#"
    {
      "answers": "yes",
      "defaultFor": [],
      "detail": "kafka-backup-operator (no KafkaBackup yet)",
      "id": "kubectl-broker/kafka",
      "interface": "0.2.0",
      "operations": [
        "detect",
        "list",
        "status",
        "create",
        "restore",
        "delete",
        "act"
      ],
      "summary": "Kafka backups that kafka-backup-operator makes from KafkaBackup objects",
      "verbs": [
        "offset-reset",
        "offset-rollback",
        "resume",
        "schedule",
        "suspend",
        "validate"
      ],
      "version": "0.1.0"
    }
    "#);
    assert_snapshot!(format!("{:#}", run.item("kubectl-broker/sidecar")), @r#"
    {
      "answers": "no",
      "defaultFor": [],
      "detail": "nothing listens on port 8085 of pod broker-0: dial tcp4 127.0.0.1:8085: connect: connection refused IPv6: dial tcp6 [::1]:8085: connect: connection refused",
      "id": "kubectl-broker/sidecar",
      "interface": "0.2.0",
      "operations": [
        "detect",
        "list",
        "status",
        "restore",
        "delete",
        "act"
      ],
      "summary": "Backups that the broker-backup sidecar keeps in object storage",
      "verbs": [
        "metrics",
        "purge",
        "upload"
      ],
      "version": "0.1.0"
    }
    "#);
    let run = bed.run("engines -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    kubectl-broker/aws
    kubectl-broker/backuprequest
    kubectl-broker/hivemq
    kubectl-broker/kafka
    kubectl-broker/operator
    kubectl-broker/sidecar
    kubectl-broker/strategy
    exit 0
    ");
}

#[test]
fn engines_says_why_nothing_answers_where_the_cluster_is_not_there() {
    let programs = programs();
    let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
    let run = program.unreachable_cluster().run("engines");
    assert_snapshot!(run.outcome(), @"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL
    kubectl-broker/aws   0.1.0   detect,list,status,create,verify,restore,delete,expire,manifest,pin,unpin   -   no   no AWS credentials were found, but they are required
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    kubectl-broker/hivemq   0.1.0   detect,health,list,status,create,download,restore   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    kubectl-broker/operator   0.1.0   detect,list,status,create,restore,delete,resume,run,schedule,schedules,suspend   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   no   can't reach https://127.0.0.1:1: Connection refused (os error 111)
    exit 0
    ");
}
