//! The permissions of the user.

use insta::assert_snapshot;

use super::with;
use crate::support::Bed;

#[test]
fn the_right_to_open_a_port_forward_is_missing() {
    let run = with(
        "deny=create:pods/portforward",
        "backup test --engine sidecar",
    );
    assert_snapshot!(run.shown(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   warned   may not create (for every command that asks a backend): Kubernetes asks for it from 1.35 on
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for engines that run commands in pods)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   passed   StatefulSet broker: 3 of 3 ready
    endpoint:api   sidecar   failed   not allowed to create pods/portforward broker-0 in namespace messaging: pods "broker-0" is forbidden
    detect   sidecar   skipped   it needs a check that failed
    list   sidecar   skipped   it needs a check that failed

    right:pods/portforward:
      Ask for this right: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`

    sidecar/endpoint:api:
      Ask for this right: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    12 checks: 8 passed, 1 warned, 1 failed, 2 skipped
    exit 12
    "#);
}

#[test]
fn a_right_that_little_depends_on_is_a_warning_with_what_is_lost() {
    let run = with("deny=*:leases", "backup test --engine sidecar");
    assert_snapshot!(run.shown(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:pods   -   passed   may get, list (for every command that asks a backend)
    right:statefulsets   -   passed   may get, list (for errors about the target)
    right:pods/portforward   -   passed   may get, create (for every command that asks a backend)
    right:leases   -   warned   may not get, create, update, delete (for `restore`): a restore then keeps out your own processes on this machine only
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:pods/exec   -   passed   may get, create (for engines that run commands in pods)
    right:nodes   -   passed   may get (for errors about pods that are not ready)
    target   -   passed   StatefulSet broker: 3 of 3 ready
    endpoint:api   sidecar   passed   port 8085 of pod broker-0 (of container broker-backup) answers
    detect   sidecar   passed   broker-backup (3 local backups)
    list   sidecar   passed   12 backups

    right:leases:
      Ask for this right: `kubectl create role broker-leases -n messaging --verb=get,create,update,delete --resource=leases.coordination.k8s.io`, or in a Role `{apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update", "delete"]}`
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    12 checks: 11 passed, 1 warned
    exit 0
    "#);
}

#[test]
fn who_may_not_ask_for_rights_may_have_them() {
    let run = with(
        "deny=create:selfsubjectaccessreviews",
        "backup test --engine sidecar",
    );
    assert_snapshot!(run.shown(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    rights   -   warned   not known: not allowed to create selfsubjectaccessreviews: selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "testbed" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope
    target   -   passed   StatefulSet broker: 3 of 3 ready
    endpoint:api   sidecar   passed   port 8085 of pod broker-0 (of container broker-backup) answers
    detect   sidecar   passed   broker-backup (3 local backups)
    list   sidecar   passed   12 backups

    rights:
      Every user has the right to ask by the ClusterRole `system:basic-user`, where it is bound as usual
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    6 checks: 5 passed, 1 warned
    exit 0
    "#);
}

/// The program works without these permissions, and so does its check.
#[test]
fn rights_that_the_program_does_without_are_warnings() {
    for (fault, engine) in [
        ("deny=*:leases", "sidecar"),
        ("deny=*:pods/exec", "hivemq"),
        ("deny=*:nodes", "sidecar"),
        ("deny=*:secrets", "sidecar"),
        ("deny=*:statefulsets", "sidecar"),
        ("deny=list:pods", "sidecar"),
        ("deny=*:endpointslices", "hivemq"),
        // A Service names its pods.
        ("deny=*:pods", "hivemq"),
    ] {
        let list = Bed::with(&[fault]).run(&format!("backup list --engine {engine}"));
        assert_eq!(list.code, 0, "{fault}: {}", list.stderr);
        let run = with(fault, &format!("backup test --engine {engine}"));
        assert_eq!(run.code, 0, "{fault}: {}", run.shown());
        assert!(run.stdout.contains("warned"), "{fault}: {}", run.shown());
    }
    let run = with("deny=get:pods", "backup test --engine sidecar");
    assert_eq!(run.code, 12, "{}", run.shown());
}
