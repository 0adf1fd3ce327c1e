//! Objects go with their owners.

use serde_json::json;
use testbed::ResourceType;

use super::*;

fn jobs_gone(bed: &Testbed) -> Option<()> {
    stored_job(bed, "j").is_none().then_some(())
}

fn pods_gone(bed: &Testbed) -> Option<()> {
    pods(bed, "j").is_empty().then_some(())
}

/// Returns a testbed with a custom resource `Backup` that owns a Job, whose pod runs.
async fn owned() -> Testbed {
    let bed = stopped().with(|world| {
        let ty = ResourceType::custom("example.com", "v1", "Backup", "backups");
        world.objects.register(ty);
    });
    let bed = bed.start().await.unwrap();
    let backup = json!({
        "apiVersion": "example.com/v1", "kind": "Backup",
        "metadata": {"name": "b", "namespace": NAMESPACE}, "spec": {},
    });
    let backup = bed.objects().put(backup).unwrap();
    let mut job = job("j", "exec sleep 1000", json!({}));
    job["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "example.com/v1", "kind": "Backup", "name": "b",
        "uid": backup["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    create(&bed, &job).await;
    pod_in(&bed, "j", "Running").await;
    bed
}

fn backup(bed: &Testbed) -> Option<Value> {
    bed.objects().get("backups.example.com", NAMESPACE, "b")
}

const BACKUP: &str = "/apis/example.com/v1/namespaces/default/backups/b";

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_owner_takes_its_job_and_its_pods_with_it() {
    let bed = owned().await;
    delete(&bed, BACKUP, &json!({})).await;
    assert!(backup(&bed).is_none());
    until(&bed, "no job", jobs_gone).await;
    until(&bed, "no pod", pods_gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreground_deletion_removes_the_owner_last() {
    let bed = owned().await;
    let since = bed.objects().list("pods", None).len();
    assert!(since > 0);
    delete(&bed, BACKUP, &json!({"propagationPolicy": "Foreground"})).await;
    until(&bed, "no backup", |bed| backup(bed).is_none().then_some(())).await;
    assert!(stored_job(&bed, "j").is_none());
    assert!(pods(&bed, "j").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_stay_and_lose_their_owner() {
    let bed = owned().await;
    delete(&bed, BACKUP, &json!({"propagationPolicy": "Orphan"})).await;
    until(&bed, "no backup", |bed| backup(bed).is_none().then_some(())).await;
    let job = stored_job(&bed, "j").unwrap();
    assert_eq!(job["metadata"]["ownerReferences"], json!([]));
    assert_eq!(pods(&bed, "j").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_owner_never_was_is_collected() {
    let bed = stopped().start().await.unwrap();
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "c", "namespace": NAMESPACE,
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "never"},
            ],
        },
    });
    bed.objects().put(owned).unwrap();
    until(&bed, "no map", |bed| {
        let map = bed.objects().get("configmaps", NAMESPACE, "c");
        map.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_job_lets_its_pod_end_in_peace() {
    let bed = stopped().start().await.unwrap();
    let script = "trap 'exit 5' TERM; while :; do sleep 0.05; done";
    create(&bed, &job("j", script, json!({}))).await;
    pod_in(&bed, "j", "Running").await;
    delete(
        &bed,
        &job_path("j"),
        &json!({"propagationPolicy": "Background"}),
    )
    .await;
    assert!(stored_job(&bed, "j").is_none());
    until(&bed, "no pod", pods_gone).await;
}
