use std::path::PathBuf;

use clap::{Args, ValueEnum};
use host_authoring::{AuthoringError, Language, LanguageSources, ProjectRequest, Sources, project};
use host_engine::EngineFile;

use crate::ui::PluginProjectView;

/// For authors: create an engine project that builds, tests and installs
#[derive(Args)]
pub(in crate::plugin) struct NewArgs {
    /// Name of the engine and its folder, or PUBLISHER/NAME
    name: String,
    /// Language of the project
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Publisher of the engine [default: example]
    #[arg(long)]
    publisher: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Lang {
    #[default]
    Rust,
    Python,
}

impl Lang {
    fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::Python => Language::Python,
        }
    }
}

/// The sources of projects, which ship in this program.
const SOURCES: Sources = Sources {
    rust: LanguageSources {
        template: host_bundled::RUST_TEMPLATE,
        sdk: host_bundled::RUST_SDK,
    },
    python: LanguageSources {
        template: host_bundled::PYTHON_TEMPLATE,
        sdk: host_bundled::PYTHON_SDK,
    },
};

pub(super) fn run(
    args: NewArgs,
    engines: &[EngineFile],
) -> Result<PluginProjectView, AuthoringError> {
    let request = ProjectRequest {
        name: args.name,
        publisher: args.publisher,
        language: args.lang.language(),
        folder: PathBuf::new(),
        sources: SOURCES,
    };
    let project = project(&request, engines)?;
    Ok(PluginProjectView {
        id: project.id.to_string(),
        folder: project.folder.display().to_string(),
        files: project.files,
        component: project.component,
        sdk: project.sdk,
        next: project.next,
    })
}
