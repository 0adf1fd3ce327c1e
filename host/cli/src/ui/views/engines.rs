//! The result of `engines`, and that of `version`.

use broker_manifest::Operation;
use host_base::State;
use host_driver::{EngineSummary, Engines};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields::{self, ENGINE};
use crate::ui::schema::Body;
use crate::ui::table::{cell, state, table};

/// The available engines. Printed by `engines`.
#[derive(Serialize, JsonSchema)]
pub struct EngineListBody<'a> {
    /// The engines, bundled and installed.
    items: Vec<ListedEngine<'a>>,
}

/// An engine.
#[derive(Serialize, JsonSchema)]
struct ListedEngine<'a> {
    #[serde(flatten, with = "EngineFields")]
    engine: &'a EngineSummary,
    /// Whether the backend answers at the target. `unknown` if the cluster could not be asked.
    #[schemars(extend("enum" = ["yes", "no", "unknown"]))]
    answers: &'static str,
    /// The backend that answers, or the reason why none does. Empty if there is nothing to say.
    detail: &'a str,
}

#[derive(Serialize, JsonSchema)]
#[serde(remote = "EngineSummary", rename_all = "camelCase")]
struct EngineFields {
    /// Id of the engine, as `publisher/name`.
    #[schemars(regex(pattern = ENGINE))]
    id: String,
    /// Version of the engine (Semantic Versioning).
    version: String,
    /// Version of the engine interface that the engine is built for.
    interface: String,
    /// Operations that the engine supports. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::operations")]
    operations: Vec<Operation>,
    /// The engine's own verbs.
    #[schemars(extend("uniqueItems" = true))]
    verbs: Vec<String>,
    /// One line about the engine.
    summary: String,
    /// Operations for which `auto` chooses the engine although it is not bundled. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::defaults")]
    default_for: Vec<Operation>,
}

/// Joins names of operations as in a column.
pub(super) fn operation_names(operations: &[Operation]) -> String {
    let names: Vec<_> = operations.iter().map(|it| it.name()).collect();
    names.join(",")
}

/// Returns the words that may follow `backup`.
fn abilities(engine: &EngineSummary) -> impl Iterator<Item = &str> {
    let operations = engine.operations.iter().filter(|o| **o != Operation::Act);
    let verbs = engine.verbs.iter().map(String::as_str);
    operations.map(|operation| operation.name()).chain(verbs)
}

fn answer(engine: &EngineSummary) -> (&'static str, State, &str) {
    match &engine.answers {
        None => ("unknown", State::Unknown, ""),
        Some(Ok(detail)) => ("yes", State::Succeeded, detail),
        Some(Err(reason)) => ("no", State::Failed, reason),
    }
}

impl Document for Engines {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec![
            "NAME",
            "VERSION",
            "OPERATIONS",
            "DEFAULT-FOR",
            "ANSWERS",
            "DETAIL",
        ];
        if wide {
            headers.extend(["INTERFACE", "SUMMARY"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self
            .engines
            .iter()
            .map(|engine| {
                let operations: Vec<_> = abilities(engine).collect();
                let (answers, how, detail) = answer(engine);
                let mut row = vec![
                    cell(&engine.id),
                    cell(&engine.version),
                    cell(&operations.join(",")),
                    cell(&operation_names(&engine.default_for)),
                    state(answers, how),
                    cell(detail),
                ];
                if wide {
                    row.extend([cell(&engine.interface), cell(&engine.summary)]);
                }
                row
            })
            .collect();
        table(&headers, rows)
    }

    fn names(&self) -> String {
        self.engines.iter().map(|e| format!("{}\n", e.id)).collect()
    }

    fn body(&self) -> Body<'_> {
        let items = self.engines.iter().map(|engine| {
            let (answers, _, detail) = answer(engine);
            ListedEngine {
                engine,
                answers,
                detail,
            }
        });
        Body::EngineList(EngineListBody {
            items: items.collect(),
        })
    }
}

/// The version of this program. Printed by `version`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VersionView {
    /// Version of the program (Semantic Versioning).
    pub version: &'static str,
    /// Newest version of the engine interface.
    #[serde(rename = "engineInterface")]
    pub interface: &'static str,
    /// Versions of the engine interface that engines may be built for, the oldest first.
    #[serde(rename = "engineInterfaces")]
    pub interfaces: &'static [&'static str],
}

impl Document for VersionView {
    fn table(&self, _: bool) -> String {
        format!(
            "kubectl-broker {}\nengine interfaces {}\n",
            self.version,
            self.interfaces.join(", ")
        )
    }

    fn names(&self) -> String {
        format!("{}\n", self.version)
    }

    fn body(&self) -> Body<'_> {
        Body::Version(self)
    }
}
