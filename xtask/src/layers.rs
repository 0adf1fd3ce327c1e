//! Checks that the table of crates in `ARCHITECTURE.md` says what the crates of the host import.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that a crate imports, in order of their names.
type Imports = BTreeMap<String, Vec<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns what the table says: a row is `| host/CRATE | job | CRATE, CRATE |`.
fn stated(page: &str) -> Imports {
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `host/")?.split('|');
        let name = cells
            .next()?
            .trim()
            .strip_suffix('`')
            .filter(|name| !name.is_empty())?;
        let imports = cells.nth(1)?.split(',');
        let mut imports: Vec<_> = imports
            .map(|name| name.trim().trim_matches('`').to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        imports.sort();
        Some((name.to_owned(), imports))
    });
    rows.collect()
}

/// Returns what the manifests of the crates below `host` say. Dependencies of tests don't count.
fn actual() -> Imports {
    let host = root().join("host");
    let folders = fs::read_dir(&host).expect("the folder of the host's crates");
    let crates = folders.filter_map(|entry| {
        let folder = entry.expect("a directory entry").path();
        let manifest = folder.join("Cargo.toml");
        manifest.is_file().then(|| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), imports(&read(&manifest)))
        })
    });
    crates.collect()
}

/// Returns the crates of ours that stand in the sections of a manifest that are no tests'.
fn imports(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut counts = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if counts && let Some(name) = name.strip_prefix("host-") {
            found.push(name.to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn the_table_of_crates_is_what_the_crates_import() {
    let stated = stated(&read(&root().join("ARCHITECTURE.md")));
    assert_eq!(
        stated,
        actual(),
        "left is ARCHITECTURE.md, right are the crates"
    );
}

/// The walls that no table may move: what a program in the cluster builds on has no sandbox and no terminal.
#[test]
fn a_program_over_the_cluster_and_object_storage_has_neither_sandbox_nor_terminal() {
    for name in ["cluster", "objectstore"] {
        let package = format!("host-{name}");
        let mut tree = crate::shell::cargo(&[
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--package",
            &package,
        ])
        .expect("cargo");
        tree.current_dir(root());
        let tree = crate::shell::output(tree).expect("a tree of dependencies");
        assert!(tree.contains("host-base"), "{tree}");
        for unwanted in ["wasmtime", "clap", "indicatif", "dialoguer", "host-engine"] {
            let found = tree
                .lines()
                .find(|line| line.split(' ').next() == Some(unwanted));
            assert_eq!(found, None, "{package} must not build {unwanted}");
        }
    }
}

/// Each version of the interface has a folder. `guest.rs` knows which versions there are, and chooses
/// one. No other file uses their types.
#[test]
fn a_version_of_the_interface_is_known_in_its_folder_and_in_one_file() {
    let source = root().join("host/engine/src");
    let knowing = ["", "calls", "error"].map(|folder| {
        let files = fs::read_dir(source.join(folder)).expect("the files of the sandbox");
        let mut knowing: Vec<_> = files
            .map(|entry| entry.expect("a directory entry").path())
            .filter(|path| path.is_file() && read(path).contains("v0_"))
            .map(|path| path.file_name().expect("a name").to_owned())
            .collect();
        knowing.sort();
        knowing
    });
    assert_eq!(knowing[0], ["guest.rs", "lib.rs"]);
    assert!(
        knowing[1].is_empty() && knowing[2].is_empty(),
        "{knowing:?}"
    );
}

#[test]
fn a_wrong_import_is_seen() {
    let manifest = "[dependencies]\nhost-base.workspace = true\nhost-web = { path = \"../web\" }\n\
                    [target.'cfg(unix)'.dependencies]\nhost-engine.workspace = true\n\
                    [dev-dependencies]\nhost-driver.workspace = true\n";
    assert_eq!(imports(manifest), ["base", "engine", "web"]);
    let page = "| `host/web` | the way to servers | `base` |\n| `host/base` | types | |\n";
    let expected = [("base", vec![]), ("web", vec!["base".to_owned()])];
    let expected = expected.map(|(name, imports)| (name.to_owned(), imports));
    assert_eq!(stated(page), Imports::from(expected));
}
