//! The operations on objects.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::State;
use super::object::{Object, selected};
use crate::web::{Query, Reply, decode_path, json as reply, reply as bytes_reply};

/// The largest page.
const MAX_PAGE: usize = 1000;

/// A request.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) route: Route,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The object or the bucket of a request.
#[derive(Clone, Debug)]
pub(super) enum Route {
    Bucket(String),
    Object(String, String),
    Rewrite([String; 4]),
    Upload(String),
}

/// Returns an error response.
pub(super) fn refusal(status: u16, reason: &str, message: &str) -> Reply {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let one = json!({"message": message, "domain": "global", "reason": reason});
    reply(
        code,
        &json!({"error": {"code": status, "message": message, "errors": [one]}}),
    )
}

impl Call {
    pub(super) fn new(head: Parts, body: Bytes) -> Option<Self> {
        // The names may have encoded slashes.
        let path: Vec<_> = head.uri.path().split('/').skip(1).collect();
        let text = |part: &str| decode_path(part);
        let route = match path.as_slice() {
            ["storage", "v1", "b", bucket, "o"] => Route::Bucket(text(bucket)),
            // Google's own clients read bytes below another path.
            ["storage", "v1", "b", bucket, "o", name]
            | ["download", "storage", "v1", "b", bucket, "o", name] => {
                Route::Object(text(bucket), text(name))
            }
            [
                "storage",
                "v1",
                "b",
                bucket,
                "o",
                name,
                "rewriteTo",
                "b",
                to,
                "o",
                as_name,
            ] => Route::Rewrite([text(bucket), text(name), text(to), text(as_name)]),
            ["upload", "storage", "v1", "b", bucket, "o"] => Route::Upload(text(bucket)),
            _ => return None,
        };
        Some(Self {
            query: Query::parse(head.uri.query()),
            method: head.method,
            route,
            headers: head.headers,
            body,
        })
    }

    pub(super) fn is_in_session(&self) -> bool {
        self.query.get("upload_id").is_some()
    }

    pub(super) fn operation(&self) -> &'static str {
        let is = |method: Method| self.method == method;
        match &self.route {
            Route::Bucket(_) if is(Method::GET) => "list",
            Route::Object(..) if is(Method::GET) && self.query.get("alt") == Some("media") => {
                "media"
            }
            Route::Object(..) if is(Method::GET) => "get",
            Route::Object(..) if is(Method::DELETE) => "delete",
            Route::Rewrite(_) if is(Method::POST) => "rewrite",
            Route::Upload(_) if is(Method::PUT) && self.is_in_session() => "piece",
            Route::Upload(_) if is(Method::DELETE) && self.is_in_session() => "cancel",
            Route::Upload(_)
                if is(Method::POST) && self.query.get("uploadType") == Some("resumable") =>
            {
                "begin"
            }
            Route::Upload(_) if is(Method::POST) => "insert",
            _ => "unknown",
        }
    }

    pub(super) fn resource(&self) -> String {
        match &self.route {
            Route::Bucket(bucket) => {
                format!("{bucket}/{}", self.query.get("prefix").unwrap_or_default())
            }
            Route::Upload(bucket) => {
                format!("{bucket}/{}", self.query.get("name").unwrap_or_default())
            }
            Route::Object(bucket, name) | Route::Rewrite([_, _, bucket, name]) => {
                format!("{bucket}/{name}")
            }
        }
    }

    /// Returns a number of the query.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.query.get(name)?.parse().ok()
    }

    /// Returns a success with the wanted fields of a document.
    pub(super) fn found(&self, document: &Value) -> Reply {
        let document = selected(document, self.query.get("fields"));
        reply(StatusCode::OK, &document)
    }
}

/// A refusal, as a reply.
pub(super) type Outcome = Result<Reply, Box<Reply>>;

pub(super) fn refused<T>(status: u16, reason: &str, message: &str) -> Result<T, Box<Reply>> {
    Err(Box::new(refusal(status, reason, message)))
}

impl State {
    pub(super) fn carry_out(&mut self, call: &Call) -> Reply {
        let outcome = match (call.operation(), &call.route) {
            ("list", Route::Bucket(bucket)) => self.list(call, bucket),
            ("media", Route::Object(bucket, name)) => self.media(call, bucket, name),
            ("get", Route::Object(bucket, name)) => self.get(call, bucket, name),
            ("delete", Route::Object(bucket, name)) => self.delete(call, bucket, name),
            ("rewrite", Route::Rewrite(places)) => self.rewrite(call, places),
            ("insert", Route::Upload(bucket)) => self.insert(call, bucket),
            ("begin", Route::Upload(bucket)) => self.begin(call, bucket),
            ("piece", _) => self.piece(call),
            ("cancel", _) => self.cancel(call),
            _ => refused(405, "methodNotAllowed", "Method Not Allowed"),
        };
        outcome.unwrap_or_else(|refusal| *refusal)
    }

    /// Fails if a permission is denied, or if there is no such bucket.
    pub(super) fn check(&self, permission: &str, bucket: &str) -> Result<(), Box<Reply>> {
        let is_denied = |(name, of): &(String, String)| name == permission && of == bucket;
        if self.denied.iter().any(is_denied) {
            let message = format!(
                "tests@tests.iam.gserviceaccount.com does not have {permission} access to {bucket}."
            );
            return refused(403, "forbidden", &message);
        }
        if !self.buckets.contains_key(bucket) {
            return refused(404, "notFound", "The specified bucket does not exist.");
        }
        Ok(())
    }

    pub(super) fn found(&self, bucket: &str, name: &str) -> Result<&Object, Box<Reply>> {
        match self.find(bucket, name) {
            Some(object) => Ok(object),
            None => refused(404, "notFound", &format!("No such object: {bucket}/{name}")),
        }
    }

    /// Fails if an object has another generation than the request demands.
    pub(super) fn check_generation(
        &self,
        wanted: Option<u64>,
        bucket: &str,
        name: &str,
    ) -> Result<(), Box<Reply>> {
        let current = self.find(bucket, name).map_or(0, |it| it.generation);
        match wanted {
            Some(wanted) if wanted != current => refused(
                412,
                "conditionNotMet",
                "At least one of the pre-conditions you specified did not hold.",
            ),
            _ => Ok(()),
        }
    }

    fn list(&self, call: &Call, bucket: &str) -> Outcome {
        self.check("storage.objects.list", bucket)?;
        let prefix = call.query.get("prefix").unwrap_or_default();
        let delimiter = call.query.get("delimiter");
        let after = match call.query.get("pageToken") {
            None => None,
            Some(token) => match token.strip_prefix("after:") {
                Some(name) => Some(name),
                None => return refused(400, "invalid", "Invalid argument."),
            },
        };
        let most = call.number("maxResults").unwrap_or(1000);
        let most = usize::try_from(most).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let most = self.page.unwrap_or(MAX_PAGE).min(most);
        let (mut items, mut prefixes) = (Vec::new(), Vec::new());
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next = None;
        let objects = self.buckets.get(bucket).into_iter().flatten();
        for (name, object) in objects.filter(|(name, _)| name.starts_with(prefix)) {
            let end = delimiter.and_then(|it| Some(name[prefix.len()..].find(it)? + it.len()));
            let entry = end.map_or(name.as_str(), |end| &name[..prefix.len() + end]);
            if after.is_some_and(|after| entry <= after) || seen.contains(entry) {
                continue;
            }
            if seen.len() == most {
                next = seen.last().map(|last| format!("after:{last}"));
                break;
            }
            seen.insert(entry);
            match end {
                Some(_) => prefixes.push(entry),
                None => items.push(object.resource(bucket, name)),
            }
        }
        let mut page = json!({"kind": "storage#objects"});
        // Empty lists are left out.
        if !items.is_empty() {
            page["items"] = json!(items);
        }
        if !prefixes.is_empty() {
            page["prefixes"] = json!(prefixes);
        }
        if let Some(next) = next {
            page["nextPageToken"] = json!(next);
        }
        Ok(call.found(&page))
    }

    fn get(&self, call: &Call, bucket: &str, name: &str) -> Outcome {
        self.check("storage.objects.get", bucket)?;
        let object = self.found(bucket, name)?;
        Ok(call.found(&object.resource(bucket, name)))
    }

    fn media(&self, call: &Call, bucket: &str, name: &str) -> Outcome {
        self.check("storage.objects.get", bucket)?;
        let object = self.found(bucket, name)?;
        self.check_generation(call.number("ifGenerationMatch"), bucket, name)?;
        let length = object.bytes.len();
        let range = call.headers.get(header::RANGE);
        let range = range.and_then(|it| it.to_str().ok()?.strip_prefix("bytes="));
        let range = range.and_then(|it| {
            let (first, last) = it.split_once('-')?;
            let last = last.parse::<usize>().map_or(length, |last| last + 1);
            Some((first.parse::<usize>().ok()?, last.min(length)))
        });
        let kind = "application/octet-stream";
        let mut reply = match range {
            Some((first, end)) if first >= end => {
                return refused(416, "requestedRangeNotSatisfiable", "Range Not Satisfiable");
            }
            Some((first, end)) => {
                let part = object.bytes.slice(first..end);
                let mut reply = bytes_reply(StatusCode::PARTIAL_CONTENT, kind, part);
                let range = format!("bytes {first}-{}/{length}", end - 1);
                set(&mut reply, "content-range", &range);
                reply
            }
            None => bytes_reply(StatusCode::OK, kind, object.bytes.clone()),
        };
        let generation = object.generation.to_string();
        set(&mut reply, "x-goog-generation", &generation);
        set(&mut reply, "etag", &format!("{generation}/1"));
        set(&mut reply, "x-goog-hash", &object.hashes());
        Ok(reply)
    }

    fn delete(&mut self, call: &Call, bucket: &str, name: &str) -> Outcome {
        self.check("storage.objects.delete", bucket)?;
        self.found(bucket, name)?;
        self.check_generation(call.number("ifGenerationMatch"), bucket, name)?;
        if let Some(objects) = self.buckets.get_mut(bucket) {
            objects.remove(name);
        }
        Ok(bytes_reply(
            StatusCode::NO_CONTENT,
            "text/html",
            Bytes::new(),
        ))
    }

    fn rewrite(&mut self, call: &Call, places: &[String; 4]) -> Outcome {
        let [bucket, name, to, as_name] = places;
        self.check("storage.objects.get", bucket)?;
        self.check("storage.objects.create", to)?;
        let source = self.found(bucket, name)?.clone();
        self.check_generation(call.number("ifSourceGenerationMatch"), bucket, name)?;
        self.check_generation(call.number("ifGenerationMatch"), to, as_name)?;
        let size = source.bytes.len() as u64;
        let before = match call.query.get("rewriteToken") {
            None => 0,
            Some(token) => match self.rewrites.remove(token) {
                Some(before) => before,
                None => return refused(400, "invalid", "Invalid rewrite token."),
            },
        };
        let written = size.min(before + self.rewritten_at_once.unwrap_or(size));
        let mut answer = json!({
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": written.to_string(),
            "objectSize": size.to_string(),
            "done": written == size,
        });
        if written < size {
            let token = format!("token+/{}", self.next());
            answer["rewriteToken"] = json!(token);
            self.rewrites.insert(token, written);
            return Ok(call.found(&answer));
        }
        let copy = self.put(to, as_name, source.bytes);
        copy.content_type = source.content_type;
        copy.is_composite = source.is_composite;
        answer["resource"] = copy.resource(to, as_name);
        Ok(call.found(&answer))
    }
}

pub(super) fn set(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        reply.headers_mut().insert(name, value);
    }
}
