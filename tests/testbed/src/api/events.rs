//! `events.k8s.io/v1`: the same events as those of `v1`, under other names of their fields.
//!
//! The store has them in the form of `v1`. Requests are translated on their way in, and answers on their way out.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::objects::Objects;
use super::resources::ResourceType;
use super::route::Target;
use super::status::ApiError;
use crate::web::Reply;

pub const GROUP: &str = "events.k8s.io";

/// The longest note, in bytes.
const NOTE: usize = 1024;

/// The fields with two names: of `events.k8s.io/v1`, and of `v1`.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Returns the same target in `v1`, if it is one of this group.
pub fn in_core(target: &Target, objects: &Objects) -> Option<Target> {
    if target.ty.group != GROUP {
        return None;
    }
    Some(Target {
        ty: objects.find("", "v1", "events")?,
        ..target.clone()
    })
}

/// Translates the body of a request. A body that is no JSON stays, for the error of the common code.
///
/// # Errors
/// Fails if a new event has not what only this version requires.
pub fn inward(ty: &ResourceType, body: &Bytes, new: bool) -> Result<Bytes, ApiError> {
    let Ok(mut event) = serde_json::from_slice::<Value>(body) else {
        return Ok(body.clone());
    };
    let name = event["metadata"]["name"].as_str().unwrap_or_default();
    let problems = if new {
        violations(&event)
    } else {
        too_long(&event)
    };
    if !problems.is_empty() {
        return Err(ApiError::invalid_fields(ty, name, &problems));
    }
    for (ours, core) in NAMES {
        rename(&mut event, ours, core);
    }
    if event["apiVersion"].is_string() {
        event["apiVersion"] = json!("v1");
    }
    Ok(Bytes::from(event.to_string()))
}

fn violations(event: &Value) -> Vec<(String, String)> {
    let mut found = too_long(event);
    for field in [
        "eventTime",
        "reportingController",
        "reportingInstance",
        "action",
        "reason",
    ] {
        if event[field].as_str().unwrap_or_default().is_empty() {
            found.push((field.to_owned(), "Required value".to_owned()));
        }
    }
    let kind = event["type"].as_str().unwrap_or_default();
    if !["Normal", "Warning"].contains(&kind) {
        found.push(("type".to_owned(), format!("Invalid value: \"{kind}\"")));
    }
    found
}

fn too_long(event: &Value) -> Vec<(String, String)> {
    let note = event["note"].as_str().unwrap_or_default();
    if note.len() <= NOTE {
        return Vec::new();
    }
    let why = format!("Invalid value: \"\": can have at most {NOTE} bytes");
    vec![("note".to_owned(), why)]
}

/// Translates an answer, or each line of a watch.
pub fn outward(reply: Reply) -> Reply {
    let (mut parts, body) = reply.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    // A frame has whole lines, and an answer is one frame.
    let body = body.map_frame(|frame| {
        frame.map_data(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            let lines = text.split_inclusive('\n').map(line);
            Bytes::from(lines.collect::<String>())
        })
    });
    Response::from_parts(parts, body.boxed_unsync())
}

fn line(text: &str) -> String {
    let Ok(mut answer) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    match answer["kind"].as_str() {
        Some("Event") => translate(&mut answer),
        Some("EventList") => {
            answer["apiVersion"] = json!(format!("{GROUP}/v1"));
            for event in answer["items"].as_array_mut().into_iter().flatten() {
                translate(event);
            }
        }
        None if answer["object"]["kind"] == "Event" => translate(&mut answer["object"]),
        _ => {}
    }
    let end = if text.ends_with('\n') { "\n" } else { "" };
    format!("{answer}{end}")
}

fn translate(event: &mut Value) {
    for (ours, core) in NAMES {
        rename(event, core, ours);
    }
    if event["apiVersion"].is_string() {
        event["apiVersion"] = json!(format!("{GROUP}/v1"));
    }
}

fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(fields) = object.as_object_mut()
        && let Some(value) = fields.remove(from)
    {
        fields.insert(to.to_owned(), value);
    }
}
