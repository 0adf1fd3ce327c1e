//! Discovery of groups, versions and resources, in the old and in the aggregated form.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::resources::ResourceType;
use crate::web::{self, Reply};

type Types = [Arc<ResourceType>];

/// Returns the groups of a list of types with their versions, in order.
fn groups(types: &Types, core: bool) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for ty in types.iter().filter(|ty| ty.group.is_empty() == core) {
        let at = groups.iter().position(|(name, _)| *name == ty.group);
        let at = at.unwrap_or_else(|| {
            groups.push((ty.group.clone(), Vec::new()));
            groups.len() - 1
        });
        if !groups[at].1.contains(&ty.version) {
            groups[at].1.push(ty.version.clone());
        }
    }
    groups
}

/// Answers `/api` and `/apis`.
pub fn root(types: &Types, core: bool, address: &str, headers: &HeaderMap) -> Reply {
    if let Some(content_type) = aggregated(headers) {
        let items: Vec<Value> = groups(types, core)
            .iter()
            .map(|(group, versions)| aggregated_group(types, group, versions))
            .collect();
        let list = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        });
        let mut reply = web::json(StatusCode::OK, &list);
        let value = HeaderValue::from_static(content_type);
        reply.headers_mut().insert(header::CONTENT_TYPE, value);
        return reply;
    }
    let answer = if core {
        json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        })
    } else {
        let groups = groups(types, false);
        json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": groups.iter().map(|(g, v)| api_group(g, v)).collect::<Vec<_>>(),
        })
    };
    web::json(StatusCode::OK, &answer)
}

/// Returns the content type of the aggregated form, if the client asks for it.
fn aggregated(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    accept
        .split(',')
        .any(|part| part.contains("as=APIGroupDiscoveryList") && part.contains("v=v2;"))
        .then_some("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
}

fn api_group(group: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions[0]})
}

/// Answers `/apis/GROUP`.
pub fn group(types: &Types, name: &str) -> Option<Reply> {
    let groups = groups(types, false);
    let (group, versions) = groups.iter().find(|(group, _)| group == name)?;
    let mut answer = api_group(group, versions);
    answer["kind"] = json!("APIGroup");
    answer["apiVersion"] = json!("v1");
    Some(web::json(StatusCode::OK, &answer))
}

/// Answers `/api/v1` and `/apis/GROUP/VERSION`.
pub fn version(types: &Types, group: &str, version: &str) -> Reply {
    let mut resources = Vec::new();
    for ty in of_version(types, group, version) {
        resources.push(json!({
            "name": ty.plural,
            "singularName": ty.singular,
            "namespaced": ty.namespaced,
            "kind": ty.kind,
            "verbs": ResourceType::VERBS,
            "shortNames": ty.short_names,
            "categories": ty.categories,
        }));
        for (name, kind, verbs) in ty.subresources() {
            resources.push(json!({
                "name": format!("{}/{name}", ty.plural),
                "singularName": "",
                "namespaced": ty.namespaced,
                "kind": kind,
                "verbs": verbs,
            }));
        }
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let answer = json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    });
    web::json(StatusCode::OK, &answer)
}

fn of_version<'a>(
    types: &'a Types,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Arc<ResourceType>> {
    types
        .iter()
        .filter(move |ty| ty.group == group && ty.version == version)
}

fn aggregated_group(types: &Types, group: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| {
            let resources: Vec<Value> = of_version(types, group, version)
                .map(|ty| aggregated_resource(ty))
                .collect();
            json!({"version": version, "freshness": "Current", "resources": resources})
        })
        .collect();
    // The core group has no name.
    let metadata = if group.is_empty() {
        json!({"creationTimestamp": null})
    } else {
        json!({"name": group, "creationTimestamp": null})
    };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(ty: &ResourceType) -> Value {
    let response_kind =
        |kind: &str| json!({"group": ty.group, "version": ty.version, "kind": kind});
    let subresources: Vec<Value> = ty
        .subresources()
        .iter()
        .map(|(name, kind, verbs)| {
            json!({"subresource": name, "responseKind": response_kind(kind), "verbs": verbs})
        })
        .collect();
    json!({
        "resource": ty.plural,
        "responseKind": response_kind(&ty.kind),
        "scope": if ty.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": ty.singular,
        "verbs": ResourceType::VERBS,
        "shortNames": ty.short_names,
        "categories": ty.categories,
        "subresources": subresources,
    })
}
