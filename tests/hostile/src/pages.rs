//! Lists whose pages break the rules.

use broker_engine::{Backup, ListRequest, Page, State};

/// Returns one of a thousand pages with a thousand backups each.
pub fn many(request: &ListRequest) -> Page {
    let number = request.cursor.as_deref().unwrap_or("0");
    let number: usize = number.parse().unwrap_or_default();
    let ids = number * 1000..(number + 1) * 1000;
    let page: Page = ids
        .map(|id| Backup::new(format!("backup-{id:07}"), State::Succeeded))
        .collect();
    page.with_next((number < 999).then(|| (number + 1).to_string()))
}

/// Returns a page with a new cursor each time.
pub fn endless(request: &ListRequest) -> Page {
    let number = request.cursor.as_deref().unwrap_or("0");
    let number: u64 = number.parse().unwrap_or_default();
    page(1).with_next(Some((number + 1).to_string()))
}

/// Returns a page that leads to itself.
pub fn same() -> Page {
    page(1).with_next(Some("again".to_owned()))
}

/// Returns a page with a cursor that is longer than allowed.
pub fn long_cursor() -> Page {
    page(1).with_next(Some("x".repeat(4097)))
}

/// Returns a page with more backups than allowed.
pub fn long() -> Page {
    page(10_001)
}

fn page(length: usize) -> Page {
    let backups = (0..length).map(|number| Backup::new(number.to_string(), State::Succeeded));
    backups.collect()
}
