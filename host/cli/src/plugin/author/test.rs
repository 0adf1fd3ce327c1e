use std::path::PathBuf;

use clap::Args;
use host_authoring::{AuthoringError, TestRequest, test};
use host_base::Folders;
use host_engine::EngineFile;

use crate::ui::{CaseRow, PluginTestView, Ui};

/// For authors: test an engine against scripted backends, without a cluster
#[derive(Args)]
pub(in crate::plugin) struct TestArgs {
    /// Component of the engine
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// Files with cases, or folders of such files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    cases: Vec<PathBuf>,
    /// Run only cases whose names contain this text; repeatable
    #[arg(long, value_name = "NAME")]
    case: Vec<String>,
}

pub(super) async fn run(
    args: TestArgs,
    engines: &[EngineFile],
    ui: Ui,
) -> Result<PluginTestView, AuthoringError> {
    let request = TestRequest {
        component: args.component,
        cases: args.cases,
        only: args.case,
        folders: Folders::of_user(),
    };
    let tested = ui
        .while_waiting("Running the cases", test(&request, engines))
        .await?;
    let manifest = tested.file.manifest();
    let cases = tested.results.into_iter().map(|result| CaseRow {
        name: result.name,
        operation: result.operation,
        is_built_in: result.is_built_in,
        problems: result.problems,
    });
    Ok(PluginTestView {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        cases: cases.collect(),
    })
}
