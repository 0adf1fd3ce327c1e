//! Service accounts have the permissions that RBAC's objects give them, and no others.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::*;
use crate::support::{api_raw, get, kubectl, text as lossy};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Lets the service account `worker` read pods, and write the status of Job `j`.
fn allow(bed: &Testbed) {
    let metadata = |name: &str| json!({"name": name, "namespace": NAMESPACE});
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("worker")}),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "Role", "metadata": metadata("r"),
            "rules": [
                {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
                {
                    "apiGroups": ["batch"], "resources": ["jobs/status"], "verbs": ["patch"],
                    "resourceNames": ["j"],
                },
            ],
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding", "metadata": metadata("b"),
            "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": NAMESPACE}],
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "r"},
        }),
    ] {
        bed.objects().put(object).unwrap();
    }
}

/// Runs kubectl with the token of the service account.
async fn as_worker(bed: &Testbed, arguments: &[&str]) -> (bool, String) {
    let kubeconfig = bed.service_account_kubeconfig(NAMESPACE, "worker").unwrap();
    let output = Command::new("kubectl")
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", bed.folder())
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let all = [output.stdout, output.stderr].concat();
    (output.status.success(), lossy(all))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_may_do_what_its_roles_say() {
    let bed = stopped().start().await.unwrap();
    allow(&bed);
    let (done, _) = as_worker(&bed, &["get", "pods"]).await;
    assert!(done);
    let (done, why) = as_worker(&bed, &["get", "secrets"]).await;
    assert!(!done);
    assert_eq!(
        why,
        "Error from server (Forbidden): secrets is forbidden: User \
         \"system:serviceaccount:default:worker\" cannot list resource \"secrets\" in API group \
         \"\" in the namespace \"default\"\n"
    );
    let (done, why) = as_worker(&bed, &["get", "pods", "-n", "messaging"]).await;
    assert!(!done, "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_answer_by_the_same_rules() {
    let bed = stopped().start().await.unwrap();
    allow(&bed);
    for (question, answer) in [
        (&["list", "pods"][..], true),
        (&["delete", "pods"], false),
        (&["patch", "jobs/j", "--subresource=status"], true),
        (&["patch", "jobs/k", "--subresource=status"], false),
        (&["patch", "jobs/j"], false),
        (&["get", "/healthz"], true),
        (&["get", "/metrics"], false),
    ] {
        let asked: Vec<&str> = ["auth", "can-i"].iter().chain(question).copied().collect();
        let (yes, shown) = as_worker(&bed, &asked).await;
        assert_eq!(yes, answer, "{question:?}: {shown}");
    }
    // The administrator sees the same through the account's eyes.
    let account = "--as=system:serviceaccount:default:worker";
    let asked = ["auth", "can-i", "delete", "pods", "-n", NAMESPACE, account];
    assert_eq!(lossy(kubectl(&bed, &asked).await.stdout), "no\n");
    let (_, list) = as_worker(&bed, &["auth", "can-i", "--list"]).await;
    assert!(
        list.contains("jobs.batch/status") && list.contains("[j]"),
        "{list}"
    );
    let (_, who) = as_worker(&bed, &["auth", "whoami"]).await;
    assert!(who.contains("system:serviceaccounts:default"), "{who}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_acts_as_its_service_account_until_it_is_gone() {
    let bed = stopped().start().await.unwrap();
    allow(&bed);
    let more = json!({"template": {"spec": {"serviceAccountName": "worker"}}});
    let script = "echo $KUBECONFIG; cat $TESTBED_SERVICE_ACCOUNT/token; echo; exec sleep 1000";
    create(&bed, &job("j", script, more)).await;
    let pod = pod_in(&bed, "j", "Running").await;
    let name = text(&pod["metadata"]["name"]);
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}/log");
    let token = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = api(&bed, Request::get(&path), "").await;
            let shown = lossy(answer.body());
            if let Some(token) = shown.lines().nth(1).filter(|_| shown.ends_with('\n')) {
                return token.to_owned();
            }
        }
    });
    let token = token.await.unwrap();
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
    });
    let ask = || async {
        let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        read(&api_raw(&bed, request, &review.to_string()).await)
    };
    let (status, answer) = ask().await;
    assert_eq!(status, StatusCode::CREATED);
    let info = &answer["status"]["userInfo"];
    assert_eq!(info["username"], "system:serviceaccount:default:worker");
    let key = "authentication.kubernetes.io/pod-name";
    assert_eq!(info["extra"][key], json!([name]));
    delete(&bed, &job_path("j"), &json!({})).await;
    until(&bed, "no pod", |bed| {
        pods(bed, "j").is_empty().then_some(())
    })
    .await;
    assert_eq!(ask().await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_its_token_has_no_kubeconfig() {
    let bed = stopped().start().await.unwrap();
    let more = json!({
        "backoffLimit": 0,
        "template": {"spec": {"automountServiceAccountToken": false}},
    });
    let script = "[ -z \"$KUBECONFIG$TESTBED_SERVICE_ACCOUNT\" ]";
    create(&bed, &job("j", script, more)).await;
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_existing_service_accounts_get_tokens() {
    let bed = stopped().start().await.unwrap();
    assert!(bed.service_account_kubeconfig(NAMESPACE, "nobody").is_err());
    let (status, _) = get(&bed, "/api/v1/pods").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_the_deletion_of_an_owner_needs_the_permission_for_its_finalizers() {
    let bed = stopped().start().await.unwrap();
    allow(&bed);
    let may = |rules: Value| {
        let roles = format!("roles.{RBAC}");
        let changed = bed
            .objects()
            .modify(&roles, NAMESPACE, "r", |role| role["rules"] = rules.clone());
        changed.unwrap();
    };
    let owned = |name: &str, blocks: bool| {
        let mut job = job(name, "true", json!({}));
        job["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u", "blockOwnerDeletion": blocks,
        }]);
        let path = bed.folder().join(format!("{name}.json"));
        std::fs::write(&path, job.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let create = json!({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]});
    let get = json!({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]});
    may(json!([create, get]));
    let (done, said) = as_worker(&bed, &["create", "-f", &owned("a", false)]).await;
    assert!(done, "{said}");
    let (done, said) = as_worker(&bed, &["create", "-f", &owned("b", true)]).await;
    assert!(
        !done && said.contains("cannot set blockOwnerDeletion"),
        "{said}"
    );
    let finalizers =
        json!({"apiGroups": [""], "resources": ["configmaps/finalizers"], "verbs": ["update"]});
    may(json!([create, get, finalizers]));
    let (done, said) = as_worker(&bed, &["create", "-f", &owned("b", true)]).await;
    assert!(done, "{said}");
    let requests = bed.requests().all();
    let mut used = requests
        .iter()
        .flat_map(|it| &it.used)
        .filter(|it| it.user.ends_with(":worker"));
    let last = used.next_back().unwrap();
    assert_eq!(
        (&*last.verb, &*last.resource),
        ("update", "configmaps/finalizers")
    );
    let refused: Vec<_> = requests
        .iter()
        .flat_map(|it| &it.refused)
        .map(|it| &*it.verb)
        .collect();
    assert_eq!(refused, ["update"]);
}
