//! Targets that do not exist or are not ready.

use insta::assert_snapshot;
use testbed::{Fault, TunnelFault};

use crate::support::{Bed, Desk, Run};

#[test]
fn a_namespace_that_does_not_exist() {
    let run = Bed::start().run("backup list --engine sidecar -n nowhere");
    assert_snapshot!(run.outcome(), @"
    NotFound: nowhere
    hint: `--namespace` `kubectl get namespaces`
    exit 10
    ");
}

#[test]
fn a_namespace_without_a_statefulset() {
    let run = Bed::start().run("backup list --engine sidecar -n empty");
    assert_snapshot!(run.outcome(), @"
    NotFound: empty
    hint: `--statefulset` `kubectl get statefulsets -n empty`
    exit 10
    ");
}

#[test]
fn a_statefulset_with_a_typing_error_gets_the_near_name() {
    let run = Bed::start().run("backup list --engine sidecar --statefulset brokr");
    assert_snapshot!(run.outcome(), @"
    NotFound: brokr messaging
    hint: `--statefulset broker`
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
    assert_snapshot!(bed.run("backup list --engine hivemq -n notready").reason(), @"
    Failed: notready: broker-0: Running, container hivemq: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq); broker-1: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    hint: `kubectl describe statefulset broker -n notready` `kubectl get pods -n notready`
    exit 1
    ");
}

#[test]
fn a_statefulset_with_no_replicas() {
    let run = Bed::start().run("backup list --engine sidecar -n zero");
    assert_snapshot!(run.reason(), @"
    Failed: zero: it is scaled to 0 replicas
    hint: `kubectl describe statefulset broker -n zero` `kubectl get pods -n zero`
    exit 1
    ");
}

#[test]
fn a_pod_that_runs_on_no_node() {
    let run = Bed::start().run("backup list --engine sidecar -n unscheduled");
    assert_snapshot!(run.reason(), @"
    Failed: unscheduled: broker-0: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    hint: `kubectl describe statefulset broker -n unscheduled` `kubectl get pods -n unscheduled`
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
    assert_snapshot!(run.outcome(), @"
    NotFound: broker-0 broker-1 broker-2 broker-7 messaging
    hint: `--pod broker-0`
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
    assert_snapshot!(run.outcome(), @"
    Failed: 127.0.0.1:PORT 8085 IPv6 [::1]:8085 broker-0 tcp4 tcp6
    hint: `--sidecar-port`
    exit 1
    ");
}

#[test]
fn a_port_that_is_closed() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --engine sidecar --sidecar-port 9999").outcome(), @"
    Failed: 127.0.0.1:PORT 9999 IPv6 [::1]:9999 broker-0 tcp4 tcp6
    hint: `--sidecar-port`
    exit 1
    ");
    bed.faults()
        .set(Fault::Tunnel(TunnelFault::PortClosed(8085)));
    assert_snapshot!(bed.run("backup list --engine sidecar").outcome(), @"
    Failed: 127.0.0.1:PORT 8085 IPv6 [::1]:8085 broker-0 tcp4 tcp6
    hint: `--sidecar-port`
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
    assert_snapshot!(run.reason(), @"
    note: broker-0
    note: broker-1
    note: broker-2
    Failed: messaging: broker-0: reported as ready, but gone; broker-1: reported as ready, but gone; broker-2: reported as ready, but gone
    hint: `kubectl describe statefulset broker -n messaging` `kubectl get pods -n messaging`
    exit 1
    ");
}

/// Other tests leave these lines out: see `Run`.
#[test]
fn what_a_command_takes_without_being_told_is_said() {
    let said = |run: &Run| {
        let lines = run.stderr.lines().filter(|line| line.starts_with("Using "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let bed = Bed::start();
    assert_snapshot!(said(&bed.misbehave("not-at-all")), @"
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    ");
    assert_snapshot!(said(&bed.run("backup list --engine sidecar --pod broker-2")), @"Using namespace messaging of context testbed");
    assert_snapshot!(said(&Desk::with(&[]).download("")), @"
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    ");
}
