use std::collections::BTreeSet;

use broker_manifest::Operation;
use clap::Args;
use host_base::Sha256;
use host_installed::{Inspected, PluginError, Plugins, Whereabouts};

use super::rows::{accepted_by, operations};
use crate::ui::{Document, PluginDiffView, PluginView};

/// Show the manifest and the capabilities of an engine, without running it
#[derive(Args)]
pub(super) struct InspectArgs {
    /// Name of an engine, or a component file
    #[arg(value_name = "NAME|REF")]
    engine: String,
    /// Show only the capabilities that differ from those of this engine or file
    #[arg(long, value_name = "NAME|REF")]
    diff: Option<String>,
}

pub(super) async fn run(
    args: &InspectArgs,
    plugins: &Plugins<'_>,
) -> Result<Box<dyn Document>, PluginError> {
    let engine = plugins.inspect(&args.engine).await?;
    let Some(other) = &args.diff else {
        return Ok(Box::new(view(&engine)));
    };
    let other = plugins.inspect(other).await?;
    Ok(Box::new(diff(&engine, &other)))
}

fn view(engine: &Inspected) -> PluginView {
    let outline = engine.file.outline();
    let manifest = &outline.manifest;
    let (state, known) = match &engine.whereabouts {
        Whereabouts::Bundled => ("bundled", None),
        Whereabouts::Installed {
            source, signature, ..
        } => ("installed", Some((source, signature))),
        Whereabouts::Elsewhere { source, signature } => {
            ("not installed", Some((source, signature)))
        }
    };
    PluginView {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        summary: manifest.summary.clone(),
        homepage: manifest.homepage.clone(),
        state,
        source: known.map(|(source, _)| source.to_string()),
        signature: known.map(|(_, signature)| signature.to_string()),
        interface: outline.interface.clone(),
        operations: operations(&engine.file),
        verbs: manifest.verbs.keys().cloned().collect(),
        imports: outline.imports.iter().cloned().collect(),
        capabilities: engine.capabilities.texts().into_iter().collect(),
        may: engine
            .capabilities
            .sentences_with(&defaults(engine), manifest),
        default_for: defaults(engine).into_iter().collect(),
        accepted_by: of(engine),
        size: engine.size,
        sha256: Sha256::from(engine.file.digest()).to_string(),
    }
}

fn diff(old: &Inspected, new: &Inspected) -> PluginDiffView {
    let [from, to] = [old, new].map(|engine| engine.file.manifest());
    // Another engine is shown by its whole name.
    let named = |manifest: &broker_manifest::Manifest| {
        if from.id == to.id {
            manifest.version.to_string()
        } else {
            format!("{} {}", manifest.id, manifest.version)
        }
    };
    PluginDiffView {
        id: from.id.to_string(),
        from: named(from),
        to: named(to),
        more: new
            .capabilities
            .beyond(&old.capabilities.texts())
            .sentences(),
        less: old
            .capabilities
            .beyond(&new.capabilities.texts())
            .sentences(),
        accepted_by: of(new),
    }
}

/// Returns the operations that the installed engine is the default for.
fn defaults(engine: &Inspected) -> BTreeSet<Operation> {
    match &engine.whereabouts {
        Whereabouts::Installed { defaults, .. } => defaults.clone(),
        Whereabouts::Bundled | Whereabouts::Elsewhere { .. } => BTreeSet::new(),
    }
}

/// Returns the digest that accepts the engine as it is.
fn of(engine: &Inspected) -> String {
    let id = &engine.file.manifest().id;
    accepted_by(id, &engine.capabilities.texts(), &defaults(engine))
}
