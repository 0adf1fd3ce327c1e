use std::path::PathBuf;

use broker_manifest::Manifest;
use host_engine::{EngineError, EngineFile};
use wasmparser::Parser;

use super::{AuthoringError, check_name, manifest_section, read, write};

/// What is to be packed.
#[derive(Clone, Debug)]
pub struct PackRequest {
    /// A component.
    pub component: PathBuf,
    /// TOML.
    pub manifest: PathBuf,
    /// Where the engine is written to; in the place of the component where it is none.
    pub out: Option<PathBuf>,
    /// Whether another manifest that the component has may go.
    pub replace: bool,
}

/// An engine that was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// As the host reads it.
    pub file: EngineFile,
    pub path: PathBuf,
    pub packing: Packing,
    /// In bytes.
    pub size: u64,
}

/// What was done to the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Added,
    /// Another manifest was taken out.
    Replaced,
    /// It had this very manifest.
    Unchanged,
}

/// Puts a manifest into a component, as the SDK's macro does.
///
/// The result is read back as the host reads it when it is installed, before anything is written.
///
/// # Errors
/// When the manifest breaks a rule or has a name that is reserved, the component is none or has another manifest, or the two together
/// are no engine for this host.
pub fn pack(request: &PackRequest, engines: &[EngineFile]) -> Result<Packed, AuthoringError> {
    let text = read(&request.manifest)?;
    let refuse = |source| AuthoringError::Manifest {
        path: request.manifest.clone(),
        source,
    };
    let text = String::from_utf8(text).map_err(|error| {
        refuse(broker_manifest::ManifestError::Syntax {
            format: "TOML",
            reason: error.to_string(),
        })
    })?;
    let manifest = Manifest::from_toml(&text).map_err(refuse)?;
    check_name(&manifest.id, engines)?;
    let json = manifest.to_json().map_err(refuse)?;
    let component = read(&request.component)?;
    let (packing, bytes) = insert(request, &manifest, &json, component)?;

    let path = request.out.as_ref().unwrap_or(&request.component).clone();
    let size = bytes.len() as u64;
    let file = EngineFile::read(&path.display().to_string(), bytes)?;
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
        return Err(no_component("it does not begin as one".to_owned()).into());
    }
    let taken = manifest_section::take_out(&component);
    let (mut bare, present) = taken.map_err(|error| no_component(error.message().to_owned()))?;
    let packing = match present.as_slice() {
        [] => Packing::Added,
        // The same in other words: another version of the SDK may have written it.
        [same] if Manifest::from_json(same).as_ref() == Ok(manifest) => {
            return Ok((Packing::Unchanged, component));
        }
        _ if request.replace => Packing::Replaced,
        _ => return Err(AuthoringError::HasManifest { path: path.clone() }),
    };
    manifest_section::put_in(&mut bare, json);
    Ok((packing, bare))
}
