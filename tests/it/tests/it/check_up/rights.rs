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
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   warned   1.35
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed
    right:nodes   -   passed
    target   -   passed   3
    endpoint:api   sidecar   failed   "broker-0" broker-0 messaging pods/portforward
    detect   sidecar   skipped
    list   sidecar   skipped

    right:pods/portforward:
      hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`

    sidecar/endpoint:api:
      hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    note: 12 8 1 1 2
    exit 12
    "#);
}

#[test]
fn a_right_that_little_depends_on_is_a_warning_with_what_is_lost() {
    let run = with("deny=*:leases", "backup test --engine sidecar");
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:leases   -   warned   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:pods/exec   -   passed
    right:nodes   -   passed
    target   -   passed   3
    endpoint:api   sidecar   passed   8085 broker-0
    detect   sidecar   passed   3
    list   sidecar   passed   12

    right:leases:
      hint: `kubectl create role broker-leases -n messaging --verb=get,create,update,delete --resource=leases.coordination.k8s.io` `{apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update", "delete"]}`
    note: 12 11 1
    exit 0
    "#);
}

#[test]
fn who_may_not_ask_for_rights_may_have_them() {
    let run = with(
        "deny=create:selfsubjectaccessreviews",
        "backup test --engine sidecar",
    );
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    rights   -   warned   "authorization.k8s.io" "selfsubjectaccessreviews" "testbed" selfsubjectaccessreviews.authorization.k8s.io
    target   -   passed   3
    endpoint:api   sidecar   passed   8085 broker-0
    detect   sidecar   passed   3
    list   sidecar   passed   12

    rights:
      hint: ClusterRole `system:basic-user`
    note: 6 5 1
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
