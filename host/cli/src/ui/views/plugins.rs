//! The results of commands about engines as files: which are installed, their source, and their capabilities.

use broker_manifest::Operation;
use host_base::text::size;
use host_base::{State, text};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::facts::{abilities, facts};
use super::keys::{KeyRow, added};
use super::{MAX_NAME, operation_names};
use crate::ui::Kind;
use crate::ui::document::{Document, document};
use crate::ui::table::{cell, optional, state, table};

/// The installed engines.
#[derive(Debug)]
pub struct PluginsView {
    pub plugins: Vec<PluginRow>,
}

/// One engine as a file.
#[derive(Debug)]
pub struct PluginRow {
    pub id: String,
    pub version: String,
    /// The problem with the engine, and the hint for it.
    pub problem: Option<(String, Option<String>)>,
    pub signature: String,
    pub source: String,
    pub operations: Vec<Operation>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
    /// Time of the installation. None for a bundled engine.
    pub installed: Option<Timestamp>,
    /// The version that a rollback restores.
    pub previous: Option<String>,
    /// The operations for which `auto` chooses the engine although it is not bundled.
    pub default_for: Vec<Operation>,
    /// Whether the cache has native code for the engine. None if the command did not check.
    pub is_compiled: Option<bool>,
}

impl PluginRow {
    fn state(&self) -> (&'static str, State) {
        match &self.problem {
            None => ("ok", State::Succeeded),
            Some(_) => ("broken", State::Failed),
        }
    }

    fn fields(&self) -> Value {
        let (problem, hint) = self.problem.clone().unzip();
        json!({
            "id": self.id,
            "version": self.version,
            "state": self.state().0,
            "problem": problem,
            "hint": hint.flatten(),
            "signature": self.signature,
            "source": self.source,
            "operations": self.operations,
            "sizeBytes": self.size,
            "sha256": self.sha256,
            "installed": self.installed.map(|time| time.to_string()),
            "previousVersion": self.previous,
            "defaultFor": self.default_for,
            "compiled": self.is_compiled,
        })
    }
}

fn headers(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn names<'a>(ids: impl Iterator<Item = &'a String>) -> String {
    ids.map(|id| format!("{}\n", text::printable(id, MAX_NAME)))
        .collect()
}

impl Document for PluginsView {
    fn table(&self, wide: bool) -> String {
        let mut words = vec![
            "NAME",
            "VERSION",
            "STATE",
            "SIGNATURE",
            "DEFAULT-FOR",
            "SIZE",
            "SOURCE",
        ];
        if wide {
            words.extend(["OPERATIONS", "SHA256", "INSTALLED", "PREVIOUS"]);
        }
        let rows = self.plugins.iter().map(|row| {
            let (word, how) = row.state();
            let mut cells = vec![
                cell(&row.id),
                cell(&row.version),
                state(word, how),
                cell(&row.signature),
                cell(&operation_names(&row.default_for)),
                cell(&size(row.size)),
                cell(&row.source),
            ];
            if wide {
                cells.extend([
                    cell(&operation_names(&row.operations)),
                    cell(&row.sha256),
                    optional(row.installed.map(|time| format!("{time:.0}")).as_deref()),
                    optional(row.previous.as_deref()),
                ]);
            }
            cells
        });
        table(&headers(&words), rows.collect())
    }

    fn names(&self) -> String {
        names(self.plugins.iter().map(|row| &row.id))
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self.plugins.iter().map(PluginRow::fields).collect();
        document(Kind::PluginList, json!({ "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let broken = self.plugins.iter().filter(|row| row.problem.is_some());
        match broken.count() {
            0 => None,
            count => Some(format!(
                "{count} can't be used; `kubectl broker plugin doctor` says why"
            )),
        }
    }
}

/// The results of checking engines.
#[derive(Debug)]
pub struct PluginChecksView {
    pub plugins: Vec<PluginRow>,
}

impl Document for PluginChecksView {
    fn table(&self, wide: bool) -> String {
        let mut words = vec![
            "NAME",
            "VERSION",
            "STATE",
            "SIGNATURE",
            "DEFAULT-FOR",
            "COMPILED",
        ];
        if wide {
            words.push("SHA256");
        }
        let rows = self.plugins.iter().map(|row| {
            let (word, how) = row.state();
            let compiled = row.is_compiled.map(|yes| if yes { "yes" } else { "no" });
            let mut cells = vec![
                cell(&row.id),
                cell(&row.version),
                state(word, how),
                cell(&row.signature),
                cell(&operation_names(&row.default_for)),
                optional(compiled),
            ];
            if wide {
                cells.push(cell(&row.sha256));
            }
            cells
        });
        let mut shown = table(&headers(&words), rows.collect());
        for row in &self.plugins {
            if let Some((problem, hint)) = &row.problem {
                let hint = hint.as_deref().unwrap_or_default();
                let [problem, hint] = [problem, hint].map(text::whole);
                shown.push_str(&format!("\n{}: {problem}\n  {hint}\n", row.id));
            }
        }
        shown
    }

    fn names(&self) -> String {
        names(self.plugins.iter().map(|row| &row.id))
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self.plugins.iter().map(PluginRow::fields).collect();
        document(Kind::PluginCheckList, json!({ "items": items }))
    }
}

/// The changes that a command made to engines.
#[derive(Debug)]
pub struct PluginChangesView {
    pub changes: Vec<PluginChangeRow>,
}

#[derive(Debug)]
pub struct PluginChangeRow {
    pub id: String,
    /// The change: `installed`, `updated`, `downgraded`, `replaced` (by other bytes of the same version),
    /// `unchanged`, `rolled back`, `removed`, or `default`.
    pub what: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
    pub signature: String,
    /// The key that the command added to the trusted keys.
    pub trusted: Option<KeyRow>,
    /// The operations for which `auto` chooses the engine from now on.
    pub default_for: Vec<Operation>,
}

impl PluginChangeRow {
    /// Describes how `auto` treats the engine from now on. Returns none if there is nothing to say.
    fn default_line(&self) -> Option<String> {
        let names: Vec<_> = self.default_for.iter().map(|it| it.name()).collect();
        match (self.what, names.is_empty()) {
            ("default", true) => Some(format!(
                "`auto` does not choose {}: `--engine {}` names it\n",
                self.id, self.id
            )),
            (_, true) => None,
            (_, false) => Some(format!(
                "`auto` chooses {}, before the bundled engines, for: {}\n",
                self.id,
                names.join(", ")
            )),
        }
    }
}

impl Document for PluginChangesView {
    fn table(&self, _: bool) -> String {
        if self.changes.is_empty() {
            return "Nothing to do\n".to_owned();
        }
        let lines = self.changes.iter().map(|change| {
            let versions = match (&change.from, &change.to) {
                (Some(from), Some(to)) if from != to => format!("{to} (was {from})"),
                (_, Some(version)) | (Some(version), None) => version.clone(),
                (None, None) => String::new(),
            };
            let default = change.default_line().unwrap_or_default();
            if change.what == "default" {
                return default;
            }
            let done = format!(
                "{} {versions} is {}, {}\n{default}",
                change.id, change.what, change.signature
            );
            match &change.trusted {
                None => done,
                Some(key) => done + &added(key),
            }
        });
        lines.collect()
    }

    fn names(&self) -> String {
        names(self.changes.iter().map(|change| &change.id))
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .changes
            .iter()
            .map(|change| {
                json!({
                    "id": change.id,
                    "change": change.what,
                    "from": change.from,
                    "to": change.to,
                    "sha256": change.sha256,
                    "signature": change.signature,
                    "trustedKey": change.trusted.as_ref().map(KeyRow::fields),
                    "defaultFor": change.default_for,
                })
            })
            .collect();
        document(Kind::PluginChangeList, json!({ "items": items }))
    }
}

/// The updates that the sources of engines offer.
#[derive(Debug)]
pub struct PluginUpdatesView {
    pub updates: Vec<PluginUpdateRow>,
}

#[derive(Debug)]
pub struct PluginUpdateRow {
    pub id: String,
    pub installed: String,
    /// The available version, or the reason why it is unknown.
    pub available: Result<String, String>,
    /// Whether the available version differs from the installed one.
    pub is_new: bool,
    /// The capabilities that only the available version asks for, as people read them.
    pub more: Vec<String>,
}

impl Document for PluginUpdatesView {
    fn table(&self, wide: bool) -> String {
        let mut words = vec![
            "NAME",
            "INSTALLED",
            "AVAILABLE",
            "OUTDATED",
            "ASKS-FOR-MORE",
        ];
        if wide {
            words.push("DETAIL");
        }
        let rows = self.updates.iter().map(|row| {
            let mut cells = vec![
                cell(&row.id),
                cell(&row.installed),
                optional(row.available.as_deref().ok()),
                cell(match (&row.available, row.is_new) {
                    (Err(_), _) => "unknown",
                    (Ok(_), true) => "yes",
                    (Ok(_), false) => "no",
                }),
                cell(if row.more.is_empty() { "no" } else { "yes" }),
            ];
            if wide {
                cells.push(optional(row.available.as_ref().err().map(String::as_str)));
            }
            cells
        });
        let mut shown = table(&headers(&words), rows.collect());
        // In a cell of the table this text would be cut.
        for row in self
            .updates
            .iter()
            .filter(|row| wide && !row.more.is_empty())
        {
            let heading = format!("\n{} would also want to:", row.id);
            shown.push_str(&abilities(&heading, &row.more));
        }
        shown
    }

    fn names(&self) -> String {
        let new = self.updates.iter().filter(|row| row.is_new);
        names(new.map(|row| &row.id))
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .updates
            .iter()
            .map(|row| {
                json!({
                    "id": row.id,
                    "installed": row.installed,
                    "available": row.available.as_ref().ok(),
                    "problem": row.available.as_ref().err(),
                    "outdated": row.is_new,
                    "more": row.more,
                })
            })
            .collect();
        document(Kind::PluginUpdateList, json!({ "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let unknown = self.updates.iter().filter(|row| row.available.is_err());
        match unknown.count() {
            0 => None,
            count => Some(format!("{count} could not be asked; `-o wide` says why")),
        }
    }
}

/// One engine, examined without running it.
#[derive(Debug)]
pub struct PluginView {
    pub id: String,
    pub version: String,
    pub summary: String,
    pub homepage: Option<String>,
    /// `bundled`, `installed` or `not installed`.
    pub state: &'static str,
    pub source: Option<String>,
    pub signature: Option<String>,
    pub interface: String,
    pub operations: Vec<Operation>,
    pub verbs: Vec<String>,
    pub imports: Vec<String>,
    /// The capabilities, in canonical form.
    pub capabilities: Vec<String>,
    /// The capabilities, as people read them.
    pub may: Vec<String>,
    /// The operations for which `auto` chooses the engine although it is not bundled.
    pub default_for: Vec<Operation>,
    /// The value of `--accept-capabilities` that grants all capabilities.
    pub accepted_by: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
}

impl Document for PluginView {
    fn table(&self, _: bool) -> String {
        let joined = |words: &[String]| words.join(", ");
        let operations: Vec<_> = self
            .operations
            .iter()
            .map(|o| o.name().to_owned())
            .collect();
        let lines = [
            ("Name", self.id.clone()),
            ("Version", self.version.clone()),
            ("Summary", self.summary.clone()),
            ("Homepage", self.homepage.clone().unwrap_or_default()),
            ("State", self.state.to_owned()),
            ("Source", self.source.clone().unwrap_or_default()),
            ("Signature", self.signature.clone().unwrap_or_default()),
            ("SHA-256", self.sha256.clone()),
            ("Size", size(self.size)),
            ("Interface", self.interface.clone()),
            ("Operations", joined(&operations)),
            ("Verbs", joined(&self.verbs)),
            ("Default for", operation_names(&self.default_for)),
            ("Imports", joined(&self.imports)),
        ];
        let mut shown = facts(&lines) + &abilities("It may:", &self.may);
        if self.state == "bundled" {
            return shown;
        }
        shown.push_str(&format!(
            "That is accepted by --accept-capabilities {}\n",
            self.accepted_by
        ));
        shown
    }

    fn names(&self) -> String {
        format!("{}\n", self.id)
    }

    fn document(&self) -> Value {
        document(
            Kind::Plugin,
            json!({
                "id": self.id,
                "version": self.version,
                "summary": self.summary,
                "homepage": self.homepage,
                "state": self.state,
                "source": self.source,
                "signature": self.signature,
                "sha256": self.sha256,
                "sizeBytes": self.size,
                "interface": self.interface,
                "operations": self.operations,
                "verbs": self.verbs,
                "imports": self.imports,
                "capabilities": self.capabilities,
                "may": self.may,
                "defaultFor": self.default_for,
                "acceptCapabilities": self.accepted_by,
            }),
        )
    }
}

/// The difference between the capabilities of two versions of an engine.
#[derive(Debug)]
pub struct PluginDiffView {
    pub id: String,
    pub from: String,
    pub to: String,
    /// The capabilities that only the new version asks for, as people read them.
    pub more: Vec<String>,
    pub less: Vec<String>,
    /// The value of `--accept-capabilities` that grants all capabilities of the new version.
    pub accepted_by: String,
}

impl Document for PluginDiffView {
    fn table(&self, _: bool) -> String {
        let mut shown = format!("{} {} -> {}\n", self.id, self.from, self.to);
        if self.more.is_empty() && self.less.is_empty() {
            shown.push_str("It may do the same.\n");
        }
        for (sign, sentences) in [('+', &self.more), ('-', &self.less)] {
            for sentence in sentences {
                shown.push_str(&format!("{sign} {}\n", text::whole(sentence)));
            }
        }
        if !self.more.is_empty() {
            shown.push_str(&format!(
                "The new set is accepted by --accept-capabilities {}\n",
                self.accepted_by
            ));
        }
        shown
    }

    fn names(&self) -> String {
        format!("{}\n", self.id)
    }

    fn document(&self) -> Value {
        document(
            Kind::PluginDiff,
            json!({
                "id": self.id,
                "from": self.from,
                "to": self.to,
                "more": self.more,
                "less": self.less,
                "acceptCapabilities": self.accepted_by,
            }),
        )
    }
}
