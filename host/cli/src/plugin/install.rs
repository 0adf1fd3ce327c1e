use std::path::PathBuf;

use broker_manifest::EngineId;
use clap::Args;
use host_base::Sha256;
use host_installed::{InstallRequest, NewKey, PluginError, Plugins, Reference};

use super::accept::{AcceptArgs, digest};
use super::rows;
use crate::ui::{PluginChangesView, Ui};

/// Install an engine, or replace the installed version
#[derive(Args)]
pub(super) struct InstallArgs {
    /// File, bundle, https URL, or registry reference: oci://HOST/REPOSITORY:TAG or @sha256:DIGEST
    #[arg(value_name = "REF")]
    reference: String,
    /// Require this SHA-256 digest
    #[arg(long, value_name = "HEX", value_parser = digest)]
    sha256: Option<Sha256>,
    /// Require this engine name
    #[arg(long, value_name = "PUBLISHER/NAME")]
    name: Option<EngineId>,
    /// Require a signature by this public key, and trust the key for all engines of the publisher
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
