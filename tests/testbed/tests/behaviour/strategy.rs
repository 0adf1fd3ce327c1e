//! The strategy sidecar, through the port-forward, with the answers of its source (contract, section 3.1).

use http::{Method, Request, StatusCode, header};
use serde_json::json;
use testbed::{STRATEGY_TOKEN, Testbed};

use crate::support::{Answer, bed, fault, send};

async fn call(bed: &Testbed, method: Method, path: &str, authorization: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !authorization.is_empty() {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.body(String::new()).unwrap();
    send(bed, "apps/app-0", 8000, request).await.unwrap()
}

fn bearer() -> String {
    format!("Bearer {STRATEGY_TOKEN}")
}

async fn export(bed: &Testbed, query: &str) -> Answer {
    let path = format!("/backup/export{query}");
    call(bed, Method::POST, &path, &bearer()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_told_apart_as_the_source_does() {
    let bed = bed().await;
    let lower_case = format!("bearer {STRATEGY_TOKEN}");
    let answer = call(&bed, Method::GET, "/backup/capabilities", &lower_case).await;
    assert_eq!(answer.status, StatusCode::OK);
    let document = answer.json();
    assert_eq!(document["version"], "v1");
    assert_eq!(document["types"], json!(["database"]));
    for (given, text) in [
        ("", "Missing Bearer token"),
        ("Basic dTpw", "Missing Bearer token"),
        ("Bearer ", "Missing Bearer token"),
        ("Bearer other", "Invalid authorization token"),
    ] {
        for (method, path) in [
            (Method::GET, "/backup/capabilities"),
            (Method::POST, "/backup/export"),
        ] {
            let answer = call(&bed, method, path, given).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{given:?}");
            assert_eq!(answer.json(), json!({"error": text}));
            assert_eq!(answer.headers.get(header::WWW_AUTHENTICATE), None);
        }
    }
    assert_eq!(bed.strategy("apps").unwrap().exports(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_backup_with_its_headers() {
    let bed = bed().await;
    let content = bed.strategy("apps").unwrap().content();
    let answer = export(&bed, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.len() as u64, content.size());
    let header = |name: &str| Some(answer.headers.get(name)?.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").unwrap(), "application/gzip");
    assert_eq!(
        header("content-disposition").unwrap(),
        "attachment; filename=\"app.sql.gz\""
    );
    assert_eq!(header("content-length").unwrap(), "1500000");
    assert_eq!(header("x-backup-format").unwrap(), "postgres-custom");
    assert_eq!(header("x-checksum-sha256").unwrap(), content.sha256());
    assert_eq!(header("x-drive-folder-id"), None);
    let answer = export(&bed, "?drive_folder_id=1AbC").await;
    assert_eq!(answer.headers.get("x-drive-folder-id").unwrap(), "1AbC");
    assert_eq!(bed.strategy("apps").unwrap().exports(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_code_does_not_answer_is_a_page_of_the_framework() {
    let bed = bed().await;
    for (method, path, status, allow) in [
        (Method::GET, "/", StatusCode::NOT_FOUND, None),
        (Method::POST, "/backup/export/", StatusCode::NOT_FOUND, None),
        (
            Method::GET,
            "/backup/export",
            StatusCode::METHOD_NOT_ALLOWED,
            Some("OPTIONS, POST"),
        ),
        (
            Method::POST,
            "/backup/capabilities",
            StatusCode::METHOD_NOT_ALLOWED,
            Some("GET, HEAD, OPTIONS"),
        ),
    ] {
        // The framework answers before the token is checked.
        let answer = call(&bed, method, path, "").await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().starts_with("<!doctype html>"), "{path}");
        let given = answer.headers.get(header::ALLOW);
        assert_eq!(given.map(|value| value.to_str().unwrap()), allow);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_json_and_exceptions_are_not() {
    let bed = bed().await;
    fault(&bed, "strategy-fails=Command failed with exit code 1: x");
    let answer = export(&bed, "").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        answer.json(),
        json!({"error": "Command failed with exit code 1: x"})
    );
    fault(&bed, "strategy-broken");
    let answer = export(&bed, "").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer
            .text()
            .contains("<title>500 Internal Server Error</title>")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_of_the_documents_and_jobs_can_be_switched_on() {
    let bed = bed().await;
    fault(&bed, "strategy-headers=documents");
    let answer = export(&bed, "").await;
    assert_eq!(answer.headers.get("x-size").unwrap(), "1500000");
    assert_eq!(answer.headers.get("x-format").unwrap(), "postgres-custom");
    assert_eq!(answer.headers.get("x-backup-format"), None);
    // Without deferred exports these routes do not exist.
    let job = |method| async { call(&bed, method, "/backup/jobs/7", &bearer()).await };
    assert_eq!(job(Method::GET).await.status, StatusCode::NOT_FOUND);
    fault(&bed, "strategy-deferred=/backup/jobs/7");
    fault(&bed, "strategy-job-looks=1");
    let answer = export(&bed, "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["status_url"], "/backup/jobs/7");
    assert_eq!(job(Method::HEAD).await.status, StatusCode::ACCEPTED);
    let answer = job(Method::GET).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.len(), 1_500_000);
}
