//! Jobs, their pods, and who may do what, as in a real cluster.

mod accounts;
mod bad_moments;
mod collector;
mod containers;
mod course;
mod events;
mod stock_kubectl;

use std::time::Duration;

use http::{Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::{Builder, Testbed};

use crate::support::{api, json as read};

/// The image of these tests: a shell.
const SHELL: &str = "registry.test/shell:1";
const NAMESPACE: &str = "default";
/// The limit for a condition to come true. It is only reached by a failing test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns a testbed with a stopped clock and an image that is a shell.
fn stopped() -> Builder {
    let now = "2026-01-05T10:00:00Z".parse().unwrap();
    Testbed::builder().now(now).image(SHELL, "/bin/sh")
}

/// Returns a Job that runs a script, with more fields in its spec.
fn job(name: &str, script: &str, more: Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": SHELL, "args": ["-c", script]}],
        }}},
    });
    merge(&mut job["spec"], more);
    job
}

fn merge(into: &mut Value, more: Value) {
    match more {
        Value::Object(fields) if into.is_object() => {
            for (name, value) in fields {
                merge(&mut into[&name], value);
            }
        }
        more => *into = more,
    }
}

/// Sets fields of the only container of a Job.
fn with_container(mut job: Value, more: Value) -> Value {
    merge(&mut job["spec"]["template"]["spec"]["containers"][0], more);
    job
}

async fn post(bed: &Testbed, path: &str, object: &Value) -> (StatusCode, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    read(&api(bed, request, &object.to_string()).await)
}

/// Creates a Job through the API.
async fn create(bed: &Testbed, job: &Value) -> Value {
    let path = format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs");
    let (status, created) = post(bed, &path, job).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    created
}

async fn delete(bed: &Testbed, path: &str, options: &Value) -> (StatusCode, Value) {
    let request = Request::delete(path).header("content-type", "application/json");
    read(&api(bed, request, &options.to_string()).await)
}

fn job_path(name: &str) -> String {
    format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}")
}

/// Waits until a look at the cluster succeeds.
async fn until<T>(bed: &Testbed, what: &str, look: impl Fn(&Testbed) -> Option<T>) -> T {
    let found = bed.objects().until(|_| look(bed));
    tokio::time::timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| {
            let pods = bed.objects().list("pods", Some(NAMESPACE));
            let jobs = bed.objects().list("jobs.batch", Some(NAMESPACE));
            panic!("not in time: {what}\njobs: {jobs:#?}\npods: {pods:#?}")
        })
}

fn stored_job(bed: &Testbed, name: &str) -> Option<Value> {
    bed.objects().get("jobs.batch", NAMESPACE, name)
}

/// Returns the pods of a Job.
fn pods(bed: &Testbed, job: &str) -> Vec<Value> {
    let mut pods = bed.objects().list("pods", Some(NAMESPACE));
    pods.retain(|pod| pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == job);
    pods
}

/// Returns the types of the conditions that are true, in order.
fn conditions(object: &Value) -> Vec<&str> {
    let list = object["status"]["conditions"].as_array();
    let list = list.into_iter().flatten();
    list.filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["type"].as_str())
        .collect()
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let list = object["status"]["conditions"].as_array().unwrap();
    list.iter().find(|it| it["type"] == kind).unwrap()
}

/// Waits until a Job has a condition, and returns it.
async fn finished(bed: &Testbed, name: &str, kind: &str) -> Value {
    until(bed, &format!("{kind} of {name}"), |bed| {
        stored_job(bed, name).filter(|job| conditions(job).contains(&kind))
    })
    .await
}

/// Waits until the only pod of a Job has a phase.
async fn pod_in(bed: &Testbed, job: &str, phase: &str) -> Value {
    until(bed, &format!("a pod of {job} in {phase}"), |bed| {
        let mut pods = pods(bed, job).into_iter();
        pods.find(|pod| pod["status"]["phase"] == phase && !is_deleted(pod))
    })
    .await
}

fn is_deleted(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Waits until the container of a pod of a Job waits for a reason.
async fn waiting(bed: &Testbed, job: &str, reason: &str) -> Value {
    until(
        bed,
        &format!("a pod of {job} that waits: {reason}"),
        |bed| {
            pods(bed, job).into_iter().find(|pod| {
                pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
            })
        },
    )
    .await
}

/// Waits for an event with a reason, and returns its message.
async fn event(bed: &Testbed, reason: &str) -> String {
    until(bed, &format!("an event {reason}"), |bed| {
        let events = bed.objects().list("events", Some(NAMESPACE));
        let mut found = events.iter().filter(|event| event["reason"] == reason);
        found.next().map(|event| text(&event["message"]))
    })
    .await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn advance(bed: &Testbed, seconds: i64) {
    bed.clock().advance(SignedDuration::from_secs(seconds));
}

/// Returns the container's state `terminated` of a pod.
fn terminated(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["terminated"]
}

/// Waits until the output of a pod contains a word.
async fn said(bed: &Testbed, pod: &str, word: &str) {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}/log");
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = api(bed, Request::get(&path), "").await;
            if String::from_utf8_lossy(answer.body()).contains(word) {
                return;
            }
        }
    });
    told.await.unwrap();
}
