use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use host_authoring::{AuthoringError, PackRequest, Packing, pack};
use host_base::Sha256;
use host_engine::EngineFile;
use host_installed::Capabilities;

use crate::plugin::rows::{accepted_by, operations};
use crate::ui::PluginPackView;

/// For authors: put a manifest into a component that was made in any language
#[derive(Args)]
pub(in crate::plugin) struct PackArgs {
    /// A component
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// The manifest, as TOML
    #[arg(long, value_name = "FILE", default_value = "engine.toml")]
    manifest: PathBuf,
    /// Where the engine is written to [default: in the place of the component]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Put it in the place of another manifest that the component has
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(
    args: PackArgs,
    engines: &[EngineFile],
) -> Result<PluginPackView, AuthoringError> {
    let request = PackRequest {
        component: args.component,
        manifest: args.manifest,
        out: args.out,
        replace: args.replace,
    };
    let packed = pack(&request, engines)?;
    let outline = packed.file.outline();
    let manifest = &outline.manifest;
    let capabilities = Capabilities::of(outline);
    Ok(PluginPackView {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        path: packed.path,
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
