//! The mapping from requests to resources and verbs.

use std::sync::Arc;

use http::Method;

use super::objects::Objects;
use super::resources::ResourceType;
use super::{access_review, rules_review, self_review};
use crate::web::{Query, decode_path};

/// The meaning of a path.
#[derive(Debug)]
pub enum Route {
    Resource(Target),
    /// The list of groups or of versions: `/api`, `/apis`.
    Groups {
        core: bool,
    },
    /// One group: `/apis/GROUP`.
    Group(String),
    /// The resources of one version: `/api/v1`, `/apis/GROUP/VERSION`.
    Version {
        group: String,
        version: String,
    },
    /// An unknown resource of a version that is served.
    NoSuchResource,
    Health(String),
    ServerVersion,
    /// A review of the user's permissions.
    AccessReview,
    /// A review of everything that the user may do.
    RulesReview,
    /// A review of the user's identity.
    SelfReview,
    OpenApi(String),
    Nowhere,
}

/// A resource: its objects, or one of them.
#[derive(Debug, Clone)]
pub struct Target {
    pub ty: Arc<ResourceType>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl Target {
    /// Returns the verb of the request in RBAC.
    pub fn verb(&self, method: &Method, query: &Query) -> &'static str {
        match (method.as_str(), &self.name) {
            // A connection to a subresource is `create` for POST and `get` for GET.
            ("GET" | "HEAD", Some(_)) => "get",
            ("GET" | "HEAD", None) if query.flag("watch") => "watch",
            ("GET" | "HEAD", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", Some(_)) => "delete",
            ("DELETE", None) => "deletecollection",
            _ => "",
        }
    }

    /// Returns the resource with its subresource, as RBAC rules name it.
    pub fn resource(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.ty.plural),
            None => self.ty.plural.clone(),
        }
    }
}

pub fn route(path: &str, objects: &Objects) -> Route {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(decode_path)
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts[..] {
        ["api"] => Route::Groups { core: true },
        ["apis"] => Route::Groups { core: false },
        ["apis", group] => Route::Group(group.to_owned()),
        ["version"] => Route::ServerVersion,
        ["healthz" | "readyz" | "livez", ..] => Route::Health(parts[0].to_owned()),
        ["apis", access_review::GROUP, "v1", access_review::PLURAL] => Route::AccessReview,
        ["apis", access_review::GROUP, "v1", rules_review::PLURAL] => Route::RulesReview,
        ["apis", self_review::GROUP, "v1", self_review::PLURAL] => Route::SelfReview,
        ["openapi", ..] => Route::OpenApi(parts[1..].join("/")),
        ["api", version, ref rest @ ..] => resource("", version, rest, objects),
        ["apis", group, version, ref rest @ ..] => resource(group, version, rest, objects),
        _ => Route::Nowhere,
    }
}

fn resource(group: &str, version: &str, rest: &[&str], objects: &Objects) -> Route {
    let mut types = objects.types().into_iter();
    if !types.any(|ty| ty.group == group && ty.version == version) {
        return Route::Nowhere;
    }
    let (namespace, rest) = match *rest {
        [] => {
            return Route::Version {
                group: group.to_owned(),
                version: version.to_owned(),
            };
        }
        // `/namespaces/NAME` and its subresources are about the namespace itself.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, ..] => (Some(namespace.to_owned()), &rest[2..]),
        _ => (None, rest),
    };
    let [plural, ref more @ ..] = *rest else {
        return Route::NoSuchResource;
    };
    let Some(ty) = objects.find(group, version, plural) else {
        return Route::NoSuchResource;
    };
    let names_a_namespaced_object = ty.namespaced && namespace.is_none() && !more.is_empty();
    if names_a_namespaced_object || more.len() > 2 || (namespace.is_some() && !ty.namespaced) {
        return Route::NoSuchResource;
    }
    Route::Resource(Target {
        ty,
        namespace,
        name: more.first().map(|&name| name.to_owned()),
        subresource: more.get(1).map(|&name| name.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn target(path: &str) -> Option<(String, Option<String>, Option<String>)> {
        match route(path, &Objects::new(Clock::system())) {
            Route::Resource(target) => Some((target.resource(), target.namespace, target.name)),
            _ => None,
        }
    }

    #[test]
    fn paths_name_resources() {
        let some = |text: &str| Some(text.to_owned());
        let namespace = target("/api/v1/namespaces/x").unwrap();
        assert_eq!(namespace, ("namespaces".to_owned(), None, some("x")));
        let pods = target("/api/v1/namespaces/x/pods").unwrap();
        assert_eq!(pods, ("pods".to_owned(), some("x"), None));
        let forward = target("/api/v1/namespaces/x/pods/p/portforward").unwrap();
        assert_eq!(
            forward,
            ("pods/portforward".to_owned(), some("x"), some("p"))
        );
        let all = target("/apis/apps/v1/statefulsets").unwrap();
        assert_eq!(all, ("statefulsets".to_owned(), None, None));
    }

    #[test]
    fn other_paths_name_none() {
        for path in [
            "/api/v1/pods/x",
            "/apis/nope/v1/things",
            "/api/v1/nopes",
            "/x",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
