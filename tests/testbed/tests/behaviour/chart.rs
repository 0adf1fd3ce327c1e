//! Objects that a chart and its operator bring along: namespaces, leases and roles, and stock kubectl with them.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::custom::{JOBS, MERGE, bed, cron, definition, patch, post};
use crate::support::{api, get, json, kubectl, kubectl_out, text};

const NAMESPACE: &str = "/api/v1/namespaces/x";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/x/leases";

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_ends_when_its_objects_are_gone() {
    let bed = bed().await;
    let mut held = cron("held", &json!({"schedule": "0 0 * * *"}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    post(&bed, JOBS, &held).await;
    post(&bed, JOBS, &cron("free", &json!({"schedule": "0 0 * * *"}))).await;
    let (_, deleted) = json(&api(&bed, Request::delete(NAMESPACE), "").await);
    assert_eq!(deleted["status"]["phase"], "Terminating");
    assert_eq!(
        get(&bed, &format!("{JOBS}/free")).await.0,
        StatusCode::NOT_FOUND
    );

    let (status, body) = post(&bed, JOBS, &cron("new", &json!({"schedule": "0 0 * * *"}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let told = "crons.example.com \"new\" is forbidden: unable to create new content in namespace x \
                because it is being terminated";
    assert_eq!(body["message"], told);
    assert_eq!(
        body["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    // Objects that exist can still be changed.
    let path = format!("{JOBS}/held");
    let status = json!({"status": {"phase": "Done"}});
    let (code, _) = patch(&bed, &format!("{path}/status"), MERGE, &status).await;
    assert_eq!(code, StatusCode::OK);
    let release = json!({"metadata": {"finalizers": []}});
    assert_eq!(patch(&bed, &path, MERGE, &release).await.0, StatusCode::OK);
    assert_eq!(get(&bed, NAMESPACE).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_times_with_six_digits() {
    let bed = bed().await;
    let lease = |time: &str, seconds: i64| {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
            "spec": {"holderIdentity": "a", "renewTime": time, "leaseDurationSeconds": seconds},
        })
    };
    let (status, body) = post(&bed, LEASES, &lease("2026-01-01T12:00:00.123Z", 15)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let told = body["message"].as_str().unwrap();
    assert!(
        told.starts_with("Lease in version \"v1\" cannot be handled as a Lease: parsing time"),
        "{told}"
    );
    let good = "2026-01-01T12:00:00.123456Z";
    let (status, _) = post(&bed, LEASES, &lease(good, 0)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, created) = post(&bed, LEASES, &lease(good, 15)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        post(&bed, LEASES, &lease(good, 15)).await.0,
        StatusCode::CONFLICT
    );
    let bad = json!({"spec": {"renewTime": "2026-01-01T12:00:00Z"}});
    let path = format!("{LEASES}/l");
    assert_eq!(
        patch(&bed, &path, MERGE, &bad).await.0,
        StatusCode::BAD_REQUEST
    );
    let mut renewed = created.clone();
    renewed["spec"]["holderIdentity"] = json!("b");
    let put = async |object: &Value| {
        let request = Request::put(&path);
        json(&api(&bed, request, &object.to_string()).await).0
    };
    assert_eq!(put(&renewed).await, StatusCode::OK);
    assert_eq!(put(&renewed).await, StatusCode::CONFLICT);
}

/// A chart's output, in the order in which Helm installs.
fn chart() -> String {
    let named = |api: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "op"}});
        for (name, value) in rest.as_object().unwrap() {
            object[name] = value.clone();
        }
        object.to_string()
    };
    let role =
        json!({"rules": [{"apiGroups": ["example.com"], "resources": ["crons"], "verbs": ["*"]}]});
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "op"},
        "subjects": [{"kind": "ServiceAccount", "name": "op", "namespace": "x"}],
    });
    let rbac = "rbac.authorization.k8s.io/v1";
    let selector = json!({"matchLabels": {"app": "op"}});
    let pods = json!({
        "metadata": {"labels": {"app": "op"}},
        "spec": {"containers": [{"name": "op", "image": "op:1", "ports": [{"containerPort": 80}]}]},
    });
    // kubectl reads a file that begins with a brace as JSON alone.
    let comment = "# A chart".to_owned();
    [
        comment,
        named("v1", "ServiceAccount", json!({})),
        named("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 1})),
        named("v1", "Secret", json!({"data": {"a": "Yg=="}})),
        named("v1", "ConfigMap", json!({"data": {"a": "b"}})),
        definition().to_string(),
        named(rbac, "ClusterRole", role.clone()),
        named(rbac, "ClusterRoleBinding", binding.clone()),
        named(rbac, "Role", role),
        named(rbac, "RoleBinding", binding),
        named(
            "v1",
            "Service",
            json!({"spec": {"selector": {"app": "op"}, "ports": [{"port": 80}]}}),
        ),
        named(
            "apps/v1",
            "Deployment",
            json!({"spec": {"selector": selector, "template": pods}}),
        ),
        named(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"selector": selector, "minAvailable": 1}}),
        ),
        named(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": selector}}),
        ),
        named(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            json!({"spec": {"validations": [{"expression": "false"}]}}),
        ),
    ]
    .join("\n---\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_applies_a_chart_and_its_custom_resources() {
    let bed = bed().await;
    let file = |name: &str, content: &str| {
        let path = bed.folder().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let chart = file("chart.yaml", &chart());
    let out = kubectl_out(&bed, &["apply", "-n", "x", "-f", &chart]).await;
    assert_eq!(
        out.lines()
            .filter(|line| line.ends_with(" created"))
            .count(),
        13,
        "{out}"
    );
    assert!(
        out.contains("customresourcedefinition.apiextensions.k8s.io/crons.example.com configured")
    );
    let out = kubectl_out(&bed, &["apply", "-n", "x", "-f", &chart]).await;
    let changed: Vec<&str> = out
        .lines()
        .filter(|line| !line.ends_with(" unchanged"))
        .collect();
    // kubectl itself always sends a patch for the selector of this kind.
    assert_eq!(changed, ["poddisruptionbudget.policy/op configured"]);
    let established = [
        "wait",
        "--for=condition=Established",
        "crd/crons.example.com",
        "--timeout=5s",
    ];
    kubectl_out(&bed, &established).await;

    let good = file(
        "good.yaml",
        &cron("a", &json!({"schedule": "0 0 * * *"})).to_string(),
    );
    for (arguments, told) in [
        (
            &["apply", "-n", "x", "-f", &good][..],
            "cron.example.com/a created\n",
        ),
        (
            &["apply", "-n", "x", "-f", &good],
            "cron.example.com/a unchanged\n",
        ),
        (
            &[
                "apply",
                "-n",
                "x",
                "--server-side",
                "--force-conflicts",
                "-f",
                &good,
            ],
            "cron.example.com/a serverside-applied\n",
        ),
        (
            &["get", "cr", "-n", "x", "-o", "name"],
            "cron.example.com/a\n",
        ),
    ] {
        assert_eq!(kubectl_out(&bed, arguments).await, told);
    }
    let table = kubectl_out(&bed, &["get", "crons", "-n", "x"]).await;
    let cells: Vec<&str> = table.split_whitespace().collect();
    assert_eq!(cells, ["NAME", "ENGINE", "PHASE", "a", "one"]);

    let bad = file(
        "bad.yaml",
        &cron("b", &json!({"schedule": "99 0 * * *", "typo": 1})).to_string(),
    );
    let output = kubectl(&bed, &["apply", "-n", "x", "-f", &bad]).await;
    let told = text(&output.stderr);
    assert!(
        told.contains("strict decoding error: unknown field \"spec.typo\""),
        "{told}"
    );
    let output = kubectl(&bed, &["apply", "-n", "x", "--validate=ignore", "-f", &bad]).await;
    let told = text(&output.stderr);
    assert!(
        told.contains("spec.schedule: Invalid value: \"string\": the minute must be below 60"),
        "{told}"
    );
    assert!(!output.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_reports_conflicts_of_server_side_apply() {
    let bed = bed().await;
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, namespace: x}}\ndata: {{a: {value}}}\n"
        )
    };
    let file = bed.folder().join("map.yaml");
    let file = file.to_str().unwrap();
    let apply = ["apply", "--server-side", "-f", file, "--field-manager"];
    std::fs::write(file, map("one")).unwrap();
    kubectl_out(&bed, &[&apply[..], &["first"]].concat()).await;
    std::fs::write(file, map("two")).unwrap();
    let output = kubectl(&bed, &[&apply[..], &["second"]].concat()).await;
    let told = text(&output.stderr);
    assert!(told.contains("conflict with \"first\": .data.a"), "{told}");
    assert!(told.contains("--force-conflicts"), "{told}");
}
