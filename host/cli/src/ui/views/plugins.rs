//! The results of commands about engines as files: which are installed, their source, and their capabilities.

use broker_manifest::Operation;
use host_base::text::size;
use host_base::{State, text};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_NAME;
use super::engines::operation_names;
use super::facts::{abilities, facts};
use super::keys::{KeyRow, added};
use crate::ui::document::Document;
use crate::ui::fields::{self, DIGEST};
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, state, table};

/// The installed engines.
#[derive(Debug)]
pub struct PluginsView {
    pub plugins: Vec<PluginRow>,
}

/// One engine as a file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginRow {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// The problem with the engine, and the hint for it.
    #[serde(skip)]
    pub problem: Option<(String, Option<String>)>,
    /// `bundled`, `unsigned`, `unverified` (no key of the publisher is trusted), or `signed:` and the fingerprint of
    /// the key.
    pub signature: String,
    /// Source of the installation. `bundled` for a bundled engine.
    pub source: String,
    /// Operations that the engine supports. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::operations")]
    pub operations: Vec<Operation>,
    /// Size of the component in bytes.
    #[serde(rename = "sizeBytes")]
    pub size: u64,
    /// SHA-256 digest of the component, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
    /// Time of the installation. Null for a bundled engine.
    pub installed: Option<Timestamp>,
    /// Version that a rollback restores. Null if there is none.
    #[serde(rename = "previousVersion")]
    pub previous: Option<String>,
    /// Operations for which `auto` chooses the engine although it is not bundled. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::defaults")]
    pub default_for: Vec<Operation>,
    /// Whether the cache has native code for the engine. Null if the command did not check.
    #[serde(rename = "compiled")]
    pub is_compiled: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub struct PluginListBody<'a> {
    /// The engines.
    items: Vec<ListedPlugin<'a>>,
}

/// One engine as a file.
#[derive(Serialize, JsonSchema)]
struct ListedPlugin<'a> {
    #[serde(flatten)]
    row: &'a PluginRow,
    /// Whether the engine is usable.
    #[schemars(extend("enum" = ["ok", "broken"]))]
    state: &'static str,
    /// Problem with the engine. Null if there is none.
    problem: Option<&'a str>,
    /// Next step. Null if none is known.
    hint: Option<&'a str>,
}

impl<'a> PluginListBody<'a> {
    fn new(rows: &'a [PluginRow]) -> Self {
        let items = rows.iter().map(|row| ListedPlugin {
            row,
            state: row.state().0,
            problem: row.problem.as_ref().map(|(problem, _)| &**problem),
            hint: row.problem.as_ref().and_then(|(_, hint)| hint.as_deref()),
        });
        Self {
            items: items.collect(),
        }
    }
}

impl PluginRow {
    fn state(&self) -> (&'static str, State) {
        match &self.problem {
            None => ("ok", State::Succeeded),
            Some(_) => ("broken", State::Failed),
        }
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

    fn body(&self) -> Body<'_> {
        Body::PluginList(PluginListBody::new(&self.plugins))
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

    fn body(&self) -> Body<'_> {
        Body::PluginCheckList(PluginListBody::new(&self.plugins))
    }
}

/// The changes that a command made to engines. Printed by `plugin install`, `update`, `rollback`, `remove`, `default`
/// and `sync`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginChangesView {
    /// The engines, in the order in which they were changed.
    #[serde(rename = "items")]
    pub changes: Vec<PluginChangeRow>,
}

/// The change of one engine.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginChangeRow {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// The change: `installed`, `updated`, `downgraded`, `replaced` (by other bytes of the same version),
    /// `unchanged`, `rolled back`, `removed`, or `default`.
    #[serde(rename = "change")]
    pub what: &'static str,
    /// Version before the change. Null if there was none.
    pub from: Option<String>,
    /// Version after the change. Null if there is none.
    pub to: Option<String>,
    /// SHA-256 digest of the component in hexadecimal: the present one, or the removed one.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
    /// `unsigned`, `unverified` (no key of the publisher is trusted), or `signed:` and the fingerprint of the key.
    pub signature: String,
    /// Key that the command added to the trusted keys, with `plugin install --key`. Null if there is none.
    #[serde(rename = "trustedKey")]
    pub trusted: Option<KeyRow>,
    /// Operations for which `auto` chooses the engine from now on.
    #[schemars(schema_with = "fields::defaults")]
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

    fn body(&self) -> Body<'_> {
        Body::PluginChangeList(self)
    }
}

/// The updates that the sources of engines offer.
#[derive(Debug)]
pub struct PluginUpdatesView {
    pub updates: Vec<PluginUpdateRow>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginUpdateRow {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Installed version.
    pub installed: String,
    /// The available version, or the reason why it is unknown.
    #[serde(skip)]
    pub available: Result<String, String>,
    /// Whether the available engine differs from the installed one.
    #[serde(rename = "outdated")]
    pub is_new: bool,
    /// Capabilities that only the available version asks for, in sentences.
    pub more: Vec<String>,
}

/// The updates that the sources of installed engines offer. Printed by `plugin outdated`.
#[derive(Serialize, JsonSchema)]
pub struct PluginUpdateListBody<'a> {
    /// The installed engines.
    items: Vec<ListedUpdate<'a>>,
}

/// An installed engine.
#[derive(Serialize, JsonSchema)]
struct ListedUpdate<'a> {
    #[serde(flatten)]
    row: &'a PluginUpdateRow,
    /// Version that the source offers. Null if it is unknown.
    available: Option<&'a str>,
    /// Reason why the available version is unknown. Null if it is known.
    problem: Option<&'a str>,
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

    fn body(&self) -> Body<'_> {
        let items = self.updates.iter().map(|row| ListedUpdate {
            row,
            available: row.available.as_deref().ok(),
            problem: row.available.as_ref().err().map(String::as_str),
        });
        Body::PluginUpdateList(PluginUpdateListBody {
            items: items.collect(),
        })
    }

    fn summary(&self) -> Option<String> {
        let unknown = self.updates.iter().filter(|row| row.available.is_err());
        match unknown.count() {
            0 => None,
            count => Some(format!("{count} could not be asked; `-o wide` says why")),
        }
    }
}

/// One engine, examined without running it. Printed by `plugin inspect`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginView {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// One line about the engine.
    pub summary: String,
    /// Address of the engine's documentation. Null if the manifest names none.
    pub homepage: Option<String>,
    /// Whether the engine is available.
    #[schemars(extend("enum" = ["bundled", "installed", "not installed"]))]
    pub state: &'static str,
    /// Source of the engine. Null for a bundled engine.
    pub source: Option<String>,
    /// `unsigned`, `unverified` (no key of the publisher is trusted), or `signed:` and the fingerprint of the key.
    /// Null for a bundled engine.
    pub signature: Option<String>,
    /// Version of the engine interface that the engine is built for.
    pub interface: String,
    /// Operations that the engine supports. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::operations")]
    pub operations: Vec<Operation>,
    /// The engine's own verbs.
    pub verbs: Vec<String>,
    /// Interfaces that the engine imports.
    pub imports: Vec<String>,
    /// Capabilities, in the canonical form that consent is bound to.
    pub capabilities: Vec<String>,
    /// Capabilities in sentences, the dangerous ones first. The danger stands in brackets.
    pub may: Vec<String>,
    /// Operations for which `auto` chooses the engine although it is not bundled. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::defaults")]
    pub default_for: Vec<Operation>,
    /// Value of `--accept-capabilities` that grants all capabilities.
    #[serde(rename = "acceptCapabilities")]
    pub accepted_by: String,
    /// Size of the component in bytes.
    #[serde(rename = "sizeBytes")]
    pub size: u64,
    /// SHA-256 digest of the component, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
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

    fn body(&self) -> Body<'_> {
        Body::Plugin(self)
    }
}

/// The difference between the capabilities of two versions of an engine. Printed by `plugin inspect --diff`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginDiffView {
    /// Id of the old engine, as `publisher/name`.
    pub id: String,
    /// Old version. With another engine, its id and version.
    pub from: String,
    /// New version. With another engine, its id and version.
    pub to: String,
    /// Capabilities that only the new version asks for, in sentences.
    pub more: Vec<String>,
    /// Capabilities that only the old version asks for, in sentences.
    pub less: Vec<String>,
    /// Value of `--accept-capabilities` that grants all capabilities of the new version.
    #[serde(rename = "acceptCapabilities")]
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

    fn body(&self) -> Body<'_> {
        Body::PluginDiff(self)
    }
}
