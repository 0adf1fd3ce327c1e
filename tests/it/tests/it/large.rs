//! Many backups, and readers that stop early.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::{Output, Stdio};

use crate::support::Bed;

#[test]
fn ten_thousand_backups_are_listed_newest_first() {
    let bed = Bed::with(&["sidecar-count=10000"]);
    let list = bed.run("backup list --engine sidecar -o json").json();
    let items = list["items"].as_array().expect("a list");
    assert_eq!(items.len(), 10_000);
    let dates: Vec<_> = items
        .iter()
        .map(|item| item["created"].as_str().expect("a date"))
        .collect();
    assert!(dates.is_sorted_by(|newer, older| newer >= older));
    let ids: BTreeSet<_> = items.iter().map(|item| item["id"].as_str()).collect();
    assert_eq!(ids.len(), 10_000);
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let bed = Bed::with(&["sidecar-count=10000"]);
    for format in ["table", "json", "yaml", "name"] {
        let program = bed.program();
        let mut child = program.spawn(&format!("backup list --engine sidecar -o {format}"));
        // The reader stops like `| head -3`: a pipe holds less than the whole list.
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        for _ in 0..3 {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            assert!(!line.is_empty(), "{format}");
        }
        drop(stdout);
        let mut stderr = Vec::new();
        child
            .stderr
            .take()
            .expect("a pipe")
            .read_to_end(&mut stderr)
            .expect("stderr");
        let status = child.wait().expect("the program ends");
        let run = program.ended(&Output {
            status,
            stdout: Vec::new(),
            stderr,
        });
        assert_eq!(run.code, 0, "{format}: {}", run.stderr);
        assert!(!run.stderr.contains("error"), "{}", run.stderr);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let bed = Bed::start();
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let program = bed.program();
    let output = program
        .command("backup list --engine sidecar")
        .stdout(Stdio::from(full))
        .output()
        .expect("the program can be started");
    insta::assert_snapshot!(program.ended(&output).reason(), @"
    Failed: No space left on device (os error 28)
    hint:
    exit 1
    ");
}
