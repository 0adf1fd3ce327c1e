//! The documents that are made of the program's code. They are the references of the commands, of the manifest and of the operator's
//! kinds, their definitions, the schemas, and the man pages.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, shell};

/// The folder of the schemas, in the project's root.
const SCHEMAS: &str = "docs/schema";
/// The other generated files.
const PAGES: &[&str] = &[
    "deploy/chart/broker-operator/files/crds.yaml",
    "deploy/chart/broker-operator/files/kafka-crds.yaml",
    "deploy/chart/broker-operator/files/liferay-crds.yaml",
    "deploy/operator/crds.yaml",
    "deploy/operator/kafka-crds.yaml",
    "deploy/operator/liferay-crds.yaml",
    "docs/copy-manifest.schema.json",
    "docs/manifest.md",
    "docs/manifest.schema.json",
    "docs/operator-reference.md",
    "docs/reference.md",
];
/// The example of the program's package that writes the documents.
const EXAMPLE: &str = "documents";

/// Regenerates the references and the schemas.
pub(crate) fn write() -> Result {
    let folder = shell::root()?;
    // Schemas of removed kinds must not stay.
    for path in schemas(&folder)? {
        fs::remove_file(&path).map_err(|e| failed(&path, &e))?;
    }
    generate("reference", &folder)
}

/// Fails if a reference or a schema differs from what the program's code says.
pub(crate) fn check() -> Result {
    let present = texts(&shell::root()?)?;
    let generated = texts(&generate_afresh("reference")?)?;
    let names = present.keys().chain(generated.keys());
    let mut differing = names.filter(|name| present.get(*name) != generated.get(*name));
    match differing.next() {
        None => Ok(()),
        Some(name) => Err(format!(
            "{} is not what the program's code says. Run `cargo xtask reference` and commit the result.",
            name.display()
        )),
    }
}

/// Writes a man page for each command into `target/man`.
pub(crate) fn man() -> Result {
    let folder = generate_afresh("man")?;
    shell::say(&format!("The man pages are in {}.", folder.display()));
    Ok(())
}

/// Returns the texts of the references and the schemas, by their paths in the folder.
fn texts(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut paths = schemas(folder)?;
    paths.extend(PAGES.iter().map(|page| folder.join(page)));
    let texts = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).map_err(|e| failed(&path, &e))?;
        Ok((path.strip_prefix(folder).unwrap_or(&path).to_owned(), text))
    });
    texts.collect()
}

fn schemas(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join(SCHEMAS);
    let entries = fs::read_dir(&folder).map_err(|e| failed(&folder, &e))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: io::Result<Vec<_>> = paths.collect();
    let mut paths = paths.map_err(|e| failed(&folder, &e))?;
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    Ok(paths)
}

/// Generates documents into a folder of build results, which gets their name.
fn generate_afresh(documents: &str) -> Result<PathBuf> {
    let folder = shell::programs(documents)?;
    // Documents of removed commands and kinds must not stay.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
    }
    generate(documents, &folder)?;
    Ok(folder)
}

fn generate(documents: &str, folder: &Path) -> Result {
    // One build with the tests, so that no dependency is compiled twice.
    shell::run(shell::cargo(&[
        "build",
        "--locked",
        "--workspace",
        "--example",
        EXAMPLE,
    ])?)?;
    let example = shell::programs("debug")?.join("examples").join(EXAMPLE);
    let mut command = Command::new(example);
    command.arg(documents).arg(folder);
    shell::run(command)
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
