//! The engine's own verbs: `manifest`, `pin`, `unpin` and `expire`.

use std::collections::BTreeMap;

use broker_engine::storage::Condition;
use broker_engine::{
    ActRequest, Backup, Check, Error, ErrorKind, Outcome, Report, Result, Settings, State, clock,
    log,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::bucket::Bucket;
use crate::delete::{self, BUDGET};
use crate::id::{Id, check_base, hexadecimal};
use crate::list::{Walk, is_about_all};
use crate::options::seconds;
use crate::record::PIN;
use crate::text::line;
use crate::{json, manifest, status};

/// The maximum length of a manifest that is printed, in bytes. The host shows no longer text.
const MAX_TEXT: u64 = 8 << 20;
/// The maximum number of backups that one call of `expire` looks at.
const MAX_BACKUPS: usize = 2_000;
/// The age from which a backup that is still being made counts as given up, in seconds.
const GIVEN_UP: i64 = 7 * 86_400;

/// Runs a verb.
///
/// # Errors
/// Returns the reason why the verb failed.
pub fn act(request: &ActRequest) -> Result<Report> {
    let id = || Id::parse(request.required_text("backup")?);
    match request.verb.as_str() {
        "manifest" => match request.text("file") {
            Some(text) => check(text),
            None => {
                let id = Id::parse(request.required_text("name")?)?;
                show(&id, request.boolean("location"))
            }
        },
        "pin" => pin(&id()?),
        "unpin" => unpin(&id()?),
        "expire" => expire(request),
        other => Err(Error::unsupported(format!(
            "this engine has no verb {other:?}"
        ))),
    }
}

/// Checks the checksum of a manifest that is not in its store, and prints it.
fn check(text: &str) -> Result<Report> {
    let mut document: Value = serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("the manifest is no JSON: {error}")))?;
    let members = document.as_object_mut();
    let checksum = members.and_then(|members| members.remove("checksum"));
    let digest = Sha256::digest(json::canonical(&document).as_bytes());
    let expected = format!("sha256:{}", hexadecimal(&digest));
    if checksum.as_ref().and_then(Value::as_str) != Some(&expected) {
        let found = checksum.map_or_else(|| "none".to_owned(), |it| line(&it.to_string()));
        return Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "the manifest has been changed: its checksum must be {expected}, and is {found}"
            ),
        ));
    }
    document["checksum"] = Value::String(expected);
    pretty(&document)
}

fn show(id: &Id, is_location: bool) -> Result<Report> {
    let Some(mut reader) = manifest::find(id)? else {
        // Tells whether there is a backup at all.
        let backup = status::of_backup(id)?;
        let state = backup.reported_state.unwrap_or_default();
        return Err(Error::conflict(format!(
            "the backup {id} has no manifest yet: it is {state}"
        )));
    };
    if is_location {
        let name = reader.summary()?.name;
        return Ok(Report::Text(id.shown(name)));
    }
    let mut files = Vec::new();
    let mut length = 0;
    let summary = reader.read_rest(|entry| {
        let line = entry.line();
        length += line.len() as u64 + 8;
        if length > MAX_TEXT / 2 {
            let print = id.bucket.printer(&id.key("manifest.json.gz"));
            return Err(Error::failed("the manifest is too long to be printed")
                .with_hint(format!("Read it with `{print} | gunzip`")));
        }
        let value = serde_json::from_str::<Value>(&line);
        files.push(value.map_err(|error| Error::failed(format!("no JSON: {error}")))?);
        Ok(())
    })?;
    let mut document = summary.document;
    if document["document_library"].is_object() {
        document["document_library"]["files"] = Value::Array(files);
    }
    if summary.is_intact != Some(true) {
        log::warn("The manifest has been changed: its checksum is wrong");
    }
    pretty(&document)
}

fn pretty(document: &Value) -> Result<Report> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Error::failed(format!("no JSON: {error}")))?;
    Ok(Report::text(text))
}

fn pin(id: &Id) -> Result<Report> {
    status::of_backup(id)?;
    let at = id.at(PIN);
    match at.put(b"", None, &Condition::Absent) {
        Ok(_) => Ok(Report::text(format!("The backup {id} is pinned."))),
        Err(error) if error.kind == ErrorKind::Conflict => {
            Ok(Report::text(format!("The backup {id} is pinned already.")))
        }
        Err(error) => Err(error),
    }
}

fn unpin(id: &Id) -> Result<Report> {
    status::of_backup(id)?;
    id.bucket.remove(&[id.key(PIN)])?;
    Ok(Report::text(format!("The backup {id} is not pinned.")))
}

fn expire(request: &ActRequest) -> Result<Report> {
    let bucket = Bucket::parse(request.required_text("destination-bucket")?)?;
    let base = match request.text("destination-prefix") {
        Some(prefix) => check_base(prefix)?,
        None => String::new(),
    };
    let retention = request.text("retention").map(seconds).transpose()?;
    let mut walk = Walk::of(&bucket, None, MAX_BACKUPS);
    walk.folder(&base)?;
    let mut groups: BTreeMap<String, Vec<Id>> = BTreeMap::new();
    for id in std::mem::take(&mut walk.found) {
        groups.entry(id.base.clone()).or_default().push(id);
    }
    // Without the rest of a folder, its newest backup is not known.
    if let Some(cursor) = walk.next() {
        let cut = groups.keys().next_back().cloned();
        cut.and_then(|cut| groups.remove(&cut));
        log::warn(&format!(
            "There are more than {MAX_BACKUPS} backups; those from {cursor} on are not looked at"
        ));
    }
    let now = i64::try_from(clock::now() / 1000).unwrap_or(i64::MAX);
    let mut expiring = Expiring {
        retention,
        now,
        is_dry: request.boolean("dry-run"),
        budget: BUDGET,
        items: Vec::new(),
    };
    for ids in groups.into_values() {
        expiring.group(ids)?;
    }
    Ok(Report::items(expiring.items))
}

/// The work of `expire`.
struct Expiring {
    retention: Option<i64>,
    now: i64,
    is_dry: bool,
    budget: usize,
    items: Vec<Check>,
}

impl Expiring {
    /// Deletes the old backups of one folder.
    fn group(&mut self, ids: Vec<Id>) -> Result<()> {
        let mut backups = Vec::new();
        for id in ids {
            match status::of_backup(&id) {
                Ok(backup) => backups.push((id, backup)),
                Err(error) if is_about_all(error.kind) => return Err(error),
                // A folder of something else.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => self.add(&id, Outcome::Failed, &line(&error.message)),
            }
        }
        // Times as names are in their own order.
        backups.sort_by(|(a, _), (b, _)| b.time.cmp(&a.time));
        let newest = |state| {
            let mut backups = backups.iter();
            backups
                .find(|(_, backup)| backup.state == state)
                .map(|(id, _)| id.clone())
        };
        let newest = newest(State::Succeeded).or_else(|| newest(State::Partial));
        for (id, backup) in backups {
            if !self.has_expired(&id, &backup) {
                continue;
            }
            if backup.fields.iter().any(|it| it.name == "pinned") {
                self.add(&id, Outcome::Skipped, "is pinned");
            } else if newest.as_ref() == Some(&id) {
                self.add(&id, Outcome::Skipped, "is the newest complete backup");
            } else if self.is_dry {
                self.add(&id, Outcome::Passed, "would be deleted");
            } else {
                self.delete(&id)?;
            }
        }
        Ok(())
    }

    fn has_expired(&self, id: &Id, backup: &Backup) -> bool {
        let own = backup.fields.iter().find(|it| it.name == "retention");
        let own = own.and_then(|it| seconds(&it.value).ok());
        // A deletion that was interrupted is no backup any more.
        let is_going = backup.reported_state.as_deref() == Some("deleting");
        let Some(mut retention) = self.retention.or(own).or(is_going.then_some(0)) else {
            return false;
        };
        if matches!(backup.state, State::Pending | State::Running) {
            retention = retention.max(GIVEN_UP);
        }
        self.now.saturating_sub(id.seconds()) > retention
    }

    fn delete(&mut self, id: &Id) -> Result<()> {
        match delete::whole(id, &mut self.budget) {
            Ok(warnings) if warnings.is_empty() => self.add(id, Outcome::Passed, "is deleted"),
            Ok(warnings) => self.add(id, Outcome::Warned, &warnings.join("; ")),
            Err(error) if is_about_all(error.kind) => return Err(error),
            Err(error) => self.add(id, Outcome::Failed, &line(&error.message)),
        }
        Ok(())
    }

    fn add(&mut self, id: &Id, outcome: Outcome, message: &str) {
        self.items
            .push(Check::new(id.to_string(), outcome).with_message(message));
    }
}
