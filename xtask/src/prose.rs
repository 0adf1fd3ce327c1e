//! Checks that Markdown pages and Rust comments keep the project's rules of writing.
//!
//! The tests of this module are the check. Each finding has the form `file:line: rule: sentence`.

mod markdown;
mod rules;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use markdown::Sentence;

/// The pages that are not checked, each with the reason. Mend a page instead of adding it here.
const NOT_CHECKED: &[&str] = &[
    // Generated from the help texts of the program.
    "docs/reference.md",
];

/// The folders whose Rust comments are checked. Add a folder once its comments are clean.
const CLEAN_RUST: &[&str] = &[
    "xtask/src",
    "host/cli",
    "host/engine",
    "host/transfer",
    "host/cluster",
    "host/base",
    "host/web",
    "host/objectstore",
    "host/bundled",
    "host/installed",
    "host/authoring",
    "host/driver",
    "host/retention",
    "host/store",
    "operator",
    "sdk",
    "plugins",
    "agent",
    "kafka-worker",
    "tests",
];

/// Returns the files below a folder that have this extension, in a fixed order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_symlink() || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            // Cargo marks its build folders with this file; they contain copies of other projects.
            if name != "target" && !path.join("CACHEDIR.TAG").exists() {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found
}

/// Returns the findings of one file, each as one line.
fn findings(name: &str, sentences: &[Sentence]) -> Vec<String> {
    sentences
        .iter()
        .flat_map(|sentence| {
            let broken = rules::broken(&sentence.text);
            broken
                .into_iter()
                .map(move |rule| format!("{name}:{}: {rule}: {}", sentence.line, sentence.text))
        })
        .collect()
}

/// Returns the findings of these files; `read` splits a file into sentences.
fn all_findings(root: &Path, paths: &[PathBuf], read: fn(&str) -> Vec<Sentence>) -> Vec<String> {
    paths
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
            findings(&name, &read(&text))
        })
        .collect()
}

fn root() -> PathBuf {
    crate::shell::root().expect("the root of the workspace")
}

#[test]
fn markdown_pages_keep_the_rules_of_writing() {
    let root = root();
    let mut pages = files(&root, "md");
    pages.retain(|page| !NOT_CHECKED.iter().any(|name| *page == root.join(name)));
    assert!(pages.len() > 10, "the pages were not found: {pages:?}");
    let found = all_findings(&root, &pages, markdown::sentences);
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn comments_in_clean_folders_keep_the_rules_of_writing() {
    let root = root();
    let mut found = Vec::new();
    for folder in CLEAN_RUST {
        let sources = files(&root.join(folder), "rs");
        assert!(!sources.is_empty(), "{folder} has no Rust files");
        found.extend(all_findings(&root, &sources, rust::sentences));
    }
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn a_finding_names_file_line_rule_and_sentence() {
    let page = "# Title\n\nThis is fine.\nWhoever reads\nthis stumbles.\n";
    assert_eq!(
        findings("docs/page.md", &markdown::sentences(page)),
        ["docs/page.md:4: subject: Whoever reads this stumbles."]
    );
}
