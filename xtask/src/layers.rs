//! Checks that the tables of crates in `ARCHITECTURE.md` say what the crates of the host and of the operator import.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders whose crates have a table. The crate `FOLDER/NAME` is called `FOLDER-NAME`.
const FAMILIES: [&str; 2] = ["host", "operator"];

/// The crates that a crate imports, in order of their names.
type Imports = BTreeMap<String, Vec<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns what the table of a family says: a row is `| FAMILY/CRATE | job | CRATE, OTHER/CRATE |`. Imports of the
/// same family stand without its folder.
fn stated(page: &str, family: &str) -> Imports {
    let row = format!("| `{family}/");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix(&row)?.split('|');
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

/// Returns what the manifests of the crates below a folder say. Dependencies of tests don't count.
fn actual(family: &str) -> Imports {
    let folders = fs::read_dir(root().join(family)).expect("the folder of the crates");
    let crates = folders.filter_map(|entry| {
        let folder = entry.expect("a directory entry").path();
        let manifest = folder.join("Cargo.toml");
        manifest.is_file().then(|| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), imports(&read(&manifest), family))
        })
    });
    crates.collect()
}

/// Returns the crates of ours that stand in the sections of a manifest that are no tests'.
fn imports(manifest: &str, family: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut counts = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let Some((folder, name)) = name.split_once('-') else {
            continue;
        };
        if counts && folder == family {
            found.push(name.to_owned());
        } else if counts && FAMILIES.contains(&folder) {
            found.push(format!("{folder}/{name}"));
        }
    }
    found.sort();
    found
}

#[test]
fn the_tables_of_crates_are_what_the_crates_import() {
    let page = read(&root().join("ARCHITECTURE.md"));
    for family in FAMILIES {
        assert_eq!(
            stated(&page, family),
            actual(family),
            "left is ARCHITECTURE.md, right are the crates"
        );
    }
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
                    operator-api.workspace = true\n\
                    [target.'cfg(unix)'.dependencies]\nhost-engine.workspace = true\n\
                    [dev-dependencies]\nhost-driver.workspace = true\n";
    assert_eq!(
        imports(manifest, "host"),
        ["base", "engine", "operator/api", "web"]
    );
    assert_eq!(
        imports(manifest, "operator"),
        ["api", "host/base", "host/engine", "host/web"]
    );
    let page = "| `host/web` | the way to servers | `base` |\n| `host/base` | types | |\n\
                | `operator/api` | kinds | `host/base` |\n| `operator/` | a folder |\n";
    let expected = [("base", vec![]), ("web", vec!["base".to_owned()])];
    let expected = expected.map(|(name, imports)| (name.to_owned(), imports));
    assert_eq!(stated(page, "host"), Imports::from(expected));
    let expected = [("api".to_owned(), vec!["host/base".to_owned()])];
    assert_eq!(stated(page, "operator"), Imports::from(expected));
}
