//! `metav1.Status`: the error answers of an API server. The texts are those of Kubernetes 1.32.

use http::StatusCode;
use serde_json::{Value, json};

use super::resources::ResourceType;
use crate::web::{self, Reply};

/// An error answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl ApiError {
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn about(mut self, ty: &ResourceType, name: &str) -> Self {
        self.details = Some(if ty.group.is_empty() {
            json!({"name": name, "kind": ty.plural})
        } else {
            json!({"name": name, "group": ty.group, "kind": ty.plural})
        });
        self
    }

    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub fn not_found(ty: &ResourceType, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", ty.qualified());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(ty, name)
    }

    /// Returns the error for a kind or subresource that the server doesn't serve.
    pub fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        let mut error = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        error.details = Some(json!({}));
        error
    }

    pub fn already_exists(ty: &ResourceType, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", ty.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(ty, name)
    }

    pub fn conflict(ty: &ResourceType, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again",
            ty.qualified()
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(ty, name)
    }

    /// Returns RBAC's error. `why` is empty if the server gives no reason.
    pub fn forbidden(ty: &ResourceType, name: Option<&str>, why: &str) -> Self {
        let subject = match name {
            Some(name) => format!("{} \"{name}\"", ty.qualified()),
            None => ty.qualified(),
        };
        let message = format!("{subject} is forbidden: {why}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(ty, name.unwrap_or_default())
    }

    /// Returns a conflict for another reason than a newer version.
    pub fn failed_precondition(ty: &ResourceType, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": Precondition failed: {why}",
            ty.qualified()
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(ty, name)
    }

    /// Returns a validation error in one field.
    pub fn invalid(ty: &ResourceType, name: &str, field: &str, problem: &str) -> Self {
        Self::invalid_fields(ty, name, &[(field.to_owned(), problem.to_owned())])
    }

    /// Returns a validation error in several fields, each with its problem.
    pub fn invalid_fields(ty: &ResourceType, name: &str, problems: &[(String, String)]) -> Self {
        let subject = if ty.group.is_empty() {
            ty.kind.clone()
        } else {
            format!("{}.{}", ty.kind, ty.group)
        };
        let mut error = Self::unprocessable(&subject, name, problems);
        if let Some(details) = &mut error.details {
            details["group"] = json!(ty.group);
            details["kind"] = json!(ty.kind);
        }
        error
    }

    /// Returns an error in the parameters of a request.
    pub fn options(parameter: &str, problem: &str) -> Self {
        let problems = [(parameter.to_owned(), problem.to_owned())];
        Self::unprocessable("ListOptions.meta.k8s.io", "", &problems)
    }

    /// Returns an error in fields of anything.
    pub fn unprocessable(subject: &str, name: &str, problems: &[(String, String)]) -> Self {
        let told: Vec<_> = problems
            .iter()
            .map(|(field, problem)| format!("{field}: {problem}"))
            .collect();
        let told = match &told[..] {
            [one] => one.clone(),
            _ => format!("[{}]", told.join(", ")),
        };
        let message = format!("{subject} \"{name}\" is invalid: {told}");
        let causes: Vec<_> = problems
            .iter()
            .map(|(field, problem)| {
                json!({"reason": reason(problem), "message": problem, "field": field})
            })
            .collect();
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        error.details = Some(json!({"name": name, "causes": causes}));
        error
    }

    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    #[must_use]
    pub fn with_causes(mut self, causes: Value) -> Self {
        self.details.get_or_insert_with(|| json!({}))["causes"] = causes;
        self
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        error.details = Some(json!({}));
        error
    }

    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(code, "UnsupportedMediaType", message)
    }

    /// Returns the `Status` object, for a body or for an `ERROR` event of a watch.
    pub fn object(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }

    pub fn reply(&self) -> Reply {
        web::json(self.code, &self.object())
    }
}

/// Returns the reason of a problem, which its text begins with.
fn reason(problem: &str) -> &'static str {
    match problem.split(':').next().unwrap_or_default() {
        "Required value" => "FieldValueRequired",
        "Unsupported value" => "FieldValueNotSupported",
        "Duplicate value" => "FieldValueDuplicate",
        "Forbidden" => "FieldValueForbidden",
        "Too long" => "FieldValueTooLong",
        "Too many" => "FieldValueTooMany",
        _ if problem.contains(" in body must be of type ") => "FieldValueTypeInvalid",
        _ => "FieldValueInvalid",
    }
}
