use serde_json::{Value, json};

use super::*;
use crate::cluster::testing::{Answers, endpoint, owned_pod, status, target};
use crate::model::Problem;

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
    let cluster = crate::cluster::testing::cluster(kube::Client::new(service, "mqtt"));
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
    assert_eq!(
        error.to_string(),
        "there is no pod broker-9 in namespace mqtt. Near broker-0"
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
    assert_eq!(error.to_string(), "namespace mqtt does not exist");

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
    assert_eq!(
        error.to_string(),
        "there is no StatefulSet broker in namespace mqtt; it has brokers"
    );
    assert_eq!(
        error.hint().unwrap(),
        "did you mean `--statefulset brokers`?"
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
    assert_eq!(
        error.to_string(),
        "no pod of StatefulSet broker in namespace mqtt is ready: \
         broker-0: Running, container hivemq: CrashLoopBackOff; \
         broker-1: Running, container hivemq: CrashLoopBackOff"
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
    assert_eq!(
        error.to_string(),
        "pod broker-0 declares no port for endpoint `api` (api); it declares mqtt=1883, 8000"
    );
}

#[tokio::test]
async fn a_forbidden_pod_names_the_verb_and_the_rule() {
    let answers = Answers::default().with("pods/broker-0", 403, &status(403, "no"));
    let error = answers
        .mocked()
        .resolve(&target(None), &spec("pod"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "not allowed to get pods broker-0 in namespace mqtt: no"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("--verb=get,list --resource=pods`")
    );
}
