//! kubectl-broker with more engines than the bundled ones: the component files that `WITH_ENGINES`
//! names, with colons between them; and without the bundled ones that `WITHOUT_ENGINES` names in the
//! same way. Everything else is as in the program itself.
//!
//! `COUNT_COMPONENTS` may name a file: in it stands afterwards how many components were opened.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use host_engine::{Catalogue, EngineError, EngineFile, components_opened};

/// What a bundled engine's id begins with.
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

/// The bundled engines that stay, and the components of `files`.
fn catalogue(files: Vec<(String, Vec<u8>)>) -> Result<Catalogue, EngineError> {
    let without = std::env::var("WITHOUT_ENGINES").unwrap_or_default();
    let without: Vec<_> = without.split(':').collect();
    let bundled = Catalogue::bundled(host_bundled::ENGINES)?;
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

/// The file's own name: its folder is another one in each run.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
