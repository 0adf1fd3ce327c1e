//! `SelfSubjectAccessReview`: the permissions of the user. A review is answered and not stored.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::auth::{self, Access};
use super::objects::Objects;
use super::protobuf;
use super::resources::ResourceType;
use super::status::ApiError;
use crate::access::User;
use crate::access::rbac::{self, Request};
use crate::faults::api::ApiFaults;
use crate::web::{self, Reply};

pub const GROUP: &str = "authorization.k8s.io";
pub const PLURAL: &str = "selfsubjectaccessreviews";

/// Answers a review. Every authenticated user may send one, unless a deny rule forbids it.
pub fn answer(
    method: &Method,
    user: &User,
    objects: &Objects,
    faults: &ApiFaults,
    body: &Bytes,
) -> Result<Reply, ApiError> {
    if method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let mut ty = ResourceType::custom(GROUP, "v1", "SelfSubjectAccessReview", PLURAL);
    ty.namespaced = false;
    auth::authorize(
        &Access {
            user,
            verb: "create",
            ty: &ty,
            resource: PLURAL,
            namespace: None,
            name: None,
        },
        objects,
        faults,
    )?;
    let mut review = match protobuf::access_review(body) {
        Some(review) => review,
        None => serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_request(format!("the body is not JSON: {error}")))?,
    };
    let allowed = match (
        &review["spec"]["resourceAttributes"],
        &review["spec"]["nonResourceAttributes"],
    ) {
        (Value::Object(_), Value::Object(_)) | (Value::Null, Value::Null) => {
            let problem = "Invalid value: exactly one of nonResourceAttributes or \
                           resourceAttributes must be specified";
            return Err(ApiError::invalid(&ty, "", "spec", problem));
        }
        (Value::Null, asked) => {
            let text = |name: &str| asked[name].as_str().unwrap_or_default();
            !user.is_bound_by_rbac() || rbac::allows_path(objects, user, text("verb"), text("path"))
        }
        (asked, _) => is_allowed(asked, user, objects, faults),
    };
    review["kind"] = json!("SelfSubjectAccessReview");
    review["apiVersion"] = json!(format!("{GROUP}/v1"));
    review["status"] = if allowed {
        json!({"allowed": true, "reason": "RBAC: allowed by RoleBinding \"testbed\""})
    } else {
        json!({"allowed": false})
    };
    Ok(web::json(StatusCode::CREATED, &review))
}

fn is_allowed(asked: &Value, user: &User, objects: &Objects, faults: &ApiFaults) -> bool {
    let text = |name: &str| asked[name].as_str().filter(|text| !text.is_empty());
    let resource = text("resource").unwrap_or_default();
    let resource = match text("subresource") {
        Some(subresource) => format!("{resource}/{subresource}"),
        None => resource.to_owned(),
    };
    let request = Request {
        verb: text("verb").unwrap_or_default(),
        group: text("group").unwrap_or_default(),
        resource: &resource,
        namespace: text("namespace"),
        name: text("name"),
    };
    auth::is_allowed(user, &request, objects, faults)
}
