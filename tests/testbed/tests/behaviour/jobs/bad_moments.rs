//! The bad moments of a pod.

use serde_json::json;
use testbed::NodeDeath;

use super::*;
use crate::support::fault;

const ENDLESS: &str = "exec sleep 1000";

/// Starts a Job whose pod runs, and returns the name of the pod.
async fn running(bed: &Testbed, more: Value) -> String {
    create(bed, &job("j", ENDLESS, more)).await;
    let pod = pod_in(bed, "j", "Running").await;
    text(&pod["metadata"]["name"])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_pod_counts_as_a_failure_and_is_replaced() {
    let bed = stopped().start().await.unwrap();
    let first = running(&bed, json!({"podReplacementPolicy": "Failed"})).await;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{first}/eviction");
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": first, "namespace": NAMESPACE},
    });
    let (status, _) = post(&bed, &path, &eviction).await;
    assert_eq!(status, StatusCode::CREATED);
    until(&bed, "a counted failure", |bed| {
        stored_job(bed, "j").filter(|job| job["status"]["failed"] == 1)
    })
    .await;
    advance(&bed, 10);
    let second = pod_in(&bed, "j", "Running").await;
    assert_ne!(text(&second["metadata"]["name"]), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_pod_can_count_as_nothing() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"backoffLimit": 0, "podFailurePolicy": {"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]}});
    let first = running(&bed, more).await;
    assert!(bed.evict(NAMESPACE, &first));
    until(&bed, "no first pod", |bed| {
        let pod = bed.objects().get("pods", NAMESPACE, &first);
        pod.is_none().then_some(())
    })
    .await;
    advance(&bed, 10);
    pod_in(&bed, "j", "Running").await;
    assert!(stored_job(&bed, "j").unwrap()["status"]["failed"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preempted_pod_says_so() {
    let bed = stopped().start().await.unwrap();
    let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    create(&bed, &job("j", script, json!({"backoffLimit": 0}))).await;
    let name = text(&pod_in(&bed, "j", "Running").await["metadata"]["name"]);
    said(&bed, &name, "up").await;
    assert!(bed.preempt(NAMESPACE, &name));
    let pod = bed.objects().get("pods", NAMESPACE, &name).unwrap();
    assert_eq!(
        condition(&pod, "DisruptionTarget")["reason"],
        "PreemptionByScheduler"
    );
    advance(&bed, 30);
    let failed = finished(&bed, "j", "Failed").await;
    assert_eq!(failed["status"]["failed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_disk_space_is_evicted_by_its_kubelet() {
    let bed = stopped().start().await.unwrap();
    let pod = running(&bed, json!({"backoffLimit": 0})).await;
    assert!(bed.run_out_of_space(NAMESPACE, &pod));
    finished(&bed, "j", "Failed").await;
    let pod = pod_in(&bed, "j", "Failed").await;
    assert_eq!(pod["status"]["reason"], "Evicted");
    assert!(!conditions(&pod).contains(&"DisruptionTarget"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_memory_is_killed() {
    let bed = stopped().start().await.unwrap();
    let pod = running(&bed, json!({"backoffLimit": 0})).await;
    assert!(bed.run_out_of_memory(NAMESPACE, &pod));
    let failed = finished(&bed, "j", "Failed").await;
    assert_eq!(
        condition(&failed, "Failed")["reason"],
        "BackoffLimitExceeded"
    );
    let pod = pod_in(&bed, "j", "Failed").await;
    assert_eq!(terminated(&pod)["reason"], "OOMKilled");
    assert_eq!(terminated(&pod)["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pod_of_a_dead_node_stays_running_and_the_job_waits() {
    let bed = stopped().start().await.unwrap();
    let name = running(
        &bed,
        json!({"backoffLimit": 0, "podReplacementPolicy": "Failed"}),
    )
    .await;
    let pod = bed.objects().get("pods", NAMESPACE, &name).unwrap();
    let node = text(&pod["spec"]["nodeName"]);
    bed.node_dies(&node, NodeDeath::Frozen);
    advance(&bed, 54);
    until(&bed, "an unreachable node", |bed| {
        let node = bed.objects().get("nodes", "", &node)?;
        (condition(&node, "Ready")["status"] == "Unknown").then_some(())
    })
    .await;
    advance(&bed, 300);
    let pod = until(&bed, "a deleted pod", |bed| {
        let pod = bed.objects().get("pods", NAMESPACE, &name)?;
        is_deleted(&pod).then_some(pod)
    })
    .await;
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(
        condition(&pod, "DisruptionTarget")["reason"],
        "DeletionByTaintManager"
    );
    advance(&bed, 3600);
    let job = until(&bed, "a terminating pod", |bed| {
        stored_job(bed, "j").filter(|job| job["status"]["terminating"] == 1)
    })
    .await;
    assert!(conditions(&job).is_empty(), "{job}");

    bed.objects().remove("nodes", "", &node).unwrap();
    finished(&bed, "j", "Failed").await;
    assert!(bed.objects().get("pods", NAMESPACE, &name).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_goes_on_with_its_pods() {
    let bed = stopped().start().await.unwrap();
    let script = "until [ -e $TESTBED_ROOT/go ]; do sleep 0.05; done";
    create(&bed, &job("j", script, json!({}))).await;
    let pod = pod_in(&bed, "j", "Running").await;
    let node = text(&pod["spec"]["nodeName"]);
    bed.node_dies(&node, NodeDeath::Frozen);
    let uid = text(&pod["metadata"]["uid"]);
    std::fs::write(bed.folder().join(format!("pods/{uid}/root/go")), "").unwrap();
    advance(&bed, 60);
    bed.node_comes_back(&node);
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_pulled_again_later() {
    let bed = stopped().start().await.unwrap();
    let image = "registry.test/other:1";
    let job = with_container(job("j", "exit 0", json!({})), json!({"image": image}));
    create(&bed, &job).await;
    let pod = waiting(&bed, "j", "ImagePullBackOff").await;
    assert_eq!(pod["status"]["phase"], "Pending");
    event(&bed, "Failed").await;
    fault(&bed, &format!("image-unpullable={image}"));
    bed.add_image(image, "/bin/sh");
    advance(&bed, 10);
    waiting(&bed, "j", "ImagePullBackOff").await;
    bed.faults().clear();
    advance(&bed, 300);
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_refuses_pods_as_long_as_it_is_full() {
    let bed = stopped().start().await.unwrap();
    fault(&bed, &format!("pod-quota={NAMESPACE}"));
    create(&bed, &job("j", "exit 0", json!({}))).await;
    let why = event(&bed, "FailedCreate").await;
    assert!(
        why.contains("exceeded quota: testbed, requested: pods=1"),
        "{why}"
    );
    bed.faults().clear();
    advance(&bed, 60);
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_room_stays_pending_until_there_is_some() {
    let bed = stopped().start().await.unwrap();
    fault(&bed, "pods-pending");
    create(&bed, &job("j", "exit 0", json!({}))).await;
    let why = event(&bed, "FailedScheduling").await;
    assert!(why.starts_with("0/3 nodes are available"), "{why}");
    let pod = pod_in(&bed, "j", "Pending").await;
    assert_eq!(condition(&pod, "PodScheduled")["reason"], "Unschedulable");
    bed.faults().clear();
    finished(&bed, "j", "Complete").await;
}
