//! Watches and lists as informers ask for them.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use testbed::Testbed;

use crate::custom::{DEFINITIONS, JOBS, bed, cron, definition, post};
use crate::support::{api, get, json, open};

/// A watch whose events are read one by one.
struct Events {
    body: Incoming,
    rest: Vec<u8>,
}

impl Events {
    async fn open(bed: &Testbed, path: &str) -> Self {
        let response = open(bed, Request::get(path)).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            body: response.into_body(),
            rest: Vec::new(),
        }
    }

    /// Returns the next event, or `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        // A watch that neither tells nor ends would hold up all tests.
        tokio::time::timeout(Duration::from_secs(30), self.read())
            .await
            .unwrap()
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.unwrap();
            self.rest.extend_from_slice(frame.data_ref().unwrap());
        }
    }
}

fn spec() -> Value {
    json!({"schedule": "0 0 * * *"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_list_ends_with_a_mark() {
    let bed = bed().await;
    post(&bed, JOBS, &cron("a", &spec())).await;
    let path = format!(
        "{JOBS}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    let mut events = Events::open(&bed, &path).await;
    let added = events.next().await.unwrap();
    assert_eq!(
        (&added["type"], &added["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("a"))
    );
    let mark = events.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    let annotations = &mark["object"]["metadata"]["annotations"];
    assert_eq!(annotations, &json!({"k8s.io/initial-events-end": "true"}));
    assert!(mark["object"]["metadata"]["resourceVersion"].is_string());
    post(&bed, JOBS, &cron("b", &spec())).await;
    assert_eq!(
        events.next().await.unwrap()["object"]["metadata"]["name"],
        "b"
    );

    let path = format!("{JOBS}?watch=true&sendInitialEvents=true");
    let (status, body) = get(&bed, &path).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_definition_ends_the_watches_of_custom_resources() {
    let bed = bed().await;
    let mut events = Events::open(&bed, &format!("{JOBS}?watch=true")).await;
    let path = format!("{DEFINITIONS}/crons.example.com");
    let (_, stored) = get(&bed, &path).await;
    // An update that changes nothing ends nothing.
    json(&api(&bed, Request::put(&path), &stored.to_string()).await);
    post(&bed, JOBS, &cron("a", &spec())).await;
    assert_eq!(events.next().await.unwrap()["type"], "ADDED");
    let mut changed = stored.clone();
    changed["spec"]["names"]["shortNames"] = json!(["crn"]);
    let (status, body) = json(&api(&bed, Request::put(&path), &changed.to_string()).await);
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(events.next().await.is_none());
    let mut again = definition();
    again["metadata"]["resourceVersion"] = json!("1");
    let (status, _) = json(&api(&bed, Request::put(&path), &again.to_string()).await);
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_falls_behind_is_told_so_in_the_stream() {
    let bed = bed().await;
    let (_, list) = get(&bed, JOBS).await;
    let seen = list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    post(&bed, JOBS, &cron("a", &spec())).await;
    bed.objects().compact();
    let path = format!("{JOBS}?watch=true&resourceVersion={seen}");
    let mut events = Events::open(&bed, &path).await;
    let error = events.next().await.unwrap();
    assert_eq!(
        (&error["type"], &error["object"]["reason"]),
        (&json!("ERROR"), &json!("Expired"))
    );
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_can_be_one_of_an_earlier_revision() {
    let bed = bed().await;
    for name in ["a", "b", "c"] {
        post(&bed, JOBS, &cron(name, &spec())).await;
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, page) = get(&bed, &format!("{JOBS}?limit=1")).await;
    let revision = page["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = page["metadata"]["continue"].as_str().unwrap().to_owned();
    post(&bed, JOBS, &cron("aa", &spec())).await;
    // The following pages belong to the same revision as the first.
    let (_, rest) = get(&bed, &format!("{JOBS}?continue={token}")).await;
    assert_eq!(names(&rest), ["b", "c"]);
    let exact = format!("{JOBS}?resourceVersion={revision}&resourceVersionMatch=Exact");
    assert_eq!(names(&get(&bed, &exact).await.1), ["a", "b", "c"]);
    let (_, newest) = get(&bed, &exact.replace("Exact", "NotOlderThan")).await;
    assert_eq!(names(&newest), ["a", "aa", "b", "c"]);
    let (status, body) = get(&bed, &format!("{JOBS}?resourceVersion=999999")).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::GATEWAY_TIMEOUT, &json!("Timeout"))
    );
    let (status, _) = get(&bed, &format!("{JOBS}?resourceVersionMatch=Exact")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    bed.objects().compact();
    let (status, body) = get(&bed, &exact).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::GONE, &json!("Expired"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_listed_and_watched_alone() {
    const ACCEPT: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let bed = bed().await;
    post(&bed, JOBS, &cron("a", &spec())).await;
    let ask = async |path: &str, accept: &str| {
        let request = Request::get(path).header("accept", accept);
        json(&api(&bed, request, "").await).1
    };
    let one = ask(&format!("{JOBS}/a"), ACCEPT).await;
    assert_eq!(one["kind"], "PartialObjectMetadata");
    assert!(one["spec"].is_null() && one["metadata"]["uid"].is_string());
    let list = ask(JOBS, LIST).await;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    let event = ask(&format!("{JOBS}?watch=true&timeoutSeconds=1"), ACCEPT).await;
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
}
