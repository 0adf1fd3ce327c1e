//! The choice of the pods to check.

use insta::assert_snapshot;

use super::healthy;

#[test]
fn a_target_without_a_ready_pod() {
    assert_snapshot!(healthy("backup test -n zero").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:endpointslices   -   passed
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed
    right:nodes   -   passed
    target   -   failed   0 zero
    endpoint:api   hivemq   skipped
    endpoint:health   hivemq   skipped
    detect   hivemq   skipped
    list   hivemq   skipped
    endpoint:api   sidecar   skipped
    detect   sidecar   skipped
    list   sidecar   skipped
    endpoint:api   strategy   skipped
    detect   strategy   skipped

    target:
      hint: `kubectl describe statefulset broker -n zero` `kubectl get pods -n zero`
    note: 19 9 1 9
    exit 1
    ");
    assert_snapshot!(healthy("backup test -n unscheduled --engine hivemq").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:endpointslices   -   passed   hivemq
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed   hivemq
    right:nodes   -   passed
    target   -   failed   0/3 3 broker-0 unscheduled
    endpoint:api   hivemq   skipped
    endpoint:health   hivemq   skipped
    detect   hivemq   skipped
    list   hivemq   skipped

    target:
      hint: `kubectl describe statefulset broker -n unscheduled` `kubectl get pods -n unscheduled`
    note: 14 9 1 4
    exit 1
    ");
    assert_snapshot!(healthy("backup test -n notready --engine hivemq").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:endpointslices   -   passed   hivemq
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed   hivemq
    right:nodes   -   passed
    target   -   warned   0 0/3 2 3 5m0s CrashLoopBackOff broker-0 broker-1 container=hivemq hivemq
    endpoint:api   hivemq   failed   0/3 3 5m0s CrashLoopBackOff broker-0 broker-1 container=hivemq hivemq notready
    endpoint:health   hivemq   warned   0/3 3 5m0s CrashLoopBackOff broker-0 broker-1 container=hivemq hivemq notready
    detect   hivemq   skipped
    list   hivemq   skipped

    target:
      hint: `kubectl get pods -n notready`

    hivemq/endpoint:api:
      hint: `kubectl describe statefulset broker -n notready` `kubectl get pods -n notready`

    hivemq/endpoint:health:
      hint: `kubectl describe statefulset broker -n notready` `kubectl get pods -n notready`
    note: 14 9 2 1 2
    exit 1
    ");
}

#[test]
fn some_pods_that_are_not_ready_are_a_warning() {
    assert_snapshot!(healthy("backup test -n firstdown --engine sidecar").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed
    right:nodes   -   passed
    target   -   warned   2 3 broker-0
    endpoint:api   sidecar   passed   8085 broker-1
    detect   sidecar   passed   2
    list   sidecar   passed   12

    target:
      hint: `kubectl get pods -n firstdown`
    note: broker-0 broker-1
    note: 12 11 1
    exit 0
    ");
}
