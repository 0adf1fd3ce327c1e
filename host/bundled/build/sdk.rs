//! Embeds what `plugin new` writes: the project template, and the SDK's sources as a separate workspace.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::variable;

/// The crates of the SDK and their folders in a project. Their sources contain a relative path to
/// [`INTERFACE`], which is right in both places.
const CRATES: &[(&str, &str)] = &[
    ("sdk/manifest", "crates/manifest"),
    ("sdk/rust", "crates/rust"),
    ("sdk/rust-macros", "crates/rust-macros"),
];
/// The version of the interface that the SDKs are made for, always the newest one.
const INTERFACE: &str = "wit/v0.2";
const TEMPLATE: &str = "sdk/template-rust";
const PYTHON_SDK: &str = "sdk/python/broker_engine";
const PYTHON_TEMPLATE: &str = "sdk/template-python";
/// The folder of the test cases, which are those of one fictional backend for every language.
const CASES: &str = "cases";

/// Writes `sdk.rs` with every file of these folders.
pub(super) fn embed() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    let root = root.canonicalize().map_err(|e| e.to_string())?;
    let mut sdk = Vec::new();
    for (from, to) in CRATES.iter().chain(&[(INTERFACE, INTERFACE)]) {
        collect(&root.join(from), to, &mut sdk)?;
    }
    sdk.push(("LICENSE".to_owned(), root.join("LICENSE")));
    let workspace = out.join("sdk-workspace.toml");
    write(&workspace, &workspace_of(&root)?)?;
    sdk.push(("Cargo.toml".to_owned(), workspace));
    let mut template = Vec::new();
    collect(&root.join(TEMPLATE), "", &mut template)?;
    println!(
        "cargo::rerun-if-changed={}",
        root.join("Cargo.toml").display()
    );
    let mut python = Vec::new();
    collect(&root.join(PYTHON_TEMPLATE), "", &mut python)?;
    collect(&root.join(TEMPLATE).join(CASES), CASES, &mut python)?;
    let mut python_sdk = Vec::new();
    collect(&root.join(PYTHON_SDK), "broker_engine", &mut python_sdk)?;
    let interface = root.join(INTERFACE);
    collect(&interface, "wit/deps/kubectl-broker", &mut python_sdk)?;
    let sdk = sdk.into_iter();
    let sdk: Vec<_> = sdk
        .map(|(path, file)| (format!("sdk/{path}"), file))
        .collect();
    let source = list("RUST_SDK", "The SDK for Rust.", &sdk)?
        + &list("RUST_TEMPLATE", "A project in Rust.", &template)?
        + &list("PYTHON_SDK", "The SDK for Python.", &python_sdk)?
        + &list("PYTHON_TEMPLATE", "A project in Python.", &python)?;
    write(&out.join("sdk.rs"), &source)
}

/// Collects the files of a folder; their paths begin with `prefix`.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut entries = fs::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        // Python's cache of compiled modules is not source code.
        if path.ends_with("__pycache__") {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}

fn list(name: &str, what: &str, files: &[(String, PathBuf)]) -> Result<String, String> {
    let mut source = format!("/// {what}\npub static {name}: Files = &[\n");
    for (path, file) in files {
        let file = file
            .to_str()
            .ok_or_else(|| format!("the path {} is not Unicode", file.display()))?;
        // Writing to a String can't fail.
        let _ = writeln!(source, "    ({path:?}, include_str!({file:?})),");
    }
    source.push_str("];\n");
    Ok(source)
}

/// Returns the manifest of a workspace with the SDK alone: the settings and versions that its crates inherit.
fn workspace_of(root: &Path) -> Result<String, String> {
    let all = read(&root.join("Cargo.toml"))?;
    let all = table(&all, "workspace")?;
    let mut dependencies = Table::new();
    for (folder, _) in CRATES {
        let manifest = read(&root.join(folder).join("Cargo.toml"))?;
        for name in inherited(&manifest) {
            let known = table(all, "dependencies")?.get(&name);
            let known = known.ok_or_else(|| format!("the workspace has no dependency {name}"))?;
            dependencies.insert(name, moved(known.clone()));
        }
    }
    let mut workspace = Table::new();
    workspace.insert(
        "resolver".to_owned(),
        all.get("resolver").cloned().unwrap_or("3".into()),
    );
    let members = CRATES.iter().map(|(_, to)| Value::from(*to));
    workspace.insert("members".to_owned(), members.collect::<Vec<_>>().into());
    for (name, part) in [
        ("package", table(all, "package")?.clone()),
        ("dependencies", dependencies),
        ("lints", table(all, "lints")?.clone()),
    ] {
        workspace.insert(name.to_owned(), part.into());
    }
    let mut file = Table::new();
    file.insert("workspace".to_owned(), workspace.into());
    let text = toml::to_string(&file).map_err(|e| e.to_string())?;
    Ok(format!(
        "# The Rust SDK for engines of kubectl-broker, as it came with the program.\n{text}"
    ))
}

/// Returns the dependencies of any kind that a crate inherits from its workspace.
fn inherited(manifest: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in manifest {
        let Value::Table(inner) = value else { continue };
        if key.ends_with("dependencies") {
            let is_inherited = |value: &Value| {
                let flag = value.as_table().and_then(|table| table.get("workspace"));
                flag == Some(&Value::Boolean(true))
            };
            let from_workspace = inner.iter().filter(|(_, value)| is_inherited(value));
            names.extend(from_workspace.map(|(name, _)| name.clone()));
        } else if key == "target" {
            let targets = inner.values().filter_map(Value::as_table);
            names.extend(targets.flat_map(inherited));
        }
    }
    names
}

/// Returns a dependency whose path is the folder of the crate in a project.
fn moved(mut dependency: Value) -> Value {
    if let Some(Value::String(path)) = dependency.get_mut("path")
        && let Some((_, to)) = CRATES.iter().find(|(from, _)| from == path)
    {
        (*to).clone_into(path);
    }
    dependency
}

fn table<'a>(table: &'a Table, key: &str) -> Result<&'a Table, String> {
    let inner = table.get(key).and_then(Value::as_table);
    inner.ok_or_else(|| format!("Cargo.toml has no table `{key}`"))
}

fn read(path: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    text.parse().map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
