use broker_manifest::Operation;
use host_base::{Failure, text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields;
use crate::ui::schema::Body;
use crate::ui::views::facts::{abilities, facts};

/// Longest line of a problem, in characters.
const MAX_LINE: usize = 1000;

/// The result of checking a manifest. It is a result even if there are problems: see [`Document::failure`].
#[derive(Debug)]
pub struct ManifestCheckView {
    /// Path of the file.
    pub file: String,
    pub problems: Vec<ProblemRow>,
    /// A phrase about problems that are not in the list.
    pub more: Option<String>,
    /// The engine, if there is no problem.
    pub engine: Option<CheckedEngine>,
    pub failure: Option<Failure>,
}

/// The result of checking a manifest, or the component of an engine. Printed by `plugin check`. If there is a
/// problem, the exit code is the one with which `plugin pack` refuses the file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestCheckBody<'a> {
    /// Path of the file.
    file: &'a str,
    /// The problems, in the order of their positions; empty if the manifest is valid.
    problems: &'a [ProblemRow],
    /// Whether the list has all problems. It has at most about 50.
    is_complete: bool,
    /// The engine. Null if there is a problem.
    engine: Option<&'a CheckedEngine>,
}

/// A problem of a manifest or a component.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemRow {
    /// Line in the file, beginning with 1. Null if the problem has no position, as in a component.
    pub line: Option<usize>,
    /// Column in the line, in characters, beginning with 1. Null as the line.
    pub column: Option<usize>,
    /// Message for people.
    pub message: String,
}

/// An engine without problems.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckedEngine {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// Operations that the engine supports. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::operations")]
    pub operations: Vec<Operation>,
    /// The engine's own verbs.
    pub verbs: Vec<String>,
    /// Capabilities, in sentences. A manifest alone is shown with all that it asks for.
    pub may: Vec<String>,
}

impl ManifestCheckView {
    fn line(&self, problem: &ProblemRow) -> String {
        let position = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            _ => String::new(),
        };
        let line = format!("{}{position}: {}", self.file, problem.message);
        text::printable(&line, MAX_LINE).into_owned()
    }
}

impl Document for ManifestCheckView {
    fn table(&self, _: bool) -> String {
        if let Some(engine) = &self.engine {
            let operations: Vec<_> = engine.operations.iter().map(|o| o.name()).collect();
            let lines = [
                ("Name", engine.id.clone()),
                ("Version", engine.version.clone()),
                ("Operations", operations.join(", ")),
                ("Verbs", engine.verbs.join(", ")),
            ];
            let heading = "A user who installs it is asked whether it may:";
            return facts(&lines) + &abilities(heading, &engine.may);
        }
        let lines = self.problems.iter().map(|problem| self.line(problem));
        let more = self
            .more
            .iter()
            .map(|more| format!("{}: {more}", self.file));
        lines.chain(more).map(|line| line + "\n").collect()
    }

    fn names(&self) -> String {
        let id = self.engine.iter().map(|engine| &engine.id);
        id.map(|id| format!("{id}\n")).collect()
    }

    fn body(&self) -> Body<'_> {
        Body::ManifestCheck(ManifestCheckBody {
            file: &self.file,
            problems: &self.problems,
            is_complete: self.more.is_none(),
            engine: self.engine.as_ref(),
        })
    }

    fn summary(&self) -> Option<String> {
        let count = self.problems.len();
        Some(match (&self.more, count) {
            (None, 0) => format!("{} has no problem", self.file),
            (None, 1) => format!("{} has a problem", self.file),
            (None, _) => format!("{} has {count} problems", self.file),
            (Some(_), _) => format!("{} has more than {count} problems", self.file),
        })
    }

    fn failure(&self) -> Option<Failure> {
        self.failure
    }
}
