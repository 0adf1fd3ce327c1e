//! `discover`: the targets of a namespace and of all, with their volumes.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Bed, Component, Invocation, Run, programs};

fn discover(bed: &Bed, arguments: &str) -> Run {
    let program = bed.program().data_although_failed();
    program.run(&format!("discover {arguments}"))
}

fn document(bed: &Bed, arguments: &str) -> Value {
    let run = discover(bed, &format!("{arguments} -o json"));
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no document: {}", run.stderr))
}

/// Returns each target with its engines.
fn targets(document: &Value) -> Vec<String> {
    let items = document["items"].as_array().expect("targets").iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |item: &Value| {
        let engines = item["engines"].as_array().expect("engines").iter();
        let engines = engines.map(|it| text(&it["engine"]).replace("kubectl-broker/", ""));
        let engines = engines.collect::<Vec<_>>().join(",");
        let (namespace, set) = (text(&item["namespace"]), text(&item["statefulset"]));
        format!("{namespace} {set} [{engines}]")
    };
    items.map(line).collect()
}

/// Adds a set with one ready pod to a namespace. Nothing listens in the pod.
fn add_set(bed: &Bed, namespace: &str, name: &str) {
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    let set = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(name),
        "spec": {"replicas": 1, "serviceName": name, "selector": {}, "template": {}},
        "status": {"replicas": 1, "readyReplicas": 1},
    });
    let set = bed.objects().put(set).expect("a set");
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(&format!("{name}-0")),
        "spec": {"nodeName": "node-0", "containers": [{"name": "db", "image": "db", "ports": [{"containerPort": 5432}]}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "db", "image": "db", "imageID": "", "ready": true, "restartCount": 0,
                "state": {"running": {}},
            }],
        },
    });
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": name,
        "uid": set["metadata"]["uid"], "controller": true,
    }]);
    bed.objects().put(pod).expect("a pod");
}

#[test]
fn a_namespace_shows_its_targets_and_their_volumes() {
    let bed = Bed::start();
    assert_snapshot!(discover(&bed, "").shown(), @"
    stdout:
    NAMESPACE   STATEFULSET   READY   ENGINES   VOLUMES
    messaging   broker   3/3   hivemq,sidecar   3 × 10Gi
    stderr:
    1 target in namespace messaging
    exit 0
    ");
    assert_snapshot!(discover(&bed, "-n notready -o wide").shown(), @"
    stdout:
    NAMESPACE   STATEFULSET   READY   ENGINES   VOLUMES   DETAIL
    notready   broker   0/2   sidecar   10Gi, 10Gi (Pending)   sidecar: broker-backup (0 local backups); hivemq: no pod of StatefulSet broker in namespace notready is ready: broker-0: Running, container hivemq: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq); broker-1: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.

    NAMESPACE   POD   CLAIM   REQUESTED   CAPACITY   PHASE   CLASS
    notready   broker-0   data-broker-0   10Gi   10Gi   Bound   standard
    notready   broker-1   data-broker-1   10Gi   -   Pending   standard
    stderr:
    1 target in namespace notready
    exit 0
    ");
    assert_eq!(discover(&bed, "-o name").stdout, "messaging/broker\n");
}

#[test]
fn all_namespaces_are_looked_at() {
    let bed = Bed::start();
    let run = discover(&bed, "-A -o json");
    assert_eq!(run.code, 0);
    let found = run.json();
    assert_snapshot!(targets(&found).join("\n"), @"
    apps app [strategy]
    firstdown broker [hivemq,sidecar]
    kafka - [kafka]
    messaging broker [hivemq,sidecar]
    nosidecar broker [hivemq]
    notready broker [sidecar]
    platform broker [hivemq]
    proj-retail-prd - [backuprequest]
    unscheduled broker []
    zero broker []
    ");
    assert_eq!(found["scope"], json!({"namespace": null}));
    assert_eq!(found["complete"], true);
    // As for kubectl, the flag counts more than a namespace.
    assert_eq!(document(&bed, "--all-namespaces -n kafka"), found);
}

#[test]
fn one_engine_finds_its_own_targets() {
    let bed = Bed::start();
    let found = document(&bed, "-A -e strategy");
    assert_eq!(targets(&found)[..1], ["apps app [strategy]"]);
    let found = document(&bed, "-A --engine kubectl-broker/kafka");
    assert_eq!(targets(&found), ["kafka - [kafka]"]);
    let kafka = &found["items"][0];
    assert_eq!(
        (&kafka["pods"], &kafka["volumes"]),
        (&Value::Null, &Value::Null)
    );
    // The sets are of no interest then, and may be forbidden.
    bed.faults()
        .set("deny=list:statefulsets".parse().expect("a fault"));
    assert_eq!(discover(&bed, "-A -e kafka").code, 0);
    assert_snapshot!(bed.run("discover -e kafak").outcome(), @"
    Usage: `kafak`
    hint: `--engine kafka`
    exit 2
    ");
}

#[test]
fn a_set_with_another_program_is_no_target() {
    let bed = Bed::start();
    add_set(&bed, "empty", "postgres");
    add_set(&bed, "messaging", "redis");
    let found = document(&bed, "");
    assert_eq!(found["others"], 1, "{found:#}");
    assert_eq!(targets(&found), ["messaging broker [hivemq,sidecar]"]);
    let run = discover(&bed, "-n empty");
    assert_eq!(run.code, 0);
    assert!(
        run.stderr
            .contains("No target was found in namespace empty; no engine")
    );
}

#[test]
fn where_nothing_is_found_the_list_is_empty() {
    let bed = Bed::start();
    assert_snapshot!(discover(&bed, "-n empty").shown(), @"
    stdout:
    NAMESPACE   STATEFULSET   READY   ENGINES   VOLUMES
    stderr:
    No target was found in namespace empty
    exit 0
    ");
    let found = document(&bed, "-n empty");
    assert_eq!(found["items"], json!([]));
    // A namespace that does not exist is an error.
    assert_snapshot!(bed.run("discover -n elsewhere").outcome(), @"
    NotFound: elsewhere
    hint: `--namespace` `kubectl get namespaces`
    exit 10
    ");
}

#[test]
fn volumes_that_may_not_be_listed_are_a_warning() {
    let bed = Bed::with(&["deny=list:persistentvolumeclaims"]);
    assert_snapshot!(discover(&bed, "").shown(), @r#"
    stdout:
    NAMESPACE   STATEFULSET   READY   ENGINES   VOLUMES
    messaging   broker   3/3   hivemq,sidecar   unknown
    stderr:
    warning: the volumes of 1 namespace are unknown: not allowed to list persistentvolumeclaims in namespace messaging: persistentvolumeclaims is forbidden: User "testbed" cannot list resource "persistentvolumeclaims" in API group "" in the namespace "messaging". ask for this permission: `kubectl create role broker-persistentvolumeclaims -n messaging --verb=list --resource=persistentvolumeclaims`, or in a Role `{apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["list"]}`
    1 target in namespace messaging
    exit 3
    "#);
    let found = document(&bed, "");
    assert_eq!(found["items"][0]["volumes"], Value::Null);
    assert_eq!(found["complete"], false);
    // Many namespaces are one warning.
    let run = discover(&bed, "-A");
    assert_eq!(run.code, 3);
    assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("the volumes of 8 namespaces are unknown"),
        "{}",
        run.stderr
    );
}

#[test]
fn sets_that_may_not_be_listed_are_an_error_with_its_remedy() {
    let bed = Bed::with(&["deny=list:statefulsets"]);
    assert_snapshot!(bed.run("discover").outcome(), @r#"
    NotAllowed: "apps" "messaging" "statefulsets" "testbed" messaging statefulsets.apps
    hint: `kubectl create role broker-statefulsets -n messaging --verb=get,list --resource=statefulsets.apps` `{apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["get", "list"]}`
    exit 12
    "#);
    assert_snapshot!(bed.run("discover -A").shown(), @r#"
    stderr:
    error: not allowed to list statefulsets in all namespaces: statefulsets.apps is forbidden: User "testbed" cannot list resource "statefulsets" in API group "apps" at the cluster scope
    hint: Ask for this permission: `kubectl create clusterrole broker-statefulsets --verb=get,list --resource=statefulsets.apps`, or in a ClusterRole `{apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["get", "list"]}`
    exit 12
    "#);
}

#[test]
fn targets_that_may_not_be_asked_are_unknown() {
    let bed = Bed::with(&["deny=create:pods/portforward"]);
    let run = discover(&bed, "-o wide");
    assert_eq!(run.code, 3);
    let found = document(&bed, "");
    assert_eq!(targets(&found), ["messaging broker []"]);
    let problem = found["items"][0]["problem"].as_str().expect("a reason");
    assert!(
        problem.starts_with("hivemq: not allowed to create pods/portforward"),
        "{problem}"
    );
    let hint = "warning: 1 target could not be asked: not allowed to create pods/portforward";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("kubectl create role broker-pods-portforward"),
        "{}",
        run.stderr
    );
}

#[test]
fn objects_that_may_not_be_listed_are_a_warning_about_their_engine() {
    let bed = Bed::with(&["deny=list:kafkabackups"]);
    let run = discover(&bed, "-n kafka");
    assert_eq!(run.code, 3);
    let warning = "warning: targets of engine kubectl-broker/kafka may be missing: not allowed";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn a_backend_is_found_without_credentials_and_only_read() {
    let bed = Bed::with(&["hivemq-auth=a:b", "sidecar-auth=x"]);
    let program = bed.program().env("BROKER_PASSWORD", "canary-4711");
    let program = program.env("BROKER_TOKEN", "canary-4711");
    let found = program.run("discover -o json").json();
    assert_eq!(targets(&found), ["messaging broker [hivemq,sidecar]"]);
    assert_eq!(
        found["items"][0]["engines"][0]["detail"],
        "asks for credentials"
    );
    let requests = bed.backend_requests().all();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.method, "GET");
        assert_eq!(request.headers.get("authorization"), None);
    }
    assert_eq!(bed.run("discover --password-stdin").code, 2);
}

#[test]
fn a_backend_that_is_silent_is_perhaps_a_target() {
    let bed = Bed::with(&["sidecar-status=503"]);
    let found = document(&bed, "-e sidecar");
    assert_eq!(targets(&found), ["messaging broker []"]);
    // Notes about a slow backend could be about hundreds of targets.
    let bed = Bed::with(&["sidecar-drip=1"]);
    let run = discover(&bed, "-e sidecar --engine-timeout 2s -o wide");
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("unknown"), "{}", run.stdout);
    assert!(!run.stderr.contains("Waiting for"), "{}", run.stderr);
}

#[test]
fn an_engine_that_fails_is_a_warning() {
    let bed = Bed::start();
    let folder = TempDir::new().expect("a folder");
    let broken = Component::hostile()
        .with_bad_code()
        .save(&folder, "broken.wasm");
    let programs = programs();
    let program = Invocation::new(&programs.with_engines, &programs.folders)
        .kubeconfig(bed.kubeconfig())
        .engines([&broken])
        .data_although_failed();
    let run = program.run("discover");
    assert_eq!(run.code, 3);
    let warning = "warning: targets of engine acme/hostile may be missing: ";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert!(run.stdout.contains("hivemq,sidecar"), "{}", run.stdout);
}

#[test]
fn hostile_text_drives_no_terminal() {
    let bed = Bed::start();
    let claim = bed.objects().modify(
        "persistentvolumeclaims",
        "messaging",
        "data-broker-0",
        |claim| {
            claim["spec"]["storageClassName"] = json!("\u{1b}[2Jfast\u{202e}");
            claim["spec"]["resources"]["requests"]["storage"] = json!("\u{9b}1Gi");
            claim["status"]["phase"] = json!("Lo\u{1b}]0;st");
        },
    );
    claim.expect("the claim");
    let program = bed.hostile().data_although_failed();
    for format in ["table", "wide", "json", "yaml", "name"] {
        // `Run` checks for control characters.
        let run = program.run(&format!("discover -o {format}"));
        assert_eq!(run.code, 0, "{format}: {}", run.stderr);
    }
    let found = document(&bed, "");
    let class = &found["items"][0]["volumes"][0]["storageClass"];
    assert_eq!(*class, json!("\u{1b}[2Jfast\u{202e}"));
}
