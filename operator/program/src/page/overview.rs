use jiff::Timestamp;
use kube::ResourceExt as _;
use operator_api::{BackupSchedule, Condition, Fault};

use crate::context::target;
use crate::page::facts::{Overview, RunFacts};
use crate::page::health::Health;
use crate::page::markup::Markup;
use crate::page::query::Query;
use crate::page::runs::{restores, under_way};
use crate::page::stores::stores;
use crate::page::{
    EXCERPT, SHORT, cell, document, failure, head, plot, row, strip, table, text_cell, time_cell,
};

/// Returns the page with all that the operator sees.
pub(super) fn page(found: &Overview, query: &Query, now: Timestamp) -> String {
    document("Backups", now, |main| {
        filter(main, found, query);
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Schedules");
            schedules(section, found, query, now);
        });
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Runs under way");
            under_way(section, found, now);
        });
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Stores");
            stores(section, found, query, now);
        });
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Restores");
            restores(section, found, now);
        });
    })
}

fn filter(main: &mut Markup, found: &Overview, query: &Query) {
    main.element("form", &[("method", "get"), ("role", "search")], |form| {
        form.leaf("label", &[("for", "namespace")], "Namespace");
        let value = query.namespace.as_deref().unwrap_or_default();
        let attributes = [
            ("id", "namespace"),
            ("name", "namespace"),
            ("value", value),
            ("placeholder", "all"),
            ("autocapitalize", "none"),
            ("spellcheck", "false"),
        ];
        form.void("input", &attributes);
        form.leaf("button", &[], "Show");
        if query.namespace.is_some() {
            form.leaf("a", &[("href", "?")], "all namespaces");
        }
    });
    main.element("nav", &[("aria-label", "health of schedules")], |nav| {
        let all: usize = found.counts.iter().map(|it| it.1).sum();
        let mut link = |health: Option<Health>, count: usize| {
            let name = health.map_or("all", Health::name);
            let class = health.map_or("health", |it| badge(it));
            let target = query.of_health(health).link();
            let mut attributes = vec![("href", target.as_str()), ("class", class)];
            if health == query.health {
                attributes.push(("aria-current", "true"));
            }
            nav.leaf("a", &attributes, &format!("{name} {count}"));
        };
        link(None, all);
        for (health, count) in &found.counts {
            link(Some(*health), *count);
        }
    });
}

/// Returns the styles of the word for a health.
pub(super) const fn badge(health: Health) -> &'static str {
    match health {
        Health::Failing => "health bad",
        Health::Healthy => "health good",
        Health::New => "health new",
        Health::Suspended => "health off",
    }
}

fn schedules(section: &mut Markup, found: &Overview, query: &Query, now: Timestamp) {
    if found.schedules.is_empty() {
        section.leaf("p", &[("class", "quiet")], "No schedules.");
        return;
    }
    let columns = [
        "Schedule",
        "Namespace",
        "Health",
        "Last success",
        "Next run",
        "Last 30 days",
        "Sizes",
        "Engine",
        "Target",
        "Times",
    ];
    table(section, "schedules", &columns, |rows| {
        for schedule in &found.schedules {
            row(rows, |row| schedule_row(row, schedule, found, query, now));
        }
    });
    pages(section, found, query);
}

fn schedule_row(
    row: &mut Markup,
    schedule: &BackupSchedule,
    found: &Overview,
    query: &Query,
    now: Timestamp,
) {
    let runs = found.runs_of(schedule);
    let namespace = schedule.namespace().unwrap_or_default();
    let status = schedule.status.as_ref();
    let of_namespace = Query {
        namespace: Some(namespace.clone()),
        ..query.of_health(query.health)
    };
    let detail = Query {
        namespace: Some(namespace.clone()),
        schedule: Some(schedule.name_any()),
        ..Query::default()
    };
    row.element("th", &head("Schedule"), |cell| {
        cell.element("a", &[("href", &detail.link())], |a| {
            a.short(&schedule.name_any(), SHORT);
        });
    });
    cell(row, "Namespace", |cell| {
        cell.element("a", &[("href", &of_namespace.link())], |a| {
            a.short(&namespace, SHORT);
        });
    });
    cell(row, "Health", |cell| {
        let (health, condition) = Health::of(schedule);
        health_of(cell, health, condition, &runs, false);
    });
    time_cell(
        row,
        "Last success",
        status.and_then(|it| it.last_success_time),
        now,
    );
    time_cell(row, "Next run", status.and_then(|it| it.next_run_time), now);
    cell(row, "Last 30 days", |cell| strip::draw(cell, &runs, now));
    cell(row, "Sizes", |cell| plot::draw(cell, &runs, now));
    text_cell(row, "Engine", &schedule.spec.work.engine.name);
    text_cell(row, "Target", &target(&schedule.spec.work.target));
    cell(row, "Times", |cell| {
        cell.element("code", &[], |code| {
            code.short(&schedule.spec.schedule, SHORT);
        });
        if let Some(zone) = &schedule.spec.time_zone {
            cell.element("span", &[("class", "when")], |it| it.short(zone, SHORT));
        }
    });
}

/// Adds the health of a schedule. A failure can be opened, or is open and whole from the start.
pub(super) fn health_of(
    markup: &mut Markup,
    health: Health,
    condition: Option<&Condition>,
    runs: &[RunFacts<'_>],
    opened: bool,
) {
    let longest = if opened { usize::MAX } else { EXCERPT };
    let word = |it: &mut Markup| it.leaf("span", &[("class", badge(health))], health.name());
    let Some(condition) = condition else {
        word(markup);
        return;
    };
    // The object of the run has the hint, unless it is gone.
    let fault = runs
        .iter()
        .rev()
        .find(|it| it.failed())
        .and_then(RunFacts::failure);
    let fault = fault.filter(|it| it.code == condition.reason).cloned();
    let fault = fault.unwrap_or_else(|| Fault {
        message: condition.message.clone(),
        ..Fault::default()
    });
    let open: &[_] = if opened { &[("open", "")] } else { &[] };
    markup.element("details", open, |details| {
        details.element("summary", &[], |summary| {
            word(summary);
            summary.space();
            summary.short(&condition.reason, SHORT);
        });
        failure(details, &fault, longest);
    });
}

fn pages(section: &mut Markup, found: &Overview, query: &Query) {
    let paging = found.paging;
    if paging.pages == 1 {
        return;
    }
    section.element(
        "nav",
        &[("aria-label", "pages"), ("class", "pages")],
        |nav| {
            let mut link = |page: usize, rel: &'static str, text: &str| {
                let target = query.at(page).link();
                nav.leaf("a", &[("href", &target), ("rel", rel)], text);
            };
            if paging.page > 0 {
                link(0, "first", "First");
                link(paging.page - 1, "prev", "Previous");
            }
            if paging.page + 1 < paging.pages {
                link(paging.page + 1, "next", "Next");
                link(paging.pages - 1, "last", "Last");
            }
            let place = format!("page {} of {}", paging.page + 1, paging.pages);
            nav.leaf("span", &[], &place);
        },
    );
}
