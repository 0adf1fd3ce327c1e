//! The documentation matches the program: its error texts and commands are real.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::support::{Invocation, programs};

/// The layers whose errors a user meets.
const SOURCES: [&str; 11] = [
    "host/cli/src",
    "host/cluster/src",
    "host/driver/src",
    "host/engine/src",
    "host/installed/src",
    "host/objectstore/src",
    "host/retention/src",
    "host/store/src",
    "host/transfer/src",
    "host/web/src",
    "plugins",
];
const PAGES: [&str; 12] = [
    "README.md",
    "docs/agent.md",
    "docs/cases.md",
    "docs/copies.md",
    "docs/engines/aws.md",
    "docs/engines/backuprequest.md",
    "docs/engines/kafka.md",
    "docs/engines/operator.md",
    "docs/engines/strategy.md",
    "docs/migrating-from-the-go-plugin.md",
    "docs/stores.md",
    "docs/troubleshooting.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Collects the sources in a folder, without tests.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a file").path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            found.push(code.to_owned());
        }
    }
}

/// Returns a text with one placeholder sign for each argument, and without marks of code.
fn shape(text: &str) -> String {
    static PLACES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)(?:\{[^{}]*\}|…)+|\\\n\s*").expect("a pattern"));
    let text = text.replace('`', "");
    let text = PLACES.replace_all(&text, |found: &regex::Captures<'_>| {
        if found[0].starts_with('\\') {
            ""
        } else {
            "…"
        }
    });
    text.trim_matches(['…', ' ']).to_owned()
}

/// Returns the shapes of all texts in the sources.
fn texts() -> BTreeSet<String> {
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).expect("a pattern");
    let mut found = Vec::new();
    for folder in SOURCES {
        sources(&root().join(folder), &mut found);
    }
    let shapes = found.iter().flat_map(|code| {
        let texts = literal.captures_iter(code);
        texts.map(|text| shape(&text[1])).collect::<Vec<_>>()
    });
    shapes.collect()
}

/// Returns the errors that a page explains.
fn explained(page: &str) -> Vec<&str> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("### `"));
    headings
        .map(|heading| heading.strip_suffix('`').expect("an error in backticks"))
        .collect()
}

#[test]
fn every_error_that_is_explained_is_one_of_the_program() {
    let texts = texts();
    let page = page("docs/troubleshooting.md");
    let explained = explained(&page);
    assert!(explained.len() > 40, "{} errors", explained.len());
    let unknown: Vec<_> = explained
        .iter()
        .filter(|error| !texts.contains(&shape(error)))
        .collect();
    assert!(unknown.is_empty(), "not in the source: {unknown:#?}");
}

#[test]
fn a_text_that_is_not_in_the_source_is_noticed() {
    let texts = texts();
    assert!(texts.contains(&shape("namespace … does not exist")));
    assert!(!texts.contains(&shape("namespace … does not exist any more")));
    assert!(!texts.contains(&shape("namespace … doesn't exist")));
}

#[test]
fn every_command_in_the_pages_can_be_typed() {
    let command = Regex::new(r"(?m)(?:^\$ |`)kubectl[ -]broker( [^`#\n|>]+)").expect("a pattern");
    let program = {
        let programs = programs();
        Invocation::new(&programs.kubectl_broker, &programs.folders)
    };
    let mut tried = BTreeSet::new();
    for name in PAGES {
        for found in command.captures_iter(&page(name)) {
            tried.insert(found[1].trim().to_owned());
        }
    }
    assert!(tried.len() > 20, "{tried:#?}");
    for line in tried {
        // `--help` parses the arguments before it, and changes nothing.
        let run = program.run(&format!("{line} --help"));
        assert_eq!(run.code, 0, "{line}\n{}", run.stderr);
    }
}

#[test]
fn every_file_that_a_page_links_is_there() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("a pattern");
    let pages = PAGES.into_iter().chain([
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/glossary.md",
        "docs/schema/README.md",
    ]);
    for name in pages {
        let folder = root().join(name).parent().expect("a folder").to_owned();
        for found in link.captures_iter(&page(name)) {
            let file = folder.join(&found[1]);
            assert!(file.exists(), "{name} links {}", &found[1]);
        }
    }
}
