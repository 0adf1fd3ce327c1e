//! An engine for the strategy sidecar, a container next to an application that makes its backups. The sidecar
//! uses a configured strategy (a dump of a database, an archive of files, a script) and answers with the
//! bytes.
//!
//! Protocol facts are from the sidecar's source (gabofunebre/backuper, `sidecar/`). Comments say so if only
//! its documents promise something.

mod job;
mod wire;

use broker_engine::{
    Backup, Create, CreateRequest, Detect, Detection, Download, DownloadRequest, Error, ErrorKind,
    Preparation, Prepare, PrepareRequest, Result, Saved, Settings, State, Status, StatusRequest,
    engine, http, log, size,
};
use http::Expectation;
use job::Job;
use wire::Capabilities;

/// The engine.
pub struct Strategy;

engine!(Strategy, "engine.toml");

/// The version of the contract, which the sidecar's own orchestrator requires, too.
const CONTRACT: &str = "v1";
/// Seconds until the answer begins. The strategy ends before the first byte arrives; the host allows an hour.
const PATIENCE: u32 = 3600;
/// Headers that describe a backup, in the spelling of the source and in that of the documents. The host
/// checks their values.
const HEADERS_OF_BACKUPS: [&str; 4] =
    ["x-checksum-sha256", "x-backup-format", "x-format", "x-size"];

impl Detect for Strategy {
    fn detect() -> Result<Detection> {
        let capabilities = capabilities()?;
        let mut detection = Detection::of("strategy sidecar");
        let mut detail = vec![capabilities.types.join(", ")];
        detail.extend(estimate(&capabilities));
        detail.retain(|part| !part.is_empty());
        detection.detail = Some(detail.join("; ")).filter(|detail| !detail.is_empty());
        detection.version = Some(capabilities.version);
        Ok(detection)
    }
}

impl Prepare for Strategy {
    /// Checks that the server is a sidecar with a supported contract, before it starts any work.
    fn prepare(_: PrepareRequest) -> Result<Preparation> {
        let capabilities = capabilities()?;
        let note = estimate(&capabilities).map(|estimate| {
            format!("The sidecar expects a backup to take {estimate}; the first byte arrives when the backup is made")
        });
        Ok(note.into_iter().collect::<Vec<_>>().into())
    }
}

impl Create for Strategy {
    fn create(request: CreateRequest) -> Result<Backup> {
        let folder = request.text("drive-folder-id");
        let mut export = http::post("api", "/backup/export").patience(PATIENCE);
        if let Some(folder) = folder {
            export = export.query("drive_folder_id", folder);
        }
        let answer = export.send()?.expect_ok_or(said).map_err(with_hint)?;
        match answer.status() {
            200 if job::is_backup(&answer) => save_new(answer, folder),
            202 => job::promised(&answer),
            200 => Err(Error::protocol(
                "POST /backup/export answered JSON without the headers of a backup",
            )
            .with_hint(OTHER_PROGRAM)),
            other => Err(Error::protocol(format!(
                "POST /backup/export answered {other}, which is neither a backup nor a job in the background"
            ))),
        }
    }
}

impl Status for Strategy {
    fn status(request: StatusRequest) -> Result<Backup> {
        Job::named(&request.id)?.state()
    }
}

impl Download for Strategy {
    fn download(request: DownloadRequest) -> Result<Vec<Saved>> {
        Ok(vec![save(Job::named(&request.id)?.bytes()?)?])
    }
}

fn save_new(answer: http::Response, folder: Option<&str>) -> Result<Backup> {
    let echoed = answer.header("x-drive-folder-id");
    if folder != echoed.as_deref() {
        log::warn(&match (folder, &echoed) {
            (Some(folder), None) => {
                format!("the sidecar does not confirm that it used the Drive folder {folder:?}")
            }
            (_, other) => format!(
                "the sidecar used the Drive folder {:?}, which is not the requested one",
                other.as_deref().unwrap_or_default()
            ),
        });
    }
    let backup = to_backup("", &answer).with_field("drive-folder-id", echoed);
    let saved = save(answer)?;
    Ok(Backup {
        id: saved.name,
        size: Some(saved.length),
        ..backup
    })
}

/// Saves the bytes. The host reads and checks the length and the checksum in the headers.
fn save(answer: http::Response) -> Result<Saved> {
    answer.save(&Expectation::default())
}

/// Returns a complete backup, as the headers of its answer describe it.
fn to_backup(id: &str, answer: &http::Response) -> Backup {
    let header = |names: [&str; 2]| names.iter().find_map(|name| answer.header(name));
    let mut backup = Backup::new(id, State::Succeeded);
    let size = header(["x-size", "content-length"]);
    backup.size = size.and_then(|size| size.trim().parse().ok());
    backup.with_field("format", header(["x-backup-format", "x-format"]))
}

fn capabilities() -> Result<Capabilities> {
    let capabilities: Capabilities = http::get("api", "/backup/capabilities")
        .send()?
        .expect_ok_or(said)
        .map_err(with_hint)?
        .json()?;
    if capabilities.version == CONTRACT {
        return Ok(capabilities);
    }
    Err(Error::unsupported(format!(
        "the sidecar speaks version {:?} of its contract, but this engine speaks {CONTRACT:?}",
        capabilities.version
    ))
    .with_hint("Look for a newer version of kubectl-broker, or of the sidecar"))
}

/// Returns the configured estimate for a backup: `about 120 s and 100.0MiB`.
fn estimate(capabilities: &Capabilities) -> Option<String> {
    let seconds = capabilities.est_seconds.filter(|seconds| *seconds >= 0);
    let bytes = capabilities
        .est_size
        .and_then(|bytes| u64::try_from(bytes).ok());
    match (seconds, bytes) {
        (Some(seconds), Some(bytes)) => Some(format!("about {seconds} s and {}", size(bytes))),
        (Some(seconds), None) => Some(format!("about {seconds} s")),
        (None, Some(bytes)) => Some(format!("about {}", size(bytes))),
        (None, None) => None,
    }
}

const OTHER_PROGRAM: &str =
    "Another program may be listening on that port; name the sidecar's with `--strategy-port`";

/// Returns the text of an error, unless it is an HTML page.
fn said(_: u16, body: &[u8]) -> Option<String> {
    wire::explain(body)
}

/// Adds a hint to an error of the sidecar. Its routes name no resource, so a 404 or a 405 comes from another
/// program.
fn with_hint(mut error: Error) -> Error {
    let hint = match error.kind {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => {
            "The sidecar needs the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`"
        }
        ErrorKind::NotFound => {
            error.kind = ErrorKind::Protocol;
            OTHER_PROGRAM
        }
        ErrorKind::Failed | ErrorKind::Unavailable => {
            "Check the sidecar's log: `kubectl logs POD --container CONTAINER`"
        }
        _ => return error,
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests;
