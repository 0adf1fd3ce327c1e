//! `backup test`: one line per check, passed or failed, and the exit code of the most severe failure.

mod rights;
mod target;

use insta::assert_snapshot;

use crate::support::{Bed, Invocation, Run, programs};

fn with(fault: &str, arguments: &str) -> Run {
    let bed = Bed::with(&[fault]);
    bed.program().data_although_failed().run(arguments)
}

fn healthy(arguments: &str) -> Run {
    let bed = Bed::start();
    bed.program().data_although_failed().run(arguments)
}

#[test]
fn everything_in_good_health() {
    assert_snapshot!(healthy("backup test").shown(), @"
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
    target   -   passed   StatefulSet broker: 3 of 3 ready
    endpoint:api   hivemq   passed   port 8081 of pod broker-0 (of Service hivemq-broker-api) answers
    endpoint:health   hivemq   passed   port 9090 of pod broker-0 (of container hivemq) answers
    detect   hivemq   passed   HiveMQ management API (6 backups)
    list   hivemq   passed   6 backups
    endpoint:api   sidecar   passed   port 8085 of pod broker-0 (of container broker-backup) answers
    detect   sidecar   passed   broker-backup (3 local backups)
    list   sidecar   passed   12 backups
    endpoint:api   strategy   warned   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1]:8000: connect: connection refused
    detect   strategy   skipped   an earlier check failed

    strategy/endpoint:api:
      Check that it is enabled in the backend, or name its port with `--strategy-port`
    stderr:
    19 checks: 17 passed, 1 warned, 1 skipped
    exit 0
    ");
}

#[test]
fn one_engine_alone() {
    assert_snapshot!(healthy("backup test --engine sidecar").outcome(), @"
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
    target   -   passed   3
    endpoint:api   sidecar   passed   8085 broker-0
    detect   sidecar   passed   3
    list   sidecar   passed   12
    note: 12 12
    exit 0
    ");
}

#[test]
fn each_right_is_asked_for_once_all_at_once_and_each_endpoint_takes_one_port_forward() {
    // The answers are slow enough for the other requests to start before the first answer.
    let bed = Bed::with(&["api-latency=300"]);
    assert_eq!(bed.run("backup test -o name").code, 0);
    let reviews: Vec<_> = bed
        .requests()
        .all()
        .into_iter()
        .filter(|request| request.path.ends_with("/selfsubjectaccessreviews"))
        .collect();
    assert_eq!(reviews.len(), 15);
    assert!(reviews.iter().all(|review| review.overlapped));
    assert_eq!(bed.requests().count("GET", "/portforward"), 4);
}

#[test]
fn an_engine_that_is_not_there_is_a_warning_while_another_answers() {
    assert_snapshot!(with("sidecar-off", "backup test").outcome(), @"
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
    target   -   passed   3
    endpoint:api   hivemq   passed   8081 broker-0
    endpoint:health   hivemq   passed   9090 broker-0
    detect   hivemq   passed   6
    list   hivemq   passed   6
    endpoint:api   sidecar   warned   127.0.0.1:PORT 8085 IPv6 [::1]:8085 broker-0 tcp4 tcp6
    detect   sidecar   skipped
    list   sidecar   skipped
    endpoint:api   strategy   warned   127.0.0.1:PORT 8000 IPv6 [::1]:8000 broker-0 tcp4 tcp6
    detect   strategy   skipped

    sidecar/endpoint:api:
      hint: `--sidecar-port`

    strategy/endpoint:api:
      hint: `--strategy-port`
    note: 19 14 2 3
    exit 0
    ");
}

#[test]
fn the_engine_that_was_named_must_be_there() {
    assert_snapshot!(with("sidecar-off", "backup test --engine sidecar").outcome(), @"
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
    target   -   passed   3
    endpoint:api   sidecar   failed   127.0.0.1:PORT 8085 IPv6 [::1]:8085 broker-0 tcp4 tcp6
    detect   sidecar   skipped
    list   sidecar   skipped

    sidecar/endpoint:api:
      hint: `--sidecar-port`
    note: 12 9 1 2
    exit 1
    ");
}

#[test]
fn a_backend_that_wants_a_login_and_one_that_wants_a_permission_are_told_apart() {
    let engine = "backup test --engine hivemq";
    assert_snapshot!(with("hivemq-auth=admin:hivemq", engine).outcome(), @"
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
    target   -   passed   3
    endpoint:api   hivemq   passed   8081 broker-0
    endpoint:health   hivemq   passed   9090 broker-0 hivemq
    detect   hivemq   failed   /api/v1/management/backups 401 GET
    list   hivemq   skipped

    hivemq/detect:
      hint: `--credentials-secret` `--password-stdin` `--username`
    note: 14 12 1 1
    exit 12
    ");
    let bed = Bed::with(&["hivemq-auth=ann:x:HIVEMQ_MANAGEMENT_BACKUPS_POST"]);
    let program = bed.program().data_although_failed();
    let run = program
        .env("BROKER_PASSWORD", "x")
        .run("backup test --engine hivemq --username ann");
    assert_snapshot!(run.outcome(), @"
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
    target   -   passed   3
    endpoint:api   hivemq   passed   8081 broker-0
    endpoint:health   hivemq   passed   9090 broker-0 hivemq
    detect   hivemq   failed   /api/v1/management/backups 403 GET
    list   hivemq   skipped

    hivemq/detect:
      hint: HIVEMQ_MANAGEMENT_BACKUPS_GET
    note: 14 12 1 1
    exit 12
    ");
}

#[test]
fn credentials_of_the_cluster_that_are_not_accepted() {
    assert_snapshot!(with("unauthorized", "backup test").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    rights   -   failed   https://127.0.0.1:PORT testbed
    target   -   skipped
    endpoint:api   hivemq   skipped
    endpoint:health   hivemq   skipped
    detect   hivemq   skipped
    list   hivemq   skipped
    endpoint:api   sidecar   skipped
    detect   sidecar   skipped
    list   sidecar   skipped
    endpoint:api   strategy   skipped
    detect   strategy   skipped

    rights:
      hint: `kubectl --context testbed auth whoami`
    note: 12 1 1 10
    exit 12
    ");
}

#[test]
fn a_secret_that_is_not_there_is_one_check_of_many() {
    let run = healthy("backup test --engine hivemq --credentials-secret hivemq-apy");
    assert_snapshot!(run.outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:pods   -   passed
    right:statefulsets   -   passed
    right:pods/portforward   -   passed
    right:endpointslices   -   passed   hivemq
    right:leases   -   passed   `restore`
    right:pods/exec   -   passed   hivemq
    right:nodes   -   passed
    target   -   passed   3
    credentials   -   failed   hivemq-apy messaging
    endpoint:api   hivemq   passed   8081 broker-0
    endpoint:health   hivemq   passed   9090 broker-0 hivemq
    detect   hivemq   skipped
    list   hivemq   skipped

    credentials:
      hint: `--credentials-secret hivemq-api`
    note: 14 11 1 2
    exit 1
    ");
}

#[test]
fn an_api_server_that_is_not_there() {
    let programs = programs();
    let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
    let program = program.unreachable_cluster().data_although_failed();
    assert_snapshot!(program.run("backup test").outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   failed   111 https://127.0.0.1:1 «Connection refused»
    rights   -   skipped
    target   -   skipped
    endpoint:api   hivemq   skipped
    endpoint:health   hivemq   skipped
    detect   hivemq   skipped
    list   hivemq   skipped
    endpoint:api   sidecar   skipped
    detect   sidecar   skipped
    list   sidecar   skipped
    endpoint:api   strategy   skipped
    detect   strategy   skipped

    api-server:
      hint: `kubectl config current-context`
    note: 12 1 11
    exit 1
    ");
}

#[test]
fn an_api_server_that_does_not_answer_in_time() {
    let run = with("hang", "backup test --request-timeout 1s --engine hivemq");
    assert_snapshot!(run.outcome(), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   failed   1 https://127.0.0.1:PORT
    rights   -   skipped
    target   -   skipped
    endpoint:api   hivemq   skipped
    endpoint:health   hivemq   skipped
    detect   hivemq   skipped
    list   hivemq   skipped

    api-server:
      hint: `--request-timeout`
    note: 7 1 6
    exit 124
    ");
}

#[test]
fn an_engine_that_does_not_exist_is_a_usage_error_without_a_report() {
    assert_snapshot!(Bed::start().run("backup test --engine sidcar").outcome(), @"
    Usage: `sidcar`
    hint: `--engine sidecar`
    exit 2
    ");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one document")]
fn json_is_one_document_on_stdout_also_when_a_check_failed() {
    let run = with(
        "deny=get:pods/portforward",
        "backup test --engine hivemq -o json",
    );
    assert_eq!(run.stderr, "");
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "items": [
        {
          "check": "api-server",
          "engine": null,
          "hint": null,
          "message": "https://127.0.0.1:PORT answers, version v1.32.4",
          "outcome": "passed"
        },
        {
          "check": "right:pods",
          "engine": null,
          "hint": null,
          "message": "may get, list (for every command that asks a backend)",
          "outcome": "passed"
        },
        {
          "check": "right:statefulsets",
          "engine": null,
          "hint": null,
          "message": "may get, list (for errors about the target)",
          "outcome": "passed"
        },
        {
          "check": "right:pods/portforward",
          "engine": null,
          "hint": "Ask for this permission: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"get\", \"create\"]}`",
          "message": "may not get (for every command that asks a backend)",
          "outcome": "failed"
        },
        {
          "check": "right:endpointslices",
          "engine": null,
          "hint": null,
          "message": "may list (for engine hivemq)",
          "outcome": "passed"
        },
        {
          "check": "right:leases",
          "engine": null,
          "hint": null,
          "message": "may get, create, update, delete (for `restore`)",
          "outcome": "passed"
        },
        {
          "check": "right:secrets",
          "engine": null,
          "hint": null,
          "message": "may get (for `--credentials-secret`)",
          "outcome": "passed"
        },
        {
          "check": "right:pods/exec",
          "engine": null,
          "hint": null,
          "message": "may get, create (for commands in pods of engine hivemq)",
          "outcome": "passed"
        },
        {
          "check": "right:nodes",
          "engine": null,
          "hint": null,
          "message": "may get (for errors about pods that are not ready)",
          "outcome": "passed"
        },
        {
          "check": "target",
          "engine": null,
          "hint": null,
          "message": "StatefulSet broker: 3 of 3 ready",
          "outcome": "passed"
        },
        {
          "check": "endpoint:api",
          "engine": "hivemq",
          "hint": "Ask for this permission: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"get\", \"create\"]}`",
          "message": "not allowed to get pods/portforward broker-0 in namespace messaging: pods \"broker-0\" is forbidden: User \"testbed\" cannot get resource \"pods/portforward\" in API group \"\" in the namespace \"messaging\"",
          "outcome": "failed"
        },
        {
          "check": "endpoint:health",
          "engine": "hivemq",
          "hint": "Ask for this permission: `kubectl create role broker-pods-portforward -n messaging --verb=get,create --resource=pods/portforward`, or in a Role `{apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"get\", \"create\"]}`",
          "message": "not allowed to get pods/portforward broker-0 in namespace messaging: pods \"broker-0\" is forbidden: User \"testbed\" cannot get resource \"pods/portforward\" in API group \"\" in the namespace \"messaging\"; operations that need it fail",
          "outcome": "warned"
        },
        {
          "check": "detect",
          "engine": "hivemq",
          "hint": null,
          "message": "an earlier check failed",
          "outcome": "skipped"
        },
        {
          "check": "list",
          "engine": "hivemq",
          "hint": null,
          "message": "an earlier check failed",
          "outcome": "skipped"
        }
      ],
      "kind": "TestReport",
      "scope": {
        "namespace": "messaging",
        "statefulset": "broker"
      }
    }
    exit 12
    "#);
}
