//! The endpoints under `/api/v1/management`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode, header};
use serde_json::json;

use super::Hivemq;
use super::model::RestoreRefused;
use crate::backend::http::{Call, NoAnswer, Service};
use crate::faults::hivemq::Login;
use crate::faults::reply::BackendKind;
use crate::web::{self, Reply, decode_path};

/// The operations. Each requires a permission; the names are from the database scripts of the Enterprise
/// Security Extension.
enum Operation {
    List,
    Create,
    Get(String),
    Restore(String),
    Download(String),
    /// A restore with the id in the body.
    OldRestore,
}

impl Operation {
    fn permission(&self) -> &'static str {
        match self {
            Self::List => "HIVEMQ_MANAGEMENT_BACKUPS_GET",
            Self::Create => "HIVEMQ_MANAGEMENT_BACKUPS_POST",
            Self::Get(_) => "HIVEMQ_MANAGEMENT_BACKUPS_BACKUPID_GET",
            Self::Restore(_) | Self::OldRestore => "HIVEMQ_MANAGEMENT_BACKUPS_BACKUPID_POST",
            Self::Download(_) => "HIVEMQ_MANAGEMENT_FILES_BACKUPS_BACKUPID_GET",
        }
    }
}

/// Returns the operation, or the status of an unknown one.
fn operation(call: &Call, old_routes: bool) -> Result<Operation, StatusCode> {
    let path = call.path.strip_prefix("/api/v1/management/");
    let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
    let (read, write) = match parts[..] {
        ["backups"] => (Operation::List, Some(Operation::Create)),
        ["backups", id] if !id.is_empty() => {
            let id = decode_path(id);
            (Operation::Get(id.clone()), Some(Operation::Restore(id)))
        }
        ["backups", id, "data"] if old_routes => (Operation::Download(decode_path(id)), None),
        ["restores"] if old_routes && call.method == Method::POST => {
            return Ok(Operation::OldRestore);
        }
        ["files", "backups", id] if !id.is_empty() && !old_routes => {
            (Operation::Download(decode_path(id)), None)
        }
        _ => return Err(StatusCode::NOT_FOUND),
    };
    match (&call.method, write) {
        (&Method::GET, _) => Ok(read),
        (&Method::POST, Some(Operation::Restore(_))) if old_routes => Err(StatusCode::NOT_FOUND),
        (&Method::POST, Some(write)) => Ok(write),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

impl Service for Hivemq {
    const KIND: BackendKind = BackendKind::Hivemq;

    fn answer(&self, call: &Call) -> Result<Reply, NoAnswer> {
        let settings = self.faults.snapshot();
        let operation = match operation(call, settings.hivemq.old_routes) {
            Ok(operation) => operation,
            Err(StatusCode::METHOD_NOT_ALLOWED) => {
                return Ok(web::reply(StatusCode::METHOD_NOT_ALLOWED, "text/plain", ""));
            }
            // A live broker answered with only a title.
            Err(status) => {
                let body = json!({"errors": [{"title": "Resource not found"}]});
                return Ok(web::json(status, &body));
            }
        };
        if let Some(login) = &settings.hivemq.login
            && let Err(status) = admit(call, login, operation.permission())
        {
            return Ok(web::reply(status, "text/plain", ""));
        }
        let now = self.now();
        let reads = !matches!(
            operation,
            Operation::Create | Operation::Restore(_) | Operation::OldRestore
        );
        let lost = settings.hivemq.lost_answer && !reads;
        let reply = self.with(|state| {
            if reads {
                state.tick(now);
            }
            let find = |id: &str| {
                let shown = state.shown(now, &settings);
                shown.into_iter().find(|backup| backup.id == id)
            };
            match operation {
                Operation::List => {
                    let shown = state.shown(now, &settings);
                    let items: Vec<_> = shown.iter().map(|b| b.json(&settings)).collect();
                    web::json(StatusCode::OK, &json!({"items": items}))
                }
                Operation::Create => {
                    let backup = state.create(now, &settings);
                    web::json(StatusCode::OK, &json!({"backup": backup.json(&settings)}))
                }
                Operation::Get(id) => match find(&id) {
                    Some(backup) => {
                        web::json(StatusCode::OK, &json!({"backup": backup.json(&settings)}))
                    }
                    None => unknown(&id),
                },
                Operation::Restore(id) => match state.restore(&id, &settings) {
                    Ok(backup) => {
                        web::json(StatusCode::OK, &json!({"backup": backup.json(&settings)}))
                    }
                    Err(RestoreRefused::Unknown) => unknown(&id),
                    Err(RestoreRefused::NoFile) => no_file(&id),
                },
                Operation::OldRestore => {
                    let body: serde_json::Value =
                        serde_json::from_slice(&call.body).unwrap_or_default();
                    let id = body["backupId"].as_str().unwrap_or_default();
                    match state.restore(id, &settings) {
                        Ok(_) => web::json(
                            StatusCode::OK,
                            &json!({"id": "restore-1", "status": "STARTED", "backupId": id}),
                        ),
                        Err(RestoreRefused::Unknown) => unknown(id),
                        Err(RestoreRefused::NoFile) => no_file(id),
                    }
                }
                Operation::Download(id) => match find(&id) {
                    Some(backup) if backup.state.has_file() => {
                        let size = settings.download.size.or(backup.bytes).unwrap_or(0);
                        crate::backend::content::Content::new(&id, size)
                            .download(call, &self.faults)
                    }
                    Some(_) => no_file(&id),
                    None => unknown(&id),
                },
            }
        });
        if lost { Err(NoAnswer) } else { Ok(reply) }
    }

    fn error(&self, status: StatusCode, message: &str) -> Reply {
        let title = match status.as_u16() {
            400 => "Invalid resource",
            404 => "Resource not found",
            503 => "The endpoint is temporarily not available",
            _ => status.canonical_reason().unwrap_or("Unknown error"),
        };
        error(status, title, message)
    }
}

fn error(status: StatusCode, title: &str, detail: &str) -> Reply {
    let body = json!({"errors": [{"title": title, "detail": detail}]});
    web::json(status, &body)
}

fn unknown(id: &str) -> Reply {
    let detail = format!("Resource with id '{id}' not found");
    error(StatusCode::NOT_FOUND, "Resource not found", &detail)
}

fn no_file(id: &str) -> Reply {
    let detail = format!("Backup '{id}' is not in a state that allows this");
    error(StatusCode::BAD_REQUEST, "Invalid resource", &detail)
}

/// Checks basic authentication: 401 for a wrong password, 403 for a missing permission.
fn admit(call: &Call, login: &Login, permission: &str) -> Result<(), StatusCode> {
    let given = call
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let given = given.and_then(|(_, encoded)| BASE64_STANDARD.decode(encoded.trim()).ok());
    let wanted = format!("{}:{}", login.user, login.password);
    if given.as_deref() != Some(wanted.as_bytes()) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let has = |name: &str| login.permissions.iter().any(|p| p == name);
    if has("HIVEMQ_SUPER_ADMIN") || has(permission) {
        Ok(())
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}
