//! HiveMQ's management API, through the port-forward.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::{BackupState, Testbed};

use crate::support::{Answer, bed, fault, send};

const BACKUPS: &str = "/api/v1/management/backups";
const ID: &str = "20250819-143025";

async fn call(bed: &Testbed, method: Method, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(String::new());
    send(bed, "messaging/broker-0", 8081, request.unwrap())
        .await
        .unwrap()
}

async fn read(bed: &Testbed, path: &str) -> Answer {
    call(bed, Method::GET, path).await
}

async fn state(bed: &Testbed, id: &str) -> Value {
    read(bed, &format!("{BACKUPS}/{id}")).await.json()["backup"]["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_backups_in_several_states() {
    let bed = bed().await;
    let list = read(&bed, BACKUPS).await.json();
    let items = list["items"].as_array().unwrap();
    let states: Vec<&str> = items
        .iter()
        .filter_map(|item| item["state"].as_str())
        .collect();
    for state in ["COMPLETED", "FAILED", "RESTORE_COMPLETED", "RESTORE_FAILED"] {
        assert!(states.contains(&state), "{states:?}");
    }
    let failed = items.iter().find(|item| item["state"] == "FAILED").unwrap();
    assert!(failed["failReason"].is_string() && failed["bytes"].is_null());
    // Backups belong to the cluster, so another pod lists the same ones.
    let request = Request::get(BACKUPS).body(String::new()).unwrap();
    let other = send(&bed, "messaging/broker-2", 8081, request)
        .await
        .unwrap();
    assert_eq!(other.json(), list);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_runs_and_completes_and_a_second_one_fails_meanwhile() {
    let bed = bed().await;
    let created = call(&bed, Method::POST, BACKUPS).await;
    assert_eq!(created.status, StatusCode::OK);
    let backup = &created.json()["backup"];
    assert_eq!(
        (&backup["state"], &backup["bytes"]),
        (&json!("IN_PROGRESS"), &Value::Null)
    );
    let second = call(&bed, Method::POST, BACKUPS).await.json();
    assert_eq!(second["backup"]["state"], "FAILED");
    assert!(second["backup"]["failReason"].is_string());
    let id = backup["id"].as_str().unwrap();
    assert_eq!(state(&bed, id).await, "IN_PROGRESS");
    assert_eq!(state(&bed, id).await, "COMPLETED");
    assert!(
        bed.hivemq("messaging")
            .unwrap()
            .backup(id)
            .unwrap()
            .bytes
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_a_state_of_its_backup() {
    let bed = bed().await;
    let path = format!("{BACKUPS}/{ID}");
    let restoring = call(&bed, Method::POST, &path).await.json();
    assert_eq!(restoring["backup"]["state"], "RESTORE_IN_PROGRESS");
    assert_eq!(state(&bed, ID).await, "RESTORE_IN_PROGRESS");
    assert_eq!(state(&bed, ID).await, "RESTORE_COMPLETED");
    fault(&bed, "hivemq-restore-state=IN_PROGRESS");
    fault(&bed, "hivemq-restore-fails=disk full");
    call(&bed, Method::POST, &path).await;
    assert_eq!(state(&bed, ID).await, "IN_PROGRESS");
    assert_eq!(state(&bed, ID).await, "RESTORE_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_backups_disappear_after_an_hour() {
    let bed = bed().await;
    fault(&bed, "hivemq-create-fails=disk full");
    let created = call(&bed, Method::POST, BACKUPS).await.json();
    let id = created["backup"]["id"].as_str().unwrap();
    state(&bed, id).await;
    assert_eq!(state(&bed, id).await, "FAILED");
    bed.clock().advance(SignedDuration::from_mins(61));
    let gone = read(&bed, &format!("{BACKUPS}/{id}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(
        gone.json()["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains(id)
    );
    let failed = bed.hivemq("messaging").unwrap().backups();
    assert!(
        failed
            .iter()
            .all(|backup| backup.state != BackupState::Failed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths_and_methods_are_refused() {
    let bed = bed().await;
    for path in [
        "/api/v1/management/restores",
        "/api/v1/management/backups/x/file",
        "/",
    ] {
        let answer = read(&bed, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(
            answer.json(),
            json!({"errors": [{"title": "Resource not found"}]})
        );
    }
    let answer = call(&bed, Method::DELETE, &format!("{BACKUPS}/{ID}")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_checked_one_by_one() {
    let bed = bed().await;
    fault(
        &bed,
        "hivemq-auth=jane:secret:HIVEMQ_MANAGEMENT_BACKUPS_GET",
    );
    assert_eq!(read(&bed, BACKUPS).await.status, StatusCode::UNAUTHORIZED);
    for (login, path, status) in [
        ("jane:wrong", BACKUPS.to_owned(), StatusCode::UNAUTHORIZED),
        ("jane:secret", BACKUPS.to_owned(), StatusCode::OK),
        (
            "jane:secret",
            format!("{BACKUPS}/{ID}"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let login = format!("Basic {}", BASE64_STANDARD.encode(login));
        let request = Request::get(&path)
            .header("authorization", login)
            .body(String::new());
        let answer = send(&bed, "messaging/broker-0", 8081, request.unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_work_done() {
    let bed = bed().await;
    let before = bed.hivemq("messaging").unwrap().backups().len();
    fault(&bed, "hivemq-lost-answer");
    let request = Request::post(BACKUPS).body(String::new()).unwrap();
    assert!(
        send(&bed, "messaging/broker-0", 8081, request)
            .await
            .is_none()
    );
    assert_eq!(bed.hivemq("messaging").unwrap().backups().len(), before + 1);
    assert_eq!(read(&bed, BACKUPS).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_chart_listens_elsewhere() {
    let bed = bed().await;
    let request = Request::get(BACKUPS).body(String::new()).unwrap();
    let answer = send(&bed, "platform/broker-1", 8888, request)
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}
