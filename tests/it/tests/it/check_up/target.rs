//! The choice of the pods to check.

use insta::assert_snapshot;

use super::healthy;

#[test]
fn a_target_without_a_ready_pod() {
    assert_snapshot!(healthy("backup test -n zero").shown(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   passed   may get, create (for every command that asks a backend)
    right:endpointslices   -   passed   may list (for engine hivemq)
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for commands in pods of engine hivemq)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   failed   no pod of StatefulSet broker in namespace zero is ready: it is scaled to 0 replicas
    endpoint:api   hivemq   skipped   it needs a check that failed
    detect   hivemq   skipped   it needs a check that failed
    list   hivemq   skipped   it needs a check that failed
    endpoint:api   sidecar   skipped   it needs a check that failed
    detect   sidecar   skipped   it needs a check that failed
    list   sidecar   skipped   it needs a check that failed
    endpoint:api   strategy   skipped   it needs a check that failed
    detect   strategy   skipped   it needs a check that failed

    target:
      Look at `kubectl get pods -n zero` and `kubectl describe statefulset broker -n zero`
    stderr:
    Using StatefulSet broker
    18 checks: 9 passed, 1 failed, 8 skipped
    exit 1
    ");
    assert_snapshot!(healthy("backup test -n unscheduled --engine hivemq").shown(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   passed   may get, create (for every command that asks a backend)
    right:endpointslices   -   passed   may list (for engine hivemq)
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for commands in pods of engine hivemq)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   failed   no pod of StatefulSet broker in namespace unscheduled is ready: broker-0: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    endpoint:api   hivemq   skipped   it needs a check that failed
    detect   hivemq   skipped   it needs a check that failed
    list   hivemq   skipped   it needs a check that failed

    target:
      Look at `kubectl get pods -n unscheduled` and `kubectl describe statefulset broker -n unscheduled`
    stderr:
    Using StatefulSet broker
    13 checks: 9 passed, 1 failed, 3 skipped
    exit 1
    ");
    assert_snapshot!(healthy("backup test -n notready --engine hivemq").shown(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   passed   may get, create (for every command that asks a backend)
    right:endpointslices   -   passed   may list (for engine hivemq)
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for commands in pods of engine hivemq)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   warned   StatefulSet broker: 0 of 2 ready; broker-0 (Running, container hivemq: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq)); broker-1 (Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.)
    endpoint:api   hivemq   failed   no pod of StatefulSet broker in namespace notready is ready: broker-0: Running, container hivemq: CrashLoopBackOff (back-off 5m0s restarting failed container=hivemq); broker-1: Pending, Unschedulable: 0/3 nodes are available: 3 Insufficient memory.
    detect   hivemq   skipped   it needs a check that failed
    list   hivemq   skipped   it needs a check that failed

    target:
      Look at `kubectl get pods -n notready`

    hivemq/endpoint:api:
      Look at `kubectl get pods -n notready` and `kubectl describe statefulset broker -n notready`
    stderr:
    Using StatefulSet broker
    13 checks: 9 passed, 1 warned, 1 failed, 2 skipped
    exit 1
    ");
}

#[test]
fn some_pods_that_are_not_ready_are_a_warning() {
    assert_snapshot!(healthy("backup test -n firstdown --engine sidecar").shown(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   passed   may get, create (for every command that asks a backend)
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for engines that run commands in pods)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   warned   StatefulSet broker: 2 of 3 ready; broker-0 (Running, container hivemq is not ready)
    endpoint:api   sidecar   passed   port 8085 of pod broker-1 (of container broker-backup) answers
    detect   sidecar   passed   broker-backup (2 local backups)
    list   sidecar   passed   12 backups

    target:
      Look at `kubectl get pods -n firstdown`
    stderr:
    Using StatefulSet broker
    pod broker-0 is not ready (Running, container hivemq is not ready); using broker-1
    12 checks: 11 passed, 1 warned
    exit 0
    ");
}
