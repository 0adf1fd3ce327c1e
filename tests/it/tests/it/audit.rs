//! `--audit FILE`: the calls of engines to the host.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Bed, Invocation};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Runs a command, and returns the calls without their times.
fn calls(program: &Invocation, folder: &TempDir, arguments: &str) -> (i32, Vec<Value>) {
    let run = program.run(&format!("{arguments} --audit calls.jsonl"));
    let text = fs::read_to_string(folder.path().join("calls.jsonl")).expect("the calls");
    let calls = text.lines().map(|line| {
        let mut call: Value = serde_json::from_str(line).expect("a line of JSON");
        let time = call.as_object_mut().and_then(|call| call.remove("time"));
        let time = time.expect("a time");
        time.as_str()
            .and_then(|time| time.parse::<jiff::Timestamp>().ok())
            .expect("RFC 3339");
        call
    });
    (run.code, calls.collect())
}

#[test]
fn every_call_is_a_line() {
    let (bed, folder) = (Bed::with(&["download-size=1000"]), folder());
    let program = bed.program().in_folder(folder.path());
    let (code, calls) = calls(&program, &folder, "backup download --id 20250905-130215");
    assert_eq!(code, 0);
    let shown: Vec<_> = calls.iter().map(Value::to_string).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    {"arguments":{"bodyBytes":null,"endpoint":"api","file":null,"headers":[],"method":"GET","parameters":[["backupId","20250905-130215"]],"query":[],"route":"/api/v1/management/backups/{backupId}"},"call":"http.send","engine":"kubectl-broker/hivemq","outcome":{"ok":{"status":200}}}
    {"arguments":{"limit":67108864},"call":"http.response.read","engine":"kubectl-broker/hivemq","outcome":{"ok":{"bytes":107}}}
    {"arguments":{"bodyBytes":null,"endpoint":"api","file":null,"headers":[],"method":"GET","parameters":[["backupId","20250905-130215"]],"query":[],"route":"/api/v1/management/files/backups/{backupId}"},"call":"http.send","engine":"kubectl-broker/hivemq","outcome":{"ok":{"status":200}}}
    {"arguments":{"length":null,"name":null,"sha256":null},"call":"artifacts.save","engine":"kubectl-broker/hivemq","outcome":{"ok":{"bytes":1000,"name":"backup-20250905-130215-20250905-130215.backup","sha256":"739aeec67e8b53a79025f0a3dfd3fa152e9c3d3f03b13821e710e0a321c2cd16"}}}
    "#);
}

#[test]
fn a_form_is_told_without_its_texts() {
    let (bed, folder) = (Bed::start(), folder());
    fs::write(folder.path().join("my.backup"), "hello\n").expect("written");
    let program = bed.hostile().in_folder(folder.path());
    let command = "backup restore --file my.backup --yes --engine hostile --misbehave form";
    let (code, calls) = calls(&program, &folder, command);
    assert_eq!(code, 0);
    let file = json!({
        "name": "my.backup",
        "bytes": 6,
        "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    });
    let sent = calls.iter().find(|call| call["call"] == "http.send-form");
    let arguments = &sent.expect("a form")["arguments"];
    assert_eq!(
        arguments["form"],
        json!([
            { "name": "mode", "bytes": 8 },
            { "name": "upload", "file": file },
            { "name": "a\"; filename=\"b\r\nX-Evil: 1", "bytes": 7 },
            { "name": "again", "file": file },
        ])
    );
    assert_eq!(arguments["headers"], json!([]));
}

#[test]
fn what_was_refused_is_told_too() {
    let (bed, folder) = (Bed::start(), folder());
    let program = bed.hostile().in_folder(folder.path());
    for (how, call) in [
        ("denied-route", "http.send"),
        ("denied-header", "http.send"),
        ("denied-command", "exec.run"),
    ] {
        let command = format!("backup list --engine hostile --misbehave {how}");
        let (_, calls) = calls(&program, &folder, &command);
        let last = calls.last().expect("a call");
        assert_eq!(last["call"], call, "{how}");
        assert_eq!(last["engine"], "acme/hostile");
        assert_eq!(last["outcome"]["error"]["kind"], "denied", "{last}");
    }
}

#[test]
fn an_engine_that_asks_without_end_does_not_fill_the_disk() {
    let (bed, folder) = (Bed::start(), folder());
    let program = bed.hostile().in_folder(folder.path());
    let command = "backup list --engine hostile --misbehave denied-flood";
    let (code, calls) = calls(&program, &folder, command);
    assert_eq!(code, 14);
    let bytes = fs::metadata(folder.path().join("calls.jsonl"))
        .expect("the calls")
        .len();
    assert!(bytes < 12 << 20, "{bytes} bytes");
    assert!(
        calls[0]["arguments"]["route"]
            .as_str()
            .expect("a route")
            .ends_with("… (100001 bytes)")
    );
    let last = calls.last().expect("a call");
    assert_eq!(last["call"], "left-out");
    let told = calls.len() as u64 - 1;
    assert_eq!(
        last["arguments"]["calls"],
        10_000 - told,
        "{told} calls were told"
    );
}

#[test]
fn there_is_no_secret_in_it() {
    let (bed, folder) = (Bed::with(&["hivemq-auth=me:canary-4711"]), folder());
    let program = bed
        .program()
        .in_folder(folder.path())
        .env("BROKER_PASSWORD", "canary-4711");
    let (code, _) = calls(
        &program,
        &folder,
        "backup list --engine hivemq --username me",
    );
    assert_eq!(code, 0);
    let text = fs::read_to_string(folder.path().join("calls.jsonl")).expect("the calls");
    for secret in ["canary-4711", "bWU6Y2FuYXJ5LTQ3MTE", "testbed-token"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_is_done() {
    let (bed, folder) = (Bed::start(), folder());
    let run = bed
        .program()
        .in_folder(folder.path())
        .run("backup create --audit missing/calls.jsonl");
    assert_snapshot!(run.outcome(), @"
    Failed: 2 missing/calls.jsonl «No such file or directory»
    hint: `--audit`
    exit 1
    ");
    assert_eq!(bed.requests().count("*", ""), 0);
}
