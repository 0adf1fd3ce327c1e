use std::path::PathBuf;

use broker_manifest::EngineId;
use clap::Args;
use host_base::Sha256;
use host_installed::{InstallRequest, NewKey, PluginError, Plugins, Reference};

use super::accept::{AcceptArgs, digest};
use super::rows;
use crate::ui::{PluginChangesView, Ui};

/// Install an engine, or put another version in the place of the one that is there
#[derive(Args)]
pub(super) struct InstallArgs {
    /// A file, an https address, or oci://HOST/REPOSITORY:TAG (or @sha256:DIGEST) of a registry. Of a
    /// bundle all engines are installed, or none
    #[arg(value_name = "REF")]
    reference: String,
    /// Refuse every other file than the one with this SHA-256
    #[arg(long, value_name = "HEX", value_parser = digest)]
    sha256: Option<Sha256>,
    /// Refuse every other engine than the one with this name
    #[arg(long, value_name = "PUBLISHER/NAME")]
    name: Option<EngineId>,
    /// Refuse an engine that was not signed with this public key. Once it is installed, the key is trusted
    /// for all engines of its publisher
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    accept: AcceptArgs,
}

pub(super) async fn run(
    args: &InstallArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChangesView, PluginError> {
    let key = args.key.as_ref().map(|path| NewKey::read(path));
    let request = InstallRequest {
        reference: Reference::typed(&args.reference)?,
        sha256: args.sha256,
        id: args.name.clone(),
        key: key.transpose()?,
    };
    let changes = plugins.install(&request, &args.accept.asking(ui)).await?;
    Ok(PluginChangesView {
        changes: changes.iter().map(rows::change).collect(),
    })
}
