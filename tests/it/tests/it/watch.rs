//! `backup status --watch`: a row per change, and the exit code of the final state.

use std::io::{BufRead, BufReader, Read};
use std::process::Output;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::{Pace, Testbed};

use crate::support::{Bed, Run};

// With `auto` the program asks the engines whether they respond, which also polls the backup.

/// Returns a cluster with a running backup.
fn begun(pace: Pace, faults: &[&str]) -> Bed {
    let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
        builder.fault(fault.parse().expect("a fault of the testbed"))
    });
    let bed = Bed::of(builder.pace(pace));
    let run = bed.run("backup create --wait=false");
    assert_eq!(run.code, 0, "{}", run.stderr);
    bed
}

fn watched(bed: &Bed, arguments: &str) -> Run {
    let program = bed.program().data_although_failed();
    program.run(&format!(
        "backup --engine hivemq status --watch {arguments}"
    ))
}

const ID: &str = "--id 20250906-120000";

#[test]
fn each_change_is_a_row_under_one_header() {
    let bed = begun(Pace::Polls(3), &[]);
    assert_snapshot!(watched(&bed, ID).outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   IN_PROGRESS   -   AGE   2025-09-06T12:00:00Z
    20250906-120000   COMPLETED   9.6MiB   AGE   2025-09-06T12:00:00Z
    exit 0
    ");
    // The second poll saw no change.
    let looks = bed
        .backend_requests()
        .count("GET", "/backups/20250906-120000");
    assert_eq!(looks, 3);
}

#[test]
fn columns_stay_where_they_are_whatever_comes_into_them() {
    let bed = begun(Pace::Polls(2), &[]);
    let run = watched(&bed, ID);
    let lines: Vec<_> = run.stdout.lines().collect();
    let [header, running, ended] = lines[..] else {
        panic!("three lines: {lines:?}")
    };
    let starts = |line: &str| -> Vec<usize> {
        let begins = |at: &usize| !line[*at..].starts_with(' ') && line[..*at].ends_with("  ");
        (1..line.len()).filter(begins).collect()
    };
    assert_eq!(starts(header), starts(running), "{}", run.stdout);
    assert_eq!(starts(header), starts(ended), "{}", run.stdout);
}

#[test]
fn json_is_one_document_a_line() {
    let bed = begun(Pace::Polls(2), &[]);
    let run = watched(&bed, &format!("{ID} -o json"));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let states: Vec<_> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a document"))
        .map(|document| {
            assert_eq!(document["kind"], "Backup");
            document["item"]["state"].clone()
        })
        .collect();
    assert_eq!(states, ["Running", "Succeeded"]);
}

#[test]
fn yaml_is_a_stream_of_documents() {
    let bed = begun(Pace::Polls(2), &[]);
    let run = watched(&bed, &format!("{ID} -o yaml"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.matches("---\napiVersion: ").count(), 2);
}

#[test]
fn what_has_ended_already_is_shown_once() {
    let bed = Bed::start();
    assert_snapshot!(watched(&bed, "--latest").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    note: 20250906-114000 FAILED
    exit 0
    ");
}

#[test]
fn a_bad_end_is_shown_and_is_the_exit_code() {
    let bed = begun(Pace::Polls(2), &["hivemq-create-fails=disk full"]);
    assert_snapshot!(watched(&bed, ID).outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   IN_PROGRESS   -   AGE   2025-09-06T12:00:00Z
    20250906-120000   FAILED   -   AGE   2025-09-06T12:00:00Z
    Failed: 20250906-120000 FAILED
    hint: `kubectl broker backup list --engine hivemq`
    exit 1
    ");
}

#[test]
fn what_does_not_end_in_time_is_said_with_how_to_go_on() {
    let bed = begun(Pace::Polls(1000), &[]);
    assert_snapshot!(watched(&bed, &format!("{ID} --timeout 1s")).outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   IN_PROGRESS   -   AGE   2025-09-06T12:00:00Z
    TimedOut: 1 20250906-120000
    hint: `--timeout` `kubectl broker backup status --engine hivemq --id 20250906-120000`
    exit 124
    ");
}

#[test]
fn a_pod_that_does_not_answer_for_a_while_does_not_end_it() {
    let bed = begun(Pace::Polls(2), &[]);
    let program = bed.program();
    let mut child = program.spawn(&format!("backup --engine hivemq status --watch {ID}"));
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("IN_PROGRESS") {
        let length = reader.read_line(&mut seen).expect("a line");
        assert_ne!(length, 0, "it ended before: {seen}");
    }
    bed.faults().set("pod-gone".parse().expect("a fault"));
    bed.faults()
        .set("hivemq-status=503".parse().expect("a fault"));
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("waiting continues") {
        let length = errors.read_line(&mut said).expect("a line");
        assert_ne!(length, 0, "it ended before: {said}");
    }
    bed.faults().clear();
    reader
        .read_to_string(&mut seen)
        .expect("the rest of stdout");
    errors
        .read_to_string(&mut said)
        .expect("the rest of stderr");
    let output = child.wait_with_output().expect("the program ends");
    let run = program.ended(&Output {
        stdout: seen.into_bytes(),
        stderr: said.into_bytes(),
        ..output
    });
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("COMPLETED"), "{}", run.stdout);
}

#[test]
fn to_stop_watching_is_nothing_bad() {
    let bed = begun(Pace::Polls(1000), &[]);
    let program = bed.program().data_although_failed();
    let mut child = program.spawn(&format!("backup --engine hivemq status --watch {ID}"));
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("IN_PROGRESS") {
        let length = reader.read_line(&mut seen).expect("a line");
        assert_ne!(length, 0, "it ended before: {seen}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("the program still runs");
    reader
        .read_to_string(&mut seen)
        .expect("the rest of stdout");
    let output = child.wait_with_output().expect("the program ends");
    let run = program.ended(&Output {
        stdout: seen.into_bytes(),
        ..output
    });
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   IN_PROGRESS   -   AGE   2025-09-06T12:00:00Z
    exit 130
    ");
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let bed = begun(Pace::Polls(2), &[]);
    let program = bed.program();
    let mut child = program.spawn(&format!("backup --engine hivemq status --watch {ID}"));
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("IN_PROGRESS") {
        let length = reader.read_line(&mut seen).expect("a line");
        assert_ne!(length, 0, "it ended before: {seen}");
    }
    drop(reader);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(program.ended(&output).code, 0);
}

#[test]
fn a_time_limit_without_watching_is_refused() {
    assert_snapshot!(Bed::start().run("backup status --latest --timeout 1s").outcome(), @"
    Usage:
      --watch
    exit 2
    ");
}
