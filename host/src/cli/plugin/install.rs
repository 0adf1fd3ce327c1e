use clap::Args;

use super::accept::{AcceptArgs, digest};
use super::rows;
use crate::plugin::{InstallRequest, PluginError, Plugins};
use crate::transfer::Sha256;
use crate::ui::{PluginChangesView, Ui};

/// Install an engine, or put another version in the place of the one that is there
#[derive(Args)]
pub(super) struct InstallArgs {
    /// A file, an https address, or oci://HOST/REPOSITORY:TAG (or @sha256:DIGEST) of a registry
    #[arg(value_name = "REF")]
    reference: String,
    /// Refuse every other file than the one with this SHA-256
    #[arg(long, value_name = "HEX", value_parser = digest)]
    sha256: Option<Sha256>,
    #[command(flatten)]
    accept: AcceptArgs,
}

pub(super) async fn run(
    args: &InstallArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChangesView, PluginError> {
    let request = InstallRequest {
        reference: args.reference.parse()?,
        sha256: args.sha256,
    };
    let change = plugins.install(&request, &args.accept.asking(ui)).await?;
    Ok(PluginChangesView {
        changes: vec![rows::change(&change)],
    })
}
