//! Stock kubectl works against the testbed.

use std::process::Stdio;

use testbed::{Columns, PrinterColumn, ResourceType, Testbed};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{bed, fault, kubectl, kubectl_command, kubectl_out, text};

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_get_shows_the_servers_tables() {
    let now = "2025-09-06T10:00:00Z".parse().unwrap();
    let bed = Testbed::builder().now(now).start().await.unwrap();
    let table = kubectl_out(&bed, &["get", "pods,svc,statefulsets"]).await;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(
        rows.contains(&vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"]),
        "{table}"
    );
    assert!(
        rows.contains(&vec!["pod/broker-0", "2/2", "Running", "0", "5d3h"]),
        "{table}"
    );
    assert!(
        rows.contains(&vec!["statefulset.apps/broker", "3/3", "34d"]),
        "{table}"
    );
    let service = vec![
        "service/hivemq-broker-api",
        "ClusterIP",
        "10.96.1.10",
        "<none>",
        "8081/TCP",
        "34d",
    ];
    assert!(rows.contains(&service), "{table}");

    let wide = kubectl_out(&bed, &["get", "pods", "-o", "wide", "-n", "notready"]).await;
    assert!(
        wide.contains("CrashLoopBackOff") && wide.contains("169.254.2.10"),
        "{wide}"
    );
    assert!(
        wide.contains("17 (3m ago)") && wide.contains("Pending"),
        "{wide}"
    );
    let all = kubectl_out(&bed, &["get", "endpointslices", "-A"]).await;
    assert!(
        all.contains("169.254.1.10,169.254.1.11,169.254.1.12"),
        "{all}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_get_selects_and_prints_other_formats() {
    let bed = bed().await;
    let names = [
        "get",
        "pods",
        "-o",
        "name",
        "-l",
        "apps.kubernetes.io/pod-index in (0,2)",
    ];
    assert_eq!(
        kubectl_out(&bed, &names).await,
        "pod/broker-0\npod/broker-2\n"
    );
    let pending = [
        "get",
        "pods",
        "-A",
        "-o",
        "name",
        "--field-selector",
        "status.phase=Pending",
    ];
    assert_eq!(
        kubectl_out(&bed, &pending).await,
        "pod/broker-1\npod/broker-0\n"
    );
    let yaml = kubectl_out(&bed, &["get", "statefulset", "broker", "-o", "yaml"]).await;
    assert!(
        yaml.contains("apiVersion: apps/v1") && yaml.contains("name: backup-api"),
        "{yaml}"
    );
    let described = kubectl_out(&bed, &["describe", "pod", "broker-0"]).await;
    assert!(
        described.contains("Controlled By:") && described.contains("Pulled"),
        "{described}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_reports_what_is_missing_as_of_a_real_server() {
    let bed = bed().await;
    let output = kubectl(&bed, &["get", "pod", "nope"]).await;
    assert_eq!(
        text(output.stderr),
        "Error from server (NotFound): pods \"nope\" not found\n"
    );
    let output = kubectl(&bed, &["get", "pods", "-n", "nope"]).await;
    assert!(output.status.success());
    assert_eq!(
        text(output.stderr),
        "No resources found in nope namespace.\n"
    );
    let output = kubectl(&bed, &["get", "nonsense"]).await;
    assert!(text(output.stderr).contains("doesn't have a resource type \"nonsense\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_creates_changes_and_deletes_objects() {
    let bed = bed().await;
    let file = bed.folder().join("map.yaml");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\ndata: {a: b}\n";
    std::fs::write(&file, map).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        kubectl_out(&bed, &["create", "-f", file]).await,
        "configmap/hello created\n"
    );
    let again = kubectl(&bed, &["create", "-f", file]).await;
    assert!(text(again.stderr).contains("configmaps \"hello\" already exists"));
    kubectl_out(&bed, &["label", "configmap", "hello", "x=y"]).await;
    kubectl_out(
        &bed,
        &["patch", "configmap", "hello", "-p", r#"{"data":{"c":"d"}}"#],
    )
    .await;
    kubectl_out(&bed, &["apply", "-f", file]).await;
    let object = bed
        .objects()
        .get("configmaps", "messaging", "hello")
        .unwrap();
    assert_eq!(object["data"], serde_json::json!({"a": "b", "c": "d"}));
    assert_eq!(object["metadata"]["labels"]["x"], "y");
    kubectl_out(&bed, &["delete", "-f", file]).await;
    assert!(
        bed.objects()
            .get("configmaps", "messaging", "hello")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_sees_a_custom_resource_like_any_other() {
    let column = |name: &str, path: &str, priority| PrinterColumn {
        name: name.to_owned(),
        kind: "string".to_owned(),
        json_path: path.to_owned(),
        description: String::new(),
        priority,
    };
    let ty = ResourceType {
        short_names: vec!["th".to_owned()],
        columns: Columns::Printer(vec![
            column("Phase", ".status.phase", 0),
            column("Detail", ".spec.detail", 1),
        ]),
        ..ResourceType::custom("example.com", "v1alpha1", "Thing", "things")
    };
    let bed = Testbed::builder();
    let bed = bed
        .with(|world| world.objects.register(ty))
        .start()
        .await
        .unwrap();
    let file = bed.folder().join("thing.yaml");
    let thing = "apiVersion: example.com/v1alpha1\nkind: Thing\nmetadata: {name: one}\n\
                 spec: {detail: deep}\nstatus: {phase: Ignored}\n";
    std::fs::write(&file, thing).unwrap();
    kubectl_out(&bed, &["create", "-f", file.to_str().unwrap()]).await;
    let patch = r#"{"status":{"phase":"Ready"}}"#;
    let status = [
        "patch",
        "th",
        "one",
        "--subresource=status",
        "--type=merge",
        "-p",
        patch,
    ];
    kubectl_out(&bed, &status).await;
    let table = kubectl_out(&bed, &["get", "th", "-o", "wide"]).await;
    let cells: Vec<&str> = table.split_whitespace().collect();
    assert_eq!(cells, ["NAME", "PHASE", "DETAIL", "one", "Ready", "deep"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_watches_changes_as_they_happen() {
    let bed = bed().await;
    let mut command = kubectl_command(&bed, &["get", "pods", "--watch"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for start in ["NAME", "broker-0", "broker-1", "broker-2"] {
        let line = lines.next_line().await.unwrap().unwrap();
        assert!(line.starts_with(start), "{line}");
    }
    let changed = bed
        .objects()
        .modify("pods", "messaging", "broker-1", |pod| {
            pod["status"]["containerStatuses"][0]["ready"] = false.into();
        });
    changed.unwrap();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.starts_with("broker-1   1/2"), "{line}");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_runs_commands_in_pods() {
    let bed = bed().await;
    let exec = async |pod: &str, command: &[&str]| {
        let mut arguments = vec!["exec", pod, "-c", "hivemq", "--"];
        arguments.extend(command);
        let mut output = kubectl(&bed, &arguments).await;
        // kubectl creates its streams after the connection is established, and drops earlier messages. A real
        // container is never that fast.
        for _ in 0..10 {
            if !String::from_utf8_lossy(&output.stderr).contains("Unknown stream id") {
                break;
            }
            output = kubectl(&bed, &arguments).await;
        }
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    };
    let folder = "/opt/hivemq/backup";
    let (code, stdout, stderr) = exec("broker-0", &["ls", folder]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("20250819-143025\n"), "{stdout}");
    let (code, stdout, stderr) = exec("broker-0", &["ls", "/nowhere"]).await;
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "ls: cannot access '/nowhere': No such file or directory\n\
         command terminated with exit code 2\n"
    );
    let (code, _, stderr) = exec("broker-0", &["sh", "-c", "nope"]).await;
    assert_eq!(code, 127);
    assert!(stderr.starts_with("sh: 1: nope: not found\n"), "{stderr}");
    let (code, _, stderr) = exec("broker-0", &["nope"]).await;
    assert_eq!(code, 1);
    assert!(
        stderr.contains("exec: \"nope\": executable file not found in $PATH"),
        "{stderr}"
    );
    let asked = bed.requests();
    assert_eq!(asked.count("POST", "/exec"), 0, "kubectl fell back to SPDY");
    assert_eq!(asked.count("GET", "/exec"), 4);

    fault(&bed, "deny=create:pods/exec");
    let (code, _, stderr) = exec("broker-0", &["ls"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("is forbidden"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_reads_the_secret_and_works_with_leases() {
    let bed = bed().await;
    let user = [
        "get",
        "secret",
        "hivemq-api",
        "-o",
        "jsonpath={.data.username}",
    ];
    assert_eq!(kubectl_out(&bed, &user).await, "YmFja3Vw");
    let file = bed.folder().join("lease.yaml");
    let lease = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: lock}\n\
                 spec: {holderIdentity: me, leaseDurationSeconds: 60}\n";
    std::fs::write(&file, lease).unwrap();
    kubectl_out(&bed, &["create", "-f", file.to_str().unwrap()]).await;
    let again = kubectl(&bed, &["create", "-f", file.to_str().unwrap()]).await;
    assert!(text(again.stderr).contains("already exists"));
    let table = kubectl_out(&bed, &["get", "leases"]).await;
    let row: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[..2], ["lock", "me"], "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_auth_can_i_hears_what_deny_rules_leave() {
    let bed = bed().await;
    fault(&bed, "deny=create:pods/portforward");
    fault(&bed, "deny=list:statefulsets");
    for (question, answer) in [
        (&["get", "pods"][..], "yes"),
        (&["create", "pods", "--subresource=portforward"], "no"),
        (&["get", "pods", "--subresource=portforward"], "yes"),
        (&["list", "statefulsets.apps"], "no"),
    ] {
        let arguments = [&["auth", "can-i"], question].concat();
        let output = kubectl(&bed, &arguments).await;
        assert_eq!(text(&output.stdout).trim(), answer, "{question:?}");
        assert_eq!(output.status.success(), answer == "yes");
    }
}
