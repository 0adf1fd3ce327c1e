//! The broker-backup sidecar, through the port-forward.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use testbed::{PodAddress, Testbed};

use crate::support::{Answer, bed, fault, send};

async fn call(bed: &Testbed, method: Method, path: &str, body: Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder().method(method).uri(path).body(body);
    send(bed, "messaging/broker-0", 8085, request.unwrap())
        .await
        .unwrap()
}

async fn read(bed: &Testbed, path: &str) -> Answer {
    call(bed, Method::GET, path, Value::Null).await
}

async fn post(bed: &Testbed, path: &str, body: Value) -> Answer {
    call(bed, Method::POST, path, body).await
}

fn keys(answer: &Answer) -> Vec<String> {
    let list = answer.json()["backups"].clone();
    let keys = list.as_array().unwrap().iter();
    keys.map(|object| object["key"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_objects_come_unsorted_and_a_limit_keeps_the_newest() {
    let bed = bed().await;
    let all = keys(&read(&bed, "/v1/backup/list-remote").await);
    assert_eq!(all.len(), 12);
    assert!(!all.is_sorted() && !all.iter().rev().is_sorted());
    let mut newest = keys(&read(&bed, "/v1/backup/list-remote?limit=2").await);
    newest.sort();
    assert_eq!(
        newest,
        [
            "backup/20250826-020003.backup",
            "backup/20250905-130215.backup"
        ]
    );
    let wrong = read(&bed, "/v1/backup/list-remote?limit=x").await;
    assert_eq!(
        (wrong.status, wrong.text().as_str()),
        (StatusCode::BAD_REQUEST, "invalid limit\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_pod_has_an_inventory_of_its_own() {
    let bed = bed().await;
    let first = read(&bed, "/v1/backup/list").await.json();
    assert_eq!(first["backups"].as_array().unwrap().len(), 2);
    assert_eq!(first["backups"][0]["status"], "uploaded");
    let request = Request::get("/v1/backup/list").body(String::new()).unwrap();
    let other = send(&bed, "messaging/broker-1", 8085, request)
        .await
        .unwrap()
        .json();
    assert_eq!(other["backups"][0]["status"], "failed");
    assert!(other["backups"][0]["error"].is_string());
    assert_eq!(first["cluster_backups"], other["cluster_backups"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_finds_its_object_and_a_dry_run_changes_nothing() {
    let bed = bed().await;
    let dry = post(
        &bed,
        "/v1/restore",
        json!({"version": "latest", "dry_run": true}),
    )
    .await
    .json();
    assert_eq!(
        (&dry["key"], &dry["dry_run"]),
        (&json!("backup/20250905-130215.backup"), &json!(true))
    );
    let sidecar = bed.sidecar("messaging").unwrap();
    assert!(sidecar.restored().is_empty());
    let key = "backup/20250819-143025.backup";
    let real = post(&bed, "/v1/restore", json!({"version": key}))
        .await
        .json();
    assert_eq!(
        (&real["key"], &real["bytes"]),
        (&json!(key), &json!(2_254_857_830_u64))
    );
    assert_eq!(sidecar.restored(), [key]);
    let missing = post(&bed, "/v1/restore", json!({"version": "nope"})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("nope"));
    fault(&bed, "sidecar-restore-fails=token vendor unreachable");
    let failed = post(&bed, "/v1/restore", json!({"version": key})).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_ends_in_the_remote_store_and_only_then_can_be_purged() {
    let bed = bed().await;
    let name = "20250905-130215";
    let purge = json!({"name": name});
    let refused = post(&bed, "/v1/backup/purge", purge.clone()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let upload = json!({"type": "backup", "name": name});
    let accepted = post(&bed, "/v1/backup/upload", upload).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let sidecar = bed.sidecar("messaging").unwrap();
    let pod = PodAddress::new("messaging", "broker-0");
    let before = sidecar.remote().len();
    for status in ["uploading", "uploaded"] {
        read(&bed, "/v1/backup/list").await;
        let entry = sidecar
            .local(&pod)
            .into_iter()
            .find(|entry| entry.name == name);
        assert_eq!(entry.unwrap().status.as_str(), status);
    }
    assert_eq!(sidecar.remote().len(), before + 1);
    assert_eq!(
        post(&bed, "/v1/backup/purge", purge).await.status,
        StatusCode::OK
    );
    assert!(sidecar.local(&pod).iter().all(|entry| entry.name != name));
    let unknown = post(&bed, "/v1/backup/purge", json!({"name": "nope"})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_computed_from_the_state() {
    let bed = bed().await;
    let page = read(&bed, "/metrics").await.text();
    assert!(
        page.contains("backup_count{status=\"pending\"} 1\n"),
        "{page}"
    );
    assert!(page.contains("backup_remote_objects 12\n"), "{page}");
    bed.sidecar("messaging")
        .unwrap()
        .remove_remote("backup/20250819-143025.backup");
    assert!(
        read(&bed, "/metrics")
            .await
            .text()
            .contains("backup_remote_objects 11\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_needed_if_it_is_set() {
    let bed = bed().await;
    fault(&bed, "sidecar-auth=canary");
    let refused = read(&bed, "/v1/backup/list").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthorized\n")
    );
    let request = Request::get("/v1/backup/list").header("authorization", "Bearer canary");
    let request = request.body(String::new()).unwrap();
    let admitted = send(&bed, "messaging/broker-0", 8085, request)
        .await
        .unwrap();
    assert_eq!(admitted.status, StatusCode::OK);
}
