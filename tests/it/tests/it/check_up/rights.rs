//! What this user may do.

use insta::assert_snapshot;

use super::with;

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
    right:pods   -   passed   may get, list
    right:statefulsets   -   passed   may get, list
    right:pods/portforward   -   failed   may not create
    right:leases   -   passed   may get, create, update, delete
    right:secrets   -   passed   may get
    right:pods/exec   -   passed   may get, create
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
    11 checks: 7 passed, 2 failed, 2 skipped
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
    right:pods   -   passed   may get, list
    right:statefulsets   -   passed   may get, list
    right:pods/portforward   -   passed   may get, create
    right:leases   -   warned   may not get, create, update, delete: a restore then keeps out others of this machine only
    right:secrets   -   passed   may get
    right:pods/exec   -   passed   may get, create
    target   -   passed   StatefulSet broker: 3 of 3 ready
    endpoint:api   sidecar   passed   port 8085 of pod broker-0 (of container broker-backup) answers
    detect   sidecar   passed   broker-backup (3 local backups)
    list   sidecar   passed   12 backups

    right:leases:
      Ask for this right: `kubectl create role broker-leases -n messaging --verb=get,create,update,delete --resource=leases.coordination.k8s.io`, or in a Role `{apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update", "delete"]}`
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    11 checks: 10 passed, 1 warned
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
