//! `GET /backup/capabilities` and `POST /backup/export`, and the jobs that only documents describe.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::{State, Strategy, TOKEN, pages};
use crate::backend::http::{Call, NoAnswer, Service};
use crate::faults::reply::BackendKind;
use crate::faults::strategy::{HeaderFamily, StrategyFaults};
use crate::web::{self, Reply};

/// The prefixes of the routes of jobs. Any status URL with such a prefix is a job.
const JOBS: [&str; 4] = [
    "/api/jobs/",
    "/backup/export/",
    "/backup/jobs/",
    "/backup/status/",
];

impl Service for Strategy {
    const KIND: BackendKind = BackendKind::Strategy;

    fn answer(&self, call: &Call) -> Result<Reply, NoAnswer> {
        let faults = self.faults.snapshot().strategy;
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        // The framework finds the route before any code of the sidecar checks the token.
        let is_job = faults.deferred.is_some() && JOBS.iter().any(|it| call.path.starts_with(it));
        match call.path.as_str() {
            "/backup/capabilities" if reads => {}
            "/backup/capabilities" => return Ok(pages::wrong_method("GET, HEAD, OPTIONS")),
            "/backup/export" if call.method == http::Method::POST => {}
            "/backup/export" => return Ok(pages::wrong_method("OPTIONS, POST")),
            _ if is_job && reads => {}
            _ => return Ok(pages::not_found()),
        }
        if let Err(message) = admit(call, faults.token.as_deref().unwrap_or(TOKEN)) {
            return Ok(self.error(StatusCode::UNAUTHORIZED, message));
        }
        if call.path == "/backup/capabilities" {
            return Ok(capabilities(&faults));
        }
        if is_job {
            return Ok(self.job(call, &faults));
        }
        self.export(call, &faults)
    }

    fn error(&self, status: StatusCode, message: &str) -> Reply {
        web::json(status, &json!({"error": message}))
    }
}

/// Checks the token. The scheme is case-insensitive, and the answer has no `WWW-Authenticate`.
fn admit(call: &Call, token: &str) -> Result<(), &'static str> {
    let given = call.headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match given.map(|(_, given)| given.trim()) {
        None | Some("") => Err("Missing Bearer token"),
        Some(given) if given == token => Ok(()),
        Some(_) => Err("Invalid authorization token"),
    }
}

fn capabilities(faults: &StrategyFaults) -> Reply {
    let version = faults.version.as_deref().unwrap_or("v1");
    let body = json!({
        "version": version,
        "types": ["database"],
        "est_seconds": 120,
        "est_size": 104_857_600,
    });
    web::json(StatusCode::OK, &body)
}

impl Strategy {
    fn export(&self, call: &Call, faults: &StrategyFaults) -> Result<Reply, NoAnswer> {
        self.with(|state| state.exports += 1);
        if faults.lost_answer {
            return Err(NoAnswer);
        }
        if faults.broken {
            return Ok(pages::exception());
        }
        if let Some(reason) = &faults.fails {
            return Ok(self.error(StatusCode::INTERNAL_SERVER_ERROR, reason));
        }
        if let Some(url) = &faults.deferred {
            self.with(|state| state.looks = 0);
            let body = json!({"job_id": "123e4567", "status_url": url});
            return Ok(web::json(StatusCode::ACCEPTED, &body));
        }
        Ok(self.backup(call, faults))
    }

    /// Answers for a job, which runs until it has been polled often enough.
    fn job(&self, call: &Call, faults: &StrategyFaults) -> Reply {
        let runs = self.with(|State { looks, .. }| {
            *looks += 1;
            *looks <= faults.job_looks
        });
        if runs {
            return web::json(StatusCode::ACCEPTED, &json!({"status": "running"}));
        }
        if let Some(reason) = &faults.job_fails {
            let body = json!({"status": "failed", "error": reason});
            return web::json(StatusCode::OK, &body);
        }
        self.backup(call, faults)
    }

    fn backup(&self, call: &Call, faults: &StrategyFaults) -> Reply {
        let content = self.content();
        let mut reply = content.download(call, &self.faults);
        if self.faults.snapshot().download.html {
            return reply;
        }
        let headers = reply.headers_mut();
        let name = faults.filename.as_deref().unwrap_or("app.sql.gz");
        insert(
            headers,
            "content-disposition",
            &format!("attachment; filename=\"{name}\""),
        );
        insert(headers, "content-type", "application/gzip");
        let mut sha256 = content.sha256();
        if faults.bad_checksum {
            sha256 = sha256.chars().rev().collect();
        }
        match faults.headers {
            HeaderFamily::Source => {
                insert(headers, "x-backup-format", "postgres-custom");
                insert(headers, "x-checksum-sha256", &sha256);
            }
            HeaderFamily::Documents => {
                insert(headers, "x-format", "postgres-custom");
                // This is the same name, because header names are case-insensitive.
                insert(headers, "x-checksum-sha256", &sha256);
                insert(headers, "x-size", &content.size().to_string());
            }
            HeaderFamily::None => {}
        }
        if let Some(size) = faults.size_header {
            insert(headers, "x-size", &size.to_string());
        }
        if let Some(folder) = call.query.get("drive_folder_id")
            && !faults.no_echo
        {
            insert(headers, "x-drive-folder-id", folder);
        }
        reply
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
