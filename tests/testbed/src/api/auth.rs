//! Authentication and authorization of requests.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::resources::ResourceType;
use super::status::ApiError;
use crate::faults::api::ApiFaults;

/// The name of the user that the bearer token belongs to.
pub const USER: &str = "testbed";

/// Returns the user's name. Every user may impersonate others.
pub fn authenticate(
    headers: &HeaderMap,
    token: &str,
    faults: &ApiFaults,
) -> Result<String, ApiError> {
    let given = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    let known = given.is_some_and(|(scheme, value)| {
        scheme.eq_ignore_ascii_case("bearer") && value.trim() == token
    });
    if !known || faults.unauthorized {
        return Err(ApiError::unauthorized());
    }
    let impersonated = headers
        .get("impersonate-user")
        .and_then(|v| v.to_str().ok());
    Ok(impersonated.unwrap_or(USER).to_owned())
}

/// One request as RBAC sees it.
pub struct Access<'a> {
    pub user: &'a str,
    pub verb: &'a str,
    pub ty: &'a ResourceType,
    /// The resource with its subresource.
    pub resource: &'a str,
    pub namespace: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Allows every request that no deny rule covers.
pub fn authorize(access: &Access, faults: &ApiFaults) -> Result<(), ApiError> {
    if !faults.denied(access.verb, access.resource, access.namespace) {
        return Ok(());
    }
    let scope = match access.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
        access.user, access.verb, access.resource, access.ty.group
    );
    Err(ApiError::forbidden(access.ty, access.name, &why))
}
