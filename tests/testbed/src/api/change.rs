//! The verbs `update` and `patch`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::admission::{self, Unknown};
use super::apply::{self, Author};
use super::read::target_key;
use super::resources::ResourceType;
use super::route::Target;
use super::server::ApiServer;
use super::settle;
use super::status::ApiError;
use super::store::{StoreError, revision_of};
use super::write::{
    check_decoded, claim_namespace, content_type, decode, dry_run, from_yaml, refuse_unknown,
};
use super::{defaults, patch, strategic};
use crate::jobs::{self, deletion};
use crate::web::{self, Query, Reply};

const APPLY: &str = "application/apply-patch+yaml";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const PATCH_TYPES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    STRATEGIC,
    APPLY,
];

/// Number of attempts to apply a patch to a newer object; the real server makes the same number.
const PATCH_ATTEMPTS: u32 = 5;

/// The verb of a change. The real server words some refusals by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Update,
    Patch,
    Apply,
}

/// The circumstances of a change.
struct Change<'a> {
    verb: Verb,
    query: &'a Query,
    author: Author,
    /// The revision that the change is based on, if it names one.
    seen: Option<String>,
}

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
        let seen = revision_of(&object).filter(|seen| !seen.is_empty());
        let change = Change {
            verb: Verb::Update,
            query,
            author: self.author(target, headers, query, "Update"),
            seen: seen.map(str::to_owned),
        };
        if change.seen.is_none() && target.ty.custom {
            let name = target.name.as_deref().unwrap_or_default();
            let problem = "Invalid value: 0x0: must be specified for an update";
            return Err(ApiError::invalid(
                &target.ty,
                name,
                "metadata.resourceVersion",
                problem,
            ));
        }
        self.store_change(target, &present, object, &change)
    }

    pub(super) fn patch(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        let kind = content_type(headers);
        let accepted: Vec<&str> = PATCH_TYPES
            .into_iter()
            .filter(|kind| !(target.ty.custom && *kind == STRATEGIC))
            .collect();
        if !accepted.contains(&kind) {
            return Err(ApiError::unsupported_media_type(&accepted));
        }
        if kind == APPLY {
            return self.apply(target, headers, query, body);
        }
        if query.get("force").is_some() {
            let problem = "Forbidden: may not be specified for non-apply patch";
            return Err(patch_options("force", problem));
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
            check_decoded(&target.ty, &object)?;
            // A patch that names a revision is conditional and is not retried.
            let conditional = revision_of(&object) != revision_of(&present);
            let change = Change {
                verb: Verb::Patch,
                query,
                author: self.author(target, headers, query, "Update"),
                seen: revision_of(&object).map(str::to_owned),
            };
            let outcome = self.store_change(target, &present, object, &change);
            let newer = self.stored(target).ok();
            let moved = newer.as_deref().and_then(revision_of) != revision_of(&present);
            match outcome {
                Err(_) if moved && !conditional && attempt < PATCH_ATTEMPTS => {}
                outcome => return outcome,
            }
        }
    }

    /// Applies a configuration: server-side apply.
    fn apply(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = target.name.as_deref().unwrap_or_default();
        if query.get("fieldManager").is_none_or(str::is_empty) {
            let problem = "Required value: is required for apply patch";
            return Err(patch_options("fieldManager", problem));
        }
        let mut config = match serde_json::from_slice(body) {
            Ok(config) => config,
            Err(_) => from_yaml(body)
                .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?,
        };
        check_decoded(ty, &config)?;
        let managed = &config["metadata"]["managedFields"];
        if managed.as_array().is_some_and(|list| !list.is_empty()) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil"));
        }
        if let Some(namespace) = &target.namespace {
            claim_namespace(&mut config, namespace)?;
        }
        if config["metadata"]["name"].is_null() {
            config["metadata"]["name"] = json!(name);
        }
        if let Some(node) = &ty.structural {
            let mut unknown = Vec::new();
            super::custom::prune_object(node, &mut config.clone(), &mut unknown);
            if let Some(first) = unknown.first() {
                let place = match config["metadata"]["namespace"].as_str() {
                    Some(namespace) => format!("{namespace}/{name}"),
                    None => format!("/{name}"),
                };
                let message = format!(
                    "failed to create typed patch object ({place}; {}, Kind={}): .{first}: field not \
                     declared in schema",
                    ty.api_version(),
                    ty.kind
                );
                let code = StatusCode::INTERNAL_SERVER_ERROR;
                return Err(ApiError::new(code, "", message));
            }
        }
        let author = self.author(target, headers, query, "Apply");
        let force = query.flag("force");
        let mut attempt = 0;
        loop {
            attempt += 1;
            let present = match self.stored(target) {
                Ok(present) => present,
                Err(missing) if target.subresource.is_some() => return Err(missing),
                Err(_) => return self.apply_new(target, &config, query, &author),
            };
            let object = apply::apply(ty, Some(&present), &config, &author, force)?;
            let named = revision_of(&config).map(str::to_owned);
            let change = Change {
                verb: Verb::Apply,
                query,
                author: author.clone(),
                seen: named.clone().or(revision_of(&present).map(str::to_owned)),
            };
            let outcome = self.store_change(target, &present, object, &change);
            let newer = self.stored(target).ok();
            let moved = newer.as_deref().and_then(revision_of) != revision_of(&present);
            match outcome {
                Err(_) if moved && named.is_none() && attempt < PATCH_ATTEMPTS => {}
                outcome => return outcome,
            }
        }
    }

    fn apply_new(
        &self,
        target: &Target,
        config: &Value,
        query: &Query,
        author: &Author,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = target.name.as_deref().unwrap_or_default();
        if config["metadata"]["name"] != name {
            return Err(other_name(config, name));
        }
        if let Some(uid) = config["metadata"]["uid"].as_str() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was \
                 found"
            );
            return Err(ApiError::failed_precondition(ty, name, &why));
        }
        let mut object = apply::apply(ty, None, config, author, false)?;
        admission::decode_fields(ty, &mut object);
        let target = Target {
            name: None,
            ..target.clone()
        };
        self.insert(&target, object, query, None)
    }

    /// Stores a changed object, and keeps the fields that the request is not allowed to change.
    fn store_change(
        &self,
        target: &Target,
        present: &Arc<Value>,
        mut object: Value,
        change: &Change<'_>,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = target.name.as_deref().unwrap_or_default();
        check_identity(target, present, &object, change)?;
        let policy = Unknown::parse(change.query)?;
        let unknown = admission::decode_fields(ty, &mut object);
        if policy == Unknown::Refused && !unknown.is_empty() {
            refuse_unknown(ty, &unknown).map_err(|error| match change.verb {
                Verb::Update => error,
                // The real server quotes the whole object here.
                Verb::Patch | Verb::Apply => {
                    let why = admission::strict_error(&unknown).unwrap_or_default();
                    let problem = format!("Invalid value: \"{object}\": {why}");
                    ApiError::unprocessable("", "", &[("patch".to_owned(), problem)])
                }
            })?;
        }
        match target.subresource.as_deref() {
            Some("status") => {
                let status = object["status"].take();
                let managed = object["metadata"]["managedFields"].take();
                object = Value::clone(present);
                set(&mut object, "status", status);
                set(&mut object["metadata"], "managedFields", managed);
            }
            _ if ty.status => {
                let status = present["status"].clone();
                set(&mut object, "status", status);
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
            let kept = present["metadata"][field].clone();
            set(&mut object["metadata"], field, kept);
        }
        check_finalizers(ty, name, present, &object)?;
        defaults::convert(ty, &mut object);
        if ty.qualified() == jobs::JOBS {
            let problems = jobs::defaults::change(present, &mut object);
            if !problems.is_empty() {
                return Err(ApiError::invalid_fields(ty, name, &problems));
            }
        }
        self.admit(ty, name, &mut object, Some(present))?;
        object["kind"] = json!(ty.kind);
        object["apiVersion"] = json!(ty.api_version());
        if ty.generation && content(&object, ty) != content(present, ty) {
            let generation = present["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        if change.verb != Verb::Apply {
            apply::record(ty, Some(present), &mut object, &change.author);
        }
        let mut reply = self.replace(target, present, object, change)?;
        if policy == Unknown::Warned {
            admission::warn(&mut reply, &unknown);
        }
        Ok(reply)
    }

    fn replace(
        &self,
        target: &Target,
        present: &Arc<Value>,
        object: Value,
        change: &Change<'_>,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = target.name.as_deref().unwrap_or_default();
        let seen = change.seen.as_deref();
        if dry_run(change.query) {
            if seen.is_some_and(|seen| revision_of(present) != Some(seen)) {
                return Err(ApiError::conflict(ty, name));
            }
            return Ok(web::json(StatusCode::OK, &object));
        }
        let key = target_key(target, name);
        let stored = self.objects.store.replace(key.clone(), object, seen);
        let stored = stored.map_err(|error| match error {
            StoreError::Stale => ApiError::conflict(ty, name),
            _ => ApiError::not_found(ty, name),
        })?;
        if revision_of(&stored) != revision_of(present) {
            self.follow(ty, &stored)?;
        }
        // The object is being deleted and its last finalizer is gone, so it is removed.
        if deletion::is_due(&stored) {
            settle::delete(
                &self.objects,
                &self.clock,
                &key,
                deletion::Options::default(),
            );
            settle::settle(&self.objects, &self.clock);
        }
        Ok(web::json(StatusCode::OK, &stored))
    }
}

fn patch_options(parameter: &str, problem: &str) -> ApiError {
    let problems = [(parameter.to_owned(), problem.to_owned())];
    ApiError::unprocessable("PatchOptions.meta.k8s.io", "", &problems)
}

/// Sets a field, or removes it for null.
fn set(object: &mut Value, field: &str, value: Value) {
    if !value.is_null() {
        object[field] = value;
    } else if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

fn other_name(object: &Value, name: &str) -> ApiError {
    let given = object["metadata"]["name"].as_str().unwrap_or_default();
    ApiError::bad_request(format!(
        "the name of the object ({given}) does not match the name on the URL ({name})"
    ))
}

/// Checks that a change is about the object that is stored.
fn check_identity(
    target: &Target,
    present: &Value,
    object: &Value,
    change: &Change<'_>,
) -> Result<(), ApiError> {
    let ty = &target.ty;
    let name = target.name.as_deref().unwrap_or_default();
    let given = object["metadata"]["name"].as_str();
    let patched_status = target.subresource.is_some() && change.verb != Verb::Update;
    if given.is_some_and(|given| given != name) && !patched_status {
        if change.verb == Verb::Patch {
            let problem = format!(
                "Invalid value: {:?}: field is immutable",
                given.unwrap_or_default()
            );
            return Err(ApiError::invalid(ty, name, "metadata.name", &problem));
        }
        return Err(other_name(object, name));
    }
    let given = object["metadata"]["uid"].as_str();
    let Some(given) = given.filter(|uid| present["metadata"]["uid"] != *uid) else {
        return Ok(());
    };
    match change.verb {
        // The real server ignores the uid in a patch of the status.
        Verb::Patch | Verb::Apply if target.subresource.is_some() => Ok(()),
        Verb::Patch | Verb::Apply => {
            let problem = format!("Invalid value: {given:?}: field is immutable");
            Err(ApiError::invalid(ty, name, "metadata.uid", &problem))
        }
        Verb::Update => {
            let there = present["metadata"]["uid"].as_str().unwrap_or_default();
            let why = format!("UID in precondition: {given}, UID in object meta: {there}");
            Err(ApiError::failed_precondition(ty, name, &why))
        }
    }
}

/// Refuses new finalizers on an object that is being deleted.
fn check_finalizers(
    ty: &ResourceType,
    name: &str,
    present: &Value,
    object: &Value,
) -> Result<(), ApiError> {
    if present["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let list = |object: &Value| -> Vec<String> {
        let list = object["metadata"]["finalizers"].as_array();
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let before = list(present);
    let new: Vec<String> = list(object)
        .into_iter()
        .filter(|it| !before.contains(it))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = new.iter().map(|it| format!("{it:?}")).collect();
    let problem = format!(
        "Forbidden: no new finalizers can be added if the object is being deleted, found new \
         finalizers []string{{{}}}",
        told.join(", ")
    );
    Err(ApiError::invalid(ty, name, "metadata.finalizers", &problem))
}

/// Returns the part of an object that `metadata.generation` counts. It excludes the metadata and, if it is a
/// subresource, the status.
fn content(object: &Value, ty: &ResourceType) -> Value {
    let mut content = object.clone();
    if let Some(fields) = content.as_object_mut() {
        fields.remove("metadata");
        // The version in which an object was written isn't part of it.
        fields.remove("apiVersion");
        if ty.status {
            fields.remove("status");
        }
    }
    content
}
