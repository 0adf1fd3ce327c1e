use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use broker_manifest::{EngineId, Manifest};

use super::AuthoringError;

// `static SDK` and `static RUST_TEMPLATE`: every file with its path.
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Whose engine it is, where nobody says.
const PUBLISHER: &str = "example";
/// What cargo would take for a file of this repository.
const IGNORED: (&str, &str) = ("gitignore", ".gitignore");

/// The languages for which there is a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
}

/// A project to be begun.
#[derive(Clone, Debug)]
pub struct ProjectRequest {
    /// `name` or `publisher/name`.
    pub name: String,
    pub publisher: Option<String>,
    pub language: Language,
    /// In which the project's own is made.
    pub folder: PathBuf,
}

/// A project that was begun.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: EngineId,
    pub folder: PathBuf,
    /// Relative to the folder, those of the SDK left out.
    pub files: Vec<String>,
    /// What its build makes, relative to the folder.
    pub component: String,
}

impl Language {
    fn template(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => RUST_TEMPLATE,
        }
    }
}

/// Writes a project that builds an engine, with the SDK that belongs to this program.
///
/// # Errors
/// When the name can't be one, or its folder is there already and not empty.
pub fn project(request: &ProjectRequest) -> Result<Project, AuthoringError> {
    let id = id(request)?;
    let folder = request.folder.join(id.name());
    if !is_free(&folder)? {
        return Err(AuthoringError::NotEmpty { folder });
    }
    let snake = id.name().replace('-', "_");
    let fill = |text: &str| {
        text.replace("{{publisher}}", id.publisher())
            .replace("{{name}}", id.name())
            .replace("{{snake}}", &snake)
    };
    check(request, &fill)?;
    let mut files = Vec::new();
    for (path, text) in request.language.template() {
        let path = if *path == IGNORED.0 { IGNORED.1 } else { path };
        write(&folder, path, &fill(text))?;
        files.push(path.to_owned());
    }
    files.sort();
    for (path, text) in SDK {
        write(&folder, &format!("sdk/{path}"), text)?;
    }
    Ok(Project {
        component: format!("target/wasm32-wasip2/release/engine_{snake}.wasm"),
        id,
        folder,
        files,
    })
}

fn id(request: &ProjectRequest) -> Result<EngineId, AuthoringError> {
    let name = &request.name;
    let bad = || AuthoringError::BadName { name: name.clone() };
    let (publisher, short) = match (name.split_once('/'), &request.publisher) {
        (Some((in_name, _)), Some(given)) if in_name != given => {
            return Err(AuthoringError::TwoPublishers {
                name: name.clone(),
                publisher: given.clone(),
            });
        }
        (Some((publisher, short)), _) => (publisher, short),
        (None, given) => (given.as_deref().unwrap_or(PUBLISHER), name.as_str()),
    };
    format!("{publisher}/{short}").parse().map_err(|_| bad())
}

/// The manifest has more rules for a name than an id has: it is part of a flag.
fn check(request: &ProjectRequest, fill: &impl Fn(&str) -> String) -> Result<(), AuthoringError> {
    let mut template = request.language.template().iter();
    let manifest = template.find(|(path, _)| *path == "engine.toml");
    let checked = manifest.map(|(_, text)| Manifest::from_toml(&fill(text)));
    match checked {
        Some(Err(_)) => Err(AuthoringError::BadName {
            name: request.name.clone(),
        }),
        _ => Ok(()),
    }
}

/// Whether nothing is there, or an empty folder.
fn is_free(folder: &Path) -> Result<bool, AuthoringError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(source) => Err(AuthoringError::Read {
            path: folder.to_owned(),
            source,
        }),
    }
}

fn write(folder: &Path, path: &str, text: &str) -> Result<(), AuthoringError> {
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| AuthoringError::Write {
            path: path.clone(),
            source,
        })
}
