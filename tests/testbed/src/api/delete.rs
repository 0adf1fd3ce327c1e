//! The verbs `delete` and `deletecollection`.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::read::target_key;
use super::route::Target;
use super::selector::Selector;
use super::server::ApiServer;
use super::settle;
use super::status::ApiError;
use super::write::dry_run;
use crate::jobs::deletion::Options;
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
        let policy = query.get("propagationPolicy");
        let policy = policy.or(options["propagationPolicy"].as_str());
        let known = ["Background", "Foreground", "Orphan"];
        if let Some(policy) = policy.filter(|policy| !known.contains(policy)) {
            let problem = format!(
                "Unsupported value: {policy:?}: supported values: \"Background\", \"Foreground\", \
                 \"Orphan\""
            );
            return Err(ApiError::options("propagationPolicy", &problem));
        }
        let wanted = &options["preconditions"];
        for (wanted, field, told) in [
            (&wanted["uid"], "uid", "UID"),
            (
                &wanted["resourceVersion"],
                "resourceVersion",
                "ResourceVersion",
            ),
        ] {
            let there = &present["metadata"][field];
            if let Some(wanted) = wanted.as_str().filter(|wanted| there != wanted) {
                let there = there.as_str().unwrap_or_default();
                let why =
                    format!("{told} in precondition: {wanted}, {told} in object meta: {there}");
                return Err(ApiError::failed_precondition(&target.ty, name, &why));
            }
        }
        if dry_run(query) || options["dryRun"] == json!(["All"]) {
            return Ok(web::json(StatusCode::OK, &present));
        }
        let options = Options::read(&options, policy, query.get("gracePeriodSeconds"));
        let key = target_key(target, name);
        let finished = settle::delete(&self.objects, &self.clock, &key, options);
        settle::settle(&self.objects, &self.clock);
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
            settle::delete(&self.objects, &self.clock, key, options);
        }
        settle::settle(&self.objects, &self.clock);
        let list = json!({
            "kind": ty.list_kind(),
            "apiVersion": ty.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
            "items": gone.iter().map(|(_, object)| Value::clone(object)).collect::<Vec<_>>(),
        });
        Ok(web::json(StatusCode::OK, &list))
    }
}
