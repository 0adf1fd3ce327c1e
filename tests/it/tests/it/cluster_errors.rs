//! API servers that are missing, do not answer, or are other programs.

use insta::assert_snapshot;

use crate::support::{Bed, Invocation, Run, programs};

fn sidecar(fault: &str) -> Run {
    Bed::with(&[fault]).run("backup list --engine sidecar")
}

#[test]
fn an_api_server_that_is_not_there() {
    let programs = programs();
    let program =
        Invocation::new(&programs.kubectl_broker, &programs.folders).unreachable_cluster();
    assert_snapshot!(program.run("backup list --engine sidecar").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context gone
    error: can't reach https://127.0.0.1:1: Connection refused (os error 111)
    hint: Is the cluster running, and the context the right one? `kubectl config current-context`
    exit 1
    ");
    assert_snapshot!(program.run("backup list").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context gone
    error: can't reach https://127.0.0.1:1: Connection refused (os error 111)
    hint: Is the cluster running, and the context the right one? `kubectl config current-context`
    exit 1
    ");
}

#[test]
fn an_api_server_that_accepts_no_token() {
    assert_snapshot!(sidecar("unauthorized").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: https://127.0.0.1:PORT does not accept the credentials of user testbed (context testbed)
    hint: They may have expired: log in again, then try `kubectl --context testbed auth whoami`
    exit 12
    ");
}

#[test]
fn a_proxy_that_answers_for_the_api_server() {
    assert_snapshot!(sidecar("api-html").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: https://127.0.0.1:PORT answered 502 with something that is not Kubernetes: <html> <head><title>502 Bad Gateway</title></head> <body> <center><h1>502 Bad Gateway</h1></center> <hr><center>nginx/1.27.1</center> </body> </html>
    hint: A proxy or a login page may stand in between: check the server URL and HTTPS_PROXY
    exit 1
    ");
}

#[test]
fn an_api_server_that_fails() {
    assert_snapshot!(sidecar("api-status=500").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: https://127.0.0.1:PORT answered 500 when asked to get pods broker-0 in namespace messaging: the server is currently unable to handle the request
    hint: The API server has trouble of its own; try again later
    exit 1
    ");
    assert_snapshot!(sidecar("api-status=503").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: https://127.0.0.1:PORT answered 503 when asked to get pods broker-0 in namespace messaging: the server is currently unable to handle the request
    hint: The API server has trouble of its own; try again later
    exit 1
    ");
}

#[test]
fn an_api_server_that_never_answers_meets_the_deadline() {
    let run = Bed::with(&["hang"]).run("backup list --engine sidecar --request-timeout 1s");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: https://127.0.0.1:PORT did not answer within 1s when asked to get pods broker-0 in namespace messaging
    hint: Try again, or allow more with `--request-timeout`
    exit 124
    ");
}

#[test]
fn an_api_server_that_is_slow_is_waited_for() {
    let run = Bed::with(&["api-latency=400"]).run("backup list --engine sidecar -o json");
    assert_eq!(run.ids().len(), 12);
}
