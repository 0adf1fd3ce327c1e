//! Unhealthy nodes, kubelets and containers.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

const SIDECAR: &str = "backup list --engine sidecar";

fn with(faults: &[&str], arguments: &str) -> (Bed, Run) {
    let bed = Bed::with(faults);
    let run = bed.run(arguments);
    (bed, run)
}

#[test]
fn a_kubelet_that_is_away_for_a_moment_is_asked_again() {
    for fault in [
        "kubelet-away=2",
        "kubelet-pod-not-found=2",
        "kubelet-restarting=2",
    ] {
        let (bed, run) = with(&[fault], "backup list --engine sidecar -o json");
        assert_eq!(run.ids().len(), 12, "{fault}");
        assert_eq!(bed.requests().count("GET", "/portforward"), 3, "{fault}");
    }
}

#[test]
fn a_kubelet_that_stays_away_names_its_node_and_not_the_api_server() {
    let (bed, run) = with(&["kubelet-away=1000"], &format!("{SIDECAR} --pod broker-1"));
    assert_snapshot!(run.reason(), @"
    Failed: broker-1 node-1: error dialing backend: dial tcp 192.168.49.3:10250: connect: connection refused (tried 4 times)
    hint: `kubectl describe node node-1`
    exit 1
    ");
    assert_eq!(bed.requests().count("GET", "/portforward"), 4);
    let (_, run) = with(
        &["kubelet-away=1000", "deny=get:nodes"],
        "backup restore --id 20250905-130215 --yes",
    );
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("node-0") && run.stderr.contains("broker-0"),
        "{}",
        run.stderr
    );
}

#[test]
fn every_way_in_which_a_kubelet_fails_names_the_node() {
    for fault in [
        "kubelet-error=500:error dialing backend: remote error: tls: internal error",
        "kubelet-error=500:error dialing backend: No agent available",
        "kubelet-error=503:error trying to reach service: dial tcp 192.168.49.2:10250: i/o timeout",
        "kubelet-error=500:error dialing backend: x509: certificate signed by unknown authority",
        "kubelet-says=502:Bad Gateway",
        "kubelet-says=500:pod not found (\"broker-0_messaging\")",
        "kubelet-says=403:Forbidden (user=kube-apiserver, verb=create, resource=nodes, subresource=proxy)",
    ] {
        let (_, run) = with(&[fault], &format!("{SIDECAR} --pod broker-0"));
        assert_eq!(run.code, 1, "{fault}: {}", run.stderr);
        assert!(
            run.stderr.contains("node-0") && run.stderr.contains("broker-0"),
            "{fault}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("`kubectl describe node node-0`"),
            "{fault}: {}",
            run.stderr
        );
    }
}

#[test]
fn where_the_node_of_one_pod_is_away_another_pod_is_asked() {
    let (bed, run) = with(
        &["node-not-ready=node-0"],
        "backup list --engine sidecar -o json",
    );
    assert_eq!(run.ids().len(), 12);
    assert_eq!(bed.requests().count("GET", "/pods/broker-1/portforward"), 1);
}

#[test]
fn a_command_in_a_pod_whose_kubelet_is_away_is_told_from_one_that_the_image_lacks() {
    let line = "backup create --engine hivemq --destination /mnt/kept --pod broker-0";
    let (bed, run) = with(&["node-not-ready=node-0"], line);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("node-0") && run.stderr.contains("broker-0"),
        "{}",
        run.stderr
    );
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}

#[test]
fn pods_that_are_not_ready_because_of_their_nodes_say_so() {
    let nodes = [
        "node-not-ready=node-0",
        "node-not-ready=node-1",
        "node-lost=node-2",
    ];
    let (_, run) = with(&nodes, SIDECAR);
    assert_snapshot!(run.reason(), @"
    Failed: messaging: broker-0: Running, condition Ready is False, although its containers are reported as ready: its node may have stopped reporting; node node-0 is not ready: NodeStatusUnknown (Kubelet stopped posting node status.); broker-1: Running, condition Ready is False, although its containers are reported as ready: its node may have stopped reporting; node node-1 is not ready: NodeStatusUnknown (Kubelet stopped posting node status.); broker-2: it is being deleted, NodeLost (Node node-2 which was running pod broker-2 is unresponsive); node node-2 is not ready: NodeStatusUnknown (Kubelet stopped posting node status.)
    hint: `kubectl describe statefulset broker -n messaging` `kubectl get pods -n messaging`
    exit 1
    ");
    let forbidden = [&nodes[..], &["deny=get:nodes"]].concat();
    let (_, run) = with(&forbidden, SIDECAR);
    assert_snapshot!(run.outcome(), @"
    Failed: NodeLost broker-0 broker-1 broker-2 messaging node-2
    hint: `kubectl describe statefulset broker -n messaging` `kubectl get pods -n messaging`
    exit 1
    ");
}

#[test]
fn the_containers_that_keep_a_pod_from_being_ready_are_named() {
    let faults = [
        "container-waiting=hivemq:ImagePullBackOff",
        "container-not-ready=broker-backup",
    ];
    let (_, run) = with(&faults, SIDECAR);
    assert_snapshot!(run.reason(), @"
    Failed: messaging: broker-0: Running, container hivemq: ImagePullBackOff (ImagePullBackOff of container hivemq); broker-1: Running, container hivemq: ImagePullBackOff (ImagePullBackOff of container hivemq); broker-2: Running, container hivemq: ImagePullBackOff (ImagePullBackOff of container hivemq)
    hint: `kubectl describe statefulset broker -n messaging` `kubectl get pods -n messaging`
    exit 1
    ");
}

#[test]
fn a_sidecar_that_is_ready_is_asked_though_its_broker_is_not() {
    let (_, run) = with(&["container-not-ready=hivemq"], SIDECAR);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let note = "pod broker-0 is not ready (Running, container hivemq is not ready), \
                but its container broker-backup is; using that";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    let (_, run) = with(
        &["container-not-ready=hivemq"],
        "backup list --engine hivemq",
    );
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("broker-0: Running, container hivemq"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_service_leads_to_a_broker_that_is_ready_though_its_sidecar_is_not() {
    let (bed, run) = with(
        &["container-not-ready=broker-backup"],
        "backup list --engine hivemq -o json",
    );
    assert_eq!(run.ids().len(), 6);
    assert_eq!(bed.requests().count("GET", "/pods/broker-0/portforward"), 1);
}
