//! Checks and converts the results of an engine before any other code sees them.

use std::collections::BTreeMap;

use host_base::{Activity, Amount, Backup, Check, Report, State};

use crate::instance::HostState;
use crate::{Acted, Detection, HealthReport, Page, Preparation};

/// The maximum number of backups in one list of interface 0.1, which has no pages.
const MAX_BACKUPS: usize = 1_000_000;
/// The maximum number of backups in one page, and the maximum length of a cursor in bytes.
const MAX_PAGE: usize = 10_000;
const MAX_CURSOR: usize = 4096;
/// The maximum length of the token that `prepare` gives to `create`, in bytes.
const MAX_TOKEN: usize = 64 << 10;
/// The maximum number of items, checks and reports of a result.
const MAX_ITEMS: usize = 10_000;
/// The maximum length of one value, in bytes. Object keys of S3 have at most 1,024 bytes.
const MAX_VALUE: usize = 4096;
/// The maximum length of a detail's name, in bytes, and the maximum number of details.
const MAX_NAME: usize = 64;
const MAX_DETAILS: usize = 100;
/// The maximum length of a text that a verb reports, in bytes.
const MAX_TEXT: usize = 8 << 20;
/// The maximum number of notes before a backup is started, and of warnings about one backup.
const MAX_NOTES: usize = 10;
/// The maximum length of an error message, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// A backup as an engine returned it.
#[derive(Debug)]
pub(crate) struct Unchecked {
    pub(crate) id: String,
    pub(crate) activity: Activity,
    pub(crate) state: State,
    pub(crate) reported_state: Option<String>,
    pub(crate) size: Option<u64>,
    /// The time of creation, in RFC 3339.
    pub(crate) created: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) progress: Option<Amount>,
    pub(crate) warnings: Vec<String>,
    pub(crate) fields: Vec<(String, String)>,
}

/// Shortens the texts of an error.
pub(crate) fn report(mut report: Report) -> Report {
    truncate(&mut report.message, MAX_MESSAGE);
    if let Some(hint) = &mut report.hint {
        truncate(hint, MAX_MESSAGE);
    }
    report
}

/// Shortens the texts of a detection.
pub(crate) fn detection(detection: Detection) -> Detection {
    Detection {
        product: short(detection.product),
        version: detection.version.map(short),
        detail: detection.detail.map(short),
    }
}

/// Checks a page of a list.
pub(crate) fn page(
    state: &HostState,
    backups: Vec<Unchecked>,
    next: Option<String>,
) -> Result<Page, String> {
    if backups.len() > MAX_PAGE {
        return Err(format!(
            "{} backups in one page; at most {MAX_PAGE} are allowed",
            backups.len()
        ));
    }
    if let Some(cursor) = &next
        && cursor.len() > MAX_CURSOR
    {
        return Err(format!(
            "a cursor of {} bytes; at most {MAX_CURSOR} are allowed",
            cursor.len()
        ));
    }
    let backups = self::backups(state, backups)?;
    Ok(Page { backups, next })
}

/// Checks a list without pages.
pub(crate) fn backups(state: &HostState, backups: Vec<Unchecked>) -> Result<Vec<Backup>, String> {
    if backups.len() > MAX_BACKUPS {
        return Err(format!(
            "{} backups; at most {MAX_BACKUPS} are allowed",
            backups.len()
        ));
    }
    backups.into_iter().map(|one| backup(state, one)).collect()
}

/// Checks one backup.
pub(crate) fn backup(state: &HostState, backup: Unchecked) -> Result<Backup, String> {
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
    let mut fields = BTreeMap::new();
    for (name, value) in backup.fields {
        if !state.manifest.has_field(&name) {
            return Err(format!(
                "a field that its manifest does not name: {:?}",
                shortened(&name)
            ));
        }
        fields.insert(name, short(value));
    }
    Ok(Backup {
        id: backup.id,
        activity: backup.activity,
        state: backup.state,
        reported_state: backup.reported_state.map(short),
        size: backup.size,
        created,
        failure: backup.failure.map(short),
        progress: backup.progress.map(|amount| Amount {
            step: amount.step.map(short),
            ..amount
        }),
        warnings: notes(backup.warnings),
        fields,
    })
}

/// Shortens additional information about a backup: pairs of name and value.
pub(crate) fn details(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    let details = fields.into_iter().map(|(mut name, mut value)| {
        truncate(&mut name, MAX_NAME);
        truncate(&mut value, MAX_VALUE);
        (name, value)
    });
    details.take(MAX_DETAILS).collect()
}

/// Checks the result of `prepare`.
pub(crate) fn preparation(
    notes: Vec<String>,
    token: Option<Vec<u8>>,
) -> Result<Preparation, String> {
    if let Some(token) = &token
        && token.len() > MAX_TOKEN
    {
        return Err(format!(
            "a token of {} bytes; at most {MAX_TOKEN} are allowed",
            token.len()
        ));
    }
    Ok(Preparation {
        notes: self::notes(notes),
        token,
    })
}

/// Shortens notes for the user: their number and their length.
pub(crate) fn notes(mut notes: Vec<String>) -> Vec<String> {
    notes.truncate(MAX_NOTES);
    for note in &mut notes {
        truncate(note, MAX_VALUE);
    }
    notes
}

/// Checks a text that a verb reports. A text that is too long is refused: if cut, it would look complete.
pub(crate) fn text(text: String) -> Result<Acted, String> {
    if text.len() > MAX_TEXT {
        return Err(format!(
            "a text of {} bytes; at most {MAX_TEXT} are allowed",
            text.len()
        ));
    }
    Ok(Acted::Text(text))
}

/// Checks the checks of a backup, or the things that a verb worked on.
pub(crate) fn checks(checks: Vec<Check>) -> Result<Vec<Check>, String> {
    few("checks", checks.len())?;
    let checks = checks.into_iter().map(|check| Check {
        name: short(check.name),
        message: check.message.map(short),
        ..check
    });
    Ok(checks.collect())
}

/// Checks the reports of `health`.
pub(crate) fn health(reports: Vec<HealthReport>) -> Result<Vec<HealthReport>, String> {
    few(
        "checks",
        reports.iter().map(|report| report.checks.len()).sum(),
    )?;
    few("reports", reports.len())?;
    let reports = reports.into_iter().map(|report| {
        Ok(HealthReport {
            pod: report.pod.map(short),
            checks: checks(report.checks)?,
        })
    });
    reports.collect()
}

fn few(what: &str, number: usize) -> Result<(), String> {
    if number > MAX_ITEMS {
        return Err(format!("{number} {what}; at most {MAX_ITEMS} are allowed"));
    }
    Ok(())
}

fn short(mut text: String) -> String {
    truncate(&mut text, MAX_VALUE);
    text
}

/// Returns the beginning of a text, long enough to recognize it.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Cuts a text at a character boundary.
fn truncate(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}
