//! Custom resources: definitions, schemas, rules, and the status subresource.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use testbed::Testbed;

use crate::support::{api, get, json};

pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub const JOBS: &str = "/apis/example.com/v1/namespaces/x/crons";

/// Returns a definition that uses what an operator's kinds use.
pub fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crons.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Cron", "plural": "crons", "shortNames": ["cr"], "categories": ["all"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.engine"}],
                "additionalPrinterColumns": [
                    {"name": "Engine", "type": "string", "jsonPath": ".spec.engine"},
                    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                ],
                "schema": {"openAPIV3Schema": schema()},
            }],
        },
    })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [
            {"rule": "self.metadata.name.size() <= 10", "message": "the name is too long"},
        ],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["schedule"],
                "properties": {
                    "schedule": {"type": "string", "maxLength": 100, "pattern": "^(\\S+ ){4}\\S+$",
                        "x-kubernetes-validations": [
                            {"rule": "self.split(' ')[0] == '*' || int(self.split(' ')[0]) < 60",
                             "message": "the minute must be below 60"},
                        ]},
                    "zone": {"type": "string", "maxLength": 100, "x-kubernetes-validations": [
                        {"rule": "timestamp('2026-01-01T12:00:00Z').getFullYear(self) >= 2025",
                         "message": "unknown time zone"},
                    ]},
                    "engine": {"type": "string", "enum": ["one", "two"], "default": "one",
                        "x-kubernetes-validations": [
                            {"rule": "self == oldSelf", "message": "the engine is immutable"},
                        ]},
                    "keep": {"type": "integer", "format": "int32", "minimum": 1},
                    "timeout": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [
                        {"rule": "duration(self) >= duration('10s')",
                         "messageExpression": "'at least 10s, not ' + self", "reason": "FieldValueForbidden"},
                    ]},
                    "labels": {"type": "object", "maxProperties": 2,
                        "additionalProperties": {"type": "string"}},
                    "targets": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {
                            "name": {"type": "string"},
                            "port": {"x-kubernetes-int-or-string": true},
                        }}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "source": {"type": "object", "properties": {
                        "here": {"type": "string"}, "there": {"type": "string"},
                    }, "oneOf": [{"required": ["here"]}, {"required": ["there"]}]},
                },
            },
            "status": {
                "type": "object",
                "properties": {
                    "phase": {"type": "string"},
                    "conditions": {"type": "array", "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["type"],
                        "items": {"type": "object", "required": ["type"], "properties": {
                            "type": {"type": "string"}, "status": {"type": "string"},
                        }}},
                },
                "x-kubernetes-validations": [{
                    "rule": "!oldSelf.hasValue() || !['Done'].exists(it, it == oldSelf.?phase.orValue('')) \
                             || self.phase == oldSelf.value().phase",
                    "optionalOldSelf": true, "fieldPath": ".phase",
                    "message": "a terminal phase never changes",
                }],
            },
        },
    })
}

pub fn cron(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Cron", "metadata": {"name": name}, "spec": spec})
}

/// Starts a cluster with the definition and a namespace.
pub async fn bed() -> Testbed {
    let bed = Testbed::builder().empty().start().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}});
    let (status, _) = post(&bed, "/api/v1/namespaces", &namespace).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, body) = post(&bed, DEFINITIONS, &definition()).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    bed
}

pub async fn post(bed: &Testbed, path: &str, object: &Value) -> (StatusCode, Value) {
    json(&api(bed, Request::post(path), &object.to_string()).await)
}

pub async fn patch(bed: &Testbed, path: &str, kind: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::builder().method(Method::PATCH).uri(path);
    let request = request.header("content-type", kind);
    json(&api(bed, request, &body.to_string()).await)
}

pub const MERGE: &str = "application/merge-patch+json";

/// Creates an object that must be refused, and returns the causes by field.
async fn refused(bed: &Testbed, object: &Value) -> Vec<(String, String)> {
    let (status, body) = post(bed, JOBS, object).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(body["reason"], "Invalid");
    causes(&body)
}

pub fn causes(body: &Value) -> Vec<(String, String)> {
    let list = body["details"]["causes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter()
        .map(|cause| (text(&cause["field"]), text(&cause["message"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_defaulted_pruned_and_validated() {
    let bed = bed().await;
    let spec = json!({
        "schedule": "0 0 * * *", "unknown": 1, "free": {"any": [1]},
        "targets": [{"name": "a", "port": 1, "x": 1}],
    });
    let (status, object) = post(&bed, JOBS, &cron("a", &spec)).await;
    assert_eq!(status, StatusCode::CREATED);
    let wanted = json!({
        "schedule": "0 0 * * *", "engine": "one", "free": {"any": [1]},
        "targets": [{"name": "a", "port": 1}],
    });
    assert_eq!(object["spec"], wanted);

    let spec = json!({
        "schedule": "* *", "keep": 0, "engine": "three", "zone": 7,
        "targets": [{"name": "a", "port": true}, {"name": "a"}, {}],
        "labels": {"a": "1", "b": "2", "c": 3}, "source": {},
    });
    let mut found = refused(&bed, &cron("b", &spec)).await;
    found.sort();
    let told: Vec<String> = found
        .iter()
        .map(|(field, it)| format!("{field}: {it}"))
        .collect();
    let blocked = "<nil>: Invalid value: \"null\": some validation rules were not checked because the \
                   object was invalid; correct the existing errors to complete validation";
    let source = "\"spec.source\" must validate one and only one schema (oneOf). Found none valid";
    assert_eq!(
        told,
        [
            blocked,
            "spec.engine: Unsupported value: \"three\": supported values: \"one\", \"two\"",
            "spec.keep: Invalid value: 0: spec.keep in body should be greater than or equal to 1",
            "spec.labels: Too many: 3: must have at most 2 items",
            "spec.labels.c: Invalid value: \"integer\": spec.labels.c in body must be of type string: \
             \"integer\"",
            "spec.schedule: Invalid value: \"* *\": spec.schedule in body should match '^(\\S+ ){4}\\S+$'",
            &format!("spec.source: Invalid value: \"\": {source}"),
            "spec.source.here: Required value",
            "spec.targets[0].port: Invalid value: \"boolean\": spec.targets[0].port in body must be of \
             type integer,string: \"boolean\"",
            "spec.targets[1]: Duplicate value: {\"name\":\"a\"}",
            "spec.targets[2].name: Required value",
            "spec.zone: Invalid value: \"integer\": spec.zone in body must be of type string: \"integer\"",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_an_error_a_warning_or_nothing() {
    let bed = bed().await;
    let object = cron("a", &json!({"schedule": "0 0 * * *", "typo": 1})).to_string();
    let ask = async |policy: &str| {
        let path = format!("{JOBS}?dryRun=All&fieldValidation={policy}");
        api(&bed, Request::post(path), &object).await
    };
    let (status, body) = json(&ask("Strict").await);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let told = "Cron in version \"v1\" cannot be handled as a Cron: strict decoding error: unknown \
                field \"spec.typo\"";
    assert_eq!(body["message"], told);
    let warned = ask("Warn").await;
    assert_eq!(warned.status(), StatusCode::CREATED);
    let warning = warned.headers()["warning"].to_str().unwrap();
    assert_eq!(warning, r#"299 - "unknown field \"spec.typo\"""#);
    assert!(ask("Ignore").await.headers().get("warning").is_none());
    assert_eq!(bed.objects().list("crons.example.com", None).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_judged_with_their_messages_and_fields() {
    let bed = bed().await;
    let with = |field: &str, value: &str| {
        let mut spec = json!({"schedule": "0 0 * * *"});
        spec[field] = json!(value);
        cron("a", &spec)
    };
    for (object, field, told) in [
        (
            with("schedule", "99 0 * * *"),
            "spec.schedule",
            "Invalid value: \"string\": the minute must be below 60",
        ),
        (
            with("schedule", "x 0 * * *"),
            "spec.schedule",
            "Invalid value: \"string\": ",
        ),
        (
            with("zone", "Europe/Berlln"),
            "spec.zone",
            "Invalid value: \"string\": ",
        ),
        (
            with("timeout", "5s"),
            "spec.timeout",
            "Forbidden: at least 10s, not 5s",
        ),
        (
            with("timeout", "1d"),
            "spec.timeout",
            "Invalid value: \"string\": ",
        ),
        (
            cron("much-too-long", &json!({"schedule": "0 0 * * *"})),
            "",
            "Invalid value: \"object\": the name is too long",
        ),
    ] {
        let found = refused(&bed, &object).await;
        let [(place, problem)] = &found[..] else {
            panic!("{object}: {found:?}");
        };
        assert_eq!(place, field, "{object}");
        assert!(problem.starts_with(told), "{problem}");
    }
    let mut good = with("zone", "Europe/Berlin");
    good["spec"]["timeout"] = json!("1m");
    let (status, body) = post(&bed, JOBS, &good).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");

    let change = json!({"spec": {"engine": "two"}});
    let (status, body) = patch(&bed, &format!("{JOBS}/a"), MERGE, &change).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "Cron.example.com \"a\" is invalid: spec.engine: Invalid value: \"string\": the engine is \
                immutable";
    assert_eq!(body["message"], told);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_changes_only_through_its_subresource() {
    let bed = bed().await;
    let mut object = cron("a", &json!({"schedule": "0 0 * * *"}));
    object["status"] = json!({"phase": "Done"});
    let (_, created) = post(&bed, JOBS, &object).await;
    assert!(created["status"].is_null());
    assert_eq!(created["metadata"]["generation"], 1);
    let path = format!("{JOBS}/a");
    let status_path = format!("{path}/status");
    let (_, unchanged) = patch(&bed, &path, MERGE, &json!({"status": {"phase": "Done"}})).await;
    assert_eq!(
        unchanged["metadata"]["resourceVersion"],
        created["metadata"]["resourceVersion"]
    );
    let change = json!({
        "metadata": {"uid": "wrong", "labels": {"a": "b"}},
        "spec": {"keep": 3}, "status": {"phase": "Running", "unknown": 1},
    });
    let (status, changed) = patch(&bed, &status_path, MERGE, &change).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["status"], json!({"phase": "Running"}));
    assert_eq!(changed["metadata"]["generation"], 1);
    assert_eq!(changed["spec"], created["spec"]);
    assert!(changed["metadata"]["labels"].is_null());
    let (_, again) = patch(
        &bed,
        &status_path,
        MERGE,
        &json!({"status": {"phase": "Running"}}),
    )
    .await;
    assert_eq!(
        again["metadata"]["resourceVersion"],
        changed["metadata"]["resourceVersion"]
    );
    let (_, spec) = patch(&bed, &path, MERGE, &json!({"spec": {"keep": 3}})).await;
    assert_eq!(spec["metadata"]["generation"], 2);

    let guarded = json!([
        {"op": "test", "path": "/metadata/uid", "value": "wrong"},
        {"op": "replace", "path": "/status/phase", "value": "Done"},
    ]);
    let (status, _) = patch(&bed, &status_path, "application/json-patch+json", &guarded).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut stale = changed.clone();
    stale["status"]["phase"] = json!("Done");
    let (status, body) = json(&api(&bed, Request::put(&status_path), &stale.to_string()).await);
    assert_eq!(status, StatusCode::CONFLICT);
    let told = "Operation cannot be fulfilled on crons.example.com \"a\": the object has been modified; \
                please apply your changes to the latest version and try again";
    assert_eq!(body["message"], told);
    patch(
        &bed,
        &status_path,
        MERGE,
        &json!({"status": {"phase": "Done"}}),
    )
    .await;
    let (status, body) = patch(
        &bed,
        &status_path,
        MERGE,
        &json!({"status": {"phase": "New"}}),
    )
    .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        causes(&body),
        [(
            "status.phase".to_owned(),
            "Invalid value: \"object\": a terminal phase never changes".to_owned()
        )]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_uid_is_refused_by_the_main_resource() {
    let bed = bed().await;
    let (_, created) = post(&bed, JOBS, &cron("a", &json!({"schedule": "0 0 * * *"}))).await;
    let path = format!("{JOBS}/a");
    let (status, body) = patch(&bed, &path, MERGE, &json!({"metadata": {"uid": "wrong"}})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(causes(&body)[0].0, "metadata.uid");
    let mut other = created.clone();
    other["metadata"]["uid"] = json!("wrong");
    let (status, body) = json(&api(&bed, Request::put(&path), &other.to_string()).await);
    assert_eq!(status, StatusCode::CONFLICT);
    let told = body["message"].as_str().unwrap();
    assert!(
        told.contains("Precondition failed: UID in precondition: wrong"),
        "{told}"
    );
    let options = json!({"preconditions": {"uid": "wrong"}}).to_string();
    let (status, _) = json(&api(&bed, Request::delete(&path), &options).await);
    assert_eq!(status, StatusCode::CONFLICT);
    let policy = format!("{path}?propagationPolicy=Sometimes");
    let (status, _) = json(&api(&bed, Request::delete(&policy), "").await);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let policy = format!("{path}?propagationPolicy=Background");
    let (status, _) = json(&api(&bed, Request::delete(&policy), "").await);
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_being_deleted_takes_no_new_finalizers() {
    let bed = bed().await;
    let mut object = cron("a", &json!({"schedule": "0 0 * * *"}));
    object["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    post(&bed, JOBS, &object).await;
    let path = format!("{JOBS}/a");
    let (_, deleted) = json(&api(&bed, Request::delete(&path), "").await);
    assert_eq!(deleted["metadata"]["generation"], 2);
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    let more = finalizers(json!(["example.com/a", "example.com/b", "example.com/c"]));
    let (status, body) = patch(&bed, &path, MERGE, &more).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(causes(&body)[0].0, "metadata.finalizers");
    let fewer = finalizers(json!(["example.com/b"]));
    assert_eq!(patch(&bed, &path, MERGE, &fewer).await.0, StatusCode::OK);
    assert_eq!(get(&bed, &path).await.0, StatusCode::OK);
    let none = finalizers(json!([]));
    assert_eq!(patch(&bed, &path, MERGE, &none).await.0, StatusCode::OK);
    assert_eq!(get(&bed, &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_checked_on_every_object() {
    let bed = bed().await;
    let mut object = cron("a", &json!({"schedule": "0 0 * * *"}));
    object["metadata"]["labels"] = json!({"schedule": "x".repeat(64)});
    assert_eq!(refused(&bed, &object).await[0].0, "metadata.labels");
    object["metadata"]["labels"] = json!({"count": 1});
    let (status, body) = post(&bed, JOBS, &object).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_answers_with_defaults_and_stores_nothing() {
    let bed = bed().await;
    let object = cron("a", &json!({"schedule": "0 0 * * *"}));
    let path = format!("{JOBS}?dryRun=All");
    let (status, body) = post(&bed, &path, &object).await;
    assert_eq!(
        (status, &body["spec"]["engine"]),
        (StatusCode::CREATED, &json!("one"))
    );
    assert_eq!(
        get(&bed, &format!("{JOBS}/a")).await.0,
        StatusCode::NOT_FOUND
    );
    post(&bed, JOBS, &object).await;
    let (status, body) = post(&bed, &path, &object).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(body["reason"], "AlreadyExists");
    let mut generated = object.clone();
    generated["metadata"] = json!({"generateName": "b-"});
    let (_, body) = post(&bed, JOBS, &generated).await;
    let name = body["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("b-") && name.len() == 7, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_selected_by_the_fields_that_the_definition_names() {
    let bed = bed().await;
    for (name, engine) in [("a", "one"), ("b", "two")] {
        let spec = json!({"schedule": "0 0 * * *", "engine": engine});
        post(&bed, JOBS, &cron(name, &spec)).await;
    }
    let (_, list) = get(&bed, &format!("{JOBS}?fieldSelector=spec.engine%3Dtwo")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["metadata"]["name"], "b");
    let (status, _) = get(&bed, &format!("{JOBS}?fieldSelector=spec.keep%3D1")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
