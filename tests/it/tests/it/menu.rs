//! The menu for the choice of a backup, on a pseudo-terminal; and the error without one.

use insta::assert_snapshot;
use regex::Regex;
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::{Bed, Session};

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";

const LAST: &str = "20250806-080853";

#[test]
fn the_second_of_the_menu_is_chosen_with_arrow_and_enter() {
    let bed = Bed::start();
    let mut session = Session::of(bed.program(), "backup --engine hivemq status");
    session.wait_for("1.1MiB    AGE");
    assert_snapshot!(session.screen(), @"
    Using StatefulSet broker, namespace messaging of context testbed
    Which backup? Arrows and Enter choose, Esc leaves
      NUMBER   ID                STATE               SIZE      AGE
    > 1        20250906-114000   FAILED              -         AGE
      2        20250905-130215   COMPLETED           21.0MiB   AGE
      3        20250826-020000   RESTORE_FAILED      12.0MiB   AGE
      4        20250819-143025   COMPLETED           48.0MiB   AGE
      5        20250812-020000   RESTORE_COMPLETED   7.0MiB    AGE
      6        20250806-080853   COMPLETED           1.1MiB    AGE
    ");
    session.press(DOWN);
    session.wait_for("> 2");
    session.press(ENTER);
    assert_snapshot!(session.end("Using backup").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250905-130215   COMPLETED   21.0MiB   AGE   2025-09-05T13:02:15Z
    note: 20250905-130215
    exit 0
    ");
}

#[test]
fn what_is_chosen_to_be_removed_is_on_the_pods_disk_and_asked_for_once_more() {
    let bed = Bed::start();
    let mut session = Session::of(bed.program(), "backup delete");
    session.wait_for("20250819-143025");
    assert!(
        !session.screen().contains("backup/"),
        "{}",
        session.screen()
    );
    session.press(UP);
    session.press(ENTER);
    session.wait_for("to go on:");
    let asked = session.screen();
    let asked = &asked[asked.rfind("Using backup").expect("a choice")..];
    let server = Regex::new("127\\.0\\.0\\.1:[0-9]+").expect("a pattern");
    assert_snapshot!(server.replace(asked, "SERVER"), @"
    Using backup 20250819-143025
    warning: Removing backup 20250819-143025 for good: context testbed, server https://SERVER, namespace messaging, StatefulSet broker, pod broker-0, engine sidecar
    Type the name `20250819-143025` to go on:
    ");
    session.press("20250819-143025\n");
    assert_snapshot!(session.end("to go on:").outcome(), @"
    stdout:
    20250819-143025 is deleted from pod broker-0
    note: 20250819-143025
    exit 0
    ");
}

#[test]
fn to_leave_the_menu_is_to_choose_nothing() {
    let bed = Bed::start();
    for verb in ["status", "download", "restore"] {
        let mut session = Session::of(bed.program(), &format!("backup --engine hivemq {verb}"));
        session.wait_for(LAST);
        session.press(ESCAPE);
        let run = session.end("error:");
        assert_eq!(
            (run.stderr.as_str(), run.code),
            ("error: nothing was chosen\n", 130)
        );
    }
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}

#[test]
fn another_name_than_the_one_asked_for_is_said_to_be_another() {
    let bed = Bed::start();
    for (typed, said) in [
        ("brokr\n", "the typed name is `brokr`, not `broker`"),
        ("\n", "no name was typed, but `broker` is required"),
        ("\u{4}", "no name was typed, but `broker` is required"),
    ] {
        let mut session = Session::of(bed.program(), "backup restore --latest");
        session.wait_for("to go on:");
        session.press(typed);
        let run = session.end("error:");
        assert_eq!(run.code, 2);
        assert_eq!(
            run.stderr.lines().next(),
            Some(&*format!("error: nothing was done: {said}")),
            "{}",
            run.stderr
        );
    }
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}

#[test]
fn a_command_that_is_stopped_leaves_the_terminal_as_it_was() {
    use rustix::process::Signal;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        stopped_by(signal);
    }
}

fn stopped_by(signal: rustix::process::Signal) {
    let bed = Bed::start();
    let mut session = Session::of(bed.program(), "backup --engine hivemq status");
    session.wait_for(LAST);
    let id = rustix::process::Pid::from_child(&session.child);
    rustix::process::kill_process(id, signal).expect("it still runs");
    session.wait_for("error: stopped");
    let modes = tcgetattr(&session.terminal)
        .expect("a terminal")
        .local_modes;
    assert!(
        modes.contains(LocalModes::ECHO | LocalModes::ICANON),
        "{modes:?}"
    );
    let shown = String::from_utf8_lossy(&session.seen).into_owned();
    assert!(
        shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"),
        "{shown:?}"
    );
    assert_eq!(session.end("error:").code, 130);
}

#[test]
fn without_a_terminal_the_flags_are_named_and_nothing_is_asked_of_the_cluster() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup status").outcome(), @"
    Usage: --id --latest
    hint:
    exit 2
    ");
    for (verb, flags) in [
        ("status", "--id ID or --latest"),
        ("download", "--id ID or --latest"),
        ("restore --yes", "--id ID or --latest"),
        ("delete --yes", "--id ID"),
    ] {
        let run = bed.run(&format!("backup {verb} -o json"));
        assert_eq!(
            run.error()["message"],
            format!("which backup? Give {flags}")
        );
        assert_eq!(run.code, 2);
    }
    assert_eq!(bed.requests().count("*", ""), 0);
}
