use host_base::Problem;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Answers, endpoint, owned_pod, status, target};

const SETS: &str = "/apis/apps/v1/namespaces/mqtt/statefulsets";
const SET: &str = "/apis/apps/v1/namespaces/mqtt/statefulsets/broker";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/mqtt/endpointslices";

fn spec(select: &str) -> EndpointSpec {
    endpoint(
        select,
        json!({"flag": "api-port", "names": ["api", "rest-*"], "numbers": [8888, 8081]}),
    )
}

fn set(replicas: i32) -> Value {
    json!({"metadata": {"name": "broker"}, "spec": {
        "replicas": replicas, "selector": {}, "template": {}, "serviceName": "broker"
    }})
}

fn slice(pods: &[&str]) -> Value {
    let endpoints: Vec<_> = pods
        .iter()
        .map(|pod| json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": pod}}))
        .collect();
    json!({
        "metadata": {"name": "api-1", "labels": {"kubernetes.io/service-name": "hivemq-api"}},
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "api", "port": 9000}]
    })
}

fn places(found: &Resolution) -> Vec<(&str, u16)> {
    found
        .candidates
        .iter()
        .map(|candidate| (&*candidate.pod, candidate.port))
        .collect()
}

#[tokio::test]
async fn a_ready_first_pod_takes_one_request() {
    let ports = json!([{"containerPort": 8081}, {"name": "rest-8888", "containerPort": 8888}]);
    let answers =
        Answers::default().with("pods/broker-0", 200, &owned_pod("broker-0", true, &ports));
    let cluster = answers.mocked();
    let found = cluster.resolve(&target(None), &spec("pod")).await.unwrap();
    assert_eq!(places(&found), [("broker-0", 8888), ("broker-0", 8081)]);
    assert!(found.notes.is_empty());
    assert_eq!(answers.asked(), ["broker-0"]);
    assert_eq!(cluster.request_count(), 1);
}

#[tokio::test]
async fn undeclared_numbers_are_tried_where_nothing_fits_and_the_flag_goes_before_all() {
    let ports = json!([{"name": "mqtt", "containerPort": 1883}]);
    let answers =
        Answers::default().with("pods/broker-0", 200, &owned_pod("broker-0", true, &ports));
    let cluster = answers.mocked();
    let found = cluster.resolve(&target(None), &spec("pod")).await.unwrap();
    assert_eq!(places(&found), [("broker-0", 8888), ("broker-0", 8081)]);
    assert_eq!(found.candidates[0].origin, Origin::Undeclared);
    let explicit = EndpointSpec {
        explicit_port: Some(4242),
        ..spec("service")
    };
    let found = cluster.resolve(&target(None), &explicit).await.unwrap();
    assert_eq!(places(&found), [("broker-0", 4242)]);
    assert_eq!(answers.asked(), ["broker-0", "broker-0"]);
}

#[tokio::test]
async fn a_pod_that_only_has_the_name_is_not_taken() {
    let mut stranger = owned_pod("broker-0", true, &json!([]));
    stranger["metadata"]["ownerReferences"] = json!([]);
    let answers = Answers::default()
        .with("pods/broker-0", 200, &stranger)
        .with(SET, 200, &set(1))
        .list("pods", &[stranger, owned_pod("broker-1", true, &json!([]))]);
    let found = answers
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap();
    assert_eq!(found.candidates[0].pod, "broker-1");
}

#[tokio::test]
async fn when_the_first_pod_is_not_ready_the_next_is_taken_and_it_is_said() {
    let pods = ["broker-10", "broker-2", "broker-0"];
    let pods = pods.map(|name| owned_pod(name, name != "broker-0", &json!([])));
    let answers = Answers::default()
        .with("pods/broker-0", 200, &pods[2])
        .with(SET, 200, &set(11))
        .list("pods", &pods);
    let cluster = answers.mocked();
    let found = cluster.resolve(&target(None), &spec("pod")).await.unwrap();
    assert_eq!(
        places(&found),
        [
            ("broker-2", 8888),
            ("broker-2", 8081),
            ("broker-10", 8888),
            ("broker-10", 8081)
        ]
    );
    assert_eq!(
        found.notes,
        ["pod broker-0 is not ready (Running, container hivemq: CrashLoopBackOff); using broker-2"]
    );
    assert_eq!(cluster.request_count(), 3);
}

#[tokio::test]
async fn a_service_takes_two_requests_at_once() {
    let pod = owned_pod("broker-0", true, &json!([]));
    let answers = Answers::default()
        .with("pods/broker-0", 200, &pod)
        .list(SLICES, &[slice(&["broker-1", "broker-0"])]);
    let cluster = answers.mocked();
    let found = cluster
        .resolve(&target(None), &spec("service"))
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-0", 9000), ("broker-1", 9000)]);
    assert_eq!(
        found.candidates[0].origin,
        Origin::Service("hivemq-api".into())
    );
    assert_eq!(cluster.request_count(), 2);
}

#[tokio::test]
async fn both_requests_for_a_service_are_under_way_before_either_is_answered() {
    use http::{Request, Response};
    use kube::client::Body;
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let cluster = crate::testing::cluster(kube::Client::new(service, "mqtt"));
    let server = async {
        let requests = [
            handle.next_request().await.unwrap(),
            handle.next_request().await.unwrap(),
        ];
        for (request, send) in requests {
            let body = if request.uri().path() == SLICES {
                json!({"items": [slice(&["broker-0"])]})
            } else {
                owned_pod("broker-0", true, &json!([]))
            };
            send.send_response(Response::new(Body::from(body.to_string().into_bytes())));
        }
    };
    let (target, spec) = (target(None), spec("service"));
    let (found, ()) = tokio::join!(cluster.resolve(&target, &spec), server);
    assert_eq!(places(&found.unwrap()), [("broker-0", 9000)]);
}

#[tokio::test]
async fn a_first_pod_that_its_own_record_calls_unready_is_left_out_of_the_slices() {
    let answers = Answers::default()
        .with(
            "pods/broker-0",
            200,
            &owned_pod("broker-0", false, &json!([])),
        )
        .list(SLICES, &[slice(&["broker-0", "broker-1"])]);
    let cluster = answers.mocked();
    let found = cluster
        .resolve(&target(None), &spec("service"))
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-1", 9000)]);
    assert_eq!(cluster.request_count(), 2);
}

#[tokio::test]
async fn without_the_right_to_list_slices_the_pod_is_asked_and_it_is_said() {
    let answers = Answers::default()
        .with(
            "pods/broker-0",
            200,
            &owned_pod("broker-0", true, &json!([{"containerPort": 8081}])),
        )
        .with(SLICES, 403, &status(403, "endpointslices is forbidden"));
    let found = answers
        .mocked()
        .resolve(&target(None), &spec("service"))
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-0", 8081)]);
    assert!(
        found.notes[0].contains("not allowed to list endpointslices"),
        "{:?}",
        found.notes
    );
}

#[tokio::test]
async fn a_chosen_pod_needs_running_containers_only() {
    let ports = json!([{"name": "api", "containerPort": 8081}]);
    let mut unready = owned_pod("broker-3", true, &ports);
    unready["status"]["conditions"] = json!([]);
    unready["status"]["containerStatuses"][0]["ready"] = json!(false);
    let answers = Answers::default()
        .with("pods/broker-3", 200, &unready)
        .with("pods/broker-4", 200, &owned_pod("broker-4", false, &ports));
    let cluster = answers.mocked();
    let found = cluster
        .resolve(&target(Some("broker-3")), &spec("pod"))
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-3", 8081)]);
    assert_eq!(
        found.notes,
        ["container hivemq of pod broker-3 is not ready"]
    );
    let error = cluster
        .resolve(&target(Some("broker-4")), &spec("pod"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "pod broker-4 can't be used: Running, container hivemq: CrashLoopBackOff"
    );
}

#[tokio::test]
async fn a_chosen_pod_that_is_not_there_comes_with_the_nearest() {
    let answers = Answers::default()
        .with(
            "/api/v1/namespaces/mqtt",
            200,
            &json!({"metadata": {"name": "mqtt"}}),
        )
        .list("pods", &[owned_pod("broker-0", true, &json!([]))]);
    let error = answers
        .mocked()
        .resolve(&target(Some("broker-O")), &spec("pod"))
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::BadName { .. }));
    let error = answers
        .mocked()
        .resolve(&target(Some("broker-9")), &spec("pod"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClusterError::PodNotFound { pod, near, .. } if pod == "broker-9" && *near == ["broker-0"]),
        "{error}"
    );
}

#[tokio::test]
async fn an_unknown_namespace_is_told_from_an_unknown_statefulset() {
    let nothing = Answers::default().list("pods", &[]).list(SETS, &[]);
    let error = nothing
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClusterError::NamespaceNotFound { namespace } if namespace == "mqtt"),
        "{error}"
    );

    let other = json!({"metadata": {"name": "brokers"}});
    let answers = nothing.list(SETS, &[other]).with(
        "/api/v1/namespaces/mqtt",
        403,
        &status(403, "forbidden"),
    );
    let error = answers
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    let ClusterError::StatefulSetNotFound { near, existing, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        (near, existing),
        (vec!["brokers".to_owned()], Some(vec!["brokers".to_owned()]))
    );
}

#[tokio::test]
async fn no_ready_pod_comes_with_the_reason_of_each() {
    let scaled = Answers::default().list("pods", &[]).with(SET, 200, &set(0));
    let error = scaled
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is ready: it is scaled to 0 replicas"),
        "{error}"
    );

    let pods = ["broker-0", "broker-1"].map(|name| owned_pod(name, false, &json!([])));
    let crashing = scaled.with(SET, 200, &set(2)).list("pods", &pods);
    let error = crashing
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    let ClusterError::NoReadyPod { reasons, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        reasons,
        [
            "broker-0: Running, container hivemq: CrashLoopBackOff",
            "broker-1: Running, container hivemq: CrashLoopBackOff"
        ]
    );
}

#[tokio::test]
async fn an_endpoint_known_by_name_only_says_what_the_pod_declares() {
    let ports = json!([{"name": "mqtt", "containerPort": 1883}, {"containerPort": 8000}]);
    let answers =
        Answers::default().with("pods/broker-0", 200, &owned_pod("broker-0", true, &ports));
    let named = endpoint("pod", json!({"names": ["api"]}));
    let error = answers
        .mocked()
        .resolve(&target(None), &named)
        .await
        .unwrap_err();
    let ClusterError::NoPort {
        wanted, declared, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(wanted, "api");
    assert_eq!(declared, ["mqtt=1883", "8000"]);
}

#[tokio::test]
async fn a_forbidden_pod_names_the_verb_and_the_rule() {
    let answers = Answers::default().with("pods/broker-0", 403, &status(403, "no"));
    let error = answers
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClusterError::Forbidden { access, message } if access.verb == "get" && message == "no"),
        "{error}"
    );
    assert!(
        error
            .advice()
            .unwrap()
            .contains("--verb=get,list --resource=pods`")
    );
}

/// Returns a broker that is not ready, beside a ready sidecar: its port is 8085, the broker's 8081.
fn half_ready(name: &str) -> Value {
    let mut pod = owned_pod(name, true, &json!([{"name": "api", "containerPort": 8081}]));
    let containers = pod["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({"name": "sidecar", "ports": [{"containerPort": 8085}]}));
    let status = &mut pod["status"];
    status["conditions"] = json!([
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady",
         "message": "containers with unready status: [hivemq]"},
        {"type": "ContainersReady", "status": "False"}
    ]);
    status["containerStatuses"][0]["ready"] = json!(false);
    let mut sidecar = status["containerStatuses"][0].clone();
    sidecar["name"] = json!("sidecar");
    sidecar["ready"] = json!(true);
    status["containerStatuses"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
    pod
}

fn sidecar() -> EndpointSpec {
    endpoint("pod", json!({"numbers": [8085, 8081]}))
}

#[tokio::test]
async fn an_endpoint_needs_its_own_container_ready_and_not_the_pod() {
    let answers = Answers::default()
        .with("pods/broker-0", 200, &half_ready("broker-0"))
        .with(SET, 200, &set(1))
        .list("pods", &[half_ready("broker-0")]);
    let cluster = answers.mocked();
    let found = cluster.resolve(&target(None), &sidecar()).await.unwrap();
    assert_eq!(
        places(&found),
        [("broker-0", 8085)],
        "the broker's own port is left out"
    );
    assert_eq!(
        found.notes,
        [
            "pod broker-0 is not ready (Running, container hivemq is not ready), \
          but its container sidecar is; using that"
        ]
    );
    let broker = endpoint("pod", json!({"numbers": [8081]}));
    let error = cluster.resolve(&target(None), &broker).await.unwrap_err();
    assert!(matches!(error, ClusterError::NoReadyPod { .. }), "{error}");
    // If no container declares the port, nothing shows which container it belongs to.
    let undeclared = endpoint("pod", json!({"numbers": [4242]}));
    let error = cluster
        .resolve(&target(None), &undeclared)
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::NoReadyPod { .. }), "{error}");
}

#[tokio::test]
async fn an_endpoint_may_ask_for_the_whole_pod() {
    let answers = Answers::default()
        .with("pods/broker-0", 200, &half_ready("broker-0"))
        .with(SET, 200, &set(1))
        .list("pods", &[half_ready("broker-0")]);
    let whole = EndpointSpec {
        ready: Ready::Pod,
        ..sidecar()
    };
    let error = answers
        .mocked()
        .resolve(&target(None), &whole)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClusterError::NoReadyPod { reasons, .. }
            if *reasons == ["broker-0: Running, container hivemq is not ready"]),
        "{error}"
    );
}

#[tokio::test]
async fn pods_that_are_ready_go_before_those_of_which_a_container_is() {
    let ready = owned_pod("broker-1", true, &json!([{"containerPort": 8085}]));
    let answers = Answers::default()
        .with("pods/broker-0", 200, &half_ready("broker-0"))
        .with(SET, 200, &set(2))
        .list("pods", &[half_ready("broker-0"), ready]);
    let found = answers
        .mocked()
        .resolve(&target(None), &sidecar())
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-1", 8085), ("broker-0", 8085)]);
    assert_eq!(
        found.notes,
        ["pod broker-0 is not ready (Running, container hivemq is not ready); using broker-1"]
    );
}

#[tokio::test]
async fn the_first_pod_does_where_the_others_may_not_be_listed() {
    let answers = Answers::default()
        .with("pods/broker-0", 200, &half_ready("broker-0"))
        .with("pods", 403, &status(403, "pods is forbidden"));
    let cluster = answers.mocked();
    let found = cluster.resolve(&target(None), &sidecar()).await.unwrap();
    assert_eq!(places(&found), [("broker-0", 8085)]);
    let broker = endpoint("pod", json!({"numbers": [8081]}));
    let error = cluster.resolve(&target(None), &broker).await.unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn a_pod_that_a_slice_calls_unready_is_used_where_the_endpoints_container_is_ready() {
    let mut unready = slice(&["broker-0"]);
    unready["ports"] = json!([{"name": "api", "port": 8085}]);
    unready["endpoints"][0]["conditions"] =
        json!({"ready": false, "serving": false, "terminating": false});
    let answers = |ports: Value| {
        let mut slice = unready.clone();
        slice["ports"] = ports;
        Answers::default()
            .with("pods/broker-0", 200, &half_ready("broker-0"))
            .with(SET, 200, &set(1))
            .list("pods", &[half_ready("broker-0")])
            .list(SLICES, &[slice])
    };
    let served = answers(json!([{"name": "api", "port": 8085}]));
    let found = served
        .mocked()
        .resolve(&target(None), &spec("service"))
        .await
        .unwrap();
    assert_eq!(places(&found), [("broker-0", 8085)]);
    assert_eq!(
        found.candidates[0].origin,
        Origin::Service("hivemq-api".into())
    );
    let of_the_broker = answers(json!([{"name": "api", "port": 8081}]));
    let error = of_the_broker
        .mocked()
        .resolve(&target(None), &spec("service"))
        .await;
    assert!(
        matches!(error, Err(ClusterError::NoReadyPod { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_containers_of_a_pod_whose_node_is_gone_are_not_believed() {
    let mut pod = owned_pod("broker-0", true, &json!([{"containerPort": 8085}]));
    pod["spec"]["nodeName"] = json!("node-0");
    pod["status"]["conditions"] = json!([
        {"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}
    ]);
    let node = json!({"metadata": {"name": "node-0"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
         "message": "Kubelet stopped posting node status."}
    ]}});
    let answers = Answers::default()
        .with("pods/broker-0", 200, &pod)
        .with(SET, 200, &set(1))
        .list("pods", std::slice::from_ref(&pod));
    let told = async |answers: Answers| {
        let resolved = answers.mocked().resolve(&target(None), &sidecar()).await;
        resolved.unwrap_err().to_string()
    };
    let why = "no pod of StatefulSet broker in namespace mqtt is ready: broker-0: Running, \
               condition Ready is False, although its containers are reported as ready: its node may have stopped reporting";
    let seen = answers.clone().with("/api/v1/nodes/node-0", 200, &node);
    assert_eq!(
        told(seen).await,
        format!(
            "{why}; node node-0 is not ready: NodeStatusUnknown (Kubelet stopped posting node status.)"
        )
    );
    let unseen = answers.with(
        "/api/v1/nodes/node-0",
        403,
        &status(403, "nodes is forbidden"),
    );
    assert_eq!(told(unseen).await, why);
}
