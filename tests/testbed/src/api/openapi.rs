//! The part of `OpenAPI` that stock `kubectl create -f` and `kubectl explain` need.
//!
//! kubectl validates on the client unless the description of the resource's PATCH has a parameter
//! `fieldValidation`; then it leaves validation to the server. The paths are therefore described. Custom resources have
//! the schemas of their definitions, and the schemas of other types are open.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::resources::ResourceType;
use crate::web::{self, Reply};

/// Answers `/openapi/...`. Returns `None` for paths that the real server does not have.
pub fn answer(types: &[Arc<ResourceType>], path: &str) -> Option<Reply> {
    if path == "v2" {
        // Old clients may ask for this version; its document contains no schemas.
        let document = json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "v1.32.4"},
            "paths": {},
            "definitions": {},
        });
        return Some(web::json(StatusCode::OK, &document));
    }
    let rest = path.strip_prefix("v3")?;
    let mut versions: Vec<String> = types.iter().map(|ty| base(ty)).collect();
    versions.dedup();
    if rest.is_empty() {
        let paths: Map<String, Value> = versions
            .into_iter()
            .map(|base| {
                let url = format!("/openapi/v3/{base}?hash=TESTBED");
                (base, json!({"serverRelativeURL": url}))
            })
            .collect();
        return Some(web::json(StatusCode::OK, &json!({"paths": paths})));
    }
    let wanted = rest.strip_prefix('/')?;
    versions.iter().find(|base| *base == wanted)?;
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for ty in types.iter().filter(|ty| base(ty) == wanted) {
        let kind = json!({"group": ty.group, "version": ty.version, "kind": ty.kind});
        let scope = if ty.namespaced {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let path = format!("/{wanted}/{scope}{}/{{name}}", ty.plural);
        paths.insert(path, described(&kind));
        schemas.insert(format!("io.testbed.{}", ty.kind), schema(ty, &kind));
    }
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.4"},
        "paths": paths,
        "components": {"schemas": schemas},
    });
    Some(web::json(StatusCode::OK, &document))
}

/// Returns the description of a type.
fn schema(ty: &ResourceType, kind: &Value) -> Value {
    let mut schema = match &ty.described {
        Some(described) => Value::clone(described),
        None => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    };
    if ty.described.is_some() {
        // The server describes these itself, whatever the definition says.
        for field in ["apiVersion", "kind"] {
            schema["properties"][field] = json!({"type": "string"});
        }
        schema["properties"]["metadata"] = json!({"type": "object"});
    }
    schema["x-kubernetes-group-version-kind"] = json!([kind]);
    schema
}

fn base(ty: &ResourceType) -> String {
    let root = if ty.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", ty.api_version())
}

fn described(kind: &Value) -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    json!({
        "patch": {
            "parameters": [parameter("dryRun"), parameter("fieldValidation")],
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": kind,
            "responses": {"200": {"description": "OK"}},
        },
    })
}
