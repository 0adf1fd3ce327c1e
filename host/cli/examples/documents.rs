//! Writes the documents that are made of the program's code. `cargo xtask` runs it.
//!
//! `documents reference FOLDER` writes the command reference, the reference of the manifest, and the schemas into a
//! folder; `documents man FOLDER` writes the man pages.
//! Installed engines are not read, so the result is the same on every machine.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use clap_mangen::Man;
use host_engine::{Catalogue, EngineFile};
use kubectl_broker::{manifest_page, reference, ui};

fn main() -> Result<(), Box<dyn Error>> {
    let engines = Catalogue::bundled(host_bundled::ENGINES)?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["reference", folder] => write_reference(&engines, Path::new(folder))?,
        ["man", folder] => write_man(&engines, Path::new(folder))?,
        _ => return Err("usage: documents reference|man FOLDER".into()),
    }
    Ok(())
}

fn write_reference(engines: &[EngineFile], folder: &Path) -> io::Result<()> {
    let schemas = folder.join("schema");
    fs::create_dir_all(&schemas)?;
    fs::write(folder.join("reference.md"), reference::markdown(engines))?;
    fs::write(folder.join("manifest.md"), manifest_page::markdown())?;
    let schema = manifest_page::schema()?;
    fs::write(folder.join("manifest.schema.json"), schema)?;
    fs::write(
        folder.join("copy-manifest.schema.json"),
        ui::copy_manifest_schema()?,
    )?;
    for (kind, schema) in ui::schemas()? {
        fs::write(schemas.join(kind + ".json"), schema)?;
    }
    Ok(())
}

fn write_man(engines: &[EngineFile], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in reference::commands(engines) {
        Man::new(command)
            .source(concat!("kubectl-broker ", env!("CARGO_PKG_VERSION")))
            .generate_to(folder)?;
    }
    Ok(())
}
