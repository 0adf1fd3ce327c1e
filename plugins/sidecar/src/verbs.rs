//! The verbs that are specific to the sidecar.

use broker_engine::{Act, ActRequest, Error, ErrorKind, Report, Result, Settings, http};

use crate::wire::UploadBody;
use crate::{Sidecar, explain, not_on_disk, purge};

impl Act for Sidecar {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "upload" => upload(
                request.required_text("name")?,
                request.required_text("type")?,
            ),
            "purge" => {
                purge(request.required_text("name")?, request.boolean("force"))?;
                Ok(Report::Done)
            }
            "metrics" => metrics(),
            other => Err(Error::unsupported(format!(
                "the sidecar has no verb {other:?}"
            ))),
        }
    }
}

/// Requests an upload outside the sidecar's own interval. The sidecar answers before the upload ends.
fn upload(name: &str, kind: &str) -> Result<Report> {
    http::post("api", "/v1/backup/upload")
        .json(&UploadBody { kind, name })?
        .send()?
        .expect_ok()
        .map_err(|error| match error.kind {
            ErrorKind::NotFound => not_on_disk(name),
            _ => explain(error),
        })?;
    Ok(Report::text(format!(
        "The sidecar accepted the upload of {kind} {name}.\n\
         `kubectl broker backup status --engine sidecar --id {name}` shows the state."
    )))
}

fn metrics() -> Result<Report> {
    let text = http::get("api", "/metrics")
        .send()?
        .expect_ok()
        .map_err(explain)?
        .text()?;
    Ok(Report::text(text))
}
