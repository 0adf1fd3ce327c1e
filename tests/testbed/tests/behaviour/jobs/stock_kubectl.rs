//! Stock kubectl creates Jobs, waits for them, and reads their output.

use serde_json::json;
use testbed::Testbed;

use super::*;
use crate::support::{kubectl, kubectl_out};

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_runs_a_job_from_its_creation_to_its_deletion() {
    let bed = Testbed::builder()
        .namespace(NAMESPACE)
        .image("registry.test/sh:1", "/bin/sh");
    let bed = bed.start().await.unwrap();
    let image = "--image=registry.test/sh:1";
    let made = kubectl_out(
        &bed,
        &["create", "job", "j", image, "--", "sh", "-c", "echo hello"],
    )
    .await;
    assert_eq!(made, "job.batch/j created\n");
    let met = kubectl_out(
        &bed,
        &["wait", "--for=condition=complete", "job/j", "--timeout=30s"],
    )
    .await;
    assert_eq!(met, "job.batch/j condition met\n");
    let log = kubectl_out(&bed, &["logs", "--follow", "job/j"]).await;
    assert_eq!(log, "hello\n");
    let table = kubectl_out(&bed, &["get", "job", "j"]).await;
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["j", "Complete", "1/1"]);
    let described = kubectl_out(&bed, &["describe", "job", "j"]).await;
    assert!(described.contains("Job completed"), "{described}");
    kubectl_out(&bed, &["delete", "job", "j"]).await;
    let left = kubectl(&bed, &["get", "pods", "-o", "name"]).await;
    assert!(left.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_follows_the_output_of_a_running_job() {
    let bed = stopped().namespace(NAMESPACE).start().await.unwrap();
    let script = "echo one; until [ -e $TESTBED_ROOT/go ]; do sleep 0.05; done; echo two";
    create(&bed, &job("j", script, json!({}))).await;
    let pod = pod_in(&bed, "j", "Running").await;
    let follow = kubectl_out(&bed, &["logs", "-f", "job/j", "--tail=1"]);
    let release = async {
        while bed.requests().count("GET", "/log") == 0 {
            tokio::task::yield_now().await;
        }
        let uid = text(&pod["metadata"]["uid"]);
        std::fs::write(bed.folder().join(format!("pods/{uid}/root/go")), "").unwrap();
    };
    let (shown, ()) = tokio::join!(follow, release);
    assert!(shown.ends_with("two\n"), "{shown}");
}
