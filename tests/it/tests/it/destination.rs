//! `backup create --destination`: a complete backup is moved inside its pod. The tests also cover the
//! messages about the disk before the backup.

use insta::assert_snapshot;
use serde_json::Value;
use testbed::{Backup, BackupState, PodAddress, Testbed};

use crate::support::{Bed, Run};

/// The id that the cluster's clock yields for a new backup.
const ID: &str = "20250906-120000";
const FROM: &str = "/opt/hivemq/backup/20250906-120000";

/// Returns the pods that have a path.
fn pods_with(bed: &Bed, path: &str) -> Vec<String> {
    let pods = (0..3).map(|index| PodAddress::new("messaging", &format!("broker-{index}")));
    let found = pods.filter(|pod| bed.files().exists(pod, path));
    found.map(|pod| pod.name).collect()
}

fn begun(bed: &Bed) -> usize {
    bed.backend_requests().count("POST", "")
}

fn create(bed: &Bed, destination: &str) -> Run {
    bed.run(&format!("backup create --destination {destination}"))
}

#[test]
fn the_backup_is_moved_and_its_new_place_is_told() {
    let bed = Bed::start();
    assert_snapshot!(create(&bed, "/mnt/kept/monthly").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   COMPLETED   9.6MiB   AGE   2025-09-06T12:00:00Z
    path: /mnt/kept/monthly/20250906-120000
    pod: broker-0
    note: 12.0 broker-0's /opt/hivemq/backup
    note: 20250906-120000 300
    exit 0
    ");
    let path = format!("/mnt/kept/monthly/{ID}");
    assert_eq!(pods_with(&bed, &path).len(), 1);
    assert_eq!(pods_with(&bed, &format!("{path}/{ID}.backup")).len(), 1);
    assert!(pods_with(&bed, FROM).is_empty());
    assert!(pods_with(&bed, &format!("/mnt/kept/monthly/.kubectl-broker-{ID}")).is_empty());
}

#[test]
fn it_is_found_on_whichever_pod_it_is() {
    let bed = Bed::start();
    // The next id is that of a second later, and the backup is on another pod.
    let now = bed.clock().now();
    let taken = Backup::new(ID, now, Some(1), BackupState::Completed);
    bed.hivemq("messaging").expect("HiveMQ").put(taken);
    let run = bed.run("backup create --destination /mnt/kept -o json");
    let document = run.json();
    let path = "/mnt/kept/20250906-120001";
    assert_eq!(document["details"]["path"], path);
    assert_eq!(document["details"]["pod"], "broker-1");
    assert_eq!(document["item"]["state"], "Succeeded");
    assert_eq!(pods_with(&bed, path), ["broker-1"]);
    let without = Bed::start().run("backup create -o json").json();
    assert_eq!(without["details"], Value::Object(serde_json::Map::new()));
}

#[test]
fn the_folder_that_the_pods_environment_names_is_the_source() {
    let bed = Bed::of(Testbed::builder().namespace("platform"));
    assert_snapshot!(create(&bed, "/mnt/kept").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   COMPLETED   9.6MiB   AGE   2025-09-06T12:00:00Z
    path: /mnt/kept/20250906-120000
    pod: broker-0
    note: 12.0 broker-0's /mnt/shared/backup
    note: 20250906-120000 300
    exit 0
    ");
}

/// Runs `create` with an invalid destination. No backup starts, and the checks leave nothing behind.
fn refused(faults: &[&str], destination: &str) -> Run {
    let bed = Bed::with(faults);
    let run = create(&bed, destination);
    assert_ne!(run.code, 0, "{destination}");
    assert_eq!(begun(&bed), 0, "{destination}");
    assert!(pods_with(&bed, FROM).is_empty());
    run
}

#[test]
fn a_folder_that_can_not_be_written_to_is_found_out_before_anything_is_begun() {
    assert_snapshot!(refused(&[], "/readonly").message(), @"
    Failed: /readonly in pod broker-0 can't be written to: touch: cannot touch '/readonly/.kubectl-broker-check': Read-only file system
    hint:
    exit 1
    ");
    assert_snapshot!(refused(&[], "/srv/kept").hint(), @"
    Failed: '/.kubectl-broker-check' broker-0 «Permission denied»
    hint: No backup was begun. Name a folder that can be created and written in each pod, with room for a backup
    exit 1
    ");
    assert_snapshot!(refused(&[], "/proc/x").outcome(), @"
    Failed: '/proc/.kubectl-broker-check' /proc broker-0 «No such file or directory»
    hint:
    exit 1
    ");
}

#[test]
fn the_folder_of_backups_is_no_destination_by_any_name() {
    assert_snapshot!(refused(&[], "/opt/hivemq/backup").shown(), @"
    stderr:
    error: `--destination /opt/hivemq/backup` can't be used: in pod broker-0 it is HiveMQ's own folder for backups, or in it
    hint: HiveMQ and its sidecar treat everything in that folder as backups: choose another folder
    exit 2
    ");
    for name in [
        "/opt//hivemq/./backup/",
        "/opt/hivemq/backup/monthly",
        "/mnt/link-to-backups",
        "/mnt/link-to-backups/x",
    ] {
        let said = refused(&[], name).outcome();
        assert!(said.starts_with("Usage: `--destination /"), "{said}");
        assert!(said.ends_with(" broker-0\nhint:\nexit 2"), "{said}");
    }
}

#[test]
fn what_is_no_folder_is_no_destination() {
    assert_snapshot!(refused(&[], "/mnt/file/x").message(), @"
    Usage: `--destination /mnt/file/x` can't be used: in pod broker-0 /mnt/file is not a folder
    hint:
    exit 2
    ");
    assert_snapshot!(refused(&[], "/mnt/loop").message(), @"
    Usage: `--destination /mnt/loop` can't be used: in pod broker-0 it is a symbolic link without a target
    hint:
    exit 2
    ");
}

#[test]
fn another_disk_has_to_have_room() {
    assert_snapshot!(refused(&["disk-free=4096"], "/mnt/kept").message(), @"
    Failed: there is no room in /mnt/kept in pod broker-0: 4.0KiB are free, but the newest backup has 21.0MiB
    hint:
    exit 1
    ");
}

#[test]
fn an_image_that_can_not_move_a_backup_is_found_out_before() {
    for program in ["test", "touch", "mv"] {
        let said = refused(&[&format!("no-program={program}")], "/mnt/kept").message();
        assert!(said.contains(program), "{said}");
    }
    // The free space is unknown then; the move itself reports a lack of space.
    let run = create(&Bed::with(&["no-program=df"]), "/mnt/kept");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn the_checks_leave_nothing_in_any_pod() {
    let bed = Bed::start();
    assert_eq!(create(&bed, "/mnt/kept").code, 0);
    assert_eq!(pods_with(&bed, "/mnt/kept"), ["broker-0"]);
}

#[test]
fn on_the_same_disk_it_needs_no_room() {
    let platform = Testbed::builder().namespace("platform");
    let bed = Bed::of(platform.fault("disk-free=4096".parse().expect("a fault")));
    let run = create(&bed, "/mnt/shared/monthly");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains(&format!("/mnt/shared/monthly/{ID}")),
        "{}",
        run.stdout
    );
}

#[test]
fn without_the_right_to_run_commands_nothing_is_begun() {
    let bed = Bed::with(&["deny=get:pods/exec"]);
    assert_snapshot!(create(&bed, "/mnt/kept").reason(), @r#"
    NotAllowed: broker-0 messaging pods/exec: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods/exec" in API group "" in the namespace "messaging"
    hint: `kubectl create role broker-pods-exec -n messaging --verb=get,create --resource=pods/exec` `{apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"]}`
    exit 12
    "#);
    assert_eq!(begun(&bed), 0);
    let bed = Bed::with(&["deny=create:pods/exec"]);
    assert_snapshot!(create(&bed, "/mnt/kept").outcome(), @r#"
    NotAllowed: "broker-0" broker-0 messaging pods/exec
    hint: `kubectl create role broker-pods-exec -n messaging --verb=get,create --resource=pods/exec` `{apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"]}`
    exit 12
    "#);
    assert_eq!(begun(&bed), 0);
}

#[test]
fn what_can_not_be_a_destination_is_refused_before_anything_is_begun() {
    let bed = Bed::start();
    assert_snapshot!(create(&bed, "kept").shown(), @"
    stderr:
    error: `--destination kept` is not an absolute path to a folder in the pod
    hint: Give it from the root and without `..`, for example `/mnt/backups`
    exit 2
    ");
    assert_snapshot!(create(&bed, "/mnt/../etc").outcome(), @"
    Usage: `--destination /mnt/../etc`
    hint: `..` `/mnt/backups`
    exit 2
    ");
    assert_eq!(begun(&bed), 0);
}

#[test]
fn an_engine_that_does_not_know_it_does_not_leave_it_out_in_silence() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .run("backup create --engine hostile --destination /mnt/kept");
    assert_snapshot!(run.outcome(), @"
    Usage: `create` `destination` acme/hostile
    hint: `kubectl broker backup create --engine hivemq --destination /mnt/kept`
    exit 2
    ");
}

#[test]
fn nobody_can_move_what_nobody_waits_for() {
    let bed = Bed::start();
    let run = bed.run("backup create --destination /mnt/kept --wait=false");
    assert_snapshot!(run.outcome(), @"
    Usage: `destination`
    hint: `--timeout` `--wait=false`
    exit 2
    ");
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn a_connection_that_dies_during_a_command_leaves_its_outcome_open() {
    let bed = Bed::with(&["exec-cut"]);
    assert_snapshot!(create(&bed, "/mnt/kept").outcome(), @"
    Failed: `printenv HIVEMQ_BACKUP_FOLDER` broker-0
    hint: `kubectl exec -n messaging broker-0 -c hivemq -- ps`
    exit 1
    ");
}

#[test]
fn an_error_is_one_document_in_json() {
    let run = Bed::start().run("backup create --destination /readonly -o json");
    let error = run.error();
    assert_eq!(
        (&error["code"], &error["exitCode"]),
        (&"Failed".into(), &1.into())
    );
}

/// Returns the messages before the backup starts.
fn before(bed: &Bed, arguments: &str) -> String {
    let run = bed.run(&format!("backup create --wait=false -o name {arguments}"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.message()
}

#[test]
fn the_free_space_is_told_where_it_may_be_seen() {
    assert_snapshot!(before(&Bed::start(), ""), @"
    stdout:
    20250906-120000
    note: 12.0 broker-0's /opt/hivemq/backup
    exit 0
    ");
    assert_snapshot!(before(&Bed::start(), "--pod broker-2"), @"
    stdout:
    20250906-120000
    note: 12.0 broker-2's /opt/hivemq/backup
    exit 0
    ");
}

#[test]
fn too_little_space_is_a_warning_and_the_backup_is_begun() {
    let bed = Bed::with(&["disk-free=20000000"]);
    assert_snapshot!(before(&bed, ""), @"
    stdout:
    20250906-120000
    warning: engine kubectl-broker/hivemq: only 19.1MiB free on broker-0's backup volume (/opt/hivemq/backup), but the newest backup has 21.0MiB
    exit 0
    ");
    assert_eq!(begun(&bed), 1);
}

#[test]
fn without_the_right_or_the_program_it_is_not_told_and_nothing_fails() {
    for fault in [
        "deny=get:pods/exec",
        "deny=list:pods",
        "no-program=df",
        "exec-cut",
    ] {
        let said = before(&Bed::with(&[fault]), "");
        assert_eq!(said, "stdout:\n20250906-120000\nexit 0", "{fault}");
    }
    let bed = Bed::with(&["deny=get:pods/exec"]);
    let verbose = bed.run("backup create --wait=false -o name --verbose");
    assert_snapshot!(verbose.stderr.lines().find(|line| line.contains("free")).unwrap_or_default(), @r#"debug: engine kubectl-broker/hivemq: the free disk space is unknown: not allowed to get pods/exec broker-0 in namespace messaging: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods/exec" in API group "" in the namespace "messaging""#);
}

#[test]
fn the_free_space_costs_three_requests() {
    let count = |faults: &[&str]| {
        let bed = Bed::with(faults);
        before(&bed, "");
        bed.requests().count("*", "")
    };
    let without = count(&["deny=list:pods"]) - 1;
    assert_eq!(count(&[]), without + 3);
    assert_eq!(count(&["deny=get:pods/exec"]), without + 2);
}
