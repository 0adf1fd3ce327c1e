//! The verbs `get` and `list`.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::objects::key;
use super::route::Target;
use super::selector::Selector;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::{Key, revision_of};
use super::table::{self, Include};
use crate::web::{self, Query, Reply};

/// Returns whether the client prefers tables.
pub fn wants_table(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let first = accept.unwrap_or_default().split(',').next();
    first.unwrap_or_default().contains("as=Table")
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
        if !wants_table(headers) {
            return Ok(web::json(StatusCode::OK, &object));
        }
        let include = Include::parse(query.get("includeObject"));
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
        let (present, all) = self
            .objects
            .store
            .list(&ty.qualified(), target.namespace.as_deref());
        let resource = ty.qualified();
        let mut matching: Vec<_> = all
            .into_iter()
            .map(|(key, object)| (key, self.seen(&resource, object)))
            .filter(|(_, o)| selector.matches(o))
            .collect();

        let mut revision = present;
        if let Some(token) = query.get("continue").filter(|token| !token.is_empty()) {
            let (started, last) = self.continued(token)?;
            revision = started;
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
        if wants_table(headers) {
            let include = Include::parse(query.get("includeObject"));
            let now = self.clock.now();
            let rows: Vec<Value> = objects
                .map(|object| table::row(ty, object, include, now))
                .collect();
            let columns = table::definitions(&ty.columns);
            let table = table::table(&metadata, Some(&columns), &rows);
            return Ok(web::json(StatusCode::OK, &table));
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
            return Err(ApiError::expired(
                "The provided continue parameter is too old to display a consistent list result. \
                 You can start a new list without the continue parameter.",
            ));
        }
        Ok((revision, (namespace.to_owned(), name.to_owned())))
    }
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
