use std::collections::BTreeSet;

use broker_manifest::Operation;
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use host_installed::{DefaultRequest, PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChangesView, Ui};

/// Let `auto` pick an installed engine before the bundled engines
#[derive(Args)]
pub(super) struct DefaultArgs {
    /// Engine, as PUBLISHER/NAME or an unambiguous short name
    engine: String,
    /// Operations, separated by commas [default: all operations of the engine]
    #[arg(
        long,
        value_name = "OPERATION",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(OPERATIONS.map(Operation::name)).map(|name| operation(&name))
    )]
    operations: Vec<Operation>,
    /// Remove the default
    #[arg(long)]
    remove: bool,
}

/// Those that a user can ask for. `act` stands for the verbs of an engine's own.
const OPERATIONS: [Operation; 8] = [
    Operation::List,
    Operation::Status,
    Operation::Create,
    Operation::Download,
    Operation::Verify,
    Operation::Restore,
    Operation::Delete,
    Operation::Act,
];

/// The parser has no other names.
fn operation(name: &str) -> Operation {
    let known = OPERATIONS.into_iter().find(|it| it.name() == name);
    known.unwrap_or(Operation::List)
}

pub(super) async fn run(
    args: &DefaultArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChangesView, PluginError> {
    let operations: BTreeSet<_> = args.operations.iter().copied().collect();
    let request = DefaultRequest {
        operations: (!operations.is_empty()).then_some(operations),
        remove: args.remove,
    };
    let id = plugins.find(&args.engine)?;
    let change = plugins.set_default(&id, &request).await?;
    for other in &change.instead_of {
        ui.note(&format!("{other} is no longer the default for that"));
    }
    Ok(PluginChangesView {
        changes: vec![rows::default(&change)],
    })
}
