use std::path::PathBuf;

use clap::Args;
use host_authoring::{AuthoringError, CheckRequest, check};
use host_base::Folders;
use host_engine::EngineFile;
use host_installed::Capabilities;

use crate::ui::{CheckedEngine, ManifestCheckView, ProblemRow, Ui};

/// For authors: show all problems of a manifest, or of a component
#[derive(Args)]
pub(in crate::plugin) struct CheckArgs {
    /// Manifest in TOML, or a component
    #[arg(value_name = "FILE", default_value = "engine.toml")]
    file: PathBuf,
}

pub(super) async fn run(
    args: CheckArgs,
    engines: &[EngineFile],
    ui: Ui,
) -> Result<ManifestCheckView, AuthoringError> {
    let request = CheckRequest {
        file: args.file,
        folders: Folders::of_user(),
    };
    let checked = ui
        .while_waiting("Checking the engine", check(&request, engines))
        .await?;
    let failure = checked.failure();
    let problems = checked.problems.into_iter().map(|problem| ProblemRow {
        line: problem.position.map(|it| it.line),
        column: problem.position.map(|it| it.column),
        message: problem.message,
    });
    Ok(ManifestCheckView {
        file: request.file.display().to_string(),
        problems: problems.collect(),
        more: checked.more,
        engine: checked.outline.map(|outline| CheckedEngine {
            id: outline.manifest.id.to_string(),
            version: outline.manifest.version.to_string(),
            operations: outline.manifest.operations.keys().copied().collect(),
            verbs: outline.manifest.verbs.keys().cloned().collect(),
            may: Capabilities::of(&outline).sentences(),
        }),
        failure,
    })
}
