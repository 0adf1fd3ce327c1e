//! The verbs `delete` and `deletecollection`.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::read::target_key;
use super::route::Target;
use super::selector::Selector;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::Key;
use super::write::dry_run;
use crate::clock::seconds;
use crate::web::{self, Query, Reply};

impl ApiServer {
    pub(super) fn delete(
        &self,
        target: &Target,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        if target.subresource.is_some() {
            return Err(ApiError::method_not_allowed());
        }
        let present = self.stored(target)?;
        let name = target.name.as_deref().unwrap_or_default();
        let options: Value = serde_json::from_slice(body).unwrap_or_default();
        let wanted = &options["preconditions"];
        for (wanted, field) in [
            (&wanted["uid"], "uid"),
            (&wanted["resourceVersion"], "resourceVersion"),
        ] {
            if !wanted.is_null() && *wanted != present["metadata"][field] {
                return Err(ApiError::conflict(&target.ty, name));
            }
        }
        if dry_run(query) || options["dryRun"] == json!(["All"]) {
            return Ok(web::json(StatusCode::OK, &present));
        }
        let finished = self.delete_one(&target_key(target, name), &present);
        let answer = match finished {
            Some(object) => Value::clone(&object),
            None => json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {
                    "name": name,
                    "group": target.ty.group,
                    "kind": target.ty.plural,
                    "uid": present["metadata"]["uid"],
                },
            }),
        };
        Ok(web::json(StatusCode::OK, &answer))
    }

    pub(super) fn delete_collection(
        &self,
        target: &Target,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let selector = Selector::parse(ty, query.get("labelSelector"), query.get("fieldSelector"))?;
        let namespace = target.namespace.as_deref();
        let (revision, all) = self.objects.store.list(&ty.qualified(), namespace);
        let gone: Vec<_> = all
            .into_iter()
            .filter(|(_, o)| selector.matches(o))
            .collect();
        for (key, object) in &gone {
            self.delete_one(key, object);
        }
        let list = json!({
            "kind": ty.list_kind(),
            "apiVersion": ty.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
            "items": gone.iter().map(|(_, object)| Value::clone(object)).collect::<Vec<_>>(),
        });
        Ok(web::json(StatusCode::OK, &list))
    }

    /// Removes an object. If finalizers hold the object, it is marked as deleted and returned.
    ///
    /// Pods disappear at once, because the testbed has no kubelet that would end them gracefully.
    fn delete_one(&self, key: &Key, present: &Arc<Value>) -> Option<Arc<Value>> {
        let finalizers = present["metadata"]["finalizers"].as_array();
        if finalizers.is_some_and(|list| !list.is_empty()) {
            let mut object = Value::clone(present);
            if object["metadata"]["deletionTimestamp"].is_null() {
                object["metadata"]["deletionTimestamp"] = json!(seconds(self.clock.now()));
            }
            return self.objects.store.replace(key.clone(), object, None).ok();
        }
        self.remove(key);
        None
    }

    pub(super) fn remove(&self, key: &Key) {
        // If another deletion was faster, the result is the same.
        let _ = self.objects.store.remove(key.clone());
        if key.resource == "namespaces" {
            for inner in self.objects.store.keys_in(&key.name) {
                let _ = self.objects.store.remove(inner);
            }
        }
    }
}
