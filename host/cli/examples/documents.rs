//! Writes the documents that are made of the program's command tree. `cargo xtask` runs it.
//!
//! `documents reference` writes the command reference to stdout, `documents man FOLDER` man pages into a folder.
//! Installed engines are not read, so the result is the same on every machine.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap_mangen::Man;
use host_engine::{Catalogue, EngineFile};
use kubectl_broker::reference;

fn main() -> Result<(), Box<dyn Error>> {
    let engines = Catalogue::bundled(host_bundled::ENGINES)?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["reference"] => io::stdout().write_all(reference::markdown(&engines).as_bytes())?,
        ["man", folder] => man(&engines, Path::new(folder))?,
        _ => return Err("usage: documents reference | documents man FOLDER".into()),
    }
    Ok(())
}

fn man(engines: &[EngineFile], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in reference::commands(engines) {
        Man::new(command)
            .source(concat!("kubectl-broker ", env!("CARGO_PKG_VERSION")))
            .generate_to(folder)?;
    }
    Ok(())
}
