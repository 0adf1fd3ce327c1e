//! Runs cases: a call of an engine, the responses of its backend, and the expected result. They run in the
//! real sandbox with exactly the capabilities that the manifest asks for, without a cluster and without a
//! network.
//!
//! | kind | source | passes if |
//! |---|---|---|
//! | built in | [`situations`] for every operation | [`judge`]: the engine reports only what it can know |
//! | author's | [`mod@file`], [`author`] | the engine followed the script and [`compare`] found nothing |

mod author;
mod compare;
mod exchange;
mod expect;
mod file;
mod judge;
mod labels;
mod namespace;
mod objects;
mod outside;
mod read;
mod script;
mod show;
mod situations;

use std::path::PathBuf;
use std::sync::Arc;

use broker_manifest::Operation;
use host_base::Folders;
use host_engine::{EngineError, EngineFile, Loaded};
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::stage::{Script, Seen, Stage};
use super::{AuthoringError, check_name, load};

pub(super) use situations::closed;

/// A request to test an engine.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// Path of the component.
    pub component: PathBuf,
    /// Files of cases, and folders whose `.toml` files are read.
    pub cases: Vec<PathBuf>,
    /// Runs only cases with one of these texts in their names; an empty list runs all.
    pub only: Vec<String>,
    /// Where native code is kept; it is compiled each time where there is none.
    pub folders: Option<Folders>,
}

/// The result of a test.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The tested engine.
    pub file: EngineFile,
    /// The result of each case.
    pub results: Vec<CaseResult>,
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// Name of the case.
    pub name: String,
    /// The called operation.
    pub operation: Operation,
    /// True for a built-in case, which applies to every engine; false for the author's own.
    pub is_built_in: bool,
    /// The reasons of the failure; empty if the case passed.
    pub problems: Vec<String>,
}

/// A case that can be run.
struct Case {
    name: String,
    is_built_in: bool,
    call: Call,
    now: Option<Timestamp>,
    script: Arc<dyn Script>,
    judge: Box<dyn Judge>,
}

/// Finds the faults in the behavior of an engine.
trait Judge {
    fn problems(&self, result: &Result<Value, EngineError>, seen: &Seen) -> Vec<String>;
}

/// Runs the built-in cases and those of the given files.
///
/// # Errors
/// When the component is not an engine for this host, a file of cases is invalid, or no case is selected.
pub async fn test(request: &TestRequest, engines: &[EngineFile]) -> Result<Tested, AuthoringError> {
    let bytes = super::read(&request.component)?;
    let file = EngineFile::read(&request.component.display().to_string(), bytes)?;
    let manifest = file.manifest();
    // A bundled engine may have its own reserved name.
    let is_bundled = |known: &&EngineFile| known.is_bundled() && known.digest() == file.digest();
    if !engines.iter().any(|known| is_bundled(&known)) {
        check_name(&manifest.id, engines)?;
    }
    let mut cases = situations::cases(manifest)?;
    for path in read::files(&request.cases)? {
        cases.extend(author::cases(&path, manifest)?);
    }
    let is_meant = |case: &Case| {
        let mut only = request.only.iter();
        request.only.is_empty() || only.any(|part| case.name.contains(part.as_str()))
    };
    let known = cases.len();
    cases.retain(is_meant);
    if cases.is_empty() {
        return Err(AuthoringError::NoCase {
            only: request.only.clone(),
            known,
        });
    }

    let loaded = load::load(&file, request.folders.as_ref()).await?;
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        results.push(run(case, &file, &loaded).await?);
    }
    Ok(Tested { file, results })
}

async fn run(case: Case, file: &EngineFile, loaded: &Loaded) -> Result<CaseResult, AuthoringError> {
    let saves = case.call.saves(file.manifest());
    let (services, seen) = Stage::services(case.script, saves, case.now);
    let mut engine = load::start(loaded, file, services).await?;
    let result = case.call.make(&mut engine, &seen, saves).await;
    let mut problems = case.judge.problems(&result, &seen);
    if seen.is_endless() {
        problems.insert(0, "it never stops asking its backend".to_owned());
    }
    Ok(CaseResult {
        name: case.name,
        operation: case.call.operation(),
        is_built_in: case.is_built_in,
        problems,
    })
}
