//! The course of a Job: its pods, its counts, its conditions, and its end.

use http::{Request, StatusCode};
use serde_json::json;

use super::*;
use crate::support::{api, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_the_defaults_of_the_api_server() {
    let bed = stopped().start().await.unwrap();
    let created = create(&bed, &job("j", "exit 0", json!({"suspend": true}))).await;
    let spec = &created["spec"];
    let uid = &created["metadata"]["uid"];
    for (field, value) in [
        ("backoffLimit", json!(6)),
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("completionMode", json!("NonIndexed")),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        (
            "selector",
            json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
        ),
    ] {
        assert_eq!(spec[field], value, "{field}");
    }
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(labels["batch.kubernetes.io/job-name"], "j");
    assert_eq!(labels["batch.kubernetes.io/controller-uid"], *uid);

    let policy = json!({"podFailurePolicy": {"rules": []}, "suspend": true});
    let created = create(&bed, &job("k", "exit 0", policy)).await;
    assert_eq!(created["spec"]["podReplacementPolicy"], "Failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_can_not_be_is_refused() {
    let bed = stopped().start().await.unwrap();
    let path = format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs");
    let always = json!({"template": {"spec": {"restartPolicy": "Always"}}});
    let (status, body) = post(&bed, &path, &job("j", "", always)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let field = &body["details"]["causes"][0]["field"];
    assert_eq!(field, "spec.template.spec.restartPolicy");

    let indexed = json!({"completionMode": "Indexed"});
    let (_, body) = post(&bed, &path, &job("j", "", indexed)).await;
    assert_eq!(body["details"]["causes"][0]["field"], "spec.completionMode");

    create(&bed, &job("j", "exit 0", json!({}))).await;
    finished(&bed, "j", "Complete").await;
    let change = json!({"spec": {"template": {"spec": {"hostNetwork": true}}}});
    let request =
        Request::patch(job_path("j")).header("content-type", "application/merge-patch+json");
    let (status, body) = read(&api(&bed, request, &change.to_string()).await);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["details"]["causes"][0]["field"], "spec.template");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_job_is_complete_after_its_pod_has_ended() {
    let bed = stopped().start().await.unwrap();
    let (_, jobs) = get(&bed, "/apis/batch/v1/jobs").await;
    let since = text(&jobs["metadata"]["resourceVersion"]);
    create(&bed, &job("j", "exit 0", json!({}))).await;
    let done = finished(&bed, "j", "Complete").await;
    assert_eq!(conditions(&done), ["SuccessCriteriaMet", "Complete"]);
    let status = &done["status"];
    assert_eq!(status["succeeded"], 1);
    assert_eq!(status["ready"], 0);
    assert_eq!(status["terminating"], 0);
    assert_eq!(status["completionTime"], "2026-01-05T10:00:00Z");
    let pod = pod_in(&bed, "j", "Succeeded").await;
    assert!(pod["metadata"]["finalizers"].is_null(), "{pod}");
    assert_eq!(terminated(&pod)["reason"], "Completed");
    event(&bed, "SuccessfulCreate").await;
    assert_eq!(event(&bed, "Completed").await, "Job completed");

    // A watch sees each step: the container ends while the phase is still Running.
    let path = format!("/api/v1/pods?watch=true&timeoutSeconds=1&resourceVersion={since}");
    let stream = api(&bed, Request::get(path), "").await;
    let lines = String::from_utf8(stream.body().to_vec()).unwrap();
    let mut steps: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["object"].clone())
        .map(|pod| {
            let state = pod["status"]["containerStatuses"][0]["state"].as_object();
            let state = state.and_then(|state| state.keys().next().cloned());
            format!(
                "{} {}",
                text(&pod["status"]["phase"]),
                state.unwrap_or_default()
            )
        })
        .collect();
    steps.dedup();
    assert_eq!(
        steps,
        [
            "Pending ",
            "Pending waiting",
            "Running running",
            "Running terminated",
            "Succeeded terminated",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_pods_are_replaced_after_ten_and_twenty_seconds() {
    let bed = stopped().start().await.unwrap();
    create(&bed, &job("j", "exit 3", json!({"backoffLimit": 2}))).await;
    for (failures, delay) in [(1, 10), (2, 20)] {
        until(&bed, "a counted failure", |bed| {
            stored_job(bed, "j").filter(|job| job["status"]["failed"] == failures)
        })
        .await;
        advance(&bed, delay - 1);
        assert_eq!(pods(&bed, "j").len(), failures);
        advance(&bed, 1);
    }
    let failed = finished(&bed, "j", "Failed").await;
    assert_eq!(conditions(&failed), ["FailureTarget", "Failed"]);
    assert_eq!(
        condition(&failed, "Failed")["reason"],
        "BackoffLimitExceeded"
    );
    assert_eq!(failed["status"]["failed"], 3);
    assert_eq!(pods(&bed, "j").len(), 3);
    event(&bed, "BackoffLimitExceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_active_for_too_long_fails_and_its_pod_is_deleted() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"activeDeadlineSeconds": 60});
    create(&bed, &job("j", "exec sleep 1000", more)).await;
    pod_in(&bed, "j", "Running").await;
    advance(&bed, 60);
    let failed = finished(&bed, "j", "Failed").await;
    assert_eq!(condition(&failed, "Failed")["reason"], "DeadlineExceeded");
    assert_eq!(failed["status"]["terminating"], 0);
    until(&bed, "no pod", |bed| {
        pods(bed, "j").is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_failure_policy_ends_a_job_at_once() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]}});
    create(&bed, &job("j", "exit 42", more)).await;
    let failed = finished(&bed, "j", "Failed").await;
    let why = condition(&failed, "Failed");
    assert_eq!(why["reason"], "PodFailurePolicy");
    let message = text(&why["message"]);
    assert!(
        message.ends_with("failed with exit code 42 matching FailJob rule at index 0"),
        "{message}"
    );
    assert_eq!(pods(&bed, "j").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_job_has_no_pod_and_its_deadline_stands_still() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"suspend": true, "activeDeadlineSeconds": 60});
    create(&bed, &job("j", "exec sleep 1000", more)).await;
    let suspended = finished(&bed, "j", "Suspended").await;
    assert!(suspended["status"]["startTime"].is_null());
    advance(&bed, 100);
    suspend(&bed, false).await;
    let first = pod_in(&bed, "j", "Running").await;
    let resumed = stored_job(&bed, "j").unwrap();
    assert_eq!(resumed["status"]["startTime"], "2026-01-05T10:01:40Z");
    suspend(&bed, true).await;
    until(&bed, "no pod", |bed| {
        pods(bed, "j").is_empty().then_some(())
    })
    .await;
    let suspended = finished(&bed, "j", "Suspended").await;
    assert!(suspended["status"]["failed"].is_null(), "{suspended}");
    suspend(&bed, false).await;
    let second = pod_in(&bed, "j", "Running").await;
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
}

async fn suspend(bed: &Testbed, suspend: bool) {
    let request =
        Request::patch(job_path("j")).header("content-type", "application/merge-patch+json");
    let body = json!({"spec": {"suspend": suspend}}).to_string();
    let answer = api(bed, request, &body).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_is_deleted_with_its_pods_when_its_time_is_over() {
    let bed = stopped().start().await.unwrap();
    create(
        &bed,
        &job("j", "exit 0", json!({"ttlSecondsAfterFinished": 30})),
    )
    .await;
    finished(&bed, "j", "Complete").await;
    advance(&bed, 29);
    assert!(stored_job(&bed, "j").is_some());
    advance(&bed, 1);
    until(&bed, "no job", |bed| {
        stored_job(bed, "j").is_none().then_some(())
    })
    .await;
    assert!(pods(&bed, "j").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_its_service_account_gets_no_pod_until_there_is_one() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"template": {"spec": {"serviceAccountName": "worker"}}});
    create(&bed, &job("j", "exit 0", more)).await;
    let why = event(&bed, "FailedCreate").await;
    assert_eq!(
        why,
        "Error creating: pods \"j-\" is forbidden: error looking up service account \
         default/worker: serviceaccount \"worker\" not found"
    );
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "worker", "namespace": NAMESPACE},
    });
    bed.objects().put(account).unwrap();
    advance(&bed, 60);
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_completions_run_in_parallel() {
    let bed = stopped().start().await.unwrap();
    create(
        &bed,
        &job("j", "exit 0", json!({"completions": 3, "parallelism": 2})),
    )
    .await;
    let done = finished(&bed, "j", "Complete").await;
    assert_eq!(done["status"]["succeeded"], 3);
    assert_eq!(pods(&bed, "j").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_is_cut_in_the_names_of_the_pods() {
    let bed = stopped().start().await.unwrap();
    let name = "n".repeat(63);
    create(&bed, &job(&name, "exit 0", json!({}))).await;
    finished(&bed, &name, "Complete").await;
    let pod = text(&pods(&bed, &name)[0]["metadata"]["name"]);
    assert_eq!(pod.len(), 63);
    assert!(pod.starts_with(&"n".repeat(58)));
}
