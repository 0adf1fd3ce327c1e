use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use host_authoring::{AuthoringError, PackRequest, Packing, pack};
use host_base::{Folders, Sha256};
use host_engine::EngineFile;
use host_installed::Capabilities;

use crate::plugin::rows::{accepted_by, operations};
use crate::ui::{PluginPackView, Ui};

/// For authors: add a manifest to a component
#[derive(Args)]
pub(in crate::plugin) struct PackArgs {
    /// Component to add the manifest to
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// Manifest in TOML
    #[arg(long, value_name = "FILE", default_value = "engine.toml")]
    manifest: PathBuf,
    /// File to write the engine to [default: the component file]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the manifest that the component has
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(
    args: PackArgs,
    engines: &[EngineFile],
    ui: Ui,
) -> Result<PluginPackView, AuthoringError> {
    let request = PackRequest {
        component: args.component,
        manifest: args.manifest,
        out: args.out,
        replace: args.replace,
        folders: Folders::of_user(),
    };
    let packed = ui
        .while_waiting("Loading the engine", pack(&request, engines))
        .await?;
    let outline = packed.file.outline();
    let manifest = &outline.manifest;
    let capabilities = Capabilities::of(outline);
    Ok(PluginPackView {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        path: packed.path.display().to_string(),
        manifest: match packed.packing {
            Packing::Added => "added",
            Packing::Replaced => "replaced",
            Packing::Unchanged => "unchanged",
        },
        interface: outline.interface.clone(),
        operations: operations(&packed.file),
        verbs: manifest.verbs.keys().cloned().collect(),
        may: capabilities.sentences(),
        accepted_by: accepted_by(&manifest.id, &capabilities.texts(), &BTreeSet::new()),
        size: packed.size,
        sha256: Sha256::from(packed.file.digest()).to_string(),
    })
}
