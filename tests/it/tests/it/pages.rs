//! Lists with many pages, from an engine that returns the newest backups first.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Bed, Invocation, programs, workspace};

/// The hostile engine with a manifest that promises an order.
struct Paged {
    _folder: TempDir,
    bed: Bed,
    engine: PathBuf,
}

impl Paged {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = workspace().join("tests/hostile/engine.toml");
        let manifest = std::fs::read_to_string(manifest).expect("the manifest");
        let list = "[operations.list]\n";
        assert!(manifest.contains(list));
        let manifest = manifest.replace(list, &format!("{list}newest-first = true\n"));
        let manifest = manifest.replace("acme/hostile", "acme/paged");
        let path = folder.path().join("engine.toml");
        std::fs::write(&path, manifest).expect("the manifest is written");
        let engine = folder.path().join("paged.wasm");
        let programs = programs();
        let packed = Invocation::new(&programs.kubectl_broker, &programs.folders)
            .in_folder(folder.path())
            .run(&format!(
                "plugin pack {} --replace --out paged.wasm",
                programs.hostile.display()
            ));
        assert_eq!(packed.code, 0, "{}", packed.stderr);
        Self {
            _folder: folder,
            bed: Bed::start(),
            engine,
        }
    }

    fn program(&self) -> Invocation {
        let programs = programs();
        Invocation::new(&programs.with_engines, &programs.folders)
            .kubeconfig(self.bed.kubeconfig())
            .engines([&self.engine])
    }
}

const LIST: &str = "backup list --engine paged --misbehave";

/// The list never ends, so rows come before its end, and a reader that has seen enough ends it.
#[test]
fn rows_come_before_the_list_ends_and_a_reader_that_leaves_ends_it() {
    let paged = Paged::new();
    let mut child = paged.program().spawn(&format!("{LIST} endless-pages"));
    let stdout = child.stdout.take().expect("a pipe");
    let lines: Vec<_> = BufReader::new(stdout)
        .lines()
        .take(3)
        .map(|line| line.expect("a line"))
        .collect();
    assert!(lines[0].starts_with("ID"), "{lines:?}");
    for row in &lines[1..] {
        assert!(row.starts_with("0 "), "{lines:?}");
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_million_backups_are_listed_in_each_format_with_their_number_at_the_end() {
    let paged = Paged::new();
    let run = paged.program().run(&format!("{LIST} many-pages -o name"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 1_000_000);
    assert_eq!(run.stdout.lines().last(), Some("backup-0999999"));
    let run = paged
        .program()
        .run(&format!("{LIST} many-pages --limit 1500 -o json"));
    let document: Value = run.json();
    let items = document["items"].as_array().expect("a list");
    assert_eq!(items.len(), 1500);
    assert_eq!(items[1499]["id"], "backup-0001499");
    let run = paged
        .program()
        .run(&format!("{LIST} many-pages --limit 1500"));
    assert_eq!(run.stdout.lines().count(), 1501);
    assert!(
        run.stderr.contains("1500 backups; there are more"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_page_that_breaks_the_rules_is_a_fault_after_the_rows_before_it() {
    let paged = Paged::new();
    let program = paged.program().data_although_failed();
    let run = program.run(&format!("{LIST} same-page"));
    assert_eq!(run.code, 14, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2);
}
