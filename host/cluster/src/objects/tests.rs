use host_base::{Failure, Problem};
use serde_json::json;

use super::*;
use crate::testing::{Script, Step, status, step};

const NOON: &str = "Sat, 06 Sep 2025 12:00:00 GMT";

fn vaults() -> ObjectKind {
    ObjectKind {
        group: "acme.example".into(),
        version: "v1".into(),
        kind: "Vault".into(),
    }
}

/// Returns the server's response about its kinds.
fn discovery(namespaced: bool) -> Step {
    let resource = |name: &str, namespaced: bool| {
        json!({"name": name, "kind": "Vault", "namespaced": namespaced, "singularName": "",
               "verbs": ["get"]})
    };
    let resources = json!({
        "kind": "APIResourceList", "groupVersion": "acme.example/v1",
        "resources": [resource("vaults/status", namespaced), resource("../secrets", namespaced),
                      resource("vaults", namespaced)],
    });
    step("GET v1", 200, resources)
}

fn page(names: &[&str], more: &str) -> Value {
    let items: Vec<_> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name}}))
        .collect();
    json!({"kind": "VaultList", "metadata": {"resourceVersion": "9", "continue": more},
           "items": items})
}

async fn known(mut steps: Vec<Step>) -> (Script, ObjectType) {
    steps.insert(0, discovery(true));
    let script = Script::run(NOON, steps);
    let ty = script
        .cluster
        .object_type(&vaults(), &ObjectScope::Command)
        .await
        .unwrap();
    (script, ty)
}

#[tokio::test]
async fn a_kind_is_found_by_its_own_name_and_not_by_that_of_a_part() {
    let (_script, ty) = known(Vec::new()).await;
    assert_eq!(
        (ty.name().as_str(), ty.namespace()),
        ("vaults.acme.example", Some("mqtt"))
    );
    let script = Script::run(NOON, vec![discovery(true)]);
    let ty = script
        .cluster
        .object_type(&vaults(), &ObjectScope::Namespace("safe".to_owned()))
        .await;
    assert_eq!(
        ty.unwrap().access("get", Some("a")).path(),
        "/apis/acme.example/v1/namespaces/safe/vaults/a"
    );
}

#[tokio::test]
async fn a_kind_that_the_cluster_lacks_says_what_to_install() {
    let missing = step("GET v1", 404, status(404, "404 page not found"));
    let script = Script::run(NOON, vec![missing]);
    let error = script
        .cluster
        .object_type(&vaults(), &ObjectScope::Command)
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::NoSuchKind { .. }), "{error}");
    assert_eq!(error.failure(), Failure::NotFound);
    assert!(
        error
            .advice()
            .unwrap()
            .contains("--api-group=acme.example`")
    );
}

#[tokio::test]
async fn objects_that_are_not_where_a_rule_looks_for_them_are_refused() {
    for (namespaced, scope) in [(false, ObjectScope::Command), (true, ObjectScope::Cluster)] {
        let script = Script::run(NOON, vec![discovery(namespaced)]);
        let error = script.cluster.object_type(&vaults(), &scope).await;
        assert!(matches!(
            error.unwrap_err(),
            ClusterError::OtherScope { namespaced: is, .. } if is == namespaced
        ));
    }
}

#[tokio::test]
async fn objects_outside_of_namespaces_have_a_path_without_one() {
    let script = Script::run(NOON, vec![discovery(false)]);
    let kind = vaults();
    let ty = script.cluster.object_type(&kind, &ObjectScope::Cluster);
    let ty = ty.await.unwrap();
    assert_eq!(ty.namespace(), None);
    assert_eq!(
        ty.access("get", Some("a")).path(),
        "/apis/acme.example/v1/vaults/a"
    );
}

#[tokio::test]
async fn selectors_and_dry_runs_are_in_the_query() {
    let object = json!({ "metadata": { "name": "a" } });
    let steps = vec![
        step("GET vaults", 200, page(&["a"], "")),
        step("POST vaults", 201, object.clone()),
        step("PATCH a", 200, object.clone()),
        step("DELETE a", 200, object.clone()),
    ];
    let (script, ty) = known(steps).await;
    let selection = Selection {
        labels: Some("app=x".to_owned()),
        fields: Some("metadata.name=a".to_owned()),
        limit: None,
    };
    let cluster = &script.cluster;
    cluster.list_objects(&ty, &selection).await.unwrap();
    cluster.create_object(&ty, &object, true).await.unwrap();
    let patch = ObjectPatch::Merge(b"{}".to_vec());
    let patched = cluster.patch_object(&ty, "a", patch, false, true).await;
    patched.unwrap();
    cluster.delete_object(&ty, "a", true).await.unwrap();
    let queries = script.queries();
    assert!(queries[1].contains("labelSelector=app%3Dx"), "{queries:?}");
    assert!(queries[1].contains("fieldSelector=metadata.name%3Da"));
    assert!(
        queries[2..].iter().all(|query| query == "dryRun=All"),
        "{queries:?}"
    );
}

#[tokio::test]
async fn a_list_begins_again_when_its_rest_is_forgotten() {
    let steps = vec![
        step("GET vaults", 200, page(&["a"], "x")),
        step(
            "GET vaults",
            410,
            status(410, "The provided continue parameter is too old"),
        ),
        step("GET vaults", 200, page(&["a"], "y")),
        step("GET vaults", 200, page(&["b"], "")),
    ];
    let (script, ty) = known(steps).await;
    let all = script
        .cluster
        .list_objects(&ty, &Selection::default())
        .await;
    let names: Vec<_> = all
        .unwrap()
        .iter()
        .map(|it| it["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn no_more_is_listed_than_is_wanted() {
    let (script, ty) = known(vec![step("GET vaults", 200, page(&["a", "b", "c"], "x"))]).await;
    let two = Selection {
        limit: Some(2),
        ..Selection::default()
    };
    assert_eq!(
        script.cluster.list_objects(&ty, &two).await.unwrap().len(),
        2
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_object_is_told_in_full() {
    let causes = (0..60).map(|field| format!("spec.field{field}: Required value"));
    let message = format!(
        "Vault.acme.example \"a\" is invalid: [{}]",
        causes.collect::<Vec<_>>().join(", ")
    );
    let (script, ty) = known(vec![step("POST vaults", 422, status(422, &message))]).await;
    let object = json!({"metadata": {"name": "a"}});
    let error = script
        .cluster
        .create_object(&ty, &object, false)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("spec.field59: Required value"),
        "{error}"
    );
    assert_eq!(error.failure(), Failure::Usage);
}

#[tokio::test]
async fn a_policy_that_refuses_is_no_missing_right() {
    for (message, is_right) in [
        (
            "admission webhook \"v.acme\" denied the request: too large",
            false,
        ),
        (
            "vaults.acme.example \"a\" is forbidden: exceeded quota: q",
            false,
        ),
        (
            "vaults.acme.example is forbidden: User \"eve\" cannot create resource \"vaults\"",
            true,
        ),
    ] {
        let (script, ty) = known(vec![step("POST vaults", 403, status(403, message))]).await;
        let object = json!({"metadata": {"name": "a"}});
        let error = script
            .cluster
            .create_object(&ty, &object, false)
            .await
            .unwrap_err();
        let hint = error.advice().unwrap();
        assert_eq!(
            hint.contains("--verb=create --resource=vaults.acme.example`"),
            is_right,
            "{hint}"
        );
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn no_name_leaves_its_collection() {
    let (script, ty) = known(Vec::new()).await;
    for name in ["", "..", "a/b", "a?x", "A"] {
        let error = script.cluster.get_object(&ty, name).await.unwrap_err();
        assert!(
            matches!(error, ClusterError::BadName { .. }),
            "{name}: {error}"
        );
    }
}
