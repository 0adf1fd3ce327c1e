//! Checks whether a manifest file belongs to the backup.

use broker_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use super::checksum::covered;
use super::size;
use super::spelling::{self, Manifest};
use crate::object::text;
use crate::sort::Id;

/// The implemented controller cuts its list of files at this length.
const LONGEST_LIST: usize = 10_000;

/// The results of the checks, one line each, for display.
#[derive(Default)]
struct Findings {
    lines: Vec<String>,
    wrong: Vec<String>,
}

impl Findings {
    fn passed(&mut self, what: &str, message: &str) {
        self.lines.push(format!("passed   {what}: {message}"));
    }

    fn warned(&mut self, what: &str, message: &str) {
        self.lines.push(format!("warned   {what}: {message}"));
    }

    /// Compares a value in the manifest with the value in the backup, if both have one.
    fn same<T: PartialEq + std::fmt::Display>(
        &mut self,
        what: &str,
        manifest: Option<T>,
        backup: Option<T>,
    ) {
        match (manifest, backup) {
            (Some(ours), Some(theirs)) if ours == theirs => self.passed(what, &ours.to_string()),
            (Some(ours), Some(theirs)) => {
                self.wrong
                    .push(format!("{what} is {ours}, but {theirs} in the backup"));
            }
            (Some(ours), None) => {
                self.warned(what, &format!("{ours}, which the backup does not say"));
            }
            (None, Some(theirs)) => {
                self.warned(
                    what,
                    &format!("the manifest does not say; {theirs} in the backup"),
                );
            }
            (None, None) => {}
        }
    }
}

/// Compares a manifest with its backup. `called` is the name of the manifest in messages.
pub(super) fn check(id: &Id, object: &Value, called: &str, file: &str) -> Result<String> {
    let not_json = |reason: String| {
        Error::new(
            ErrorKind::Integrity,
            format!("{called} is not a manifest: {reason}"),
        )
        .with_hint(format!(
            "`kubectl broker backup manifest {id} --location` shows its expected place. Unpack a compressed file before you give it with --file"
        ))
    };
    let document: Value = serde_json::from_str(file).map_err(|e| not_json(e.to_string()))?;
    let manifest = Manifest::of(&document)
        .ok_or_else(|| not_json("it names no backup in a known spelling".to_owned()))?;
    let mut findings = Findings::default();
    compare(&mut findings, id, object, &manifest);
    files(&mut findings, &manifest);
    checksum(&mut findings, file, &document);
    if findings.wrong.is_empty() {
        let begin = format!(
            "The manifest (spelling {}) is that of {id}. It was read from {called}.",
            manifest.spelling
        );
        return Ok([vec![begin], findings.lines].concat().join("\n"));
    }
    Err(Error::new(
        ErrorKind::Integrity,
        format!(
            "the manifest, read from {called}, is not that of {id}: {}",
            findings.wrong.join("; ")
        ),
    )
    .with_hint(format!(
        "`kubectl broker backup manifest {id} --location` shows its expected place"
    )))
}

fn compare(findings: &mut Findings, id: &Id, object: &Value, manifest: &Manifest) {
    let says = |pointer| text(object, pointer);
    findings.same("backup", manifest.text("backup"), Some(&*id.name));
    for (what, place) in [
        ("project", "/spec/projectId"),
        ("environment", "/spec/environment"),
        ("database instance", "/spec/database/instanceId"),
        ("snapshot", "/status/database/snapshotId"),
        (
            "destination bucket",
            "/spec/documentLibrary/destinationBucket",
        ),
    ] {
        findings.same(what, manifest.text(what), says(place));
    }
    let count = object.pointer("/status/documentLibrary/objectCount");
    findings.same(
        "objects",
        manifest.number("objects"),
        count.and_then(Value::as_u64),
    );
    for (what, place) in [
        ("database size", "/status/database/size"),
        ("library size", "/status/documentLibrary/totalSize"),
    ] {
        match (manifest.number(what), says(place)) {
            (Some(bytes), Some(shown)) => match size::agrees(shown, bytes) {
                Some(true) => findings.passed(what, &format!("{bytes} bytes ({shown})")),
                Some(false) => findings.wrong.push(format!(
                    "{what} is {bytes} bytes, but {shown} in the backup"
                )),
                None => findings.warned(what, &format!("{bytes} bytes; {shown:?} is not a size")),
            },
            // The third spelling has sizes in the form of the status.
            _ => findings.same(what, manifest.text(what), says(place)),
        }
    }
}

/// Compares the number of files. The list is complete unless the controller cut it.
fn files(findings: &mut Findings, manifest: &Manifest) {
    let Some(files) = manifest.files() else {
        findings.warned("files", "the manifest lists none");
        return;
    };
    let count = files.len() as u64;
    let bytes: u64 = files.iter().filter_map(spelling::file_size).sum();
    let told = (manifest.number("objects"), manifest.number("library size"));
    if let Some(objects) = told.0.filter(|objects| *objects != count) {
        let message = format!("{count} of {objects} are listed");
        if files.len() == LONGEST_LIST && objects > count {
            findings.warned("files", &format!("{message}: the controller lists no more"));
        } else {
            findings.wrong.push(message);
        }
        return;
    }
    match told.1 {
        Some(total) if total != bytes => {
            findings.wrong.push(format!(
                "the files have {bytes} bytes, but the total is {total}"
            ));
        }
        _ => findings.passed("files", &format!("{count} with {bytes} bytes in total")),
    }
}

/// Compares the checksum of the manifest.
///
/// No document says which bytes the checksum covers. A matching checksum proves that the manifest is intact;
/// a different one proves nothing.
fn checksum(findings: &mut Findings, file: &str, document: &Value) {
    let Some(told) = text(document, "/checksum") else {
        findings.warned("checksum", "the manifest has none");
        return;
    };
    let digest = told.strip_prefix("sha256:").unwrap_or_default();
    if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
        findings
            .wrong
            .push(format!("the checksum {told:?} is not a SHA-256 digest"));
        return;
    }
    match covered(file, document, &digest.to_ascii_lowercase()) {
        Some(what) => findings.passed("checksum", &format!("fits {what}")),
        None => findings.warned(
            "checksum",
            "it matches none of the tried forms; the bytes that it covers are not documented",
        ),
    }
}
