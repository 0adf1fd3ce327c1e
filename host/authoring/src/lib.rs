//! Contains the tools for authors of engines. They create a project, put a manifest into a component, and
//! test the result.
//!
//! Using an engine needs none of them, and none of them connects to a cluster.

mod call;
mod cases;
mod check;
mod error;
mod load;
mod manifest_section;
mod pack;
mod project;
mod stage;
mod write;

use std::path::Path;

use broker_manifest::{EngineId, ManifestError};

pub use cases::{CaseResult, TestRequest, Tested, test};
pub use check::{CheckProblem, CheckRequest, Checked, check};
pub use error::AuthoringError;
use host_base::files;
use host_engine::EngineFile;
pub use pack::{PackRequest, Packed, Packing, pack};
pub use project::{Files, Language, LanguageSources, Project, ProjectRequest, Sources, project};

/// The maximum size of a component, manifest or file of cases, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// Refuses a name that is reserved for this program, because such an engine could not be installed.
fn check_name(id: &EngineId, engines: &[EngineFile]) -> Result<(), AuthoringError> {
    let bundled = engines.iter().filter(|file| file.is_bundled());
    let bundled = bundled.map(|file| &file.manifest().id);
    host_installed::check_name(id, bundled).map_err(|reserved| AuthoringError::Reserved {
        id: id.clone(),
        reserved,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, AuthoringError> {
    files::read(path, MAX_FILE).map_err(|source| AuthoringError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Reads a manifest.
fn read_text(path: &Path) -> Result<String, AuthoringError> {
    String::from_utf8(read(path)?).map_err(|error| AuthoringError::Manifest {
        path: path.to_owned(),
        source: ManifestError::Syntax {
            format: "TOML",
            reason: error.to_string(),
        },
    })
}
