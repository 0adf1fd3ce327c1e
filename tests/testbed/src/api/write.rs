//! The verb `create`, and the common parts of requests that write.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::admission::{self, Unknown};
use super::apply::{self, Author};
use super::auth::Access;
use super::defaults;
use super::metadata;
use super::protobuf_objects;
use super::read::target_key;
use super::resources::ResourceType;
use super::route::Target;
use super::server::{ApiServer, Asker};
use super::status::ApiError;
use crate::clock::seconds;
use crate::web::{self, Query, Reply};

impl ApiServer {
    pub(super) fn create(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        body: &Bytes,
    ) -> Result<Reply, ApiError> {
        if target.name.is_some() {
            return Err(ApiError::method_not_allowed());
        }
        let ty = &target.ty;
        let mut object = decode(ty, headers, body)?;
        let policy = Unknown::parse(query)?;
        let unknown = admission::decode_fields(ty, &mut object);
        if policy == Unknown::Refused {
            refuse_unknown(ty, &unknown)?;
        }
        let author = self.author(target, headers, query, "Update");
        let mut reply = self.insert(target, object, query, Some(&author))?;
        if policy == Unknown::Warned {
            admission::warn(&mut reply, &unknown);
        }
        Ok(reply)
    }

    /// Refuses an owner whose deletion the new object would block, unless the user may set the owner's finalizers. OpenShift
    /// does so, and every cluster with the admission plugin `OwnerReferencesPermissionEnforcement`.
    pub(super) fn check_owners(
        &self,
        target: &Target,
        asker: &Asker,
        body: &Bytes,
    ) -> Result<(), ApiError> {
        if !asker.user.is_bound_by_rbac() {
            return Ok(());
        }
        // A body that can't be read is refused later.
        let object: Value = serde_json::from_slice(body).unwrap_or_default();
        let owners = object["metadata"]["ownerReferences"].as_array();
        let blocked = owners.into_iter().flatten();
        for owner in blocked.filter(|it| it["blockOwnerDeletion"] == true) {
            let types = self.objects.types();
            let ty = types.iter().find(|ty| {
                owner["apiVersion"] == ty.api_version() && owner["kind"] == ty.kind.as_str()
            });
            let Some(ty) = ty else { continue };
            let access = Access {
                user: &asker.user,
                verb: "update",
                ty,
                resource: &format!("{}/finalizers", ty.plural),
                namespace: target.namespace.as_deref().filter(|_| ty.namespaced),
                name: owner["name"].as_str(),
            };
            self.authorize(&access, &asker.entry).map_err(|_| {
                let why = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set \
                           finalizers on: , <nil>";
                ApiError::forbidden(&target.ty, object["metadata"]["name"].as_str(), why)
            })?;
        }
        Ok(())
    }

    /// Stores a new object that has been decoded. Without an author it records its owners itself.
    pub(super) fn insert(
        &self,
        target: &Target,
        mut object: Value,
        query: &Query,
        author: Option<&Author>,
    ) -> Result<Reply, ApiError> {
        let ty = &target.ty;
        let name = name_for(ty, &mut object)?;
        if let Some(namespace) = &target.namespace {
            claim_namespace(&mut object, namespace)?;
            self.check_namespace(ty, &name, namespace)?;
        } else if ty.namespaced {
            return Err(ApiError::method_not_allowed());
        }
        // The server sets these fields itself.
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in [
                "uid",
                "creationTimestamp",
                "generation",
                "resourceVersion",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
            ] {
                metadata.remove(field);
            }
        }
        if ty.status
            && let Some(fields) = object.as_object_mut()
        {
            fields.remove("status");
        }
        self.admit(ty, &name, &mut object, None)?;
        if let Some(author) = author {
            apply::record(ty, None, &mut object, author);
        }
        defaults::fill(ty, &mut object);
        self.objects.stamp(ty, &mut object);
        let key = target_key(target, &name);
        if dry_run(query) {
            if self.objects.store.get(&key).is_some() {
                return Err(ApiError::already_exists(ty, &name));
            }
            return Ok(web::json(StatusCode::CREATED, &object));
        }
        let stored = self.objects.store.insert(key, object);
        let stored = stored.map_err(|_| ApiError::already_exists(ty, &name))?;
        self.follow(ty, &stored)?;
        Ok(web::json(StatusCode::CREATED, &stored))
    }

    /// Registers the types of a definition that has been stored.
    pub(super) fn follow(&self, ty: &ResourceType, stored: &Value) -> Result<(), ApiError> {
        let followed = self.objects.follow(ty, stored);
        followed.map_err(|error| {
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            ApiError::new(code, "InternalError", error.to_string())
        })
    }

    /// Returns the author of a request, by its parameters or by its client.
    pub(super) fn author(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
        operation: &'static str,
    ) -> Author {
        let client = headers.get(header::USER_AGENT);
        let client = client.and_then(|it| it.to_str().ok()).unwrap_or("unknown");
        let client = client.split('/').next().unwrap_or_default();
        let manager = query.get("fieldManager").filter(|it| !it.is_empty());
        Author {
            manager: manager.unwrap_or(client).to_owned(),
            operation,
            subresource: target.subresource.clone().unwrap_or_default(),
            now: seconds(self.clock.now()),
        }
    }
}

/// Returns the error of strict decoding, if there are unknown fields.
pub(super) fn refuse_unknown(ty: &ResourceType, unknown: &[String]) -> Result<(), ApiError> {
    match admission::strict_error(unknown) {
        None => Ok(()),
        Some(why) => Err(ApiError::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: {why}",
            ty.version,
            kind = ty.kind,
        ))),
    }
}

/// Returns the object's name after a check, or a name made from `generateName`.
fn name_for(ty: &ResourceType, object: &mut Value) -> Result<String, ApiError> {
    let given = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut name = given.to_owned();
    if name.is_empty() {
        let Some(prefix) = object["metadata"]["generateName"].as_str() else {
            let problem = "Required value: name or generateName is required";
            return Err(ApiError::invalid(ty, "", "metadata.name", problem));
        };
        name = format!("{prefix}{}", suffix());
        object["metadata"]["name"] = json!(name);
    }
    if is_subdomain(&name) {
        return Ok(name);
    }
    let problem = format!(
        "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case \
         alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
         character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    );
    Err(ApiError::invalid(ty, &name, "metadata.name", &problem))
}

pub(super) fn dry_run(query: &Query) -> bool {
    query.get("dryRun") == Some("All")
}

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let value = value.unwrap_or("application/json");
    value.split(';').next().unwrap_or_default().trim()
}

/// Parses an object of a type from a body.
pub(super) fn decode(
    ty: &ResourceType,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, ApiError> {
    if let Some(object) = protobuf_objects::object(ty, body) {
        return Ok(object);
    }
    let object = match content_type(headers) {
        "application/json" => serde_json::from_slice(body).map_err(|error| error.to_string()),
        "application/yaml" => from_yaml(body),
        _ => {
            let accepted = ["application/json", "application/yaml"];
            return Err(ApiError::unsupported_media_type(&accepted));
        }
    };
    let object: Value = object.map_err(|error| {
        ApiError::bad_request(format!(
            "couldn't get version/kind; json parse error: {error}"
        ))
    })?;
    check_decoded(ty, &object)?;
    Ok(object)
}

pub(super) fn from_yaml(body: &Bytes) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Checks that an object is of a type, and whole.
pub(super) fn check_decoded(ty: &ResourceType, object: &Value) -> Result<(), ApiError> {
    let (kind, version) = (object["kind"].as_str(), object["apiVersion"].as_str());
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        let message = format!("Object 'Kind' is missing in '{object}'");
        return Err(ApiError::bad_request(message));
    };
    let version = version.unwrap_or_default();
    if kind != ty.kind || version != ty.api_version() {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({})",
            ty.api_version()
        )));
    }
    if !object["metadata"].is_object() {
        return Err(ApiError::bad_request("metadata: Required value"));
    }
    metadata::check_types(ty, object)?;
    admission::check_times(ty, object)
}

pub(super) fn claim_namespace(object: &mut Value, namespace: &str) -> Result<(), ApiError> {
    match object["metadata"]["namespace"].as_str() {
        Some(given) if given != namespace && !given.is_empty() => Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
        _ => {
            object["metadata"]["namespace"] = json!(namespace);
            Ok(())
        }
    }
}

pub(super) fn is_subdomain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            label.starts_with(plain)
                && label.ends_with(plain)
                && label.chars().all(|c| plain(c) || c == '-')
        })
}

/// Returns five characters of the alphabet for generated names in Kubernetes.
pub(crate) fn suffix() -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut number = since.map_or(0, |d| u64::from(d.subsec_nanos()) + d.as_secs());
    let mut next = || {
        // The multiplication makes neighbouring nanoseconds yield different names.
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = usize::try_from(number >> 40).unwrap_or(0) % ALPHABET.len();
        char::from(ALPHABET[at])
    };
    std::iter::repeat_with(&mut next).take(5).collect()
}
