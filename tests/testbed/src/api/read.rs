//! The verbs `get` and `list`.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::objects::key;
use super::resources::ResourceType;
use super::route::Target;
use super::selector::Selector;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::{Key, revision_of};
use super::table::{self, Include};
use crate::web::{self, Query, Reply};

/// The form in which a client wants objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Whole,
    Table(Include),
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// Returns the first form that the client accepts and the server has.
    pub fn parse(headers: &HeaderMap, query: &Query) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        let first = accept.unwrap_or_default().split(',').next();
        let first = first.unwrap_or_default();
        if first.contains("as=Table") {
            Self::Table(Include::parse(query.get("includeObject")))
        } else if first.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Whole
        }
    }
}

/// Returns the metadata of an object as an object of its own.
pub fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

/// Returns an object in the version of the type through which it is read.
pub fn versioned(ty: &ResourceType, object: Arc<Value>) -> Arc<Value> {
    let version = ty.api_version();
    if !ty.custom || object["apiVersion"] == version {
        return object;
    }
    let mut object = Value::clone(&object);
    object["apiVersion"] = json!(version);
    Arc::new(object)
}

impl ApiServer {
    pub(super) fn get(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let object = self.seen(&target.ty.qualified(), self.stored(target)?);
        let name = target.name.as_deref().unwrap_or_default();
        self.objects.store.look(&target_key(target, name));
        let include = match Form::parse(headers, query) {
            Form::Whole => return Ok(web::json(StatusCode::OK, &object)),
            Form::Metadata => return Ok(web::json(StatusCode::OK, &partial(&object))),
            Form::Table(include) => include,
        };
        let row = table::row(&target.ty, &object, include, self.clock.now());
        let metadata = json!({"resourceVersion": revision_of(&object)});
        let columns = table::definitions(&target.ty.columns);
        let table = table::table(&metadata, Some(&columns), &[row]);
        Ok(web::json(StatusCode::OK, &table))
    }

    /// Returns the object that a target names.
    pub(super) fn stored(&self, target: &Target) -> Result<Arc<Value>, ApiError> {
        let name = target.name.as_deref().unwrap_or_default();
        let object = self.objects.store.get(&target_key(target, name));
        let object = object.map(|object| versioned(&target.ty, object));
        object.ok_or_else(|| ApiError::not_found(&target.ty, name))
    }

    pub(super) fn list(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let selector = Selector::parse(ty, query.get("labelSelector"), query.get("fieldSelector"))?;
        let given = query.get("continue").filter(|token| !token.is_empty());
        let page = given.map(|token| self.continued(token)).transpose()?;
        let resource = ty.qualified();
        let namespace = target.namespace.as_deref();
        let (revision, all) = match (&page, self.exact(query)?) {
            (Some((revision, _)), _) => {
                let then = self.objects.store.list_at(&resource, namespace, *revision);
                (*revision, then.map_err(|_| expired_page())?)
            }
            (None, Some(revision)) => {
                let then = self.objects.store.list_at(&resource, namespace, revision);
                let then = then.map_err(|too_old| {
                    let oldest = too_old.oldest;
                    let why =
                        format!("The resourceVersion for the provided list is too old: {oldest}");
                    ApiError::expired(why)
                });
                (revision, then?)
            }
            (None, None) => self.objects.store.list(&resource, namespace),
        };
        let mut matching: Vec<_> = all
            .into_iter()
            .map(|(key, object)| {
                let object = self.seen(&resource, versioned(ty, object));
                (key, object)
            })
            .filter(|(_, o)| selector.matches(o))
            .collect();
        if let Some((_, last)) = &page {
            matching.retain(|(key, _)| (&key.namespace, &key.name) > (&last.0, &last.1));
        }
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        let limit = match query.get("limit").filter(|limit| !limit.is_empty()) {
            Some(limit) => limit
                .parse::<usize>()
                .map_err(|error| ApiError::bad_request(format!("limit: {error}")))?,
            None => 0,
        };
        if limit > 0 && matching.len() > limit {
            let remaining = matching.split_off(limit).len();
            metadata["continue"] = json!(token(revision, &matching[limit - 1].0));
            // With a selector the real server doesn't know how many objects remain.
            if selector.is_empty() {
                metadata["remainingItemCount"] = json!(remaining);
            }
        }

        for (key, _) in &matching {
            self.objects.store.look(key);
        }
        let objects = matching.iter().map(|(_, object)| object);
        let form = Form::parse(headers, query);
        if let Form::Table(include) = form {
            let now = self.clock.now();
            let rows: Vec<Value> = objects
                .map(|object| table::row(ty, object, include, now))
                .collect();
            let columns = table::definitions(&ty.columns);
            let table = table::table(&metadata, Some(&columns), &rows);
            return Ok(web::json(StatusCode::OK, &table));
        }
        if form == Form::Metadata {
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": objects.map(|object| partial(object)).collect::<Vec<_>>(),
            });
            return Ok(web::json(StatusCode::OK, &list));
        }
        let list = json!({
            "kind": ty.list_kind(),
            "apiVersion": ty.api_version(),
            "metadata": metadata,
            "items": objects.map(|o| item(ty.custom, o)).collect::<Vec<_>>(),
        });
        Ok(web::json(StatusCode::OK, &list))
    }

    /// Returns the revision of a paged list and the last item of the previous page.
    fn continued(&self, token: &str) -> Result<(u64, (String, String)), ApiError> {
        let invalid = || ApiError::bad_request("continue key is not valid: invalid character");
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| invalid())?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        let revision = token["rv"].as_u64().ok_or_else(invalid)?;
        let start = token["start"].as_str().ok_or_else(invalid)?;
        let (namespace, name) = start.split_once('/').ok_or_else(invalid)?;
        let expired = self.faults.snapshot().api.continue_expired;
        if expired || revision < self.objects.store.compacted_at() {
            return Err(expired_page());
        }
        Ok((revision, (namespace.to_owned(), name.to_owned())))
    }

    /// Returns the revision that a list must have, if the client names one.
    fn exact(&self, query: &Query) -> Result<Option<u64>, ApiError> {
        let named = query.get("resourceVersion").filter(|it| !it.is_empty());
        let matching = query
            .get("resourceVersionMatch")
            .filter(|it| !it.is_empty());
        let Some(named) = named else {
            return match matching {
                None => Ok(None),
                Some(_) => Err(ApiError::options(
                    "resourceVersionMatch",
                    "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                )),
            };
        };
        let revision = parse_revision(named)?;
        self.check_reached(revision)?;
        match matching {
            None | Some("NotOlderThan") => Ok(None),
            Some("Exact") if revision == 0 => Err(ApiError::options(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            )),
            Some("Exact") => Ok(Some(revision)),
            Some(other) => Err(ApiError::options(
                "resourceVersionMatch",
                &format!(
                    "Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
                ),
            )),
        }
    }

    /// Refuses a revision that the cluster hasn't reached.
    pub(super) fn check_reached(&self, revision: u64) -> Result<(), ApiError> {
        let current = self.objects.store.revision();
        if revision <= current {
            return Ok(());
        }
        let message = format!("Too large resource version: {revision}, current: {current}");
        let cause = json!({
            "reason": "ResourceVersionTooLarge", "message": "Too large resource version",
        });
        let error = ApiError::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        Err(error.with_details(json!({"causes": [cause], "retryAfterSeconds": 1})))
    }
}

pub fn parse_revision(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| {
        let problem = format!("Invalid value: {text:?}: strconv.ParseUint: invalid syntax");
        ApiError::options("resourceVersion", &problem)
    })
}

fn expired_page() -> ApiError {
    ApiError::expired(
        "The provided continue parameter is too old to display a consistent list result. You can \
         start a new list without the continue parameter.",
    )
}

/// Removes kind and version, which the items of lists of built-in types do not have.
fn item(custom: bool, object: &Value) -> Value {
    let mut object = object.clone();
    if !custom && let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}

fn token(revision: u64, last: &Key) -> String {
    let token = json!({
        "v": "meta.k8s.io/v1",
        "rv": revision,
        "start": format!("{}/{}", last.namespace, last.name),
    });
    BASE64_URL_SAFE_NO_PAD.encode(token.to_string())
}

/// Returns the key of the object `name` of a target.
pub fn target_key(target: &Target, name: &str) -> Key {
    let namespace = target.namespace.as_deref().unwrap_or_default();
    key(&target.ty.qualified(), namespace, name)
}
