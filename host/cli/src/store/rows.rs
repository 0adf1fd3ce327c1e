//! Converts facts about stores and copies to the rows of results.

use host_base::Failure;
use host_base::{Check, Outcome};
use host_driver::StoredCopy;
use host_store::{Copy, CopyName, Depth, Finding, Plan, StoreCheck, StoreSettings, Verified};
use jiff::Timestamp;

use crate::ui::{
    CheckRow, CopiedRow, CopiedView, CopyCheckRow, CopyRow, FindingRow, LastCheckRow, LockRow,
    ReasonRow, SourceRow, StoreRow, VerdictRow,
};

pub(super) fn check(check: &Check) -> CheckRow {
    CheckRow {
        name: check.name.clone(),
        outcome: check.outcome.name(),
        message: check.message.clone(),
    }
}

/// Returns how a test ended: the gravest thing that a user can do something about.
pub(super) fn failure(checks: &[StoreCheck]) -> Option<Failure> {
    let failures = || checks.iter().filter_map(|it| it.failure);
    let is_refused = failures().any(|it| it == Failure::NotAllowed);
    if is_refused {
        Some(Failure::NotAllowed)
    } else {
        failures().next()
    }
}

/// Returns the first hint of a test.
pub(super) fn hint(checks: &[StoreCheck]) -> Option<&str> {
    checks.iter().find_map(|it| it.hint.as_deref())
}

pub(super) fn store(name: &str, settings: &StoreSettings) -> StoreRow {
    StoreRow {
        name: name.to_owned(),
        url: settings.url.to_string(),
        endpoint: settings.endpoint.clone(),
        region: settings.region.clone(),
        profile: settings.profile.clone(),
        recipients: settings.recipients.clone(),
        lock: settings.lock.map(|lock| LockRow {
            mode: lock.mode.name(),
            days: lock.days,
        }),
        time_zone: settings.time_zone.clone(),
    }
}

fn source(name: &CopyName) -> SourceRow {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    SourceRow {
        cluster: some(&name.source.cluster),
        namespace: some(&name.source.namespace),
        target: some(&name.source.target),
        engine: name.source.engine.clone(),
    }
}

pub(super) fn copy(copy: &Copy, now: Timestamp) -> CopyRow {
    let state = if copy.marks.is_broken() {
        "broken"
    } else if copy.marks.is_verified() {
        "verified"
    } else if copy.marks.is_doubtful() {
        "doubtful"
    } else if copy.marks.checks.is_empty() {
        "unchecked"
    } else {
        "checked"
    };
    CopyRow {
        reference: copy.reference(),
        source: source(&copy.name),
        id: copy.name.id.clone(),
        is_id_cut: copy.name.is_cut,
        created: copy.name.time,
        bytes: copy.name.size,
        state,
        last_check: copy.marks.checks.first().map(|check| LastCheckRow {
            time: check.time,
            depth: check.depth.name(),
            result: check.result.name(),
            by: check.by.clone(),
        }),
        pinned: copy.marks.is_pinned,
        locked_until: copy.marks.locked_until.filter(|until| *until > now),
    }
}

pub(super) fn finding(finding: &Finding, is_removed: bool) -> FindingRow {
    FindingRow {
        kind: finding.kind.name(),
        what: finding.what.clone(),
        bytes: finding.bytes,
        since: finding.since,
        remedy: finding.kind.remedy(),
        removed: is_removed,
    }
}

pub(super) fn verified(verified: &Verified) -> CopyCheckRow {
    let mut checks: Vec<_> = verified.checks.iter().map(check).collect();
    let known = verified.known_damage();
    checks.extend(known.map(|known| CheckRow {
        name: "earlier-check".to_owned(),
        outcome: Outcome::Failed.name(),
        message: Some(format!(
            "a deeper check found damage on {}; `--deep` checks it again",
            known.time
        )),
    }));
    CopyCheckRow {
        reference: verified.copy.reference(),
        id: verified.copy.name.id.clone(),
        depth: verified.depth.name(),
        outcome: if verified.holds() && known.is_none() {
            Outcome::Passed
        } else {
            Outcome::Failed
        }
        .name(),
        checks,
        error: None,
    }
}

/// Returns the row of a copy that is to be checked.
pub(super) fn unchecked(copy: &Copy, is_deep: bool) -> CopyCheckRow {
    let depth = if is_deep { Depth::Deep } else { Depth::Quick };
    CopyCheckRow {
        reference: copy.reference(),
        id: copy.name.id.clone(),
        depth: depth.name(),
        outcome: Outcome::Skipped.name(),
        checks: Vec::new(),
        error: None,
    }
}

pub(super) fn verdicts(plan: &Plan) -> Vec<VerdictRow> {
    let decisions = plan.verdicts.iter().flat_map(|it| &it.decisions);
    let rows = decisions.map(|decision| VerdictRow {
        reference: plan.reference(&decision.key),
        source: source(&decision.key),
        id: decision.key.id.clone(),
        created: decision.time,
        bytes: decision.key.size,
        action: if decision.is_kept() { "keep" } else { "delete" },
        reasons: decision
            .reasons
            .iter()
            .map(|reason| ReasonRow {
                rule: reason.name(),
                text: reason.to_string(),
            })
            .collect(),
        broken: decision.is_broken,
    });
    rows.collect()
}

/// Returns the row of a copy that was written.
pub(crate) fn copied(copy: &StoredCopy) -> CopiedRow {
    let manifest = &copy.manifest;
    CopiedRow {
        store: copy.store.clone(),
        reference: copy.reference(),
        id: manifest.id.clone(),
        created: manifest.created,
        bytes: manifest.length,
        sha256: manifest.sha256.clone(),
        files: manifest
            .files
            .iter()
            .map(|file| file.name.clone())
            .collect(),
        encrypted: manifest.encryption.is_some(),
        locked_until: manifest.lock.as_ref().map(|lock| lock.until),
        was_there: copy.was_there,
        resumed_bytes: copy.resumed,
    }
}

/// Returns the result of a command that wrote one copy.
pub(crate) fn copied_view(copy: &StoredCopy) -> CopiedView {
    CopiedView {
        store: copy.store.clone(),
        items: vec![copied(copy)],
        ..CopiedView::default()
    }
}
