use std::path::PathBuf;

use broker_manifest::Manifest;
use host_base::Folders;
use host_engine::{EngineError, EngineFile};
use wasmparser::Parser;

use super::{AuthoringError, check_name, load, manifest_section, read, read_text, write};

/// A request to pack an engine.
#[derive(Clone, Debug)]
pub struct PackRequest {
    /// Path of the component.
    pub component: PathBuf,
    /// Path of the manifest, a TOML file.
    pub manifest: PathBuf,
    /// Path of the engine to write; `None` replaces the component.
    pub out: Option<PathBuf>,
    /// True if a different manifest in the component may be replaced.
    pub replace: bool,
    /// Where native code is kept; without a folder the engine is compiled each time.
    pub folders: Option<Folders>,
}

/// A packed engine.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The engine as the host reads it.
    pub file: EngineFile,
    /// Path of the written engine.
    pub path: PathBuf,
    /// The change of the component.
    pub packing: Packing,
    /// Size in bytes.
    pub size: u64,
}

/// The change of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A manifest was added.
    Added,
    /// A different manifest was replaced.
    Replaced,
    /// The component had this manifest already.
    Unchanged,
}

/// Puts a manifest into a component, as the SDK's macro does.
///
/// The result is read like at its installation, and started, before anything is written.
///
/// # Errors
/// When the manifest breaks a rule or has a reserved name. Also when the component is invalid or has a
/// different manifest, or when both together are not an engine for this host.
pub async fn pack(request: &PackRequest, engines: &[EngineFile]) -> Result<Packed, AuthoringError> {
    let text = read_text(&request.manifest)?;
    let refuse = |source| AuthoringError::Manifest {
        path: request.manifest.clone(),
        source,
    };
    let manifest = Manifest::from_toml(&text).map_err(refuse)?;
    check_name(&manifest.id, engines)?;
    let json = manifest.to_json().map_err(refuse)?;
    let component = read(&request.component)?;
    let (packing, bytes) = insert(request, &manifest, &json, component)?;

    let path = request.out.as_ref().unwrap_or(&request.component).clone();
    let size = bytes.len() as u64;
    let file = EngineFile::read(&path.display().to_string(), bytes)?;
    load::try_out(&file, request.folders.as_ref()).await?;
    if packing != Packing::Unchanged || path != request.component {
        write::whole(&path, &file.bytes()?)?;
    }
    Ok(Packed {
        file,
        path,
        packing,
        size,
    })
}

fn insert(
    request: &PackRequest,
    manifest: &Manifest,
    json: &[u8],
    component: Vec<u8>,
) -> Result<(Packing, Vec<u8>), AuthoringError> {
    let path = &request.component;
    if Parser::is_core_wasm(&component) {
        return Err(AuthoringError::CoreModule { path: path.clone() });
    }
    let no_component = |reason: String| EngineError::NotAComponent {
        engine: path.display().to_string(),
        reason,
    };
    if !Parser::is_component(&component) {
        return Err(no_component("it does not begin like one".to_owned()).into());
    }
    let taken = manifest_section::take_out(&component);
    let (mut bare, present) = taken.map_err(|error| no_component(error.message().to_owned()))?;
    let packing = match present.as_slice() {
        [] => Packing::Added,
        // The manifests are equal but have different texts: another version of the SDK may have written the
        // old one.
        [same] if Manifest::from_json(same).as_ref() == Ok(manifest) => {
            return Ok((Packing::Unchanged, component));
        }
        _ if request.replace => Packing::Replaced,
        _ => return Err(AuthoringError::HasManifest { path: path.clone() }),
    };
    manifest_section::put_in(&mut bare, json);
    Ok((packing, bare))
}
