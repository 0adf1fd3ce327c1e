//! Server-side apply, as `kubectl apply --server-side` and typed clients send it.

use http::StatusCode;
use serde_json::{Value, json};
use testbed::Testbed;

use crate::custom::{JOBS, MERGE, bed, cron, patch, post};
use crate::support::get;

const APPLY: &str = "application/apply-patch+yaml";
const MAPS: &str = "/api/v1/namespaces/x/configmaps";

async fn apply(bed: &Testbed, path: &str, manager: &str, body: &Value) -> (StatusCode, Value) {
    patch(bed, &format!("{path}?fieldManager={manager}"), APPLY, body).await
}

fn map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_creates_and_the_same_apply_changes_nothing() {
    let bed = bed().await;
    let path = format!("{JOBS}/a");
    let config = cron("a", &json!({"schedule": "0 0 * * *"}));
    let (status, created) = apply(&bed, &path, "ci", &config).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    assert_eq!(created["spec"]["engine"], "one");
    let entry = &created["metadata"]["managedFields"][0];
    assert_eq!(
        (&entry["manager"], &entry["operation"]),
        (&json!("ci"), &json!("Apply"))
    );
    assert_eq!(entry["fieldsV1"], json!({"f:spec": {"f:schedule": {}}}));
    let (status, same) = apply(&bed, &path, "ci", &config).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(same, created);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_managers_share_an_object_by_its_fields() {
    let bed = bed().await;
    let path = format!("{JOBS}/a");
    let spec = json!({"schedule": "0 0 * * *", "keep": 1, "targets": [
        {"name": "one", "port": 1}, {"name": "two", "port": 2},
    ]});
    apply(&bed, &path, "ci", &cron("a", &spec)).await;
    let spec = json!({"keep": 2, "targets": [{"name": "three", "port": "x"}]});
    let (status, body) = apply(&bed, &path, "ops", &cron("a", &spec)).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict"))
    );
    assert_eq!(
        body["message"],
        "Apply failed with 1 conflict: conflict with \"ci\": .spec.keep"
    );
    assert_eq!(
        body["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"ci\"",
            "field": ".spec.keep",
        }])
    );
    let forced = format!("{path}?fieldManager=ops&force=true");
    let (status, body) = patch(&bed, &forced, APPLY, &cron("a", &spec)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["spec"]["keep"], 2);
    assert_eq!(body["spec"]["targets"].as_array().unwrap().len(), 3);

    // Fields that a manager no longer applies go, unless another manager owns them.
    let spec = json!({"schedule": "0 0 * * *", "targets": [{"name": "two"}]});
    let (_, body) = apply(&bed, &path, "ci", &cron("a", &spec)).await;
    assert_eq!(body["spec"]["keep"], 2);
    let targets = json!([{"name": "two"}, {"name": "three", "port": "x"}]);
    assert_eq!(body["spec"]["targets"], targets);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_applied_through_its_subresource() {
    let bed = bed().await;
    let status_path = format!("{JOBS}/a/status");
    let mut config = cron("a", &json!({}));
    config.as_object_mut().unwrap().remove("spec");
    config["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let (status, _) = apply(&bed, &status_path, "operator", &config).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    post(&bed, JOBS, &cron("a", &json!({"schedule": "0 0 * * *"}))).await;
    let (status, body) = apply(&bed, &status_path, "operator", &config).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let other = json!([{"type": "Synced", "status": "True"}]);
    config["status"]["conditions"] = other;
    let (_, body) = apply(&bed, &status_path, "other", &config).await;
    assert_eq!(body["status"]["conditions"].as_array().unwrap().len(), 2);
    let managed = body["metadata"]["managedFields"].as_array().unwrap();
    let on_status = managed.iter().filter(|it| it["subresource"] == "status");
    assert_eq!(on_status.count(), 2);
    config["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    let (status, body) = apply(&bed, &status_path, "other", &config).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let told = "Apply failed with 1 conflict: conflict with \"operator\" with subresource \"status\": \
                .status.conditions[type=\"Ready\"].status";
    assert_eq!(body["message"], told);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_of_the_main_resource_leaves_the_status_alone() {
    let bed = bed().await;
    let path = format!("{JOBS}/a");
    let mut config = cron("a", &json!({"schedule": "0 0 * * *"}));
    config["status"] = json!({"phase": "Done"});
    for _ in 0..2 {
        let (_, body) = apply(&bed, &path, "ci", &config).await;
        assert!(body["status"].is_null(), "{body}");
        let managed = body["metadata"]["managedFields"].as_array().unwrap();
        assert!(
            managed
                .iter()
                .all(|it| it["fieldsV1"]["f:status"].is_null()),
            "{managed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_takes_ownership_of_what_it_changes() {
    let bed = bed().await;
    let path = format!("{MAPS}/m");
    apply(&bed, &path, "ci", &map(&json!({"a": "1", "b": "1"}))).await;
    let edit = format!("{path}?fieldManager=edit");
    patch(&bed, &edit, MERGE, &json!({"data": {"a": "2"}})).await;
    let (status, body) = apply(&bed, &path, "ci", &map(&json!({"a": "1", "b": "1"}))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let told = body["message"].as_str().unwrap();
    assert!(
        told.contains("conflict with \"edit\" using v1 at "),
        "{told}"
    );
    // The field is the editor's now, so the first manager can let it go.
    let (_, body) = apply(&bed, &path, "ci", &map(&json!({"b": "1"}))).await;
    assert_eq!(body["data"], json!({"a": "2", "b": "1"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_is_not_whole_is_refused() {
    let bed = bed().await;
    let path = format!("{MAPS}/m");
    let (status, body) = patch(&bed, &path, APPLY, &map(&json!({}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for \
                apply patch";
    assert_eq!(body["message"], told);
    let forced = format!("{path}?force=true");
    let (status, _) = patch(&bed, &forced, MERGE, &json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut managed = map(&json!({}));
    managed["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    let (status, _) = apply(&bed, &path, "ci", &managed).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let mut other = map(&json!({}));
    other["metadata"]["name"] = json!("n");
    assert_eq!(
        apply(&bed, &path, "ci", &other).await.0,
        StatusCode::BAD_REQUEST
    );
    let unknown = cron("a", &json!({"schedule": "0 0 * * *", "typo": 1}));
    let (status, body) = apply(&bed, &format!("{JOBS}/a"), "ci", &unknown).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let told = "failed to create typed patch object (x/a; example.com/v1, Kind=Cron): .spec.typo: field \
                not declared in schema";
    assert_eq!(body["message"], told);
    assert_eq!(
        get(&bed, &format!("{JOBS}/a")).await.0,
        StatusCode::NOT_FOUND
    );
}
