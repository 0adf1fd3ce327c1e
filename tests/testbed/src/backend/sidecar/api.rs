//! The endpoints under `/v1`, and `/metrics`. Errors are plain text.

use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Place, RemoteObject, State, UploadStatus};
use super::{Sidecar, metrics};
use crate::backend::hostile;
use crate::backend::http::{Call, NoAnswer, Service};
use crate::clock::seconds;
use crate::faults::FaultSettings;
use crate::faults::reply::BackendKind;
use crate::faults::sidecar::Accepts;
use crate::web::{self, Reply};

/// The path at which a restore stores the object.
const TARGET_PATH: &str = "/data/restore.zip";

/// An error answer in plain text.
type Refusal = (StatusCode, String);

impl Service for Sidecar {
    const KIND: BackendKind = BackendKind::Sidecar;

    fn answer(&self, call: &Call) -> Result<Reply, NoAnswer> {
        let settings = self.faults.snapshot();
        let now = self.clock.now();
        let answered = admit(call, settings.sidecar.token.as_deref()).and_then(|()| {
            self.with(|state| match (call.method.as_str(), call.path.as_str()) {
                ("GET", "/v1/backup/list") => Ok(inventory(state, call, now, &settings)),
                ("GET", "/v1/backup/list-remote") => remote(state, call, now, &settings),
                ("POST", "/v1/restore") => restore(state, call, now, &settings),
                ("POST", "/v1/backup/upload") => upload(state, call),
                ("POST", "/v1/backup/purge") => purge(state, call, &settings),
                ("GET", "/metrics") => Ok(metrics::page(state, &call.pod)),
                (_, path) => Err(no_route(&call.method, path)),
            })
        });
        Ok(answered.unwrap_or_else(|(status, message)| self.error(status, &message)))
    }

    fn error(&self, status: StatusCode, message: &str) -> Reply {
        let mut reply = web::text(status, message);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        reply
    }
}

fn no_route(method: &Method, path: &str) -> Refusal {
    let known = [
        "/v1/backup/list",
        "/v1/backup/list-remote",
        "/v1/restore",
        "/v1/backup/upload",
        "/v1/backup/purge",
        "/metrics",
    ];
    if known.contains(&path) {
        let message = format!("method {method} not allowed");
        return (StatusCode::METHOD_NOT_ALLOWED, message);
    }
    (StatusCode::NOT_FOUND, "404 page not found".to_owned())
}

fn admit(call: &Call, token: Option<&str>) -> Result<(), Refusal> {
    let Some(token) = token else {
        return Ok(());
    };
    let given = call
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    if given.and_then(|value| value.strip_prefix("Bearer ")) == Some(token) {
        return Ok(());
    }
    Err((StatusCode::UNAUTHORIZED, "unauthorized".to_owned()))
}

fn inventory(state: &mut State, call: &Call, now: Timestamp, faults: &FaultSettings) -> Reply {
    state.tick(now);
    let local = state.local.get(&call.pod);
    let mut local: Vec<Value> = local
        .into_iter()
        .flatten()
        .map(super::Entry::json)
        .collect();
    if faults.sidecar_reply.hostile_names {
        local.extend(hostile::names("20250820-").into_iter().map(|name| {
            json!({
                "name": name,
                "path": name,
                "size_bytes": 1024,
                "last_modified": seconds(now),
                "status": "failed",
                "error": name,
            })
        }));
    }
    let cluster: Vec<Value> = state.cluster.iter().map(super::Entry::json).collect();
    let body = json!({"cluster_backups": cluster, "backups": local});
    web::json(StatusCode::OK, &body)
}

fn remote(
    state: &mut State,
    call: &Call,
    now: Timestamp,
    faults: &FaultSettings,
) -> Result<Reply, Refusal> {
    state.tick(now);
    let mut shown = state.shown_remote(now, faults);
    if let Some(limit) = call.query.get("limit") {
        let limit: usize = limit
            .parse()
            .map_err(|_| (StatusCode::BAD_REQUEST, "invalid limit".to_owned()))?;
        if limit > 0 {
            keep_newest(&mut shown, limit);
        }
    }
    let backups: Vec<Value> = shown.iter().map(RemoteObject::json).collect();
    Ok(web::json(StatusCode::OK, &json!({"backups": backups})))
}

/// Keeps the newest objects and their order. The real sidecar's choice is unknown; users expect the newest.
fn keep_newest(objects: &mut Vec<RemoteObject>, limit: usize) {
    let mut times: Vec<Timestamp> = objects.iter().map(|o| o.last_modified).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    if let Some(oldest) = times.get(limit.saturating_sub(1)) {
        objects.retain(|object| object.last_modified >= *oldest);
        objects.truncate(limit);
    }
}

fn body(call: &Call) -> Result<Value, Refusal> {
    let body: Option<Value> = serde_json::from_slice(&call.body).ok();
    let body = body.filter(Value::is_object);
    body.ok_or_else(|| (StatusCode::BAD_REQUEST, "invalid request body".to_owned()))
}

fn restore(
    state: &mut State,
    call: &Call,
    now: Timestamp,
    faults: &FaultSettings,
) -> Result<Reply, Refusal> {
    let body = body(call)?;
    let version = body["version"].as_str().unwrap_or_default();
    let dry_run = body["dry_run"].as_bool().unwrap_or(false);
    let objects = state.shown_remote(now, faults);
    // A missing version means the newest, like the word `latest`.
    let found = if matches!(version, "" | "latest") {
        objects
            .into_iter()
            .max_by_key(|object| object.last_modified)
    } else {
        objects.into_iter().find(|object| object.key == version)
    };
    let object = found.ok_or_else(|| {
        let message = format!("backup {version:?} not found in remote storage");
        (StatusCode::NOT_FOUND, message)
    })?;
    if !dry_run {
        if let Some(reason) = &faults.sidecar.restore_fails {
            return Err((StatusCode::INTERNAL_SERVER_ERROR, reason.clone()));
        }
        state.restored.push(object.key.clone());
    }
    let result = json!({
        "key": object.key,
        "bytes": object.size_bytes,
        "target_path": TARGET_PATH,
        "dry_run": dry_run,
        "last_checked": seconds(now),
    });
    Ok(match faults.sidecar.accepts.filter(|_| !dry_run) {
        None => web::json(StatusCode::OK, &result),
        Some(Accepts::Whole) => web::json(StatusCode::ACCEPTED, &result),
        Some(Accepts::Nothing) => web::reply(StatusCode::ACCEPTED, "text/plain", ""),
    })
}

fn named(body: &Value) -> Result<&str, Refusal> {
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    name.ok_or_else(|| (StatusCode::BAD_REQUEST, "name is required".to_owned()))
}

fn upload(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let body = body(call)?;
    let place = match body["type"].as_str() {
        Some("backup" | "") | None => Place::Pod(call.pod.clone()),
        Some("cluster_backup" | "cluster") => Place::Cluster,
        Some(other) => {
            return Err((
                StatusCode::BAD_REQUEST,
                format!("unknown backup type {other:?}"),
            ));
        }
    };
    let name = named(&body)?;
    if state.upload(place, name) {
        Ok(web::json(
            StatusCode::ACCEPTED,
            &json!({"status": "accepted"}),
        ))
    } else {
        Err((StatusCode::NOT_FOUND, format!("backup {name:?} not found")))
    }
}

fn purge(state: &mut State, call: &Call, faults: &FaultSettings) -> Result<Reply, Refusal> {
    let body = body(call)?;
    let name = named(&body)?;
    for place in [Place::Pod(call.pod.clone()), Place::Cluster] {
        let Some(entry) = state.find(&place, name) else {
            continue;
        };
        if entry.status != UploadStatus::Uploaded {
            let status = entry.status.as_str();
            let message = format!("backup {name:?} is not uploaded yet (status: {status})");
            return Err((StatusCode::CONFLICT, message));
        }
        if faults.sidecar.accepts.is_some() {
            return Ok(web::json(
                StatusCode::ACCEPTED,
                &json!({"status": "accepted"}),
            ));
        }
        state.remove(&place, name);
        return Ok(web::json(StatusCode::OK, &json!({"status": "purged"})));
    }
    Err((StatusCode::NOT_FOUND, format!("backup {name:?} not found")))
}
