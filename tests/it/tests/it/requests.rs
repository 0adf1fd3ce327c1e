//! The number of requests to the API server: as few as possible, with independent ones at the same time.

use testbed::ApiRequest;

use crate::support::Bed;

fn asked(arguments: &str) -> Vec<ApiRequest> {
    let bed = Bed::start();
    let run = bed.run(arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    bed.requests().all()
}

fn lines(requests: &[ApiRequest]) -> Vec<String> {
    let mut lines: Vec<_> = requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_list_through_the_sidecar_takes_two_requests() {
    let requests = asked("backup list --engine sidecar");
    assert_eq!(
        lines(&requests),
        [
            "GET /api/v1/namespaces/messaging/pods/broker-0",
            "GET /api/v1/namespaces/messaging/pods/broker-0/portforward",
        ]
    );
}

#[test]
fn a_list_that_chooses_its_engine_takes_no_more_than_one_that_names_it() {
    assert_eq!(
        lines(&asked("backup list")),
        lines(&asked("backup list --engine sidecar"))
    );
}

#[test]
fn a_list_through_the_management_api_takes_three_requests_two_of_them_at_once() {
    // The answers are slow enough for the second request to start before the first answer.
    let bed = Bed::with(&["api-latency=300"]);
    let run = bed.run("backup list --engine hivemq");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let requests = bed.requests().all();
    insta::assert_snapshot!(lines(&requests).join("\n"), @"
    GET /api/v1/namespaces/messaging/pods/broker-0
    GET /api/v1/namespaces/messaging/pods/broker-0/portforward
    GET /apis/discovery.k8s.io/v1/namespaces/messaging/endpointslices
    ");
    assert_eq!(
        requests.iter().filter(|request| request.overlapped).count(),
        2
    );
}

#[test]
fn a_pod_by_its_name_needs_no_other_request() {
    let requests = asked("backup list --engine sidecar --pod broker-1");
    assert_eq!(requests.len(), 2, "{:?}", lines(&requests));
}

#[test]
fn only_reading_requests_reach_the_backend() {
    let bed = Bed::start();
    bed.run("backup list");
    bed.run("backup status --id 20250806-080853");
    bed.run("engines");
    let methods: Vec<_> = bed
        .backend_requests()
        .all()
        .into_iter()
        .map(|r| r.method)
        .collect();
    assert!(
        !methods.is_empty() && methods.iter().all(|method| method == "GET"),
        "{methods:?}"
    );
}
