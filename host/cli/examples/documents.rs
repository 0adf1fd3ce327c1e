//! Writes the documents that are made of the program's code. `cargo xtask` runs it.
//!
//! `documents reference FOLDER` writes the references, the definitions of the operator's kinds, and the schemas into a
//! folder like the project's root; `documents man FOLDER` writes the man pages.
//! Installed engines are not read, so the result is the same on every machine.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use clap_mangen::Man;
use host_engine::{Catalogue, EngineFile};
use kubectl_broker::{manifest_page, operator_page, reference, ui};

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
    let docs = folder.join("docs");
    let schemas = docs.join("schema");
    fs::create_dir_all(&schemas)?;
    fs::write(docs.join("reference.md"), reference::markdown(engines))?;
    fs::write(docs.join("manifest.md"), manifest_page::markdown())?;
    let schema = manifest_page::schema()?;
    fs::write(docs.join("manifest.schema.json"), schema)?;
    let schema = ui::copy_manifest_schema()?;
    fs::write(docs.join("copy-manifest.schema.json"), schema)?;
    let kinds = operator_page::markdown();
    fs::write(docs.join("operator-reference.md"), kinds)?;
    let definitions = operator_page::definitions()?;
    let of_requests = operator_page::request_definitions()?;
    let of_kafka = operator_page::kafka_definitions()?;
    // A chart can't contain a file from outside of its folder.
    for place in ["deploy/operator", "deploy/chart/broker-operator/files"] {
        let place = folder.join(place);
        fs::create_dir_all(&place)?;
        fs::write(place.join("crds.yaml"), &definitions)?;
        fs::write(place.join("liferay-crds.yaml"), &of_requests)?;
        fs::write(place.join("kafka-crds.yaml"), &of_kafka)?;
    }
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
