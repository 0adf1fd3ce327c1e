//! kubectl-broker with other engines than the bundled ones.
//!
//! `WITH_ENGINES` adds component files, separated by colons. `WITHOUT_ENGINES` removes bundled engines, in
//! the same format. `BUNDLED_ENGINES` names a folder with components `NAME.wasm`, which replace the bundled
//! engines of this build; an engine without one is left out. Everything else is the same as in the real program.
//!
//! `COUNT_COMPONENTS` may name a file, to which the program writes the number of opened components.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use host_base::Sha256;
use host_engine::{Catalogue, EngineError, EngineFile, components_opened};

/// The prefix of the ids of bundled engines.
const PUBLISHER: &str = "kubectl-broker/";

fn main() -> io::Result<ExitCode> {
    let mut files = Vec::new();
    let paths = std::env::var_os("WITH_ENGINES");
    for path in paths.iter().flat_map(std::env::split_paths) {
        files.push((name(&path), std::fs::read(&path)?));
    }
    let code = kubectl_broker::main(catalogue(files), std::env::args_os());
    if let Some(path) = std::env::var_os("COUNT_COMPONENTS") {
        std::fs::write(path, components_opened().to_string())?;
    }
    Ok(code)
}

/// Returns the remaining bundled engines and the components of `files`.
fn catalogue(files: Vec<(String, Vec<u8>)>) -> Result<Catalogue, EngineError> {
    let without = std::env::var("WITHOUT_ENGINES").unwrap_or_default();
    let without: Vec<_> = without.split(':').collect();
    let bundled = match std::env::var_os("BUNDLED_ENGINES") {
        Some(folder) => Catalogue::bundled(replaced(Path::new(&folder)))?,
        None => Catalogue::bundled(host_bundled::ENGINES)?,
    };
    let stays = |file: &&EngineFile| {
        let id = file.manifest().id.to_string();
        id.strip_prefix(PUBLISHER)
            .is_none_or(|name| !without.contains(&name))
    };
    let bundled = bundled.iter().filter(stays).cloned();
    let more = files
        .into_iter()
        .map(|(name, bytes)| EngineFile::read(&name, bytes));
    bundled.map(Ok).chain(more).collect()
}

/// Returns the bundled engines with the components of a folder. They live as long as the program, as bundled
/// ones do.
fn replaced(folder: &Path) -> &'static [(&'static str, &'static [u8], [u8; 32])] {
    let path = |name: &str| folder.join(format!("{name}.wasm"));
    // An engine may be younger than the components of the folder.
    let known = host_bundled::ENGINES
        .iter()
        .filter(|(name, ..)| path(name).is_file());
    let engines = known.map(|(name, ..)| {
        let path = path(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let digest = Sha256::digest(&bytes).to_bytes();
        (*name, &*bytes.leak(), digest)
    });
    engines.collect::<Vec<_>>().leak()
}

/// Returns the file's name without its folder, which differs in each run.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
