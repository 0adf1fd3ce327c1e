//! Unhealthy nodes, kubelets and containers look as in a real cluster.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    api, bed, fault, forward, get, json as read, kubectl, kubectl_out, next, text,
};

const V4: &str = "v4.channel.k8s.io";
const BROKER: &str = "/api/v1/namespaces/messaging/pods/broker-0";
const FORWARD: &str = "messaging/pods/broker-0/portforward?ports=8085";
const EXEC: &str = "messaging/pods/broker-0/exec?container=hivemq&stdout=true&command=ls";

/// Returns the condition of an object, without its time.
fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == kind).unwrap();
    json!([found["status"], found["reason"], found["message"]])
}

/// Returns the endpoint of a pod in the slice of the management API.
async fn endpoint(bed: &testbed::Testbed, pod: &str) -> Value {
    let slices = "/apis/discovery.k8s.io/v1/namespaces/messaging/endpointslices";
    let (_, slices) = get(bed, slices).await;
    let slices = slices["items"].as_array().unwrap().clone();
    let slice = slices.into_iter().find(|slice| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == "hivemq-broker-api"
    });
    let endpoints = slice.unwrap()["endpoints"].as_array().unwrap().clone();
    let endpoint = endpoints
        .into_iter()
        .find(|endpoint| endpoint["targetRef"]["name"] == pod);
    endpoint.unwrap()["conditions"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stopped_reporting_takes_nothing_but_the_ready_condition_from_its_pods() {
    let bed = bed().await;
    fault(&bed, "node-not-ready=node-0");
    let (_, node) = get(&bed, "/api/v1/nodes/node-0").await;
    assert_eq!(
        condition(&node, "Ready"),
        json!([
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status."
        ])
    );
    let (_, pod) = get(&bed, BROKER).await;
    assert_eq!(condition(&pod, "Ready"), json!(["False", null, null]));
    assert_eq!(condition(&pod, "ContainersReady")[0], "True");
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
    assert_eq!(endpoint(&bed, "broker-0").await["ready"], false);
    assert_eq!(endpoint(&bed, "broker-1").await["ready"], true);
    let (status, body) = forward(&bed, FORWARD, V4).await.unwrap_err();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        body.contains(
            "error dialing backend: dial tcp 192.168.49.2:10250: connect: no route to host"
        ),
        "{body}"
    );
    let other = "messaging/pods/broker-1/portforward?ports=8085";
    assert!(forward(&bed, other, V4).await.is_ok());

    let nodes = kubectl_out(&bed, &["get", "nodes"]).await;
    let row: Vec<&str> = nodes.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..2], ["node-0", "NotReady"], "{nodes}");
    let sets = kubectl_out(&bed, &["get", "statefulset", "broker"]).await;
    assert!(sets.contains("2/3"), "{sets}");

    fault(&bed, "node-lost=node-0");
    let (_, pod) = get(&bed, BROKER).await;
    assert_eq!(pod["status"]["reason"], "NodeLost");
    assert!(pod["metadata"]["deletionTimestamp"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_not_ready_makes_its_pod_not_ready_and_leaves_its_neighbour_alone() {
    let bed = bed().await;
    fault(&bed, "container-not-ready=messaging/broker-0/hivemq");
    let (_, pod) = get(&bed, BROKER).await;
    let unready = json!([
        "False",
        "ContainersNotReady",
        "containers with unready status: [hivemq]"
    ]);
    assert_eq!(condition(&pod, "Ready"), unready);
    assert_eq!(condition(&pod, "ContainersReady"), unready);
    let statuses = &pod["status"]["containerStatuses"];
    assert_eq!(
        (&statuses[0]["ready"], &statuses[1]["ready"]),
        (&json!(false), &json!(true))
    );
    let not_serving = json!({"ready": false, "serving": false, "terminating": false});
    assert_eq!(endpoint(&bed, "broker-0").await, not_serving);
    assert!(forward(&bed, FORWARD, V4).await.is_ok());
    let table = kubectl_out(&bed, &["get", "pods"]).await;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1][..3], ["broker-0", "1/2", "Running"], "{table}");
    assert_eq!(rows[2][..3], ["broker-1", "2/2", "Running"], "{table}");

    fault(
        &bed,
        "container-waiting=broker-1/broker-backup:ImagePullBackOff",
    );
    let table = kubectl_out(&bed, &["get", "pods", "broker-1"]).await;
    assert!(
        table.contains("1/2") && table.contains("ImagePullBackOff"),
        "{table}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubelet_can_be_away_and_come_back_for_both_kinds_of_connections() {
    let bed = bed().await;
    let refused = async |target: &str| forward(&bed, target, V4).await.map(drop).unwrap_err();
    for target in [FORWARD, EXEC] {
        fault(&bed, "kubelet-away=1");
        let (status, body) = refused(target).await;
        let status_of_the_api: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status.as_u16(), &status_of_the_api["kind"]),
            (500, &json!("Status"))
        );
        assert_eq!(
            status_of_the_api["message"],
            "error dialing backend: dial tcp 192.168.49.2:10250: connect: connection refused"
        );
        assert!(forward(&bed, target, V4).await.is_ok());

        fault(&bed, "kubelet-pod-not-found=1");
        let (status, body) = refused(target).await;
        assert_eq!(
            (status.as_u16(), body.trim()),
            (500, "pod not found (\"broker-0_messaging\")")
        );
        fault(&bed, "kubelet-says=503:no healthy upstream");
        assert_eq!(refused(target).await.1.trim(), "no healthy upstream");
        fault(
            &bed,
            "kubelet-error=500:error dialing backend: No agent available",
        );
        assert!(refused(target).await.1.contains("No agent available"));
        bed.faults().clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fifth_version_of_exec_opens_first_and_tells_then() {
    let bed = bed().await;
    let outcome = async |name: &str| {
        fault(&bed, name);
        let offered = "v5.channel.k8s.io, v4.channel.k8s.io";
        let (mut socket, _) = forward(&bed, EXEC, offered).await.unwrap();
        while let Some(Ok(frame)) = next(&mut socket).await {
            if frame[0] == 3 {
                let outcome: Value = serde_json::from_slice(&frame[1..]).unwrap();
                return outcome["message"].as_str().unwrap().to_owned();
            }
        }
        panic!("no outcome");
    };
    assert_eq!(
        outcome("kubelet-away=1").await,
        "Internal error occurred: error sending request: Post \
         \"https://192.168.49.2:10250/exec/messaging/broker-0/hivemq\": \
         dial tcp 192.168.49.2:10250: connect: connection refused"
    );
    assert_eq!(
        outcome("kubelet-restarting=1").await,
        "Internal error occurred: unable to upgrade connection: pod does not exist"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_says_the_same_of_them() {
    let bed = bed().await;
    fault(&bed, "node-not-ready=node-0");
    let output = kubectl(&bed, &["exec", "broker-0", "-c", "hivemq", "--", "ls"]).await;
    let stderr = text(output.stderr);
    assert!(stderr.contains("no route to host"), "{stderr}");
    let described = kubectl_out(&bed, &["describe", "node", "node-0"]).await;
    assert!(
        described.contains("Kubelet stopped posting node status."),
        "{described}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_who_the_user_is() {
    let bed = bed().await;
    let whoami = kubectl_out(
        &bed,
        &[
            "auth",
            "whoami",
            "-o",
            "jsonpath={.status.userInfo.username}",
        ],
    )
    .await;
    assert_eq!(whoami, "testbed");
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let request = || Request::post(path).header("impersonate-user", "ann");
    let (status, review) = read(&api(&bed, request(), "{}").await);
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(review["status"]["userInfo"]["username"], "ann");
    fault(&bed, "deny=create:selfsubjectreviews");
    assert_eq!(
        api(&bed, request(), "{}").await.status(),
        StatusCode::FORBIDDEN
    );
}
