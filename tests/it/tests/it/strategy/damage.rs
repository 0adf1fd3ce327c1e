//! Incomplete backups: none of their bytes may remain, and the error gives the reason.

use std::fs;
use std::process::{Child, Output};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use super::{App, TO_STDOUT};
use crate::support::names;

/// The faults of a sidecar that announces neither a length nor a checksum, and ends with the connection.
const UNPROVEN: [&str; 2] = ["download-framing=close", "strategy-headers=none"];

#[test]
fn what_nothing_proves_does_not_get_its_name() {
    let app = App::with(&UNPROVEN);
    assert_snapshot!(app.create("--output-file ./mine").outcome(), @"
    note: 120 100.0
    Partial: /mine.unproven 1500000
    hint: `--accept-unproven`
    exit 3
    ");
    let mut files = names(app.folder.path());
    files.sort();
    assert_eq!(files, ["mine.unproven", "state"]);
    let history = app.program().run("backup history -o json").json();
    let entry = &history["items"][0];
    assert_eq!(entry["outcome"], "Partial");
    assert_eq!(entry["sizeBytes"], 1_500_000);
    let file = entry["path"].as_str().expect("a file");
    assert!(file.ends_with("mine.unproven"), "{file}");
    // A truncated stream looks the same.
    let app = App::with(&[&UNPROVEN[..], &["download-cut=50"]].concat());
    assert_eq!(app.create("--output-file ./mine").code, 3);
    assert!(!app.path("mine").exists());
}

#[test]
fn what_nothing_proves_may_be_accepted() {
    let app = App::with(&UNPROVEN);
    assert_snapshot!(app.create("--output-file ./mine --accept-unproven").message(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    mine   Succeeded   1.4MiB   -
    file: ./mine
    verified-by: unproven
    note: 120 100.0
    warning: The backend gave neither length nor checksum, and closed the connection: nothing proves that the backup is complete
    note: 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
    exit 0
    ");
    app.assert_whole(&app.path("mine"));
    let document = app.create("-o json --accept-unproven").json();
    assert_eq!(document["file"]["verifiedBy"], "unproven");
    let history = app.program().run("backup history -o json").json();
    assert_eq!(history["items"][0]["outcome"], "Unproven");
}

#[test]
fn what_nothing_proves_is_said_on_stdout_too() {
    let app = App::with(&UNPROVEN);
    let output = app.program().output(&TO_STDOUT);
    assert_eq!(output.status.code(), Some(3));
    let accepted = [&TO_STDOUT[..], &["--accept-unproven"]].concat();
    let output = app.program().output(&accepted);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), 1_500_000);
}

#[test]
fn what_broke_off_on_stdout_is_said_to_be_no_backup() {
    let app = App::with(&["download-cut=50"]);
    let output = app.program().output(&TO_STDOUT);
    assert_eq!(output.status.code(), Some(1));
    let said = app.program().ended(&Output {
        stdout: Vec::new(),
        ..output
    });
    assert_snapshot!(said.outcome(), @"
    note: 120 100.0
    Failed: 1500000 750000 8000 app-0
    hint: `kubectl logs app-0 -n apps --all-containers`
    exit 1
    ");
}

#[test]
fn a_checksum_that_does_not_hold_leaves_no_file() {
    let app = App::with(&["strategy-bad-checksum"]);
    assert_snapshot!(app.create("").outcome(), @"
    note: 120 100.0
    Integrity: X-Checksum-Sha256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528 82577dbb103fadea57ad6c56895ff3f4f97520c94370c71aede7ea75afeff551
    hint:
    exit 13
    ");
    app.assert_nothing();
    for faults in [
        &["download-corrupt"][..],
        &["download-corrupt", "strategy-headers=documents"],
    ] {
        let app = App::with(faults);
        let run = app.create("");
        assert_eq!(run.code, 13, "{faults:?}: {}", run.stderr);
        app.assert_nothing();
        assert_eq!(app.exports(), 1);
    }
}

#[test]
fn a_length_that_does_not_hold_leaves_no_file() {
    let app = App::with(&["strategy-headers=documents", "strategy-size-header=1499999"]);
    assert_snapshot!(app.create("").outcome(), @"
    note: 120 100.0
    Integrity: 1499999 1500000
    hint:
    exit 13
    ");
    app.assert_nothing();
    // Without a Content-Length a wrong size is detected only after the bytes have arrived.
    for size in ["1499999", "1500001"] {
        let app = App::with(&[
            "download-framing=chunked",
            "strategy-headers=documents",
            &format!("strategy-size-header={size}"),
        ]);
        let run = app.create("");
        assert_ne!(run.code, 0, "{size}: {}", run.stderr);
        app.assert_nothing();
        assert_eq!(app.exports(), 1);
    }
}

#[test]
fn a_stream_that_is_cut_leaves_no_file_and_is_not_asked_for_again() {
    for framing in ["length", "chunked", "close"] {
        for percent in [0, 1, 50, 99] {
            let app = App::with(&[
                &format!("download-framing={framing}"),
                &format!("download-cut={percent}:1"),
                "download-resume=on",
            ]);
            let run = app.create("");
            let how = format!("{framing}, {percent} %: {}", run.stderr);
            assert_ne!(run.code, 0, "{how}");
            app.assert_nothing();
            assert_eq!(app.exports(), 1, "{how}");
        }
    }
    let app = App::with(&["download-cut=50"]);
    assert_snapshot!(app.create("").reason(), @"
    note: 120 100.0
    Failed: 1500000 750000: port 8000 of pod app-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; nothing is kept, because this backend can't resume an interrupted backup
    hint: `kubectl logs app-0 -n apps --all-containers`
    exit 1
    ");
}

#[test]
fn a_lost_answer_is_said_to_be_lost_and_the_backup_not_made_twice() {
    let app = App::with(&["strategy-lost-answer"]);
    assert_snapshot!(app.create("").message(), @"
    note: 120 100.0
    Failed: port 8000 of pod app-0 closed the connection without an answer; no byte of the backup arrived, and it is unknown whether the backup was made
    hint: `kubectl logs app-0 -n apps --all-containers`
    exit 1
    ");
    app.assert_nothing();
    assert_eq!(app.exports(), 1);
}

#[test]
fn a_strategy_that_fails_says_why() {
    let app = App::with(&["strategy-fails=Command failed with exit code 1: pg_dump\nno password"]);
    // The text of an installed engine is on one line.
    let shown = app
        .create("")
        .message()
        .replace("pg_dump\n  no", "pg_dump no");
    assert_snapshot!(shown, @"
    note: 120 100.0
    Failed: POST /backup/export answered 500: Command failed with exit code 1: pg_dump no password
    hint: `kubectl logs POD --container CONTAINER`
    exit 1
    ");
    app.assert_nothing();
    let error = app.create("-o json").error();
    assert_eq!(error["code"], "Failed");
}

#[test]
fn an_html_page_is_a_clear_error() {
    assert_snapshot!(App::with(&["strategy-broken"]).create("").outcome(), @r#"
    note: 120 100.0
    Failed: "500 Internal Server Error" /backup/export 500 POST
    hint: `kubectl logs POD --container CONTAINER`
    exit 1
    "#);
    assert_snapshot!(App::with(&["download-html"]).create("").outcome(), @"
    note: 120 100.0
    Integrity: charset=utf-8 text/html
    hint: `kubectl broker backup test --engine strategy`
    exit 13
    ");
    assert_snapshot!(App::with(&["strategy-html=502"]).create("").outcome(), @r#"
    Failed: "502 Bad Gateway" /backup/capabilities 502 GET
    hint: `kubectl logs POD --container CONTAINER`
    exit 1
    "#);
    // As any other program on that port says it.
    assert_snapshot!(App::with(&["strategy-html=404"]).create("").outcome(), @r#"
    Failed: "404 Not Found" /backup/capabilities 404 GET
    hint: `--strategy-port`
    exit 1
    "#);
}

#[test]
fn a_sidecar_that_drips_has_only_so_much_time() {
    let app = App::with(&["download-drip=1000"]);
    assert_snapshot!(app.create("--timeout 1s").outcome(), @"
    note: 120 100.0
    TimedOut: 1
    hint: `--timeout`
    exit 124
    ");
    app.assert_nothing();
    assert_eq!(app.exports(), 1);
}

/// Starts a slow backup, and waits until a part of it is on the disk.
fn dripping(app: &App) -> Child {
    let child = app
        .program()
        .spawn("backup create --engine strategy --statefulset app --output-file ./backups/mine");
    let part = app.path("backups/.mine.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        std::thread::yield_now();
    }
    child
}

#[test]
fn ctrl_c_leaves_no_file_and_says_that_it_is_made_anew() {
    let app = App::with(&["download-drip=200000"]);
    let child = dripping(&app);
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let run = app
        .program()
        .ended(&child.wait_with_output().expect("it ends"));
    assert_snapshot!(run.hint(), @"
    note: 120 100.0
    Interrupted:
    hint: Nothing of the backup was kept: the same command makes a new one
    exit 130
    ");
    app.assert_nothing();
}
