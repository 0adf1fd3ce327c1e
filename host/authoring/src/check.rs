use std::path::PathBuf;

use broker_manifest::{Manifest, ManifestError, Position, Problems};
use host_base::{Failure, Folders, Problem};
use host_engine::{EngineError, EngineFile, Outline};
use wasmparser::Parser;

use super::{AuthoringError, check_name, load, read};

/// A request to check a manifest, or an engine.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// Path of the manifest in TOML, or of the component.
    pub file: PathBuf,
    /// Where native code is kept; without a folder an engine is compiled each time.
    pub folders: Option<Folders>,
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The engine, if it has no problem. For a manifest alone it is one that uses everything in the manifest.
    pub outline: Option<Outline>,
    /// The first problems, in the order of their positions.
    pub problems: Vec<CheckProblem>,
    /// A phrase about problems that the list does not have.
    pub more: Option<String>,
}

/// A problem of a manifest or of an engine.
#[derive(Clone, Debug)]
pub struct CheckProblem {
    /// The position in the manifest, if the problem has one.
    pub position: Option<Position>,
    /// The message.
    pub message: String,
    /// The failure with which `plugin pack` refuses the same.
    pub failure: Failure,
}

/// Finds all problems of a manifest, or of an engine as far as they show without calling an operation.
///
/// # Errors
/// When the file can't be read, or when this system can't run any engine.
pub async fn check(
    request: &CheckRequest,
    engines: &[EngineFile],
) -> Result<Checked, AuthoringError> {
    let bytes = read(&request.file)?;
    if Parser::is_component(&bytes) || Parser::is_core_wasm(&bytes) {
        return Box::pin(component(request, bytes, engines)).await;
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => manifest(&text, engines),
        Err(error) => {
            let bytes = error.utf8_error().valid_up_to();
            let message =
                format!("the file is neither a component nor a text in UTF-8: byte {bytes}");
            Checked {
                problems: vec![CheckProblem {
                    position: None,
                    message,
                    failure: Failure::Usage,
                }],
                ..Checked::default()
            }
        }
    })
}

fn manifest(text: &str, engines: &[EngineFile]) -> Checked {
    let mut checked = match Manifest::diagnose(text) {
        Ok(manifest) => {
            let outline = Outline::of(manifest);
            match outline.check_manifest(&format!("engine {}", outline.manifest.id)) {
                Ok(()) => Checked {
                    outline: Some(outline),
                    ..Checked::default()
                },
                Err(error) => Checked {
                    problems: vec![CheckProblem {
                        failure: Failure::Usage,
                        ..problem(&error.into())
                    }],
                    ..Checked::default()
                },
            }
        }
        Err(problems) => of_manifest(&problems, Failure::Usage),
    };
    // A reserved name is worth telling, whatever else is wrong.
    if let Some((id, position)) = Manifest::id_in(text)
        && let Err(error) = check_name(&id, engines)
    {
        checked.outline = None;
        checked.problems.push(CheckProblem {
            position: Some(position),
            ..problem(&error)
        });
        checked.problems.sort_by_key(|problem| problem.position);
    }
    checked
}

fn of_manifest(problems: &Problems, failure: Failure) -> Checked {
    let listed = problems.list().iter().map(|problem| CheckProblem {
        position: problem.position,
        message: problem.message(),
        failure,
    });
    Checked {
        outline: None,
        problems: listed.collect(),
        more: problems.rest(usize::MAX),
    }
}

async fn component(
    request: &CheckRequest,
    bytes: Vec<u8>,
    engines: &[EngineFile],
) -> Result<Checked, AuthoringError> {
    let path = &request.file;
    if Parser::is_core_wasm(&bytes) {
        let error = AuthoringError::CoreModule { path: path.clone() };
        return Ok(refused(&error));
    }
    let file = match EngineFile::read(&path.display().to_string(), bytes) {
        Ok(file) => file,
        Err(EngineError::Manifest { source, .. }) => {
            let problems = match source {
                ManifestError::Many(problems) => problems,
                error => Problems::from(error),
            };
            return Ok(of_manifest(&problems, Failure::PluginFault));
        }
        Err(error) => return Ok(refused(&error.into())),
    };
    let mut checked = Checked {
        outline: Some(file.outline().clone()),
        ..Checked::default()
    };
    let is_bundled = |known: &&EngineFile| known.is_bundled() && known.digest() == file.digest();
    if !engines.iter().any(|known| is_bundled(&known))
        && let Err(error) = check_name(&file.manifest().id, engines)
    {
        checked.problems.push(problem(&error));
    }
    match load::try_out(&file, request.folders.as_ref()).await {
        Ok(()) => {}
        // The engine is at fault, and not this system.
        Err(error) if error.failure() == Failure::PluginFault => {
            checked.problems.push(problem(&error));
        }
        Err(error) => return Err(error),
    }
    if !checked.problems.is_empty() {
        checked.outline = None;
    }
    Ok(checked)
}

fn refused(error: &AuthoringError) -> Checked {
    Checked {
        problems: vec![problem(error)],
        ..Checked::default()
    }
}

fn problem(error: &AuthoringError) -> CheckProblem {
    CheckProblem {
        position: None,
        message: error.to_string(),
        failure: error.failure(),
    }
}

impl Checked {
    /// Returns the failure with which `plugin pack` would refuse the file. A name that is reserved counts only
    /// if it is the only problem.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let mut failures = self.problems.iter().map(|problem| problem.failure);
        let other = failures
            .clone()
            .find(|failure| *failure != Failure::Conflict);
        other.or_else(|| failures.next())
    }
}
