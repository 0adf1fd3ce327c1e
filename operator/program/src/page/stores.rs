use jiff::Timestamp;
use kube::ResourceExt as _;
use operator_api::{BackupStore, Fault, Status};

use crate::page::facts::Overview;
use crate::page::format::bytes;
use crate::page::markup::Markup;
use crate::page::query::Query;
use crate::page::{
    EXCERPT, ROWS, SHORT, cell, failure, head, rest, row, table, text_cell, time_cell,
};

/// Adds the stores.
pub(super) fn stores(section: &mut Markup, found: &Overview, query: &Query, now: Timestamp) {
    if found.stores.is_empty() {
        section.leaf("p", &[("class", "quiet")], "No stores.");
        return;
    }
    let columns = [
        "Store",
        "Namespace",
        "State",
        "Copies",
        "Bytes",
        "Tested",
        "Address",
    ];
    table(section, "stores", &columns, |rows| {
        for store in found.stores.iter().take(ROWS) {
            row(rows, |row| store_row(row, store, query, now));
        }
    });
    rest(section, found.stores.len());
}

fn store_row(row: &mut Markup, store: &BackupStore, query: &Query, now: Timestamp) {
    let status = store.status.as_ref();
    let namespace = store.namespace().unwrap_or_default();
    let link = Query {
        namespace: Some(namespace.clone()),
        ..query.of_health(None)
    };
    row.element("th", &head("Store"), |cell| {
        cell.short(&store.name_any(), SHORT);
    });
    cell(row, "Namespace", |cell| {
        cell.element("a", &[("href", &link.link())], |a| {
            a.short(&namespace, SHORT);
        });
    });
    cell(row, "State", |cell| {
        let conditions = status.map(|it| &*it.conditions).unwrap_or_default();
        let ready = conditions.iter().find(|it| it.type_ == "Ready");
        match ready {
            None => cell.leaf("span", &[("class", "health new")], "not tested"),
            Some(ready) if ready.status == Status::True => {
                cell.leaf("span", &[("class", "health good")], "ready");
            }
            Some(ready) => cell.element("details", &[], |details| {
                details.element("summary", &[], |summary| {
                    summary.leaf("span", &[("class", "health bad")], "not ready");
                    summary.space();
                    summary.short(&ready.reason, SHORT);
                });
                let fault = status.and_then(|it| it.failure.clone());
                let fault = fault.unwrap_or_else(|| Fault {
                    message: ready.message.clone(),
                    ..Fault::default()
                });
                failure(details, &fault, EXCERPT);
            }),
        }
    });
    let copies = status.and_then(|it| it.copies);
    text_cell(
        row,
        "Copies",
        &copies.map_or_else(|| "–".to_owned(), |it| it.to_string()),
    );
    let size = status.and_then(|it| it.bytes);
    text_cell(row, "Bytes", &size.map_or_else(|| "–".to_owned(), bytes));
    time_cell(row, "Tested", status.and_then(|it| it.last_check_time), now);
    cell(row, "Address", |cell| {
        cell.element("code", &[], |code| code.short(&store.spec.url, SHORT));
    });
}
