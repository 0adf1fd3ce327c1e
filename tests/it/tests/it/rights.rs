//! RBAC denials: the error names the missing verb, with the rule to add.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

fn denied(rule: &str, engine: &str) -> Run {
    Bed::with(&[&format!("deny={rule}")]).run(&format!("backup list --engine {engine}"))
}

#[test]
fn pods_may_not_be_read() {
    assert_snapshot!(denied("get:pods", "sidecar").outcome(), @r#"
    NotAllowed: "" "broker-0" "messaging" "pods" "testbed" broker-0 messaging
    hint: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods` `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
    assert_snapshot!(denied("*:pods", "sidecar").outcome(), @r#"
    NotAllowed: "" "broker-0" "messaging" "pods" "testbed" broker-0 messaging
    hint: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods` `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
    assert_snapshot!(denied("*:pods", "hivemq").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    note: 6 89.2
    exit 0
    ");
}

#[test]
fn pods_may_be_read_but_not_listed() {
    let run = Bed::with(&["deny=list:pods"]).run("backup list --engine hivemq -n notready");
    assert_snapshot!(run.outcome(), @r#"
    NotAllowed: "" "notready" "pods" "testbed" notready
    hint: `kubectl create role broker-pods -n notready --verb=get,list --resource=pods` `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
}

#[test]
fn a_port_forward_may_not_be_opened() {
    assert_snapshot!(denied("get:pods/portforward", "sidecar").outcome(), @r#"
    NotAllowed: "" "broker-0" "messaging" "pods/portforward" "testbed" broker-0 messaging pods/portforward
    hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
    assert_snapshot!(denied("create:pods/portforward", "sidecar").outcome(), @r#"
    NotAllowed: "broker-0" broker-0 messaging pods/portforward
    hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
}

#[test]
fn services_or_their_slices_may_not_be_read() {
    assert_snapshot!(denied("*:services", "hivemq").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    note: 6 89.2
    exit 0
    ");
    assert_snapshot!(denied("*:endpointslices", "hivemq").outcome(), @r#"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    note: messaging `kubectl create role broker-endpointslices -n messaging --verb=list --resource=endpointslices.discovery.k8s.io` `{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"]}`
    note: 6 89.2
    exit 0
    "#);
    assert_snapshot!(denied("*:statefulsets", "hivemq").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    note: 6 89.2
    exit 0
    ");
}

#[test]
fn auto_does_not_take_a_refusal_for_an_engine_that_does_not_answer() {
    let run = Bed::with(&["deny=get:pods/portforward"]).run("backup list");
    assert_snapshot!(run.outcome(), @r#"
    NotAllowed: "" "broker-0" "messaging" "pods/portforward" "testbed" broker-0 messaging pods/portforward
    hint: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward` `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
}
