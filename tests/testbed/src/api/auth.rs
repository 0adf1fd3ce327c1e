//! Authentication and authorization of requests.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::objects::Objects;
use super::resources::ResourceType;
use super::status::ApiError;
use crate::access::rbac::{self, Request};
use crate::access::{Tokens, User};
use crate::faults::api::ApiFaults;
use crate::log::Permission;

/// The name of the user that the bearer token of the kubeconfig belongs to.
pub const USER: &str = "testbed";

/// The user of a token, and the one that the user impersonates.
pub struct Caller {
    pub user: User,
    pub impersonated: Option<User>,
}

/// Returns the user of a request. `token` is the one of the kubeconfig.
pub fn authenticate(
    headers: &HeaderMap,
    token: &str,
    tokens: &Tokens,
    faults: &ApiFaults,
) -> Result<Caller, ApiError> {
    let given = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let given = given.map(|(_, value)| value.trim());
    let user = match given {
        Some(given) if given == token => Some(User::named(USER)),
        Some(given) => tokens.user(given),
        None => None,
    };
    let user = user
        .filter(|_| !faults.unauthorized)
        .ok_or_else(ApiError::unauthorized)?;
    let impersonated = headers
        .get("impersonate-user")
        .and_then(|v| v.to_str().ok());
    Ok(Caller {
        user,
        impersonated: impersonated.map(User::named),
    })
}

/// Returns the user to act as. Only a service account needs permission to impersonate another user.
pub fn effective(caller: Caller, objects: &Objects, faults: &ApiFaults) -> Result<User, ApiError> {
    let Some(other) = caller.impersonated else {
        return Ok(caller.user);
    };
    if caller.user.is_bound_by_rbac() {
        let (namespace, resource, name) = match other.account() {
            Some((namespace, name)) => (Some(namespace), "serviceaccounts", name),
            None => (None, "users", other.name.as_str()),
        };
        let mut ty = ResourceType::custom("", "v1", "User", resource);
        ty.namespaced = namespace.is_some();
        let access = Access {
            user: &caller.user,
            verb: "impersonate",
            ty: &ty,
            resource,
            namespace,
            name: Some(name),
        };
        authorize(&access, objects, faults)?;
    }
    Ok(other)
}

/// One request as RBAC sees it.
pub struct Access<'a> {
    pub user: &'a User,
    pub verb: &'a str,
    pub ty: &'a ResourceType,
    /// The resource with its subresource.
    pub resource: &'a str,
    pub namespace: Option<&'a str>,
    pub name: Option<&'a str>,
}

impl Access<'_> {
    /// Returns the permission that the request needs.
    pub fn permission(&self) -> Permission {
        Permission {
            user: self.user.name.clone(),
            verb: self.verb.to_owned(),
            group: self.ty.group.clone(),
            resource: self.resource.to_owned(),
            namespace: self.namespace.map(str::to_owned),
            name: self.name.map(str::to_owned),
        }
    }
}

/// Allows a request that no deny rule covers. For a service account a rule of RBAC must cover it too.
pub fn authorize(access: &Access, objects: &Objects, faults: &ApiFaults) -> Result<(), ApiError> {
    let request = Request {
        verb: access.verb,
        group: &access.ty.group,
        resource: access.resource,
        namespace: access.namespace,
        name: access.name,
    };
    if is_allowed(access.user, &request, objects, faults) {
        return Ok(());
    }
    let scope = match access.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
        access.user.name, access.verb, access.resource, access.ty.group
    );
    Err(ApiError::forbidden(access.ty, access.name, &why))
}

/// Returns whether a user may send a request.
pub fn is_allowed(user: &User, request: &Request, objects: &Objects, faults: &ApiFaults) -> bool {
    !faults.denied(request.verb, request.resource, request.namespace)
        && (!user.is_bound_by_rbac() || rbac::allows(objects, user, request))
}
