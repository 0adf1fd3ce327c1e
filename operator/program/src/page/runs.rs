use jiff::Timestamp;
use kube::ResourceExt as _;
use operator_api::{Fault, Phase, Progress, Restore, RunKind, RunStatus, Status};

use crate::context::target;
use crate::page::facts::{Overview, phase};
use crate::page::format::{bytes, length};
use crate::page::markup::Markup;
use crate::page::{
    EXCERPT, ROWS, SHORT, cell, failure, head, rest, row, table, text_cell, time_cell,
};

/// Adds the runs that have not ended.
pub(super) fn under_way(section: &mut Markup, found: &Overview, now: Timestamp) {
    let restores = found
        .restores
        .iter()
        .filter(|it| !phase(it.run()).is_terminal());
    let restores: Vec<_> = restores.collect();
    let count = restores.len() + found.open_backups.len();
    if count == 0 {
        section.leaf("p", &[("class", "quiet")], "No runs are under way.");
        return;
    }
    let columns = ["Run", "Namespace", "Phase", "Progress", "Since"];
    table(section, "runs under way", &columns, |rows| {
        let places = ROWS.saturating_sub(restores.len());
        for restore in restores.iter().take(ROWS) {
            row(rows, |row| open_row(row, &***restore, now));
        }
        for backup in found.open_backups.iter().take(places) {
            row(rows, |row| open_row(row, &**backup, now));
        }
    });
    rest(section, count);
}

fn open_row<R: RunKind>(row: &mut Markup, run: &R, now: Timestamp) {
    let status = run.run();
    row.element("th", &head("Run"), |cell| {
        let name = format!("{}/{}", R::KIND.to_lowercase(), run.name_any());
        cell.short(&name, SHORT);
    });
    text_cell(row, "Namespace", &run.namespace().unwrap_or_default());
    text_cell(row, "Phase", phase(status).name());
    cell(row, "Progress", |cell| {
        let waiting = run.status().map(R::conditions_in).unwrap_or_default();
        let waiting = waiting
            .iter()
            .find(|it| it.type_ == "Progressing" && it.status == Status::False);
        match (status.and_then(|it| it.progress.as_ref()), waiting) {
            (_, Some(waiting)) => {
                cell.short(&format!("{}: {}", waiting.reason, waiting.message), EXCERPT);
            }
            (Some(progress), None) => progress_of(cell, progress),
            (None, None) => cell.text("–"),
        }
    });
    let since = status.and_then(|it| it.started_at);
    let since = since.or_else(|| run.creation_timestamp().map(|it| it.0));
    time_cell(row, "Since", since, now);
}

fn progress_of(cell: &mut Markup, progress: &Progress) {
    cell.short(&progress.step, SHORT);
    let Some(done) = progress.bytes.filter(|it| *it >= 0) else {
        return;
    };
    let Some(all) = progress.total_bytes.filter(|all| *all > 0 && *all >= done) else {
        cell.text(&format!(", {}", bytes(done)));
        return;
    };
    cell.text(&format!(", {} of {}", bytes(done), bytes(all)));
    cell.space();
    let (value, max) = (done.to_string(), all.to_string());
    let attributes = [
        ("value", value.as_str()),
        ("max", &max),
        ("aria-label", "progress"),
    ];
    cell.leaf("progress", &attributes, "");
}

/// Adds all restores.
pub(super) fn restores(section: &mut Markup, found: &Overview, now: Timestamp) {
    if found.restores.is_empty() {
        section.leaf("p", &[("class", "quiet")], "No restores.");
        return;
    }
    let columns = [
        "Restore",
        "Namespace",
        "Outcome",
        "From",
        "Target",
        "Began",
        "Took",
    ];
    table(section, "restores", &columns, |rows| {
        for restore in found.restores.iter().take(ROWS) {
            row(rows, |row| restore_row(row, restore, now));
        }
    });
    rest(section, found.restores.len());
}

fn restore_row(row: &mut Markup, restore: &Restore, now: Timestamp) {
    let status = restore.run();
    let from = &restore.spec.from;
    row.element("th", &head("Restore"), |cell| {
        cell.short(&restore.name_any(), SHORT);
        if restore.spec.dry_run {
            cell.leaf("span", &[("class", "when")], "dry run");
        }
    });
    text_cell(row, "Namespace", &restore.namespace().unwrap_or_default());
    cell(row, "Outcome", |cell| {
        outcome(
            cell,
            phase(status),
            status.and_then(|it| it.failure.as_ref()),
            EXCERPT,
        );
        let is_unknown = restore.status.as_ref().and_then(|it| it.outcome_unknown);
        if is_unknown == Some(true) {
            cell.leaf("span", &[("class", "when")], "accepted; outcome unknown");
        }
    });
    let source = match (&from.backup, &from.copy, &from.backup_id) {
        (Some(backup), ..) => format!("backup/{}", backup.name),
        (_, Some(copy), _) => format!("{} in {}", copy.reference, copy.store.name),
        (.., Some(id)) => id.clone(),
        _ => "–".to_owned(),
    };
    text_cell(row, "From", &source);
    text_cell(row, "Target", &target(&restore.spec.work.target));
    time_cell(row, "Began", status.and_then(|it| it.started_at), now);
    text_cell(row, "Took", &took(status));
}

/// Returns how long a run took.
pub(super) fn took(status: Option<&RunStatus>) -> String {
    let times = status.and_then(|it| Some((it.started_at?, it.finished_at?)));
    let seconds = times.map(|(start, end)| end.duration_since(start).as_secs());
    let seconds = seconds.and_then(|it| u64::try_from(it).ok());
    seconds.map_or_else(|| "–".to_owned(), length)
}

/// Adds how a run ended, or its phase. A failure can be opened.
pub(super) fn outcome(cell: &mut Markup, phase: Phase, fault: Option<&Fault>, longest: usize) {
    let class = match phase {
        Phase::Succeeded => "health good",
        Phase::Failed | Phase::Lost => "health bad",
        Phase::Queued | Phase::Starting | Phase::Running => "health new",
    };
    let Some(fault) = fault else {
        cell.leaf("span", &[("class", class)], phase.name());
        return;
    };
    cell.element("details", &[], |details| {
        details.element("summary", &[], |summary| {
            summary.leaf("span", &[("class", class)], phase.name());
            summary.space();
            summary.short(&fault.code, SHORT);
        });
        failure(details, fault, longest);
    });
}
