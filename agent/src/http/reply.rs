//! Answers that are complete from the start.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;

use crate::strategy::Failure;

pub type Body = UnsyncBoxBody<Bytes, Failure>;
pub type Reply = Response<Body>;

pub fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut reply = Response::new(body.boxed_unsync());
    *reply.status_mut() = status;
    set(&mut reply, header::CONTENT_TYPE, content_type);
    reply
}

pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    // Plain structures of text and numbers always serialize as JSON.
    let body = serde_json::to_vec(value).unwrap_or_default();
    full(status, "application/json", body)
}

/// Returns an error in the form that all errors have: `{"error": "…"}`.
pub fn error(status: StatusCode, text: &str) -> Reply {
    json(status, &json!({ "error": text }))
}

pub fn set(reply: &mut Reply, name: HeaderName, value: &'static str) {
    reply
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
