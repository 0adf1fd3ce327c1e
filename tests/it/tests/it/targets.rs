//! Targets that do not exist or are not ready.

use insta::assert_snapshot;
use testbed::{Fault, TunnelFault};

use crate::support::Bed;

#[test]
fn a_namespace_that_does_not_exist() {
    let run = Bed::start().run("backup list --engine sidecar -n nowhere");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker
    error: namespace nowhere does not exist
    hint: Choose another with `--namespace`; `kubectl get namespaces` lists them
    exit 10
    ");
}

#[test]
fn a_namespace_without_a_statefulset() {
    let run = Bed::start().run("backup list --engine sidecar -n empty");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker
    error: there is no StatefulSet broker in namespace empty; the namespace has none
    hint: Name it with `--statefulset`; `kubectl get statefulsets -n empty` lists them
    exit 10
    ");
}

#[test]
fn a_statefulset_with_a_typing_error_gets_the_near_name() {
    let run = Bed::start().run("backup list --engine sidecar --statefulset brokr");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using namespace messaging of context testbed
    error: there is no StatefulSet brokr in namespace messaging; it has broker
    hint: Did you mean `--statefulset broker`?
    exit 10
    ");
}

#[test]
fn a_statefulset_without_a_ready_pod() {
    let bed = Bed::start();
    // The sidecar of the first pod is ready, and does not need its broker.
    let run = bed.run("backup list --engine sidecar -n notready");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("but its container broker-backup is; using that"),
        "{}",
        run.stderr
    );
    assert_snapshot!(bed.run("backup list --engine hivemq -n notready").shown(), @"
    stderr:
    Using StatefulSet broker
    error: no pod of StatefulSet broker in namespace notready is ready: broker-0: Running, container hivemq: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq); broker-1: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    hint: Look at `kubectl get pods -n notready` and `kubectl describe statefulset broker -n notready`
    exit 1
    ");
}

#[test]
fn a_statefulset_with_no_replicas() {
    let run = Bed::start().run("backup list --engine sidecar -n zero");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker
    error: no pod of StatefulSet broker in namespace zero is ready: it is scaled to 0 replicas
    hint: Look at `kubectl get pods -n zero` and `kubectl describe statefulset broker -n zero`
    exit 1
    ");
}

#[test]
fn a_pod_that_runs_on_no_node() {
    let run = Bed::start().run("backup list --engine sidecar -n unscheduled");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker
    error: no pod of StatefulSet broker in namespace unscheduled is ready: broker-0: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    hint: Look at `kubectl get pods -n unscheduled` and `kubectl describe statefulset broker -n unscheduled`
    exit 1
    ");
}

#[test]
fn the_next_pod_is_used_where_the_first_is_down() {
    let bed = Bed::start();
    let run = bed.run("backup list --engine sidecar -n firstdown --limit 1");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(bed.requests().count("GET", "/pods/broker-1/portforward"), 1);
}

#[test]
fn a_pod_that_does_not_exist() {
    let run = Bed::start().run("backup list --engine sidecar --pod broker-7");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using namespace messaging of context testbed
    error: there is no pod broker-7 in namespace messaging. Near broker-0, broker-1, broker-2
    hint: Did you mean `--pod broker-0`?
    exit 10
    ");
}

#[test]
fn a_pod_by_its_name() {
    let bed = Bed::start();
    let run = bed.run("backup list --engine sidecar --pod broker-2 --limit 1");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(bed.requests().count("GET", "/pods/broker-2/portforward"), 1);
}

#[test]
fn pods_without_a_sidecar_container() {
    let run = Bed::start().run("backup list --engine sidecar -n nosidecar");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker
    error: nothing listens on port 8085 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:8085: connect: connection refused
    hint: Is it switched on in the backend? Name its port with `--sidecar-port`
    exit 1
    ");
}

#[test]
fn a_port_that_is_closed() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --engine sidecar --sidecar-port 9999").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: nothing listens on port 9999 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:9999: connect: connection refused
    hint: Is it switched on in the backend? Name its port with `--sidecar-port`
    exit 1
    ");
    bed.faults()
        .set(Fault::Tunnel(TunnelFault::PortClosed(8085)));
    assert_snapshot!(bed.run("backup list --engine sidecar").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: nothing listens on port 8085 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:8085: connect: connection refused
    hint: Is it switched on in the backend? Name its port with `--sidecar-port`
    exit 1
    ");
}

#[test]
fn a_kubelet_that_restarts_is_asked_again() {
    let bed = Bed::with(&["kubelet-restarting=1"]);
    let run = bed.run("backup list --engine sidecar -o json");
    assert_eq!(run.ids().len(), 12);
    assert_eq!(bed.requests().count("GET", "/portforward"), 2);
}

#[test]
fn a_pod_that_is_gone_since_it_was_listed() {
    let run = Bed::with(&["pod-gone"]).run("backup list --engine sidecar");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    pod broker-0 is gone; trying another pod
    pod broker-1 is gone; trying another pod
    pod broker-2 is gone; trying another pod
    error: no pod of StatefulSet broker in namespace messaging is ready: broker-0: said to be ready, but it was gone; broker-1: said to be ready, but it was gone; broker-2: said to be ready, but it was gone
    hint: Look at `kubectl get pods -n messaging` and `kubectl describe statefulset broker -n messaging`
    exit 1
    ");
}
