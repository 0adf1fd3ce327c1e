use std::path::PathBuf;

use clap::Args;
use host_installed::{PluginError, Plugins};

use crate::ui::{BundleRow, BundleView};

/// Write engines and their signatures to one file, for `plugin install` without a network
#[derive(Args)]
pub(super) struct BundleArgs {
    /// File to create
    #[arg(value_name = "OUT")]
    file: PathBuf,
    /// Engines, as PUBLISHER/NAME or unambiguous short names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn run(args: &BundleArgs, plugins: &Plugins<'_>) -> Result<BundleView, PluginError> {
    let mut ids = Vec::new();
    for name in &args.names {
        let id = plugins.find(name)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let written = plugins.bundle(&args.file, &ids)?;
    let engines = written.engines.iter().map(|(id, version)| BundleRow {
        id: id.to_string(),
        version: version.version.to_string(),
        sha256: version.digest.to_string(),
        signature: version.signature.to_string(),
    });
    Ok(BundleView {
        file: args.file.display().to_string(),
        size: written.size,
        sha256: written.sha256.to_string(),
        engines: engines.collect(),
    })
}
