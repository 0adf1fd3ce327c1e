//! The rules of `rbac.authorization.k8s.io/v1`, from the objects of the cluster.
//!
//! Aggregated roles and the built-in ones are not made; only discovery and reviews of oneself are always allowed.

use serde_json::{Value, json};

use super::User;
use crate::api::objects::Objects;

pub const GROUP: &str = "rbac.authorization.k8s.io";

/// One request for a resource.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// The resource with its subresource.
    pub resource: &'a str,
    pub namespace: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Returns whether a rule allows the user's request.
pub fn allows(objects: &Objects, user: &User, request: &Request) -> bool {
    rules(objects, user, request.namespace)
        .iter()
        .any(|rule| covers(rule, request))
}

/// Returns whether a rule allows the user's request for a path that is no resource.
pub fn allows_path(objects: &Objects, user: &User, verb: &str, path: &str) -> bool {
    let discovery = [
        "/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz",
    ];
    let always = discovery.iter().any(|prefix| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let is = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    };
    always
        || rules(objects, user, None)
            .iter()
            .any(|rule| has(rule, "verbs", verb) && texts(rule, "nonResourceURLs").any(is))
}

/// Returns every rule for the user in a namespace, or in the cluster.
pub fn rules(objects: &Objects, user: &User, namespace: Option<&str>) -> Vec<Value> {
    let mut found = vec![json!({
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io", "authentication.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"],
    })];
    for binding in objects.list(&format!("clusterrolebindings.{GROUP}"), None) {
        if concerns(&binding, user) {
            found.extend(role(objects, &binding, ""));
        }
    }
    if let Some(namespace) = namespace {
        for binding in objects.list(&format!("rolebindings.{GROUP}"), Some(namespace)) {
            if concerns(&binding, user) {
                found.extend(role(objects, &binding, namespace));
            }
        }
    }
    found
}

/// Returns whether the user is a subject of a binding.
fn concerns(binding: &Value, user: &User) -> bool {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    subjects.into_iter().any(|subject| {
        let name = subject["name"].as_str().unwrap_or_default();
        match subject["kind"].as_str() {
            Some("User") => name == user.name,
            Some("Group") => user.groups.iter().any(|group| group == name),
            Some("ServiceAccount") => {
                // A RoleBinding without one means service accounts of its own namespace.
                let own = binding["metadata"]["namespace"].as_str();
                let namespace = subject["namespace"].as_str().or(own).unwrap_or_default();
                user.account() == Some((namespace, name))
            }
            _ => false,
        }
    })
}

/// Returns the rules of the role that a binding refers to.
fn role(objects: &Objects, binding: &Value, namespace: &str) -> Vec<Value> {
    let name = binding["roleRef"]["name"].as_str().unwrap_or_default();
    let role = if binding["roleRef"]["kind"] == "ClusterRole" {
        objects.get(&format!("clusterroles.{GROUP}"), "", name)
    } else {
        objects.get(&format!("roles.{GROUP}"), namespace, name)
    };
    let rules = role.and_then(|role| role["rules"].as_array().cloned());
    rules.unwrap_or_default()
}

fn texts<'a>(rule: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let list = rule[field].as_array().into_iter().flatten();
    list.filter_map(Value::as_str)
}

fn has(rule: &Value, field: &str, wanted: &str) -> bool {
    texts(rule, field).any(|text| text == "*" || text == wanted)
}

fn covers(rule: &Value, request: &Request) -> bool {
    let any_with_this_subresource = request
        .resource
        .split_once('/')
        .map(|(_, subresource)| format!("*/{subresource}"));
    let resource = has(rule, "resources", request.resource)
        || texts(rule, "resources").any(|text| Some(text) == any_with_this_subresource.as_deref());
    let mut names = texts(rule, "resourceNames").peekable();
    let name = names.peek().is_none() || names.any(|name| Some(name) == request.name);
    has(rule, "verbs", request.verb) && has(rule, "apiGroups", request.group) && resource && name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn objects(subject: &Value, rules: &Value) -> Objects {
        let objects = Objects::new(Clock::system());
        let api_version = format!("{GROUP}/v1");
        for object in [
            json!({
                "apiVersion": api_version, "kind": "Role",
                "metadata": {"name": "r", "namespace": "x"}, "rules": rules,
            }),
            json!({
                "apiVersion": api_version, "kind": "RoleBinding",
                "metadata": {"name": "b", "namespace": "x"}, "subjects": [subject],
                "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "r"},
            }),
        ] {
            objects.put(object).unwrap();
        }
        objects
    }

    fn request<'a>(verb: &'a str, resource: &'a str, name: Option<&'a str>) -> Request<'a> {
        Request {
            verb,
            group: "",
            resource,
            namespace: Some("x"),
            name,
        }
    }

    #[test]
    fn a_rule_covers_its_verbs_resources_and_names() {
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods/log", "*/status"], "verbs": ["get"]},
            {"apiGroups": ["*"], "resources": ["secrets"], "verbs": ["*"], "resourceNames": ["a"]},
        ]);
        let subject = json!({"kind": "ServiceAccount", "namespace": "y", "name": "s"});
        let objects = objects(&subject, &rules);
        let user = User::service_account("y", "s");
        let allowed = |r: &Request| allows(&objects, &user, r);
        assert!(allowed(&request("get", "pods/log", Some("p"))));
        assert!(allowed(&request("get", "jobs/status", Some("p"))));
        assert!(allowed(&request("delete", "secrets", Some("a"))));
        assert!(!allowed(&request("get", "pods", Some("p"))));
        assert!(!allowed(&request("get", "secrets", Some("b"))));
        assert!(!allowed(&request("list", "secrets", None)));
        let elsewhere = Request {
            namespace: Some("y"),
            ..request("get", "pods/log", None)
        };
        assert!(!allowed(&elsewhere));
        let other = User::service_account("x", "s");
        let get = request("get", "pods/log", Some("p"));
        assert!(!allows(&objects, &other, &get));
    }

    #[test]
    fn a_service_account_without_a_namespace_is_of_that_of_the_binding() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
        let subject = json!({"kind": "ServiceAccount", "name": "s"});
        let objects = objects(&subject, &rules);
        let list = request("list", "pods", None);
        let allowed = |namespace| allows(&objects, &User::service_account(namespace, "s"), &list);
        assert!(allowed("x"));
        assert!(!allowed("y"));
    }

    #[test]
    fn a_group_of_service_accounts_is_a_subject() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
        let subject = json!({"kind": "Group", "name": "system:serviceaccounts:y"});
        let objects = objects(&subject, &rules);
        let user = User::service_account("y", "any");
        assert!(allows(&objects, &user, &request("list", "pods", None)));
    }

    #[test]
    fn discovery_is_open_and_other_paths_are_not() {
        let objects = Objects::new(Clock::system());
        let user = User::service_account("y", "s");
        assert!(allows_path(&objects, &user, "get", "/apis/batch/v1"));
        assert!(!allows_path(&objects, &user, "get", "/metrics"));
    }
}
