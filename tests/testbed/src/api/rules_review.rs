//! `SelfSubjectRulesReview`: everything that the user may do in a namespace. A review is answered and not stored.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::access_review::GROUP;
use super::objects::Objects;
use super::protobuf;
use super::status::ApiError;
use crate::access::{User, rbac};
use crate::web::{self, Reply};

pub const PLURAL: &str = "selfsubjectrulesreviews";

/// Answers a review.
pub fn answer(
    method: &Method,
    user: &User,
    objects: &Objects,
    body: &Bytes,
) -> Result<Reply, ApiError> {
    if method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let mut review = match protobuf::rules_review(body) {
        Some(review) => review,
        None => serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_request(format!("the body is not JSON: {error}")))?,
    };
    let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let rules = if user.is_bound_by_rbac() {
        rbac::rules(objects, user, Some(namespace))
    } else {
        vec![
            json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
            json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
        ]
    };
    let about = |field: &str| -> Vec<&Value> {
        let has = |rule: &&Value| rule[field].as_array().is_some_and(|list| !list.is_empty());
        rules.iter().filter(has).collect()
    };
    let status = json!({
        "incomplete": false,
        "resourceRules": about("resources"),
        "nonResourceRules": about("nonResourceURLs"),
    });
    review["kind"] = json!("SelfSubjectRulesReview");
    review["apiVersion"] = json!(format!("{GROUP}/v1"));
    review["status"] = status;
    Ok(web::json(StatusCode::CREATED, &review))
}
