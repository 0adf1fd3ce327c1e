use std::io;

use broker_manifest::ObjectKind;
use bytes::Bytes;
use futures_util::stream;
use host_base::Problem as _;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::ObjectScope;
use crate::testing::{Answers, Script, Step, status, step};

const NOON: &str = "Sat, 06 Sep 2025 12:00:00 GMT";
const GONE: &str = "too old resource version: 1 (7)";

fn kind(group: &str) -> ObjectKind {
    ObjectKind {
        group: group.into(),
        version: "v1".into(),
        kind: "Vault".into(),
    }
}

fn discovery() -> Value {
    json!({"resources": [{"name": "vaults", "kind": "Vault", "namespaced": true}]})
}

async fn run(mut steps: Vec<Step>) -> (Script, ObjectType) {
    steps.insert(0, step("GET v1", 200, discovery()));
    let script = Script::run(NOON, steps);
    let kind = kind("acme.example");
    let ty = script
        .cluster
        .object_type(&kind, &ObjectScope::Command)
        .await
        .unwrap();
    (script, ty)
}

async fn watched(steps: Vec<Step>) -> (Script, ObjectWatch) {
    let (script, ty) = run(steps).await;
    let watch = script.cluster.watch_objects(&ty, Selection::default());
    (script, watch)
}

fn vault(name: &str, version: &str) -> Value {
    json!({"apiVersion": "acme.example/v1", "kind": "Vault", "spec": {"size": 1.5, "of": null},
           "metadata": {"name": name, "resourceVersion": version, "labels": {"of": name},
                        "creationTimestamp": "2025-09-06T12:00:00Z"}})
}

fn list(objects: &[Value], more: &str) -> Step {
    let list = json!({"kind": "VaultList", "apiVersion": "acme.example/v1", "items": objects,
                      "metadata": {"resourceVersion": "9", "continue": more}});
    step("GET vaults", 200, list)
}

/// A watch with this one event, after which the server ends it.
fn event(kind: &str, object: &Value) -> Step {
    step("GET vaults", 200, json!({"type": kind, "object": object}))
}

fn refused(code: u16, message: &str) -> Step {
    step("GET vaults", code, status(code, message))
}

/// Returns the next events in the form `+a`, `~a` or `-a`.
async fn next(watch: &mut ObjectWatch, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..count {
        let event = watch.next().await.unwrap();
        let sign = match event.change {
            Change::Added => '+',
            Change::Modified => '~',
            Change::Deleted => '-',
        };
        let name = event.object["metadata"]["name"].as_str().unwrap();
        events.push(format!("{sign}{name}"));
    }
    events
}

#[tokio::test]
async fn a_missing_permission_is_told_at_once() {
    for (verb, steps) in [
        ("list", vec![refused(403, "no")]),
        ("watch", vec![list(&[], ""), refused(403, "no")]),
    ] {
        let requests = steps.len() + 1;
        let (script, mut watch) = watched(steps).await;
        let error = watch.next().await.unwrap_err();
        let hint = error.advice().unwrap();
        let rule = format!("--verb={verb} --resource=vaults.acme.example`");
        assert!(hint.contains(&rule), "{hint}");
        assert!(error.to_string().contains(verb), "{error}");
        assert_eq!(script.cluster.request_count(), requests);
    }
}

#[tokio::test]
async fn objects_are_reported_as_the_server_wrote_them() {
    let (a, b) = (vault("a", "1"), vault("b", "10"));
    let steps = vec![list(std::slice::from_ref(&a), ""), event("ADDED", &b)];
    let (_script, mut watch) = watched(steps).await;
    assert_eq!(watch.next().await.unwrap().object, a);
    assert_eq!(watch.next().await.unwrap().object, b);
}

#[tokio::test(start_paused = true)]
async fn each_version_is_reported_once() {
    let steps = vec![
        list(&[vault("a", "1")], ""),
        event("MODIFIED", &vault("a", "1")),
        event("MODIFIED", &vault("a", "10")),
        event("DELETED", &vault("x", "11")),
        event("DELETED", &vault("a", "12")),
    ];
    let (_script, mut watch) = watched(steps).await;
    assert_eq!(next(&mut watch, 3).await, ["+a", "~a", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn forgotten_events_make_it_list_again_however_the_server_tells() {
    let expired = status(410, GONE);
    for forgotten in [refused(410, GONE), event("ERROR", &expired)] {
        let steps = vec![
            list(&[vault("a", "1"), vault("b", "2")], ""),
            forgotten,
            list(&[vault("b", "2"), vault("c", "8")], ""),
            event("MODIFIED", &vault("c", "10")),
        ];
        let (_script, mut watch) = watched(steps).await;
        assert_eq!(next(&mut watch, 5).await, ["+a", "+b", "+c", "-a", "~c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_rest_is_forgotten_begins_again() {
    let steps = vec![
        list(&[vault("a", "1")], "x"),
        refused(410, "The provided continue parameter is too old"),
        list(&[vault("a", "1")], "y"),
        list(&[vault("b", "2")], ""),
        event("DELETED", &vault("a", "10")),
    ];
    let (_script, mut watch) = watched(steps).await;
    assert_eq!(next(&mut watch, 3).await, ["+a", "+b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_never_begins_is_given_up() {
    let mut steps = vec![list(&[], "")];
    steps.extend((0..20).map(|_| refused(503, "etcdserver: leader changed")));
    let (script, mut watch) = watched(steps).await;
    let error = watch.next().await.unwrap_err();
    assert!(
        error.to_string().contains("etcdserver: leader changed"),
        "{error}"
    );
    // The kind, the list, the first attempt and the further ones.
    assert_eq!(script.cluster.request_count(), 3 + MAX_BREAKS);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_each_watch_is_not_flooded() {
    let bookmark = json!({"kind": "Vault", "apiVersion": "acme.example/v1",
                          "metadata": {"resourceVersion": "9"}});
    let mut steps = vec![list(&[], "")];
    steps.extend((0..200).map(|_| event("BOOKMARK", &bookmark)));
    let (script, mut watch) = watched(steps).await;
    let waited = tokio::time::timeout(Duration::from_millis(9500), watch.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    // The kind, the list, and one watch each second.
    assert_eq!(script.cluster.request_count(), 2 + 10);
}

type Answer = UnsyncBoxBody<Bytes, io::Error>;

fn whole(body: &Value) -> Answer {
    let body = Full::from(body.to_string());
    body.map_err(|never| match never {}).boxed_unsync()
}

/// Returns a watch of a server that sends these bodies after a list.
async fn streamed(watches: Vec<Answer>) -> ObjectWatch {
    let mut bodies = vec![whole(&discovery()), whole(&list(&[], "").answer)];
    bodies.extend(watches);
    let (service, mut server) = tower_test::mock::pair::<Request<Body>, Response<Answer>>();
    let cluster = crate::testing::cluster(kube::Client::new(service, "mqtt"));
    tokio::spawn(async move {
        for body in bodies {
            let (_, send) = server.next_request().await.unwrap();
            send.send_response(Response::new(body));
        }
        std::future::pending::<()>().await;
    });
    let kind = kind("acme.example");
    let ty = cluster
        .object_type(&kind, &ObjectScope::Command)
        .await
        .unwrap();
    cluster.watch_objects(&ty, Selection::default())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_silently_is_replaced() {
    let silence = stream::pending::<io::Result<Frame<Bytes>>>();
    let silence = StreamBody::new(silence).boxed_unsync();
    let changed = whole(&event("ADDED", &vault("a", "10")).answer);
    let mut watch = streamed(vec![silence, changed]).await;
    assert_eq!(next(&mut watch, 1).await, ["+a"]);
}

#[tokio::test(start_paused = true)]
async fn only_breaks_soon_after_the_beginning_count() {
    for (seconds, reported) in [(WORKING.as_secs(), true), (1, false)] {
        let broken = || {
            let reset = async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Err::<Frame<Bytes>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
            };
            StreamBody::new(stream::once(reset)).boxed_unsync()
        };
        let mut watches: Vec<_> = (0..=MAX_BREAKS).map(|_| broken()).collect();
        watches.push(whole(&event("ADDED", &vault("a", "10")).answer));
        let mut watch = streamed(watches).await;
        assert_eq!(watch.next().await.is_ok(), reported, "{seconds} s");
    }
}

#[tokio::test]
async fn a_web_page_in_place_of_a_list_is_shown() {
    let answers = Answers::default()
        .with("/api/v1", 200, &discovery())
        .with_text("vaults", 200, "<p>Log in, please");
    let cluster = answers.mocked();
    let ty = cluster
        .object_type(&kind(""), &ObjectScope::Command)
        .await
        .unwrap();
    let mut watch = cluster.watch_objects(&ty, Selection::default());
    let error = watch.next().await.unwrap_err();
    assert!(error.to_string().contains("Log in, please"), "{error}");
    assert!(
        matches!(error, ClusterError::NotKubernetes { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn no_more_objects_are_reported_at_first_than_are_wanted() {
    let objects = [vault("a", "1"), vault("b", "2"), vault("c", "3")];
    let steps = vec![list(&objects, ""), event("MODIFIED", &vault("c", "10"))];
    let (script, ty) = run(steps).await;
    let two = Selection {
        limit: Some(2),
        ..Selection::default()
    };
    let mut watch = script.cluster.watch_objects(&ty, two);
    assert_eq!(next(&mut watch, 3).await, ["+a", "+b", "+c"]);
}

#[tokio::test]
async fn waiting_for_one_object_takes_one_request() {
    let steps = vec![event("MODIFIED", &vault("a", "10")), refused(403, "no")];
    let (script, ty) = run(steps).await;
    let changed = script.cluster.object_changed(&ty, "a", "9").await;
    changed.unwrap();
    assert_eq!(script.cluster.request_count(), 2);
    let error = script.cluster.object_changed(&ty, "a", "9").await;
    let error = error.unwrap_err();
    assert!(error.advice().unwrap().contains("--verb=watch"), "{error}");
}
