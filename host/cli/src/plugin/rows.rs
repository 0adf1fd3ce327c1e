//! From what is known of engines to what is shown of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use broker_manifest::{EngineId, Operation};
use host_base::Sha256;
use host_engine::EngineFile;
use host_installed::{Change, Checked, DefaultChange, TrustedKey, consent_digest};

use crate::ui::{KeyRow, PluginChangeRow, PluginRow, Ui};

pub(super) fn installed(checked: &Checked, ui: Ui) -> PluginRow {
    let version = &checked.plugin.current;
    let engine = checked.engine.as_ref().ok();
    PluginRow {
        id: checked.id.to_string(),
        version: version.version.to_string(),
        problem: checked
            .problem()
            .map(|problem| (problem.to_string(), ui.hint(problem))),
        signature: version.signature.to_string(),
        source: version.source.to_string(),
        operations: engine.map(operations).unwrap_or_default(),
        size: version.size,
        sha256: version.digest.to_string(),
        installed: Some(version.installed),
        previous: previous(checked),
        default_for: checked.plugin.defaults.iter().copied().collect(),
        is_compiled: checked.is_compiled,
    }
}

pub(super) fn bundled(file: &EngineFile) -> PluginRow {
    PluginRow {
        id: file.manifest().id.to_string(),
        version: file.manifest().version.to_string(),
        problem: None,
        signature: "bundled".to_owned(),
        source: "bundled".to_owned(),
        operations: operations(file),
        // It lies in this program: no file is read.
        size: file.bytes().map_or(0, |bytes| bytes.len() as u64),
        sha256: Sha256::from(file.digest()).to_string(),
        installed: None,
        previous: None,
        default_for: Vec::new(),
        is_compiled: None,
    }
}

pub(super) fn change(change: &Change) -> PluginChangeRow {
    PluginChangeRow {
        id: change.id.to_string(),
        what: match (&change.from, change.is_same) {
            (_, true) => "unchanged",
            (Some(from), false) => match change.to.version.cmp(from) {
                Ordering::Greater => "updated",
                Ordering::Less => "downgraded",
                Ordering::Equal => "replaced",
            },
            (None, false) => "installed",
        },
        from: change.from.as_ref().map(ToString::to_string),
        to: Some(change.to.version.to_string()),
        sha256: change.to.digest.to_string(),
        signature: change.to.signature.to_string(),
        trusted: change.key.as_ref().map(key),
        default_for: change.defaults.iter().copied().collect(),
    }
}

pub(super) fn default(change: &DefaultChange) -> PluginChangeRow {
    let installed = &change.installed;
    PluginChangeRow {
        id: change.id.to_string(),
        what: "default",
        from: Some(installed.version.to_string()),
        to: Some(installed.version.to_string()),
        sha256: installed.digest.to_string(),
        signature: installed.signature.to_string(),
        trusted: None,
        default_for: change.defaults.iter().copied().collect(),
    }
}

/// Returns the digest that accepts an engine with these capabilities and defaults.
pub(super) fn accepted_by(
    id: &EngineId,
    capabilities: &BTreeSet<String>,
    defaults: &BTreeSet<Operation>,
) -> String {
    format!("sha256:{}", consent_digest(id, capabilities, defaults))
}

pub(super) fn key(trusted: &TrustedKey) -> KeyRow {
    KeyRow {
        publisher: trusted.publisher.clone(),
        name: trusted.name.clone(),
        fingerprint: trusted.key.fingerprint().to_string(),
    }
}

/// Those that somebody can ask for.
pub(super) fn operations(file: &EngineFile) -> Vec<Operation> {
    let operations = file.manifest().operations.keys().copied();
    operations
        .filter(|operation| operation.command() == *operation)
        .collect()
}

fn previous(checked: &Checked) -> Option<String> {
    let previous = checked.plugin.previous.as_ref()?;
    Some(previous.version.to_string())
}
