//! The checks and defaults of every write, whichever verb it comes from.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::custom::{self, definition};
use super::metadata;
use super::resources::ResourceType;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::Key;
use crate::clock::seconds;
use crate::web::{Query, Reply};

/// The treatment of fields that a schema doesn't have: the parameter `fieldValidation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Ignored,
    Warned,
    Refused,
}

impl Unknown {
    pub fn parse(query: &Query) -> Result<Self, ApiError> {
        match query.get("fieldValidation") {
            None | Some("" | "Warn") => Ok(Self::Warned),
            Some("Ignore") => Ok(Self::Ignored),
            Some("Strict") => Ok(Self::Refused),
            Some(other) => Err(ApiError::options(
                "fieldValidation",
                &format!(
                    "Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                ),
            )),
        }
    }
}

/// Returns fields as the error of strict decoding, or `None` if there are none.
pub fn strict_error(unknown: &[String]) -> Option<String> {
    let told: Vec<_> = unknown
        .iter()
        .map(|it| format!("unknown field {it:?}"))
        .collect();
    (!told.is_empty()).then(|| format!("strict decoding error: {}", told.join(", ")))
}

/// Removes unknown fields and sets defaults, as decoding does. Returns the paths of the removed fields.
pub fn decode_fields(ty: &ResourceType, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Some(node) = &ty.structural {
        custom::prune_object(node, object, &mut unknown);
        custom::default(node, object);
    }
    unknown
}

/// Adds the warnings about unknown fields to an answer.
pub fn warn(reply: &mut Reply, unknown: &[String]) {
    for field in unknown {
        let text = format!("unknown field {field:?}").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            reply.headers_mut().append(header::WARNING, value);
        }
    }
}

impl ApiServer {
    /// Checks an object that is about to be stored, and sets the fields that its type computes.
    pub(super) fn admit(
        &self,
        ty: &ResourceType,
        name: &str,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<(), ApiError> {
        ty.validate(name, object)?;
        let mut problems = metadata::problems(object);
        problems.extend(match &ty.structural {
            Some(node) => custom::object(node, object, old),
            None => built_in(ty, object),
        });
        if !problems.is_empty() {
            return Err(ApiError::invalid_fields(ty, name, &problems));
        }
        if definition::is_definition(ty) {
            definition::fill(object);
            let parsed = custom::Definition::parse(object)
                .map_err(|problems| ApiError::invalid_fields(ty, name, &problems))?;
            let conflict = parsed.conflict(&self.objects.types());
            definition::establish(object, conflict.as_ref(), &seconds(self.clock.now()));
        }
        Ok(())
    }

    /// Refuses new objects in a namespace that is missing or being deleted.
    pub(super) fn check_namespace(
        &self,
        ty: &ResourceType,
        name: &str,
        namespace: &str,
    ) -> Result<(), ApiError> {
        let key = Key {
            resource: "namespaces".to_owned(),
            namespace: String::new(),
            name: namespace.to_owned(),
        };
        let Some(found) = self.objects.store.get(&key) else {
            return Err(match self.objects.find("", "v1", "namespaces") {
                Some(ty) => ApiError::not_found(&ty, namespace),
                None => ApiError::no_such_resource(),
            });
        };
        if found["metadata"]["deletionTimestamp"].is_null() {
            return Ok(());
        }
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let cause = json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        });
        Err(ApiError::forbidden(ty, Some(name), &why).with_causes(json!([cause])))
    }
}

/// Checks the fields of built-in types that clients of the testbed depend on.
fn built_in(ty: &ResourceType, object: &Value) -> Vec<custom::Problem> {
    let mut problems = Vec::new();
    if ty.group == "coordination.k8s.io" {
        let duration = &object["spec"]["leaseDurationSeconds"];
        if duration.as_i64().is_some_and(|seconds| seconds <= 0) {
            let problem = format!("Invalid value: {duration}: must be greater than 0");
            problems.push(("spec.leaseDurationSeconds".to_owned(), problem));
        }
        let transitions = &object["spec"]["leaseTransitions"];
        if transitions.as_i64().is_some_and(|count| count < 0) {
            let problem =
                format!("Invalid value: {transitions}: must be greater than or equal to 0");
            problems.push(("spec.leaseTransitions".to_owned(), problem));
        }
    }
    problems
}

/// Refuses times that the real server can't decode.
pub fn check_times(ty: &ResourceType, object: &Value) -> Result<(), ApiError> {
    if ty.group != "coordination.k8s.io" {
        return Ok(());
    }
    for field in ["acquireTime", "renewTime"] {
        let Some(text) = object["spec"][field].as_str() else {
            continue;
        };
        if !custom::micro_time(text) {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: parsing time \
                     {quoted:?} as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse {quoted:?}",
                    kind = ty.kind,
                    version = ty.version,
                    quoted = text,
                ),
            ));
        }
    }
    Ok(())
}
