//! RBAC denials: the error names the missing verb, with the rule to add.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

fn denied(rule: &str, engine: &str) -> Run {
    Bed::with(&[&format!("deny={rule}")]).run(&format!("backup list --engine {engine}"))
}

#[test]
fn pods_may_not_be_read() {
    assert_snapshot!(denied("get:pods", "sidecar").shown(), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: not allowed to get pods broker-0 in namespace messaging: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods" in API group "" in the namespace "messaging"
    hint: Ask for this right: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
    assert_snapshot!(denied("*:pods", "sidecar").shown(), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: not allowed to get pods broker-0 in namespace messaging: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods" in API group "" in the namespace "messaging"
    hint: Ask for this right: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
    assert_snapshot!(denied("*:pods", "hivemq").shown(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    6 backups, 89.2MiB in all
    exit 0
    ");
}

#[test]
fn pods_may_be_read_but_not_listed() {
    let run = Bed::with(&["deny=list:pods"]).run("backup list --engine hivemq -n notready");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    Using StatefulSet broker
    error: not allowed to list pods in namespace notready: pods is forbidden: User "testbed" cannot list resource "pods" in API group "" in the namespace "notready"
    hint: Ask for this right: `kubectl create role broker-pods -n notready --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    exit 12
    "#);
}

#[test]
fn a_port_forward_may_not_be_opened() {
    assert_snapshot!(denied("get:pods/portforward", "sidecar").shown(), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: not allowed to get pods/portforward broker-0 in namespace messaging: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods/portforward" in API group "" in the namespace "messaging"
    hint: Ask for this right: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
    assert_snapshot!(denied("create:pods/portforward", "sidecar").shown(), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: not allowed to create pods/portforward broker-0 in namespace messaging: pods "broker-0" is forbidden
    hint: Ask for this right: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
}

#[test]
fn services_or_their_slices_may_not_be_read() {
    assert_snapshot!(denied("*:services", "hivemq").shown(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    6 backups, 89.2MiB in all
    exit 0
    ");
    assert_snapshot!(denied("*:endpointslices", "hivemq").shown(), @r#"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    not allowed to list endpointslices in namespace messaging; the port was taken from the pod. To use Services, ask for `kubectl create role broker-endpointslices -n messaging --verb=list --resource=endpointslices.discovery.k8s.io`, or in a Role `{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"]}`
    6 backups, 89.2MiB in all
    exit 0
    "#);
    assert_snapshot!(denied("*:statefulsets", "hivemq").shown(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-114000   FAILED   -   AGE   2025-09-06T11:40:00Z
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    20250826-020000   RESTORE_FAILED   12.0MiB   AGE   2025-08-26T02:00:00Z
    20250819-143025   COMPLETED   48.0MiB   AGE   2025-08-19T14:30:25Z
    20250812-020000   RESTORE_COMPLETED   7.0MiB   AGE   2025-08-12T02:00:00Z
    20250806-080853   COMPLETED   1.1MiB   AGE   2025-08-06T08:08:53Z
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    6 backups, 89.2MiB in all
    exit 0
    ");
}

#[test]
fn auto_does_not_take_a_refusal_for_an_engine_that_does_not_answer() {
    let run = Bed::with(&["deny=get:pods/portforward"]).run("backup list");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: not allowed to get pods/portforward broker-0 in namespace messaging: pods "broker-0" is forbidden: User "testbed" cannot get resource "pods/portforward" in API group "" in the namespace "messaging"
    hint: Ask for this right: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]}`
    exit 12
    "#);
}
