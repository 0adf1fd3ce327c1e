use host_base::{Failure, Problem};
use serde_json::{Value, json};

use super::*;
use crate::testing::{Answers, owned_pod, status};

const AWAY: Option<KubeletTrouble> = Some(KubeletTrouble::Away);
const DISTRUST: Option<KubeletTrouble> = Some(KubeletTrouble::Distrust);
const UNKNOWN: Option<KubeletTrouble> = Some(KubeletTrouble::UnknownPod);

fn trouble(code: u16, is_status: bool, message: &str) -> Option<KubeletTrouble> {
    symptom(code, is_status, message).map(|symptom| symptom.trouble)
}

#[test]
fn the_ways_in_which_a_kubelet_is_away_are_told_from_trouble_of_the_api_server() {
    for message in [
        "error dialing backend: dial tcp 192.168.49.2:10250: connect: connection refused",
        "error dialing backend: dial tcp 192.168.49.2:10250: connect: no route to host",
        "error dialing backend: dial tcp 192.168.49.2:10250: i/o timeout",
        "error dialing backend: dial tcp: lookup node-0 on 10.96.0.10:53: no such host",
        "error dialing backend: remote error: tls: internal error",
        "error dialing backend: net/http: TLS handshake timeout",
        "error dialing backend: No agent available",
        "No agent available",
        "error dialing backend: EOF",
        "error dialing backend: proxy error from 127.0.0.1:9345 while dialing 10.0.0.3:10250, code 503: 503 Service Unavailable",
        "error dialing backend: read unix @->/etc/kubernetes/konnectivity-server/s.socket: read: connection reset by peer",
        "error dialing backend: dial timeout, backstop",
        "error trying to reach service: dial tcp 10.244.1.10:10250: connect: connection refused",
        "error sending request: Post \"https://192.168.49.2:10250/exec/a/b/c\": context deadline exceeded",
        "Internal error occurred: error dialing backend: dial tcp 192.168.49.2:10250: i/o timeout",
        "unable to upgrade connection: 502 Bad Gateway",
    ] {
        for code in [500, 502, 503, 504] {
            assert_eq!(trouble(code, true, message), AWAY, "{code} {message}");
        }
    }
    for (code, text) in [
        (502, "Bad Gateway"),
        (503, "no healthy upstream"),
        (504, ""),
    ] {
        assert_eq!(trouble(code, false, text), AWAY, "{code} {text}");
    }
    for message in [
        "error dialing backend: x509: certificate signed by unknown authority",
        "error dialing backend: tls: failed to verify certificate: x509: cannot validate certificate for 192.168.49.2",
        "Internal error occurred: Authorization error (user=kube-apiserver-kubelet-client, verb=get, resource=nodes, subresource=proxy)",
    ] {
        assert_eq!(trouble(500, true, message), DISTRUST, "{message}");
    }
    let forbidden =
        "Forbidden (user=kube-apiserver, verb=create, resource=nodes, subresource=proxy)";
    assert_eq!(trouble(403, false, forbidden), DISTRUST);
}

#[test]
fn a_kubelet_that_was_restarted_says_it_in_several_ways() {
    for (code, is_status, message) in [
        (404, false, "pod does not exist\n"),
        (500, false, "pod does not exist"),
        (500, false, "pod not found (\"broker-0_messaging\")"),
        (500, true, "pod not found (\"broker-0_messaging\")"),
        (
            500,
            true,
            "Internal error occurred: unable to upgrade connection: pod does not exist",
        ),
        (
            404,
            false,
            "rpc error: code = NotFound desc = an error occurred when try to find sandbox \"5e\": not found",
        ),
    ] {
        assert_eq!(
            trouble(code, is_status, message),
            UNKNOWN,
            "{code} {message}"
        );
    }
}

#[test]
fn what_is_not_of_the_node_is_left_alone() {
    for (code, is_status, message) in [
        (404, true, "pods \"broker-0\" not found"),
        (401, true, "Unauthorized"),
        (403, true, "pods \"broker-0\" is forbidden: "),
        (
            403,
            true,
            "pods \"broker-0\" is forbidden: User \"eve\" cannot get resource \"pods/portforward\"",
        ),
        (429, true, "the server has received too many requests"),
        (500, true, "etcdserver: request timed out"),
        (
            500,
            true,
            "the server is currently unable to handle the request",
        ),
        (
            503,
            true,
            "the server is currently unable to handle the request",
        ),
        (
            500,
            true,
            "Internal error occurred: failed calling webhook \"x\": Post \"https://x.svc\": dial tcp 10.96.0.5:443: connect: connection refused",
        ),
        (
            500,
            true,
            "Internal error occurred: error executing command in container: failed to exec in container: OCI runtime exec failed",
        ),
        (500, false, "container not found (\"hivemq\")"),
        (502, false, "<html><h1>502 Bad Gateway</h1></html>"),
    ] {
        assert_eq!(trouble(code, is_status, message), None, "{code} {message}");
    }
}

#[test]
fn what_may_have_reached_the_container_is_told_apart() {
    let nothing_was_done = |message| symptom(500, true, message).unwrap().nothing_was_done;
    assert!(nothing_was_done(
        "error dialing backend: dial tcp 10.0.0.1:10250: i/o timeout"
    ));
    assert!(nothing_was_done(
        "unable to upgrade connection: pod does not exist"
    ));
    assert!(!nothing_was_done(
        "error sending request: Post \"https://x\": EOF"
    ));
}

fn on_a_node() -> Value {
    let mut pod = owned_pod("broker-0", true, &json!([]));
    pod["spec"]["nodeName"] = json!("node-0");
    pod
}

fn node(ready: &str) -> Value {
    json!({"metadata": {"name": "node-0"}, "status": {"conditions": [
        {"type": "Ready", "status": ready, "reason": "NodeStatusUnknown",
         "message": "Kubelet stopped posting node status."}
    ]}})
}

async fn failed(answers: Answers) -> ClusterError {
    let cluster = answers.mocked();
    let access = cluster.access("get", &PORT_FORWARD, Some("broker-0"));
    let symptom = symptom(500, true, "dial tcp").unwrap();
    cluster
        .kubelet_failed(&access, symptom, "dial tcp: refused\u{1b}", 4)
        .await
}

#[tokio::test]
async fn the_node_is_named_with_its_condition_where_that_may_be_read() {
    let answers = Answers::default().with("pods/broker-0", 200, &on_a_node());
    let seen = answers
        .clone()
        .with("/api/v1/nodes/node-0", 200, &node("Unknown"));
    let error = failed(seen).await;
    assert_eq!(
        error.to_string(),
        "node node-0 of pod broker-0 can't be reached: dial tcp: refused\\u{1b} (tried 4 times); \
         node node-0 is not ready: NodeStatusUnknown (Kubelet stopped posting node status.)"
    );
    assert_eq!(error.failure(), Failure::Failed);
    assert!(
        error
            .advice()
            .is_some_and(|hint| hint.contains("`kubectl describe node node-0`"))
    );

    let forbidden = status(403, "nodes \"node-0\" is forbidden");
    let unseen = answers
        .clone()
        .with("/api/v1/nodes/node-0", 403, &forbidden);
    let well = answers.with("/api/v1/nodes/node-0", 200, &node("True"));
    for answers in [unseen, well] {
        assert_eq!(
            failed(answers).await.to_string(),
            "node node-0 of pod broker-0 can't be reached: dial tcp: refused\\u{1b} (tried 4 times)"
        );
    }
    let nothing = failed(Answers::default()).await;
    assert_eq!(
        nothing.to_string(),
        "the node of pod broker-0 can't be reached: dial tcp: refused\\u{1b} (tried 4 times)"
    );
}

#[tokio::test]
async fn a_pod_that_was_given_up_says_so_where_nodes_may_not_be_read() {
    let mut pod = on_a_node();
    pod["status"]["reason"] = json!("NodeLost");
    let answers = Answers::default().with("pods/broker-0", 200, &pod).with(
        "/api/v1/nodes/node-0",
        403,
        &status(403, "nodes \"node-0\" is forbidden"),
    );
    let late = Duration::from_secs(10);
    let error = answers
        .mocked()
        .silent_node("broker-0", late)
        .await
        .unwrap();
    assert_eq!(
        error.to_string(),
        "node node-0 of pod broker-0 does not answer: no answer within 10s; Running, NodeLost"
    );
    assert_eq!(error.failure(), Failure::TimedOut);
    let well = Answers::default().with("pods/broker-0", 200, &on_a_node());
    let well = well.with("/api/v1/nodes/node-0", 200, &node("True"));
    assert!(well.mocked().silent_node("broker-0", late).await.is_none());
}
