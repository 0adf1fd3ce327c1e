use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use broker_manifest::{EngineId, Manifest};
use host_engine::EngineFile;

use super::{AuthoringError, check_name};

/// The files of a project: path and text of each.
pub type Files = &'static [(&'static str, &'static str)];

/// The files from which projects are created. The program provides them.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    /// Files for Rust.
    pub rust: LanguageSources,
    /// Files for Python.
    pub python: LanguageSources,
}

/// The files of one language.
#[derive(Clone, Copy, Debug)]
pub struct LanguageSources {
    /// The template of a project.
    pub template: Files,
    /// The SDK.
    pub sdk: Files,
}

/// The default publisher of an engine.
const PUBLISHER: &str = "example";
/// A file name that cargo would apply to this repository, and its name in a project.
const IGNORED: (&str, &str) = ("gitignore", ".gitignore");

/// The languages that have a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The Rust language.
    Rust,
    /// The Python language.
    Python,
}

/// A request to create a project.
#[derive(Clone, Debug)]
pub struct ProjectRequest {
    /// Name of the engine: `name` or `publisher/name`.
    pub name: String,
    /// The publisher, if the name does not contain it.
    pub publisher: Option<String>,
    /// The language of the project.
    pub language: Language,
    /// The folder in which the project's folder is created.
    pub folder: PathBuf,
    /// The files to write.
    pub sources: Sources,
}

/// A created project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Id of the engine.
    pub id: EngineId,
    /// The folder of the project.
    pub folder: PathBuf,
    /// Files relative to the project's folder, except those of the SDK.
    pub files: Vec<String>,
    /// The component that the build creates, relative to the project's folder.
    pub component: String,
    /// Folders that belong to the SDK.
    pub sdk: Vec<String>,
    /// The commands that build and test it.
    pub next: Vec<String>,
}

impl Language {
    fn sources(self, all: Sources) -> LanguageSources {
        match self {
            Self::Rust => all.rust,
            Self::Python => all.python,
        }
    }

    /// Returns the folders of a project that contain files of the SDK.
    fn sdk_folders(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["sdk/"],
            Self::Python => &["broker_engine/", "wit/deps/"],
        }
    }

    /// Returns the component that the build creates, relative to the project.
    fn component(self, id: &EngineId) -> String {
        match self {
            Self::Rust => format!(
                "target/wasm32-wasip2/release/engine_{}.wasm",
                id.name().replace('-', "_")
            ),
            Self::Python => format!("{}.wasm", id.name()),
        }
    }

    /// Returns the commands that build and test the project.
    fn next(self, component: &str) -> Vec<String> {
        let mut lines: Vec<_> = match self {
            Self::Rust => vec![
                "cargo test".to_owned(),
                "cargo build --release --target wasm32-wasip2".to_owned(),
            ],
            Self::Python => vec![
                "componentize-py -d wit -w project bindings bindings".to_owned(),
                "PYTHONPATH=bindings python3 -m unittest".to_owned(),
                "componentize-py -d wit -w project componentize app -o app.wasm".to_owned(),
                format!(
                    "kubectl broker plugin pack app.wasm --manifest engine.toml --out {component}"
                ),
            ],
        };
        lines.push(format!(
            "kubectl broker plugin test {component} --cases cases"
        ));
        lines
    }
}

/// Writes a project that builds an engine, with the SDK of this program's version.
///
/// # Errors
/// When the name is invalid, or when the project's folder exists and is not empty.
pub fn project(
    request: &ProjectRequest,
    engines: &[EngineFile],
) -> Result<Project, AuthoringError> {
    let id = id(request)?;
    check_name(&id, engines)?;
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
    for (path, text) in request.language.sources(request.sources).template {
        let path = if *path == IGNORED.0 { IGNORED.1 } else { path };
        write(&folder, path, &fill(text))?;
        files.push(path.to_owned());
    }
    files.sort();
    let sdk = request.language.sources(request.sources).sdk;
    let folders = request.language.sdk_folders();
    for (path, text) in sdk {
        write(&folder, path, text)?;
    }
    let component = request.language.component(&id);
    Ok(Project {
        sdk: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        next: request.language.next(&component),
        component,
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

/// Checks the name with the template's manifest: it is part of a flag, so more rules apply than to an id.
fn check(request: &ProjectRequest, fill: &impl Fn(&str) -> String) -> Result<(), AuthoringError> {
    let mut template = request.language.sources(request.sources).template.iter();
    let manifest = template.find(|(path, _)| *path == "engine.toml");
    let checked = manifest.map(|(_, text)| Manifest::from_toml(&fill(text)));
    match checked {
        Some(Err(_)) => Err(AuthoringError::BadName {
            name: request.name.clone(),
        }),
        _ => Ok(()),
    }
}

/// Returns true if the folder does not exist or is empty.
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
