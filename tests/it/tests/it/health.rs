//! `health`: the health API of HiveMQ, and pods that can't be asked.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Bed, Run};

/// Runs `health`, which shows the checks even if one failed.
fn health(bed: &Bed, arguments: &str) -> Run {
    let program = bed.program().data_although_failed();
    program.run(&format!("health {arguments}"))
}

/// Returns the document of `health`, whatever its exit code is.
fn document(bed: &Bed, arguments: &str) -> Value {
    let run = health(bed, &format!("{arguments} -o json"));
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no document: {}", run.stderr))
}

/// Returns pod and verdict of each part.
fn verdicts(document: &Value) -> Vec<(&str, &str)> {
    let items = document["items"].as_array().expect("parts");
    items
        .iter()
        .map(|item| {
            (
                item["pod"].as_str().unwrap_or_default(),
                item["verdict"].as_str().expect("a verdict"),
            )
        })
        .collect()
}

/// Returns the check of a part with this name.
fn check<'a>(document: &'a Value, pod: &str, name: &str) -> &'a Value {
    let items = document["items"].as_array().expect("parts");
    let part = items.iter().find(|item| item["pod"] == pod);
    let checks = part.expect("the part")["checks"].as_array();
    let mut checks = checks.expect("checks").iter();
    let found = checks.find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} of {pod} in {document:#}"))
}

#[test]
fn each_broker_is_asked_and_shows_what_helps() {
    let bed = Bed::start();
    assert_snapshot!(health(&bed, "--pod broker-1").shown(), @"
    stdout:
    POD   CHECK   OUTCOME   MESSAGE
    broker-1   health   passed   -
    broker-1   cluster   passed   3 nodes, this node is RUNNING
    broker-1   control-center   passed   -
    broker-1   control-center/control-center-http-listener-8080   passed   0.0.0.0:8080, Control Center HTTP Listener
    broker-1   extensions/hivemq-enterprise-security-extension/application/sql-realm   passed   -
    broker-1   extensions/hivemq-enterprise-security-extension/internals/license   passed   enterprise
    broker-1   info   passed   version 4.42.0
    broker-1   liveness-state   passed   -
    broker-1   mqtt/tcp-listener-1883   passed   0.0.0.0:1883, TCP Listener
    broker-1   readiness-state   passed   -
    broker-1   rest-api   passed   without authentication
    broker-1   rest-api/http-listener-8081   passed   0.0.0.0:8081, HTTP Listener
    stderr:
    StatefulSet broker is healthy: 12 passed in 1 pod
    exit 0
    ");
    let all = document(&bed, "");
    assert_eq!(
        verdicts(&all),
        [
            ("broker-0", "passed"),
            ("broker-1", "passed"),
            ("broker-2", "passed")
        ]
    );
    assert_eq!(all["scope"]["engine"], "kubectl-broker/hivemq");
    assert_eq!(all["verdict"], "passed");
    assert_eq!(document(&bed, "--pod all -e hivemq"), all);
    let names = health(&bed, "-o name --pod broker-2").stdout;
    assert!(names.starts_with("broker-2/health\nbroker-2/cluster\n"));
}

#[test]
fn a_component_that_is_down_fails_the_command() {
    let bed = Bed::with(&["health-component=mqtt/tcp-listener-1883:DOWN:broker-2"]);
    let run = health(&bed, "-o name");
    assert_eq!(run.code, 1);
    let found = document(&bed, "");
    assert_eq!(found["verdict"], "failed");
    assert_eq!(
        verdicts(&found),
        [
            ("broker-0", "passed"),
            ("broker-1", "passed"),
            ("broker-2", "failed")
        ]
    );
    let listener = check(&found, "broker-2", "mqtt/tcp-listener-1883");
    assert_eq!(listener["outcome"], "failed");
    assert_eq!(listener["message"], "DOWN, 0.0.0.0:1883, TCP Listener");
}

#[test]
fn warnings_and_unknown_words_do_not_fail_the_command() {
    for (status, message) in [
        ("DEGRADED", "DEGRADED"),
        ("UNKNOWN", "UNKNOWN"),
        ("SLEEPY", "unknown status `SLEEPY`"),
    ] {
        let bed = Bed::with(&[&format!("health-component=sleeper:{status}:broker-0")]);
        let run = health(&bed, "-o json");
        assert_eq!(run.code, 0, "{status}");
        let found = run.json();
        assert_eq!(found["verdict"], "warned");
        let sleeper = check(&found, "broker-0", "sleeper");
        assert_eq!(
            *sleeper,
            json!({"name": "sleeper", "outcome": "warned", "message": message})
        );
    }
}

#[test]
fn a_replica_that_does_not_answer_is_a_failed_check_of_that_pod() {
    let bed = Bed::with(&["pod-silent=broker-1"]);
    let run = health(&bed, "");
    assert_eq!(run.code, 1);
    let found = document(&bed, "");
    assert_eq!(
        verdicts(&found),
        [
            ("broker-0", "passed"),
            ("broker-1", "failed"),
            ("broker-2", "passed")
        ]
    );
    let message = check(&found, "broker-1", "health")["message"].as_str();
    assert_snapshot!(message.expect("a message"), @"nothing listens on port 9090 of pod broker-1: dial tcp4 127.0.0.1:9090: connect: connection refused IPv6: dial tcp6 [::1]:9090: connect: connection refused");
}

#[test]
fn pods_that_are_not_there_are_failed_checks() {
    let bed = Bed::start();
    // A container that runs is asked, whether it is ready or not.
    let found = document(&bed, "-n firstdown");
    assert_eq!(verdicts(&found)[0], ("broker-0", "passed"));
    // One pod crashes and has its sidecar alone; the other is on no node.
    assert_snapshot!(health(&bed, "-n notready").shown(), @"
    stdout:
    POD   CHECK   OUTCOME   MESSAGE
    broker-0   health   failed   pod broker-0 can't be used: its container hivemq does not run: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq)
    broker-1   pod   failed   Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    stderr:
    StatefulSet broker is not healthy: 2 failed in 2 pods
    exit 1
    ");
    bed.objects()
        .remove("pods", "messaging", "broker-1")
        .expect("the pod");
    let found = document(&bed, "");
    assert_eq!(found["verdict"], "failed");
    assert_eq!(check(&found, "broker-1", "pod")["outcome"], "failed");
}

#[test]
fn an_api_that_is_off_is_an_error_that_says_how_to_enable_it() {
    let bed = Bed::with(&["health-off"]);
    assert_snapshot!(bed.run("health").shown(), @"
    stderr:
    error: no broker answers at the health API: nothing listens on port 9090 of pod broker-2: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:9090: connect: connection refused
    hint: Check that it is enabled in the backend, or name its port with `--health-port`. HiveMQ's health API is off by default: enable it with `<health-api><enabled>true</enabled></health-api>` in HiveMQ's config.xml
    exit 1
    ");
    // Nothing else of HiveMQ needs the API.
    assert_eq!(bed.run("backup list --engine hivemq").code, 0);
    let test = bed.run("backup test --engine hivemq -o json").json();
    let items = test["items"].as_array().expect("checks");
    let endpoint = items
        .iter()
        .find(|check| check["check"] == "endpoint:health");
    assert_eq!(endpoint.expect("the check")["outcome"], "warned");
    let detected = items.iter().find(|check| check["check"] == "detect");
    assert_eq!(detected.expect("the check")["outcome"], "passed");
}

#[test]
fn garbage_is_a_failed_check_and_drives_no_terminal() {
    for fault in [
        "health-html=502",
        "health-not-json",
        "health-wrong-shape",
        "health-cut=50",
    ] {
        let bed = Bed::with(&[fault]);
        assert_eq!(health(&bed, "").code, 1, "{fault}");
    }
    let bed = Bed::with(&["health-component=\u{1b}[2J\u{202e}x:DOWN\u{9b}"]);
    for format in ["table", "wide", "json", "yaml", "name"] {
        // `Run` checks for control characters. The status is an unknown one.
        assert_eq!(health(&bed, &format!("-o {format}")).code, 0, "{format}");
    }
}

#[test]
fn the_port_is_given_by_flag_and_other_flags_are_refused() {
    let bed = Bed::with(&["port-closed=9090"]);
    assert_eq!(bed.run("health").code, 1);
    assert_eq!(bed.run("health --health-port 9091").code, 1);
    let bed = Bed::start();
    assert_eq!(bed.run("health --health-port 9090").code, 0);
    assert_eq!(bed.run("health --destination /x").code, 2);
    assert_eq!(bed.run("health --limit 3").code, 2);
}

#[test]
fn an_engine_without_it_names_one_that_has_it() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("health --engine sidecar").shown(), @"
    stderr:
    error: engine kubectl-broker/sidecar can't `health`
    hint: Engines that can: hivemq
    exit 2
    ");
    assert_snapshot!(bed.run("health --statefulset other").outcome(), @"
    NotFound: messaging other
    hint: `--statefulset` `kubectl get statefulsets -n messaging`
    exit 10
    ");
}

#[test]
fn a_missing_right_is_named() {
    let bed = Bed::with(&["deny=create:pods/portforward"]);
    assert_snapshot!(bed.run("health").outcome(), @r#"
    NotAllowed: "broker-2" broker-2 messaging pods/portforward
    hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
    let bed = Bed::with(&["deny=list:pods"]);
    assert_eq!(bed.run("health").code, 12);
    // One pod can be asked without a list of them, and the size of the set need not be known.
    assert_eq!(bed.run("health --pod broker-0").code, 0);
    let bed = Bed::with(&["deny=get:statefulsets"]);
    assert_eq!(bed.run("health").code, 0);
}

#[test]
fn an_engine_that_returns_nonsense_is_found_out() {
    let bed = Bed::start();
    let misbehave = |how: &str| {
        let program = bed.hostile().data_although_failed();
        program.run(&format!("health --engine hostile --misbehave {how}"))
    };
    assert_snapshot!(misbehave("stranger").outcome(), @r#"
    PluginFault: `health` `intruder-0\u{1b}[2J` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    "#);
    assert_eq!(misbehave("many-reports").code, 14);
    let text = misbehave("hostile-text");
    assert_eq!((text.code, text.stdout.lines().count()), (0, 2));
    // Nothing was found out about the backend.
    for how in ["nothing", "skipped"] {
        assert_eq!(misbehave(how).code, 3, "{how}");
    }
    let whole = misbehave("whole");
    assert_eq!(whole.code, 0);
    assert!(whole.stderr.contains("with warnings: 1 warned\n"));
}
