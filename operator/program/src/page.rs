//! The page for people: what the operator sees, as HTML. It changes nothing, and needs neither scripts nor anything from
//! another server.

mod detail;
mod facts;
mod format;
mod health;
mod markup;
mod overview;
mod plot;
mod query;
mod runs;
mod stores;
mod strip;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::context::Seen;
use crate::page::markup::Markup;
use crate::page::query::Query;

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("page/style.css");
/// The path of the style, relative to the page.
const STYLE_PATH: &str = "page.css";
/// Allows the style of this server and nothing else. A filter is a form.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                                 base-uri 'none'; frame-ancestors 'none'";
/// Pages that are made at a time. Further readers wait: the work of the operator comes first.
const AT_ONCE: usize = 2;

/// The page, and its view of the cluster.
pub(crate) struct Page {
    clock: Clock,
    /// The objects that the watches keep, as soon as this replica leads and they have shown all there is.
    seen: OnceLock<Seen>,
    is_leading: AtomicBool,
    /// The replica that held the Lease when it was last looked at.
    leader: Mutex<Option<String>>,
    places: Semaphore,
}

impl Page {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            seen: OnceLock::new(),
            is_leading: AtomicBool::new(false),
            leader: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Notes which replica leads.
    pub(crate) fn set_leader(&self, holder: Option<&str>) {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        *leader = holder.filter(|it| !it.is_empty()).map(str::to_owned);
    }

    /// Notes that this replica leads, and reads the cluster.
    pub(crate) fn begin(&self) {
        self.is_leading.store(true, Ordering::Relaxed);
    }

    /// Shows what the watches of this replica keep from now on.
    pub(crate) fn show(&self, seen: Seen) {
        // A replica leads once in its life.
        let _ = self.seen.set(seen);
    }

    /// Returns the page for a query. It is made in a thread of its own, since thousands of objects take a moment.
    pub(crate) async fn answer(self: &Arc<Self>, query: &str) -> (StatusCode, String) {
        let query = Query::parse(query);
        let page = Arc::clone(self);
        let _place = self.places.acquire().await;
        let made = tokio::task::spawn_blocking(move || page.make(&query)).await;
        made.unwrap_or_else(|error| {
            tracing::warn!(%error, "no page");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        })
    }

    fn make(&self, query: &Query) -> (StatusCode, String) {
        self.make_at(query, self.clock.now())
    }

    fn make_at(&self, query: &Query, now: Timestamp) -> (StatusCode, String) {
        let Some(seen) = self.seen.get() else {
            if self.is_leading.load(Ordering::Relaxed) {
                let text = "The operator has begun its work, and still reads the cluster. Load this page again.";
                return (StatusCode::OK, message("Starting", text, now));
            }
            let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
            return (StatusCode::OK, standby(leader.as_deref(), now));
        };
        if let (Some(namespace), Some(name)) = (&query.namespace, &query.schedule) {
            return match facts::schedule(seen, namespace, name) {
                Some((schedule, runs)) => (StatusCode::OK, detail::page(&schedule, &runs, now)),
                None => {
                    let text = format!("There is no schedule {name} in namespace {namespace}.");
                    let page = message("Schedule not found", &text, now);
                    (StatusCode::NOT_FOUND, page)
                }
            };
        }
        let found = facts::Overview::of(seen, query);
        (StatusCode::OK, overview::page(&found, query, now))
    }
}

fn standby(leader: Option<&str>, now: Timestamp) -> String {
    let leads = match leader {
        Some(leader) => format!("Replica {leader} leads: its page shows the backups."),
        None => "The replica that leads shows the backups.".to_owned(),
    };
    let text = format!("This replica is on standby. {leads}");
    message("Standby", &text, now)
}

/// Returns a page with a message only.
fn message(title: &str, text: &str, now: Timestamp) -> String {
    document(title, now, |main| {
        main.leaf("p", &[], text);
        main.element("p", &[], |p| p.leaf("a", &[("href", "?")], "All schedules"));
    })
}

/// Returns a page with a heading and a content.
fn document(title: &str, now: Timestamp, content: impl FnOnce(&mut Markup)) -> String {
    let mut page = Markup::document();
    page.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |head| {
            head.void("meta", &[("charset", "utf-8")]);
            let wide = "width=device-width, initial-scale=1";
            head.void("meta", &[("name", "viewport"), ("content", wide)]);
            head.void(
                "meta",
                &[("name", "color-scheme"), ("content", "light dark")],
            );
            head.leaf("title", &[], &format!("{title} · broker-operator"));
            head.void("link", &[("rel", "stylesheet"), ("href", STYLE_PATH)]);
        });
        html.element("body", &[], |body| {
            body.element("header", &[], |header| {
                header.leaf("a", &[("href", "?"), ("class", "home")], "broker-operator");
                let time = format!("as of {}", format::minute(now));
                header.leaf("span", &[("class", "quiet")], &time);
            });
            body.element("main", &[], |main| {
                main.leaf("h1", &[], title);
                content(main);
            });
        });
    });
    page.into_string()
}

/// Adds a table whose columns have names. A narrow screen shows a row as a list, in which the cells repeat these names: so the
/// roles say what the style takes away.
fn table(
    markup: &mut Markup,
    name: &'static str,
    columns: &[&'static str],
    rows: impl FnOnce(&mut Markup),
) {
    let attributes = [("class", name), ("role", "table"), ("aria-label", name)];
    markup.element("table", &attributes, |table| {
        table.element("thead", &[("role", "rowgroup")], |head| {
            head.element("tr", &[("role", "row")], |row| {
                for column in columns {
                    let attributes = [("scope", "col"), ("role", "columnheader")];
                    row.leaf("th", &attributes, column);
                }
            });
        });
        table.element("tbody", &[("role", "rowgroup")], rows);
    });
}

/// Adds a row.
fn row(markup: &mut Markup, cells: impl FnOnce(&mut Markup)) {
    markup.element("tr", &[("role", "row")], cells);
}

/// Adds a cell. `label` is the name of its column.
fn cell(row: &mut Markup, label: &'static str, content: impl FnOnce(&mut Markup)) {
    row.element("td", &[("role", "cell"), ("data-label", label)], |cell| {
        cell.element("div", &[], content);
    });
}

/// Adds a cell with a text of at most 80 characters.
fn text_cell(row: &mut Markup, label: &'static str, text: &str) {
    cell(row, label, |cell| cell.short(text, SHORT));
}

/// Adds a cell with a time and its age.
fn time_cell(row: &mut Markup, label: &'static str, time: Option<Timestamp>, now: Timestamp) {
    cell(row, label, |cell| match time {
        Some(time) => {
            cell.text(&format::age(now, time));
            cell.leaf("span", &[("class", "when")], &format::minute(time));
        }
        None => cell.text("–"),
    });
}

/// The longest name in a table, in characters.
const SHORT: usize = 80;

/// The longest part of a failure in an overview, in characters. The page of the schedule has all of it.
const EXCERPT: usize = 300;

/// Adds what failed, and what to do next.
fn failure(markup: &mut Markup, fault: &operator_api::Fault, longest: usize) {
    markup.element("p", &[], |p| p.short(&fault.message, longest));
    if let Some(hint) = &fault.hint {
        markup.element("p", &[("class", "hint")], |p| {
            p.leaf("strong", &[], "Next:");
            p.space();
            p.short(hint, longest);
        });
    }
}

/// Rows of the shorter tables.
const ROWS: usize = 50;

/// Says how many rows a short table leaves out.
fn rest(section: &mut Markup, count: usize) {
    if count > ROWS {
        let text = format!("{} more are not shown: choose a namespace.", count - ROWS);
        section.leaf("p", &[("class", "quiet")], &text);
    }
}

/// The attributes of the first cell of a row.
const fn head(label: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("scope", "row"),
        ("role", "rowheader"),
        ("data-label", label),
    ]
}
