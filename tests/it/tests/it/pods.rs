//! Data per pod: the name of the pod that answered, and requests to all pods.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::Bed;

const UPLOADED: &str = "20250819-143025";
const LOCAL: &str = "backup --engine sidecar list --scope local";

#[test]
fn a_list_says_whose_it_is_and_what_was_not_uploaded() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(LOCAL).outcome(), @"
    stdout:
    OBJECT   STATE   SIZE   AGE
    20250905-130215   pending   21.0MiB   AGE
    20250819-143025   uploaded   48.0MiB   AGE
    note: 2 69.0 broker-0
    exit 0
    ");
    assert_snapshot!(bed.run(&format!("{LOCAL} --pod broker-1 -o wide")).outcome(), @"
    stdout:
    OBJECT   POD   STATE   SIZE   AGE   CREATED   FAILURE
    20250806-080853   broker-1   failed   1.1MiB   AGE   2025-08-06T08:08:53Z   upload timed out after 10m0s
    note: 1 1.1 broker-1
    exit 0
    ");
    let document = bed.run(&format!("{LOCAL} --pod broker-1 -o json")).json();
    assert_eq!(document["scope"]["pod"], "broker-1");
    let yaml = bed.run(&format!("{LOCAL} -o yaml"));
    assert!(
        yaml.stdout.contains("\n  pod: broker-0\n"),
        "{}",
        yaml.stdout
    );
    // Any pod answers for the whole cluster.
    let cluster = bed.run("backup --engine hivemq list -o json").json();
    assert_eq!(cluster["scope"]["pod"], Value::Null);
}

#[test]
fn what_is_done_in_a_pod_says_in_which() {
    let bed = Bed::start();
    let pod = |arguments: &str| {
        bed.run(&format!("backup {arguments} -o json")).json()["scope"]["pod"].clone()
    };
    assert_eq!(pod("metrics"), "broker-0");
    assert_eq!(pod("metrics --pod broker-2"), "broker-2");
    assert_eq!(
        pod(&format!("--engine sidecar status --id {UPLOADED}")),
        "broker-0"
    );
    assert_eq!(pod(&format!("delete --id {UPLOADED} --yes")), "broker-0");
    assert_eq!(
        pod("purge 20250812-020000 --yes --pod broker-2"),
        "broker-2"
    );
}

#[test]
fn all_pods_are_listed_with_the_pod_of_each_backup() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("{LOCAL} --pod all")).outcome(), @"
    stdout:
    OBJECT   POD   STATE   SIZE   AGE
    20250905-130215   broker-0   pending   21.0MiB   AGE
    20250819-143025   broker-0   uploaded   48.0MiB   AGE
    20250812-020000   broker-2   uploaded   7.0MiB   AGE
    20250806-080853   broker-1   failed   1.1MiB   AGE
    note: 4 77.2 all 3
    exit 0
    ");
    let document = bed
        .run(&format!("{LOCAL} --pod all --limit 3 -o json"))
        .json();
    let items = document["items"].as_array().expect("a list");
    let of: Vec<_> = items
        .iter()
        .map(|item| (&item["id"], &item["pod"]))
        .collect();
    assert_eq!(of.len(), 3);
    assert_eq!(
        (of[0].0, of[0].1),
        (&"20250905-130215".into(), &"broker-0".into())
    );
    assert_eq!(of[2].1, "broker-2");
    assert_eq!(document["scope"]["pod"], Value::Null);
    assert_eq!(document["failures"], Value::Array(Vec::new()));
}

#[test]
fn a_pod_that_does_not_answer_leaves_what_the_others_have() {
    let bed = Bed::with(&["pod-silent=broker-1"]);
    let program = || bed.program().data_although_failed();
    assert_snapshot!(program().run(&format!("{LOCAL} --pod all")).message(), @"
    stdout:
    OBJECT   POD   STATE   SIZE   AGE
    20250905-130215   broker-0   pending   21.0MiB   AGE
    20250819-143025   broker-0   uploaded   48.0MiB   AGE
    20250812-020000   broker-2   uploaded   7.0MiB   AGE
    warning: pod broker-1: nothing listens on port 8085 of pod broker-1: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:8085: connect: connection refused
    note: 3 76.0 all 2
    exit 3
    ");
    let run = program().run(&format!("{LOCAL} --pod all -o json"));
    assert_eq!(run.code, 3, "{}", run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).expect("a document");
    assert_eq!(document["failures"][0]["pod"], "broker-1");
    assert_eq!(document["failures"][0]["code"], "Failed");
    assert_eq!(document["items"].as_array().map(Vec::len), Some(3));
    // If no pod answers, there is no output.
    let silent = Bed::with(&["sidecar-off"]).run(&format!("{LOCAL} --pod all"));
    assert_eq!(silent.code, 1, "{}", silent.stderr);
}

#[test]
fn each_pod_is_only_for_lists() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("backup delete --id {UPLOADED} --yes --pod all")).message(), @"
    Usage: `--pod all` is for `backup list` only. Please either:
      - Name one pod: --pod NAME
      - Leave --pod out, for the first that is ready
    exit 2
    ");
    for command in [
        "backup metrics",
        "backup status --latest",
        "backup create",
        "engines",
    ] {
        let run = bed.run(&format!("{command} --pod all"));
        assert_eq!(run.code, 2, "{command}: {}", run.stderr);
    }
    let run = bed.run("backup --engine kafka list --pod all");
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(bed.backend_requests().count("*", ""), 0);
}

#[test]
fn a_pod_that_is_not_ready_is_asked_where_the_endpoints_own_container_is() {
    let bed = Bed::start();
    let run = bed.run(&format!("{LOCAL} -n firstdown --pod all -o json"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let document = run.json();
    let items = document["items"].as_array().expect("a list");
    assert!(items.iter().any(|item| item["pod"] == "broker-0"));
    assert!(!run.stderr.contains("warning:"), "{}", run.stderr);
}

#[test]
fn a_pod_in_which_nothing_runs_is_left_out_and_named() {
    // The broker of the first pod crashes next to its sidecar; no node has room for the second pod.
    let bed = Bed::start();
    let run = bed.run(&format!("{LOCAL} -n notready --pod all"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("(Pending, Unschedulable"),
        "{}",
        run.stderr
    );
    assert!(
        !run.stderr.contains("warning: pod broker-0"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_two_engines_find_is_said_once() {
    // Both engines search for a pod, and find the first one not ready.
    let bed = Bed::with(&["sidecar-off", "deny=list:endpointslices"]);
    let run = bed.run("backup list -n firstdown");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let said = run.stderr.matches("pod broker-0 is not ready").count();
    assert_eq!(said, 1, "{}", run.stderr);
}
