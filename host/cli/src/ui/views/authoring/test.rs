use broker_manifest::Operation;
use comfy_table::Cell;
use host_base::{Failure, State, text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields;
use crate::ui::schema::Body;
use crate::ui::table::{cell, state, table};

/// Longest line of a problem, in characters.
const MAX_LINE: usize = 1000;

/// The results of the test cases of an engine. They are a result even if cases failed: see
/// [`Document::failure`].
#[derive(Debug)]
pub struct PluginTestView {
    pub id: String,
    pub version: String,
    pub cases: Vec<CaseRow>,
}

/// The results of the test cases of an engine. Printed by `plugin test`. If a case failed, the exit code is 1.
#[derive(Serialize, JsonSchema)]
pub struct PluginTestBody<'a> {
    /// Id of the engine, as `publisher/name`.
    id: &'a str,
    /// Version of the engine.
    version: &'a str,
    /// The cases, in the order in which they ran.
    items: Vec<Case<'a>>,
}

/// The result of one case.
#[derive(Serialize, JsonSchema)]
struct Case<'a> {
    #[serde(flatten)]
    row: &'a CaseRow,
    /// Outcome of the case.
    #[schemars(extend("enum" = ["passed", "failed"]))]
    outcome: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct CaseRow {
    /// `built-in/OPERATION/SITUATION`, or the name of the file and of the case in it.
    #[serde(rename = "case")]
    pub name: String,
    /// Operation that the case calls.
    #[schemars(schema_with = "fields::operation")]
    pub operation: Operation,
    /// Whether the case applies to every engine. The others were written by the author of the engine.
    #[serde(rename = "builtIn")]
    pub is_built_in: bool,
    /// The problems; empty if the case passed. The first line of each is a summary, the others give details.
    pub problems: Vec<String>,
}

/// Test cases with the same result.
struct Group<'a> {
    first: &'a CaseRow,
    /// The last parts of the names of the cases.
    situations: Vec<&'a str>,
}

impl CaseRow {
    fn outcome(&self) -> (&'static str, State) {
        if self.problems.is_empty() {
            ("passed", State::Succeeded)
        } else {
            ("failed", State::Failed)
        }
    }

    /// Splits the name of a case. `built-in/list/closed` becomes `built-in/list` and `closed`.
    fn parts(&self) -> (&str, &str) {
        self.name.rsplit_once('/').unwrap_or(("", &self.name))
    }

    /// Returns whether two cases are shown together: built-in cases of one operation with the same result.
    /// There are many of them.
    fn is_like(&self, other: &Self) -> bool {
        self.is_built_in
            && other.is_built_in
            && self.parts().0 == other.parts().0
            && self.problems == other.problems
    }
}

impl Group<'_> {
    fn name(&self) -> String {
        let (operation, situation) = self.first.parts();
        match self.situations.len() {
            1 => format!("{operation}/{situation}"),
            _ => format!("{operation}/*"),
        }
    }

    fn row(&self) -> Vec<Cell> {
        let (word, how) = self.first.outcome();
        let problem = self.first.problems.first();
        let problem = problem.and_then(|text| text.lines().next());
        let message = match (self.situations.len(), problem) {
            (1, problem) => problem.unwrap_or_default().to_owned(),
            (count, None) => format!("in {count} situations"),
            (count, Some(problem)) => format!("in {count} situations: {problem}"),
        };
        vec![
            cell(&self.name()),
            cell(self.first.operation.name()),
            state(word, how),
            cell(&message),
        ]
    }

    /// Returns all problems with all their lines.
    fn problems(&self) -> String {
        let mut shown = format!("\n{}", text::printable(&self.name(), MAX_LINE));
        if self.situations.len() > 1 {
            shown.push_str(&format!(" ({})", self.situations.join(", ")));
        }
        shown.push_str(":\n");
        for problem in &self.first.problems {
            for (at, line) in problem.lines().enumerate() {
                let indent = if at == 0 { "- " } else { "    " };
                shown.push_str(&format!("{indent}{}\n", text::printable(line, MAX_LINE)));
            }
        }
        shown
    }
}

impl PluginTestView {
    fn groups(&self, is_one_each: bool) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for case in &self.cases {
            let mut known = groups.iter_mut();
            match known.find(|group| !is_one_each && group.first.is_like(case)) {
                Some(group) => group.situations.push(case.parts().1),
                None => groups.push(Group {
                    first: case,
                    situations: vec![case.parts().1],
                }),
            }
        }
        groups
    }
}

impl Document for PluginTestView {
    /// Lists the cases, then all problems of the failed ones.
    fn table(&self, wide: bool) -> String {
        let headers = ["CASE", "OPERATION", "OUTCOME", "MESSAGE"].map(str::to_owned);
        let rows = self.groups(wide);
        let mut shown = table(&headers, rows.iter().map(Group::row).collect());
        for group in self.groups(false) {
            if !group.first.problems.is_empty() {
                shown.push_str(&group.problems());
            }
        }
        shown
    }

    fn names(&self) -> String {
        let names = self.cases.iter();
        let names = names.map(|case| format!("{}\n", text::printable(&case.name, MAX_LINE)));
        names.collect()
    }

    fn body(&self) -> Body<'_> {
        let items = self.cases.iter().map(|row| Case {
            row,
            outcome: row.outcome().0,
        });
        Body::PluginTest(PluginTestBody {
            id: &self.id,
            version: &self.version,
            items: items.collect(),
        })
    }

    fn summary(&self) -> Option<String> {
        let failed = self
            .cases
            .iter()
            .filter(|case| !case.problems.is_empty())
            .count();
        let cases = self.cases.len();
        let noun = if cases == 1 { "case" } else { "cases" };
        let passed = cases - failed;
        Some(match failed {
            0 => format!("{cases} {noun}: all passed"),
            _ => format!("{cases} {noun}: {passed} passed, {failed} failed"),
        })
    }

    fn failure(&self) -> Option<Failure> {
        let has_failed = self.cases.iter().any(|case| !case.problems.is_empty());
        has_failed.then_some(Failure::Failed)
    }
}
