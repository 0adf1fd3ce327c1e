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
    assert_snapshot!(program.run("backup list --engine sidecar").outcome(), @"
    Failed: 111 https://127.0.0.1:1 «Connection refused»
    hint: `kubectl config current-context`
    exit 1
    ");
    assert_snapshot!(program.run("backup list").outcome(), @"
    Failed: 111 https://127.0.0.1:1 «Connection refused»
    hint: `kubectl config current-context`
    exit 1
    ");
}

#[test]
fn an_api_server_that_accepts_no_token() {
    assert_snapshot!(sidecar("unauthorized").outcome(), @"
    NotAllowed: https://127.0.0.1:PORT testbed
    hint: `kubectl --context testbed auth whoami`
    exit 12
    ");
}

#[test]
fn a_proxy_that_answers_for_the_api_server() {
    assert_snapshot!(sidecar("api-html").outcome(), @"
    Failed: 502 </body> </html> <body> <center><h1>502 <head><title>502 <hr><center>nginx/1.27.1</center> <html> Gateway</h1></center> Gateway</title></head> https://127.0.0.1:PORT
    hint: HTTPS_PROXY
    exit 1
    ");
}

#[test]
fn an_api_server_that_fails() {
    assert_snapshot!(sidecar("api-status=500").reason(), @"
    Failed: 500 broker-0 https://127.0.0.1:PORT messaging: the server is currently unable to handle the request
    hint:
    exit 1
    ");
    assert_snapshot!(sidecar("api-status=503").outcome(), @"
    Failed: 503 broker-0 https://127.0.0.1:PORT messaging
    hint:
    exit 1
    ");
}

#[test]
fn an_api_server_that_never_answers_meets_the_deadline() {
    let run = Bed::with(&["hang"]).run("backup list --engine sidecar --request-timeout 1s");
    assert_snapshot!(run.outcome(), @"
    TimedOut: 1 broker-0 https://127.0.0.1:PORT messaging
    hint: `--request-timeout`
    exit 124
    ");
}

#[test]
fn an_api_server_that_is_slow_is_waited_for() {
    let run = Bed::with(&["api-latency=400"]).run("backup list --engine sidecar -o json");
    assert_eq!(run.ids().len(), 12);
}
