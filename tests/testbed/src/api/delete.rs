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
use crate::jobs::deletion::{self, Options};
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
        let policy = query.get("propagationPolicy");
        let options = Options::read(&options, policy, query.get("gracePeriodSeconds"));
        let finished = self.delete_one(&target_key(target, name), options);
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
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let options: Value = serde_json::from_slice(body).unwrap_or_default();
        let policy = query.get("propagationPolicy");
        let options = Options::read(&options, policy, query.get("gracePeriodSeconds"));
        let selector = Selector::parse(ty, query.get("labelSelector"), query.get("fieldSelector"))?;
        let namespace = target.namespace.as_deref();
        let (revision, all) = self.objects.store.list(&ty.qualified(), namespace);
        let gone: Vec<_> = all
            .into_iter()
            .filter(|(_, o)| selector.matches(o))
            .collect();
        for (key, _) in &gone {
            self.delete_one(key, options);
        }
        let list = json!({
            "kind": ty.list_kind(),
            "apiVersion": ty.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
            "items": gone.iter().map(|(_, object)| Value::clone(object)).collect::<Vec<_>>(),
        });
        Ok(web::json(StatusCode::OK, &list))
    }

    /// Removes an object. If finalizers or a kubelet hold the object, it is marked as deleted and returned.
    ///
    /// Pods that no Job controls disappear at once, because no kubelet runs them.
    fn delete_one(&self, key: &Key, options: Options) -> Option<Arc<Value>> {
        let held = deletion::delete(&self.objects, self.clock.now(), key, options);
        if held.is_none() {
            self.remove(key);
        }
        held
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
