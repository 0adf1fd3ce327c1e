//! The verbs `update` and `patch`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::read::target_key;
use super::resources::ResourceType;
use super::route::Target;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::{StoreError, revision_of};
use super::write::{claim_namespace, content_type, decode, dry_run};
use super::{patch, strategic};
use crate::jobs::{self, deletion};
use crate::web::{self, Query, Reply};

const PATCH_TYPES: [&str; 3] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// Number of attempts to apply a patch to a newer object; the real server makes the same number.
const PATCH_ATTEMPTS: u32 = 5;

impl ApiServer {
    pub(super) fn update(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        let present = self.stored(target)?;
        let mut object = decode(&target.ty, headers, body)?;
        if let Some(namespace) = &target.namespace {
            claim_namespace(&mut object, namespace)?;
        }
        let seen = revision_of(&object).map(str::to_owned);
        if seen.is_none() && target.ty.custom {
            let name = target.name.as_deref().unwrap_or_default();
            let problem = "Invalid value: 0x0: must be specified for an update";
            return Err(ApiError::invalid(
                &target.ty,
                name,
                "metadata.resourceVersion",
                problem,
            ));
        }
        self.store_change(target, &present, object, seen.as_deref(), query)
    }

    pub(super) fn patch(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        let kind = content_type(headers);
        let known = PATCH_TYPES.contains(&kind) && !(target.ty.custom && kind == PATCH_TYPES[2]);
        if !known {
            let accepted = if target.ty.custom {
                &PATCH_TYPES[..2]
            } else {
                &PATCH_TYPES[..]
            };
            return Err(ApiError::unsupported_media_type(accepted));
        }
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let present = self.stored(target)?;
            let mut object = Value::clone(&present);
            match kind {
                "application/merge-patch+json" => json_patch::merge(&mut object, &body),
                "application/json-patch+json" => {
                    patch::json_patch(&mut object, &body).map_err(|why| {
                        let message = format!(
                            "the server rejected our request due to an error in our request: {why}"
                        );
                        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
                    })?;
                }
                _ => strategic::merge(&mut object, &body),
            }
            // A patch that names a revision is conditional and is not retried.
            let conditional = revision_of(&object) != revision_of(&present);
            let seen = revision_of(&object).map(str::to_owned);
            let outcome = self.store_change(target, &present, object, seen.as_deref(), query);
            let newer = self.stored(target).ok();
            let moved = newer.as_deref().and_then(revision_of) != revision_of(&present);
            match outcome {
                Err(_) if moved && !conditional && attempt < PATCH_ATTEMPTS => {}
                outcome => return outcome,
            }
        }
    }

    /// Stores a changed object, and keeps the fields that the request is not allowed to change.
    fn store_change(
        &self,
        target: &Target,
        present: &Arc<Value>,
        mut object: Value,
        seen: Option<&str>,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = target.name.as_deref().unwrap_or_default();
        let given = object["metadata"]["name"].as_str();
        if given.is_some_and(|given| given != name) {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                given.unwrap_or_default()
            )));
        }
        let given = object["metadata"]["uid"].as_str();
        if given.is_some_and(|uid| present["metadata"]["uid"] != uid) {
            return Err(ApiError::conflict(ty, name));
        }
        match target.subresource.as_deref() {
            Some("status") => {
                let status = object["status"].take();
                object = Value::clone(present);
                object["status"] = status;
            }
            _ if ty.status => {
                if present["status"].is_null() {
                    object.as_object_mut().and_then(|o| o.remove("status"));
                } else {
                    object["status"] = present["status"].clone();
                }
            }
            _ => {}
        }
        for field in [
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "resourceVersion",
            "namespace",
            "name",
        ] {
            let kept = &present["metadata"][field];
            if kept.is_null() {
                object["metadata"]
                    .as_object_mut()
                    .and_then(|o| o.remove(field));
            } else {
                object["metadata"][field] = kept.clone();
            }
        }
        if ty.qualified() == jobs::JOBS {
            let problems = jobs::defaults::change(present, &mut object);
            if !problems.is_empty() {
                return Err(ApiError::invalid_fields(ty, name, &problems));
            }
        }
        ty.validate(name, &object)?;
        object["kind"] = json!(ty.kind);
        object["apiVersion"] = json!(ty.api_version());
        if ty.generation && content(&object, ty) != content(present, ty) {
            let generation = present["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        if dry_run(query) {
            return Ok(web::json(StatusCode::OK, &object));
        }
        let key = target_key(target, name);
        let stored = self.objects.store.replace(key.clone(), object, seen);
        let stored = stored.map_err(|error| match error {
            StoreError::Stale => ApiError::conflict(ty, name),
            _ => ApiError::not_found(ty, name),
        })?;
        // The object is being deleted and its last finalizer is gone, so it is removed.
        if deletion::is_due(&stored) {
            self.remove(&key);
        }
        Ok(web::json(StatusCode::OK, &stored))
    }
}

/// Returns the part of an object that `metadata.generation` counts. It excludes the metadata and, if it is a
/// subresource, the status.
fn content(object: &Value, ty: &ResourceType) -> Value {
    let mut content = object.clone();
    if let Some(fields) = content.as_object_mut() {
        fields.remove("metadata");
        if ty.status {
            fields.remove("status");
        }
    }
    content
}
