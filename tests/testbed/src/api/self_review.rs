//! `SelfSubjectReview`: the user's identity for the API server. A review is answered and not stored.

use http::{Method, StatusCode};
use serde_json::json;

use super::auth::{self, Access};
use super::objects::Objects;
use super::resources::ResourceType;
use super::status::ApiError;
use crate::access::User;
use crate::faults::api::ApiFaults;
use crate::web::{self, Reply};

pub const GROUP: &str = "authentication.k8s.io";
pub const PLURAL: &str = "selfsubjectreviews";

/// Answers a review. Every authenticated user may send one, unless a deny rule forbids it.
pub fn answer(
    method: &Method,
    user: &User,
    objects: &Objects,
    faults: &ApiFaults,
) -> Result<Reply, ApiError> {
    if method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let mut ty = ResourceType::custom(GROUP, "v1", "SelfSubjectReview", PLURAL);
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
    let mut info = json!({"username": user.name, "groups": user.groups});
    if let Some(uid) = &user.uid {
        info["uid"] = json!(uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    let review = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": format!("{GROUP}/v1"),
        "metadata": {"creationTimestamp": null},
        "status": {"userInfo": info},
    });
    Ok(web::json(StatusCode::CREATED, &review))
}
