//! Events of both versions are the same events.

use serde_json::json;

use super::*;
use crate::support::get;

const V1: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
const CORE: &str = "/api/v1/namespaces/default/events";

fn new_event(note: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "e", "namespace": NAMESPACE},
        "eventTime": "2026-01-05T10:00:00.000000Z",
        "reportingController": "broker-operator", "reportingInstance": "o-1",
        "action": "Run", "reason": "Started", "type": "Normal", "note": note,
        "regarding": {"kind": "Job", "namespace": NAMESPACE, "name": "j"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_newer_version_is_read_in_the_older_one() {
    let bed = stopped().start().await.unwrap();
    let (status, made) = post(&bed, V1, &new_event("began")).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["note"], "began");
    assert_eq!(made["apiVersion"], "events.k8s.io/v1");
    let selected = "?fieldSelector=involvedObject.name=j";
    let (_, list) = get(&bed, &format!("{CORE}{selected}")).await;
    let event = &list["items"][0];
    assert_eq!(event["message"], "began");
    assert_eq!(event["involvedObject"]["name"], "j");
    assert_eq!(event["reportingComponent"], "broker-operator");

    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-01-05T10:01:00.000000Z"}});
    let request =
        Request::patch(format!("{V1}/e")).header("content-type", "application/merge-patch+json");
    let (status, patched) = read(&api(&bed, request, &series.to_string()).await);
    assert_eq!(status, StatusCode::OK, "{patched}");
    assert_eq!(patched["series"]["count"], 2);
    assert_eq!(patched["regarding"]["name"], "j");
    let (_, list) = get(&bed, V1).await;
    assert_eq!(list["items"][0]["note"], "began");
    let (_, core) = get(&bed, &format!("{CORE}/e")).await;
    assert_eq!(core["series"]["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_note_and_a_missing_field_are_refused() {
    let bed = stopped().start().await.unwrap();
    let (status, body) = post(&bed, V1, &new_event(&"n".repeat(1025))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["details"]["causes"][0]["field"], "note");
    let mut event = new_event("n");
    event["action"] = json!("");
    let (_, body) = post(&bed, V1, &event).await;
    assert_eq!(body["details"]["causes"][0]["field"], "action");
}
