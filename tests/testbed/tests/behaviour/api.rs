//! The API server's answers to requests that kubectl doesn't make.

use http::{Method, Request, StatusCode};
use serde_json::json;

use crate::support::{api, api_raw, bed, fault, get, json};

const PODS: &str = "/api/v1/namespaces/messaging/pods";
const MAPS: &str = "/api/v1/namespaces/messaging/configmaps";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_needed() {
    let bed = bed().await;
    for request in [
        Request::get(PODS),
        Request::get(PODS).header("authorization", "Bearer nonsense"),
    ] {
        let (status, body) = json(&api_raw(&bed, request, "").await);
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(body["message"], "Unauthorized");
    }
    let open = api_raw(&bed, Request::get("/version"), "").await;
    assert_eq!(open.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn rbac_refuses_in_the_words_of_the_real_server() {
    let bed = bed().await;
    fault(&bed, "deny=list:pods:messaging");
    let (status, body) = get(&bed, PODS).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let message = "pods is forbidden: User \"testbed\" cannot list resource \"pods\" in API group \
                   \"\" in the namespace \"messaging\"";
    assert_eq!(body["message"], message);
    let request = Request::get(PODS).header("impersonate-user", "jane");
    let (_, body) = json(&api(&bed, request, "").await);
    assert_eq!(body["message"], message.replace("testbed", "jane"));
    let (status, _) = get(&bed, "/api/v1/namespaces/platform/pods").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_pages() {
    let bed = bed().await;
    let (_, first) = get(&bed, &format!("{PODS}?limit=2")).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["metadata"]["remainingItemCount"], 1);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    let next = format!("{PODS}?limit=2&continue={token}");
    let (_, second) = get(&bed, &next).await;
    assert_eq!(second["items"][0]["metadata"]["name"], "broker-2");
    assert!(second["metadata"]["continue"].is_null());
    let (status, _) = get(&bed, &format!("{PODS}?continue=%21")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    fault(&bed, "continue-expired");
    let (status, body) = get(&bed, &next).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::GONE, &json!("Expired"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_update_is_a_conflict() {
    let bed = bed().await;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}).to_string();
    let (status, mut object) = json(&api(&bed, Request::post(MAPS), &map).await);
    assert_eq!(status, StatusCode::CREATED);
    let path = format!("{MAPS}/m");
    object["data"] = json!({"a": "1"});
    let (status, _) = json(&api(&bed, Request::put(&path), &object.to_string()).await);
    assert_eq!(status, StatusCode::OK);
    object["data"] = json!({"a": "2"});
    let (status, body) = json(&api(&bed, Request::put(&path), &object.to_string()).await);
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict"))
    );
    let elsewhere = "/api/v1/namespaces/nope/configmaps";
    let (status, body) = json(&api(&bed, Request::post(elsewhere), &map).await);
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["message"], "namespaces \"nope\" not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_are_applied_by_their_type() {
    let bed = bed().await;
    let path = format!("{PODS}/broker-0");
    let patching = |kind: &'static str| {
        let request = Request::builder().method(Method::PATCH).uri(&path);
        request.header("content-type", kind)
    };
    let body = r#"{"metadata":{"annotations":{"a":"1"}}}"#;
    let (status, _) = json(&api(&bed, patching("application/merge-patch+json"), body).await);
    assert_eq!(status, StatusCode::OK);
    let body = r#"[{"op":"replace","path":"/metadata/annotations/a","value":"2"}]"#;
    let (_, object) = json(&api(&bed, patching("application/json-patch+json"), body).await);
    assert_eq!(object["metadata"]["annotations"]["a"], "2");
    let body = r#"[{"op":"test","path":"/metadata/annotations/a","value":"9"}]"#;
    let (status, _) = json(&api(&bed, patching("application/json-patch+json"), body).await);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = json(&api(&bed, patching("application/x-yaml-patch"), "{}").await);
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // `status` is a subresource: the main resource ignores it.
    let body = r#"{"status":{"phase":"Failed"}}"#;
    let (_, object) = json(&api(&bed, patching("application/merge-patch+json"), body).await);
    assert_eq!(object["status"]["phase"], "Running");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_texts_of_a_secret_are_encoded_by_every_write() {
    let bed = bed().await;
    let path = "/api/v1/namespaces/messaging/secrets";
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"},
    });
    api(&bed, Request::post(path), &secret.to_string()).await;
    let change = Request::patch(format!("{path}/s"));
    let change = change.header("content-type", "application/merge-patch+json");
    let (_, object) = json(&api(&bed, change, r#"{"stringData":{"c":"d"}}"#).await);
    assert_eq!(object["data"], json!({"a": "Yg==", "c": "ZA=="}));
    assert!(object["stringData"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_changes_and_ends_with_a_bookmark() {
    let bed = bed().await;
    let (_, list) = get(&bed, PODS).await;
    let revision = list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let mark = |pod: &mut serde_json::Value| pod["metadata"]["labels"]["x"] = json!("y");
    bed.objects()
        .modify("pods", "messaging", "broker-0", mark)
        .unwrap();
    bed.objects()
        .remove("pods", "messaging", "broker-0")
        .unwrap();
    let watch = format!("{PODS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1");
    let path = format!("{watch}&resourceVersion={revision}&labelSelector=x%3Dy");
    let response = api(&bed, Request::get(path), "").await;
    let kinds: Vec<String> = response
        .body()
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["ADDED", "DELETED", "BOOKMARK"]);

    bed.objects().compact();
    let (_, event) = get(&bed, &format!("{watch}&resourceVersion={revision}")).await;
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_holds_an_object() {
    let bed = bed().await;
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "finalizers": ["example.com/wait"]},
    });
    api(&bed, Request::post(MAPS), &map.to_string()).await;
    let path = format!("{MAPS}/held");
    let (_, object) = json(&api(&bed, Request::delete(&path), "").await);
    assert!(object["metadata"]["deletionTimestamp"].is_string());
    let release = Request::patch(&path).header("content-type", "application/merge-patch+json");
    api(&bed, release, r#"{"metadata":{"finalizers":null}}"#).await;
    assert_eq!(get(&bed, &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_recorded_with_what_overlapped() {
    let bed = bed().await;
    bed.requests().clear();
    fault(&bed, "api-latency=500");
    tokio::join!(get(&bed, PODS), get(&bed, MAPS));
    get(&bed, PODS).await;
    let overlapped: Vec<bool> = bed.requests().all().iter().map(|r| r.overlapped).collect();
    assert_eq!(overlapped, [true, true, false]);
    assert_eq!(bed.requests().count("GET", "/pods"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_can_ask_what_deny_rules_leave() {
    const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let bed = bed().await;
    fault(&bed, "deny=create:pods/portforward:messaging");
    let may = async |verb: &str, subresource: &str, namespace: &str| {
        let asked = json!({"spec": {"resourceAttributes": {
            "verb": verb, "resource": "pods", "subresource": subresource, "namespace": namespace
        }}});
        let request = Request::post(REVIEWS).header("content-type", "application/json");
        let (status, body) = json(&api(&bed, request, &asked.to_string()).await);
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(body["kind"], "SelfSubjectAccessReview");
        body["status"]["allowed"].as_bool().unwrap()
    };
    assert!(!may("create", "portforward", "messaging").await);
    assert!(may("get", "portforward", "messaging").await);
    assert!(may("create", "portforward", "platform").await);
    assert!(may("create", "", "messaging").await);

    let request = Request::post(REVIEWS).header("content-type", "application/json");
    let (status, body) = json(&api(&bed, request, r#"{"spec": {}}"#).await);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    let (status, _) = get(&bed, REVIEWS).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    fault(&bed, "deny=create:selfsubjectaccessreviews");
    let request = Request::post(REVIEWS).header("content-type", "application/json");
    let refused = api(&bed, request, r#"{"spec": {}}"#).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
