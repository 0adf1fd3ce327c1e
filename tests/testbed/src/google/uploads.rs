//! Uploads: in one request, and in pieces.

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::State;
use super::api::{Call, Outcome, refused, set};
use crate::web::{Reply, reply as bytes_reply};

/// Pieces have a multiple of this length, in bytes.
const UNIT: usize = 256 << 10;

/// An upload in pieces.
#[derive(Debug)]
pub(super) struct Session {
    bucket: String,
    name: String,
    content_type: Option<String>,
    generation: Option<u64>,
    bytes: Vec<u8>,
    /// The object that it has become.
    whole: Option<Value>,
    is_cancelled: bool,
}

impl Session {
    pub(super) const fn is_open(&self) -> bool {
        self.whole.is_none() && !self.is_cancelled
    }
}

impl State {
    pub(super) fn insert(&mut self, call: &Call, bucket: &str) -> Outcome {
        self.check("storage.objects.create", bucket)?;
        let (metadata, bytes) = match call.query.get("uploadType") {
            Some("multipart") => match related(call) {
                Some(parts) => parts,
                None => return refused(400, "badRequest", "Malformed multipart body."),
            },
            Some("media") => {
                let name = call.query.get("name").unwrap_or_default();
                (json!({ "name": name }), call.body.clone())
            }
            _ => return refused(400, "badRequest", "Unknown upload type."),
        };
        let Some(name) = metadata["name"].as_str().filter(|name| !name.is_empty()) else {
            return refused(400, "required", "Required");
        };
        self.check_generation(call.number("ifGenerationMatch"), bucket, name)?;
        if self.find(bucket, name).is_some() {
            self.check("storage.objects.delete", bucket)?;
        }
        let new = super::Object::new(bytes, 0);
        if metadata["md5Hash"]
            .as_str()
            .is_some_and(|it| it != new.md5())
        {
            return refused(
                400,
                "invalid",
                "Provided MD5 hash doesn't match calculated one.",
            );
        }
        let object = self.put(bucket, name, new.bytes);
        object.content_type = metadata["contentType"].as_str().map(str::to_owned);
        let resource = object.resource(bucket, name);
        Ok(call.found(&resource))
    }

    pub(super) fn begin(&mut self, call: &Call, bucket: &str) -> Outcome {
        self.check("storage.objects.create", bucket)?;
        let metadata: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        // The name may stand in either place.
        let name = call.query.get("name").or(metadata["name"].as_str());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return refused(400, "required", "Required");
        };
        let generation = call.number("ifGenerationMatch");
        self.check_generation(generation, bucket, name)?;
        let id = format!("session-{}", self.next());
        self.sessions.insert(
            id.clone(),
            Session {
                bucket: bucket.to_owned(),
                name: name.to_owned(),
                content_type: metadata["contentType"].as_str().map(str::to_owned),
                generation,
                bytes: Vec::new(),
                whole: None,
                is_cancelled: false,
            },
        );
        let host = call.headers.get(header::HOST);
        let host = host.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let fields = call.query.get("fields");
        let fields = fields.map_or_else(String::new, |fields| format!("&fields={fields}"));
        let mut reply = bytes_reply(StatusCode::OK, "text/plain", Bytes::new());
        let address = format!(
            "http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable{fields}&upload_id={id}"
        );
        set(&mut reply, "location", &address);
        Ok(reply)
    }

    pub(super) fn piece(&mut self, call: &Call) -> Outcome {
        let id = call.query.get("upload_id").unwrap_or_default().to_owned();
        let range = call.headers.get(header::CONTENT_RANGE);
        let range = range.and_then(|it| it.to_str().ok());
        let range = range.and_then(|it| it.strip_prefix("bytes ")?.split_once('/'));
        let Some((place, all)) = range else {
            return refused(400, "badRequest", "Invalid Content-Range.");
        };
        let total = all.parse::<usize>().ok();
        let most = self.taken_at_once.unwrap_or(usize::MAX);
        let Some(session) = self.sessions.get_mut(&id).filter(|it| !it.is_cancelled) else {
            return refused(404, "notFound", "Upload not found.");
        };
        if let Some(whole) = session.whole.clone() {
            return Ok(call.found(&whole));
        }
        if place != "*" {
            let first = place
                .split_once('-')
                .and_then(|(first, _)| first.parse::<usize>().ok());
            let Some(first) = first.filter(|first| *first <= session.bytes.len()) else {
                return Ok(upto(session.bytes.len()));
            };
            let is_last = total.is_some_and(|total| first + call.body.len() == total);
            if !is_last && !call.body.len().is_multiple_of(UNIT) {
                return refused(400, "badRequest", "The piece is no multiple of 256 KiB.");
            }
            // Known bytes are not taken twice.
            let known = session.bytes.len() - first;
            let new = call.body.get(known..).unwrap_or_default();
            session.bytes.extend_from_slice(&new[..new.len().min(most)]);
        }
        let has = session.bytes.len();
        if total != Some(has) {
            return Ok(upto(has));
        }
        let (bucket, name) = (session.bucket.clone(), session.name.clone());
        let (generation, kind) = (session.generation, session.content_type.clone());
        let bytes = std::mem::take(&mut session.bytes);
        if let Err(refusal) = self.check_generation(generation, &bucket, &name) {
            self.sessions.remove(&id);
            return Err(refusal);
        }
        let object = self.put(&bucket, &name, bytes.into());
        object.content_type = kind;
        let resource = object.resource(&bucket, &name);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.whole = Some(resource.clone());
        }
        Ok(call.found(&resource))
    }

    pub(super) fn cancel(&mut self, call: &Call) -> Outcome {
        let id = call.query.get("upload_id").unwrap_or_default();
        match self.sessions.get_mut(id) {
            Some(session) => session.is_cancelled = true,
            None => return refused(404, "notFound", "Upload not found."),
        }
        // The status of a request that its client has closed.
        refused(499, "clientClosedRequest", "")
    }
}

/// Returns the answer to a piece of an upload that is not complete.
fn upto(bytes: usize) -> Reply {
    let mut reply = bytes_reply(StatusCode::PERMANENT_REDIRECT, "text/plain", Bytes::new());
    if let Some(last) = bytes.checked_sub(1) {
        set(&mut reply, "range", &format!("bytes=0-{last}"));
    }
    reply
}

/// Returns the metadata and the bytes of a request with both.
fn related(call: &Call) -> Option<(Value, Bytes)> {
    let kind = call.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.strip_prefix("multipart/related; boundary=")?;
    let boundary = boundary.trim_matches('"');
    let find = |from: usize, what: &str| {
        let rest = call.body.get(from..)?;
        let at = rest
            .windows(what.len())
            .position(|it| it == what.as_bytes())?;
        Some(from + at)
    };
    let first = find(0, "\r\n\r\n")? + 4;
    let delimiter = format!("\r\n--{boundary}");
    let end = find(first, &delimiter)?;
    let metadata = serde_json::from_slice(&call.body[first..end]).ok()?;
    let second = find(end, "\r\n\r\n")? + 4;
    let end = find(second, &format!("{delimiter}--"))?;
    Some((metadata, call.body.slice(second..end)))
}
