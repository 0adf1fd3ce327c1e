use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;
use operator_api::{Backup, BackupSchedule, LABEL_SCHEDULE, Upkeep};

use crate::context::target;
use crate::page::facts::RunFacts;
use crate::page::format::{age, bytes, minute};
use crate::page::health::Health;
use crate::page::markup::Markup;
use crate::page::overview::health_of;
use crate::page::query::Query;
use crate::page::runs::{outcome, took};
use crate::page::{EXCERPT, cell, document, head, plot, row, strip, table, text_cell, time_cell};

/// The most runs that are listed, newest first.
const RUNS: usize = 100;
/// The newest runs, whose failures are shown as a whole.
const NEWEST: usize = 5;
/// The longest part of a failure, in characters. The status of an object holds no more.
const WHOLE: usize = 2048;

/// Returns the page of one schedule. `backups` are its runs, oldest first.
pub(super) fn page(schedule: &BackupSchedule, backups: &[Arc<Backup>], now: Timestamp) -> String {
    let runs: Vec<_> = backups.iter().map(|it| RunFacts::of(it)).collect();
    document(&schedule.name_any(), now, |main| {
        main.element("section", &[("class", "facts")], |section| {
            section.element("dl", &[], |list| facts(list, schedule, &runs, now));
        });
        main.element("section", &[("class", "drawings")], |section| {
            section.leaf("h2", &[], "Last 30 days");
            strip::draw(section, &runs, now);
            section.leaf("h2", &[], "Sizes");
            plot::draw(section, &runs, now);
            if let Some(words) = plot::words(&runs, now) {
                section.leaf("p", &[("class", "quiet")], &words);
            }
        });
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Runs, newest first");
            list(section, schedule, &runs, now);
        });
    })
}

fn facts(list: &mut Markup, schedule: &BackupSchedule, runs: &[RunFacts<'_>], now: Timestamp) {
    let spec = &schedule.spec;
    let status = schedule.status.as_ref();
    let namespace = schedule.namespace().unwrap_or_default();
    let mut fact = |name: &'static str, content: &mut dyn FnMut(&mut Markup)| {
        list.element("div", &[], |pair| {
            pair.leaf("dt", &[], name);
            pair.element("dd", &[], |it| content(it));
        });
    };
    fact("Health", &mut |it| {
        let (health, condition) = Health::of(schedule);
        health_of(it, health, condition, runs, true);
    });
    fact("Namespace", &mut |it| {
        let query = Query {
            namespace: Some(namespace.clone()),
            ..Query::default()
        };
        it.leaf("a", &[("href", &query.link())], &namespace);
    });
    let when = |time: Option<Timestamp>| match time {
        Some(time) => format!("{} ({})", age(now, time), minute(time)),
        None => "–".to_owned(),
    };
    let store = spec.store.as_ref().map_or("–", |it| &it.name);
    let texts = [
        (
            "Last success",
            when(status.and_then(|it| it.last_success_time)),
        ),
        (
            "Last failure",
            when(status.and_then(|it| it.last_failure_time)),
        ),
        ("Next run", when(status.and_then(|it| it.next_run_time))),
        ("Engine", spec.work.engine.name.clone()),
        ("Target", target(&spec.work.target)),
        ("Times", spec.schedule.clone()),
        (
            "Time zone",
            spec.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        ),
        ("Store", store.to_owned()),
        (
            "Retention",
            upkeep(status.and_then(|it| it.retention.as_ref()), now),
        ),
        (
            "Deep check",
            upkeep(status.and_then(|it| it.deep_check.as_ref()), now),
        ),
    ];
    for (name, text) in &texts {
        fact(name, &mut |it| it.text(text));
    }
}

/// Returns how the last Job for the copies went.
fn upkeep(upkeep: Option<&Upkeep>, now: Timestamp) -> String {
    let Some(upkeep) = upkeep else {
        return "–".to_owned();
    };
    let outcome = match upkeep.succeeded {
        Some(true) => "succeeded",
        Some(false) => "failed",
        None => "under way",
    };
    let end = upkeep.finished_at.map(|it| format!(" {}", age(now, it)));
    let message = upkeep.message.as_ref().map(|it| format!(": {it}"));
    format!(
        "{outcome}{}{}",
        end.unwrap_or_default(),
        message.unwrap_or_default()
    )
}

fn list(section: &mut Markup, schedule: &BackupSchedule, runs: &[RunFacts<'_>], now: Timestamp) {
    if runs.is_empty() {
        section.leaf("p", &[("class", "quiet")], "No runs.");
        return;
    }
    let columns = ["Run", "Outcome", "For", "Took", "Size", "Attempts"];
    table(section, "runs", &columns, |rows| {
        for (at, run) in runs.iter().rev().take(RUNS).enumerate() {
            let longest = if at < NEWEST { WHOLE } else { EXCERPT };
            row(rows, |row| {
                row.element("th", &head("Run"), |cell| cell.text(run.name));
                cell(row, "Outcome", |cell| {
                    outcome(cell, run.phase, run.failure(), longest);
                });
                time_cell(row, "For", Some(run.time), now);
                text_cell(row, "Took", &took(run.status));
                text_cell(
                    row,
                    "Size",
                    &run.bytes.map_or_else(|| "–".to_owned(), bytes),
                );
                let attempts = run.status.map_or(0, |it| it.attempts.len());
                text_cell(row, "Attempts", &attempts.to_string());
            });
        }
    });
    if runs.len() > RUNS {
        let text = format!(
            "{} older runs are not shown. To see all:",
            runs.len() - RUNS
        );
        section.element("p", &[("class", "quiet")], |p| {
            p.text(&text);
            p.space();
            let namespace = schedule.namespace().unwrap_or_default();
            let name = schedule.name_any();
            let command = format!("kubectl get backups -n {namespace} -l {LABEL_SCHEDULE}={name}");
            p.leaf("code", &[], &command);
        });
    }
}
