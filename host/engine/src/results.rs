//! Checks and converts the results of an engine before any other code sees them.

use std::collections::BTreeMap;

use host_base::{Activity, Backup, Report, State};

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::bindings::kubectl_broker::engine::types;
use super::{WitError, from_wit};
use crate::instance::HostState;
use crate::{Acted, Detection, Restoration};

/// The maximum number of backups in one list.
const MAX_BACKUPS: usize = 1_000_000;
/// The maximum length of one value, in bytes. Object keys of S3 have at most 1,024 bytes.
const MAX_VALUE: usize = 4096;
/// The maximum length of a detail's name, in bytes, and the maximum number of details.
const MAX_NAME: usize = 64;
const MAX_DETAILS: usize = 100;
/// The maximum length of a text that a verb reports, in bytes.
const MAX_TEXT: usize = 8 << 20;
/// The maximum number of notes before a backup is started.
const MAX_NOTES: usize = 10;
/// The maximum length of an error message, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

pub(super) fn report(error: WitError) -> Report {
    let mut report = from_wit(error);
    truncate(&mut report.message, MAX_MESSAGE);
    if let Some(hint) = &mut report.hint {
        truncate(hint, MAX_MESSAGE);
    }
    report
}

pub(super) fn detection(detection: wit::Detection) -> Detection {
    let short = |mut text: String| {
        truncate(&mut text, MAX_VALUE);
        text
    };
    Detection {
        product: short(detection.product),
        version: detection.version.map(short),
        detail: detection.detail.map(short),
    }
}

pub(super) fn backups(
    state: &HostState,
    backups: Vec<types::Backup>,
) -> Result<Vec<Backup>, String> {
    if backups.len() > MAX_BACKUPS {
        return Err(format!(
            "{} backups; at most {MAX_BACKUPS} are allowed",
            backups.len()
        ));
    }
    backups.into_iter().map(|one| backup(state, one)).collect()
}

pub(super) fn backup(state: &HostState, backup: types::Backup) -> Result<Backup, String> {
    if backup.id.is_empty() || backup.id.len() > MAX_VALUE {
        return Err(format!(
            "a backup id of {} bytes; it must have 1–{MAX_VALUE} bytes",
            backup.id.len()
        ));
    }
    // One invalid date must not hide all the other backups.
    let created = backup.created.and_then(|text| {
        let time = text.parse().ok();
        if time.is_none() {
            state.warn(&format!(
                "the creation time of {:?} is not an RFC 3339 time, and is left out: {:?}",
                shortened(&backup.id),
                shortened(&text)
            ));
        }
        time
    });
    let short = |mut text: String| {
        truncate(&mut text, MAX_VALUE);
        text
    };
    let mut fields = BTreeMap::new();
    for field in backup.fields {
        if !state.manifest.has_field(&field.name) {
            return Err(format!(
                "a field that its manifest does not name: {:?}",
                shortened(&field.name)
            ));
        }
        fields.insert(field.name, short(field.value));
    }
    Ok(Backup {
        id: backup.id,
        activity: match backup.activity {
            types::Activity::Backup => Activity::Backup,
            types::Activity::Restore => Activity::Restore,
        },
        state: match backup.state {
            types::State::Pending => State::Pending,
            types::State::Running => State::Running,
            types::State::Succeeded => State::Succeeded,
            types::State::Partial => State::Partial,
            types::State::Failed => State::Failed,
            types::State::Unknown => State::Unknown,
        },
        reported_state: backup.reported_state.map(short),
        size: backup.size,
        created,
        failure: backup.failure.map(short),
        fields,
    })
}

pub(super) fn restoration(
    state: &HostState,
    restoration: wit::Restoration,
) -> Result<Restoration, String> {
    Ok(Restoration {
        backup: backup(state, restoration.backup)?,
        details: details(restoration.details),
    })
}

/// Converts additional information about a backup: pairs of name and value.
pub(super) fn details(fields: Vec<types::Field>) -> Vec<(String, String)> {
    let details = fields.into_iter().map(|mut field| {
        truncate(&mut field.name, MAX_NAME);
        truncate(&mut field.value, MAX_VALUE);
        (field.name, field.value)
    });
    details.take(MAX_DETAILS).collect()
}

/// Shortens the notes for the user: their number and their length.
pub(super) fn notes(mut notes: Vec<String>) -> Vec<String> {
    notes.truncate(MAX_NOTES);
    for note in &mut notes {
        truncate(note, MAX_VALUE);
    }
    notes
}

/// Converts the result of a verb. A text that is too long is refused: if cut, it would look complete.
pub(super) fn acted(state: &HostState, report: wit::Report) -> Result<Acted, String> {
    match report {
        wit::Report::Done => Ok(Acted::Done),
        wit::Report::Text(text) if text.len() > MAX_TEXT => Err(format!(
            "a text of {} bytes; at most {MAX_TEXT} are allowed",
            text.len()
        )),
        wit::Report::Text(text) => Ok(Acted::Text(text)),
        wit::Report::Backups(list) => backups(state, list).map(Acted::Backups),
    }
}

/// Returns the beginning of a text, long enough to recognize it.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Cuts a text at a character boundary.
fn truncate(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}
