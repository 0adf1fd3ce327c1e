//! CustomResourceDefinitions: the types that they add, and the definitions that are refused.

use http::{Request, StatusCode};
use serde_json::{Value, json};
use testbed::Testbed;

use crate::custom::{DEFINITIONS, JOBS, MERGE, bed, causes, cron, definition, patch, post};
use crate::support::{api, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_adds_a_type_and_its_deletion_removes_it() {
    let bed = bed().await;
    let (_, stored) = get(&bed, &format!("{DEFINITIONS}/crons.example.com")).await;
    let conditions = stored["status"]["conditions"].as_array().unwrap();
    let held: Vec<_> = conditions
        .iter()
        .map(|it| (&it["type"], &it["status"]))
        .collect();
    assert_eq!(
        held,
        [
            (&json!("NamesAccepted"), &json!("True")),
            (&json!("Established"), &json!("True"))
        ]
    );
    assert_eq!(stored["spec"]["names"]["singular"], "cron");
    assert_eq!(stored["status"]["storedVersions"], json!(["v1"]));
    let (_, resources) = get(&bed, "/apis/example.com/v1").await;
    assert_eq!(resources["resources"][0]["shortNames"], json!(["cr"]));
    assert_eq!(resources["resources"][1]["name"], "crons/status");

    let (status, _) = post(&bed, JOBS, &cron("a", &json!({"schedule": "0 0 * * *"}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let path = format!("{DEFINITIONS}/crons.example.com");
    api(&bed, Request::delete(path), "").await;
    let (status, _) = get(&bed, JOBS).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(bed.objects().get("crons.example.com", "x", "a").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_waits_for_the_finalizers_of_its_objects() {
    let bed = bed().await;
    let mut held = cron("a", &json!({"schedule": "0 0 * * *"}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    post(&bed, JOBS, &held).await;
    let path = format!("{DEFINITIONS}/crons.example.com");
    api(&bed, Request::delete(&path), "").await;
    let (_, stored) = get(&bed, &path).await;
    assert!(stored["metadata"]["deletionTimestamp"].is_string());
    let release = json!({"metadata": {"finalizers": null}});
    let (status, _) = patch(&bed, &format!("{JOBS}/a"), MERGE, &release).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(get(&bed, &path).await.0, StatusCode::NOT_FOUND);
}

const PROPERTIES: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";

/// Sends a definition with a changed part, which must be refused, and returns the causes by field.
async fn refused_definition(bed: &Testbed, pointer: &str, value: Value) -> Vec<(String, String)> {
    let mut definition = definition();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = format!("{PROPERTIES}{parent}");
    definition.pointer_mut(&parent).unwrap()[name] = value;
    let (status, body) = post(bed, DEFINITIONS, &definition).await;
    assert_eq!(
        status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{pointer}: {body}"
    );
    causes(&body)
}

fn rule(rule: &str) -> Value {
    json!([{"rule": rule}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_judged_is_refused_with_its_definition() {
    let bed = Testbed::builder().empty().start().await.unwrap();
    let field = "spec.validation.openAPIV3Schema.properties[spec].properties";
    let refused = async |pointer: &str, value| refused_definition(&bed, pointer, value).await;
    for (text, told) in [
        ("self.size() >", "Syntax error"),
        ("self.nope == 1", "does not support field selection"),
        ("nope == 1", "undeclared reference to 'nope'"),
        (
            "self > 1",
            "found no matching overload for '_>_' applied to '(string, int)'",
        ),
        ("self.size()", "cel expression must evaluate to a bool"),
        (
            "self.size(5) == 1",
            "found no matching overload for 'size' applied to '(string, int)'",
        ),
        (
            "self.contains()",
            "found no matching overload for 'contains' applied to '(string)'",
        ),
        (
            "self.asInteger() == 1",
            "found no matching overload for 'asInteger'",
        ),
        ("cel.bind(x, self, x == 'a')", "undeclared reference"),
        ("self.sortBy(x, x) == self", "undeclared reference"),
        ("self.frobnicate()", "undeclared reference to 'frobnicate'"),
        ("self == null", "found no matching overload for '_==_'"),
        ("1.all(x, true)", "cannot be range of a comprehension"),
    ] {
        let found = refused("/zone/x-kubernetes-validations", rule(text)).await;
        let [(place, problem)] = &found[..] else {
            panic!("{text}: {found:?}");
        };
        assert_eq!(
            place,
            &format!("{field}[zone].x-kubernetes-validations[0].rule")
        );
        assert!(problem.contains(told), "{text}: {problem}");
    }
    let found = refused(
        "/source/x-kubernetes-validations",
        rule("has(self.nowhere)"),
    )
    .await;
    assert!(
        found[0].1.contains("undefined field 'nowhere'"),
        "{found:?}"
    );
    let found = refused("/free/x-kubernetes-validations", rule("self.any == 1")).await;
    assert!(found[0].1.contains("undefined field 'any'"), "{found:?}");
    let uncorrelated = json!({"type": "array", "items": {
        "type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
    }});
    let found = refused("/list", uncorrelated).await;
    assert!(found[0].1.contains("oldSelf cannot be used"), "{found:?}");
    // Each item of a list that is a map has an earlier value.
    let mut correlated = definition();
    let items = format!("{PROPERTIES}/targets/items");
    correlated.pointer_mut(&items).unwrap()["x-kubernetes-validations"] =
        rule("self.name == oldSelf.name");
    let (status, body) = post(&bed, DEFINITIONS, &correlated).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_structural_is_refused() {
    let bed = Testbed::builder().empty().start().await.unwrap();
    let closed = json!({
        "type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false,
    });
    for (pointer, value, field, told) in [
        (
            "/zone/default",
            json!(7),
            "[zone].default",
            "must be of type string",
        ),
        (
            "/source/default",
            json!({"a": 1}),
            "[source].default",
            "must validate one and only one",
        ),
        (
            "/zone/pattern",
            json!("("),
            "[zone].pattern",
            "regular expression",
        ),
        ("/keep", json!({}), "[keep].type", "Required value"),
        (
            "/keep",
            json!({"type": "array"}),
            "[keep].items",
            "Required value",
        ),
        (
            "/keep/frobnicate",
            json!(1),
            "[keep].frobnicate",
            "Forbidden",
        ),
        (
            "/both",
            closed,
            "[both].additionalProperties",
            "mutual exclusive",
        ),
        (
            "/targets/x-kubernetes-list-map-keys",
            json!(["x"]),
            "list-map-keys",
            "item properties",
        ),
        (
            "/source/oneOf/0/type",
            json!("object"),
            "oneOf[0].type",
            "must be empty to be structural",
        ),
        (
            "/source/oneOf/0/properties",
            json!({"x": {}}),
            "properties[x]",
            "logical junctor",
        ),
    ] {
        let found = refused_definition(&bed, pointer, value).await;
        assert!(found[0].0.ends_with(field), "{pointer}: {found:?}");
        assert!(found[0].1.contains(told), "{pointer}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_is_not_whole_is_refused() {
    let bed = Testbed::builder().empty().start().await.unwrap();
    for (pointer, value, told) in [
        ("/metadata/name", json!("other"), "metadata.name"),
        ("/spec/scope", json!("Galaxy"), "spec.scope"),
        ("/spec/names/kind", json!(""), "spec.names.kind"),
        ("/spec/versions/0/storage", json!(false), "spec.versions"),
        (
            "/spec/versions/0/schema",
            json!({}),
            "spec.versions[0].schema.openAPIV3Schema",
        ),
        (
            "/spec/conversion",
            json!({"strategy": "Webhook"}),
            "spec.conversion.strategy",
        ),
        (
            "/spec/preserveUnknownFields",
            json!(true),
            "spec.preserveUnknownFields",
        ),
        (
            "/spec/versions/0/selectableFields",
            json!([{"jsonPath": ".spec.labels"}]),
            "spec.versions[0].selectableFields[0].jsonPath",
        ),
        (
            "/spec/versions/0/additionalPrinterColumns",
            json!([{"name": "A", "type": "age", "jsonPath": ".x"}]),
            "spec.versions[0].additionalPrinterColumns[0].type",
        ),
    ] {
        let mut definition = definition();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        definition.pointer_mut(parent).unwrap()[name] = value;
        let (status, body) = post(&bed, DEFINITIONS, &definition).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{pointer}: {body}"
        );
        assert_eq!(causes(&body)[0].0, told, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_another_definition_has_are_not_accepted() {
    let bed = bed().await;
    let mut other = definition();
    other["metadata"]["name"] = json!("others.example.com");
    other["spec"]["names"] = json!({"kind": "Other", "plural": "others", "shortNames": ["cr"]});
    let (status, stored) = post(&bed, DEFINITIONS, &other).await;
    assert_eq!(status, StatusCode::CREATED);
    let accepted = &stored["status"]["conditions"][0];
    assert_eq!(
        (&accepted["status"], &accepted["reason"]),
        (&json!("False"), &json!("ShortNamesConflict"))
    );
    let path = JOBS.replace("crons", "others");
    assert_eq!(get(&bed, &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_value_outlives_a_stricter_schema() {
    let bed = bed().await;
    post(
        &bed,
        JOBS,
        &cron("a", &json!({"schedule": "0 0 * * *", "keep": 1})),
    )
    .await;
    let path = format!("{DEFINITIONS}/crons.example.com");
    let stricter = json!([{
        "op": "replace",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/keep/minimum",
        "value": 2,
    }]);
    let (status, body) = patch(&bed, &path, "application/json-patch+json", &stricter).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let object = format!("{JOBS}/a");
    let other = json!({"spec": {"zone": "UTC"}});
    assert_eq!(patch(&bed, &object, MERGE, &other).await.0, StatusCode::OK);
    let same_kind = json!({"spec": {"keep": 0}});
    let (status, _) = patch(&bed, &object, MERGE, &same_kind).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}
