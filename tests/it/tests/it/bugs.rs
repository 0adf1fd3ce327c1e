//! A deliberate panic. The program reports it, and releases everything that it held.

use crate::support::{Bed, Desk, Run};

/// Checks the common parts of every report.
fn assert_report(run: &Run, verb: &str, step: &str) {
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let report = run.stderr.lines().find(|line| line.starts_with("error: "));
    let report = report.unwrap_or_else(|| panic!("a report: {}", run.stderr));
    for part in [
        concat!("a bug of kubectl-broker ", env!("CARGO_PKG_VERSION")),
        verb,
        "host/base/src/fail_point.rs:",
        step,
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(run.stderr.contains("RUST_BACKTRACE=1"), "{}", run.stderr);
}

#[test]
fn a_restore_that_panics_gives_its_lease_back() {
    let bed = Bed::start();
    let run = bed
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", "panic:looking")
        .run("backup restore --latest --yes");
    assert_report(
        &run,
        "`kubectl broker backup restore`",
        "planted at looking",
    );
    let lease = bed.objects().get(
        "leases.coordination.k8s.io",
        "messaging",
        "broker-restore-broker",
    );
    assert!(lease.is_none(), "the lock was given back");
}

#[test]
fn a_download_that_panics_in_any_thread_lets_its_part_go_and_is_resumed() {
    for step in [
        "part-opened",
        "bytes-written",
        "checkpoint-synced",
        "data-synced",
        "renamed",
        "folder-synced",
    ] {
        let desk = Desk::with(&["download-resume=on"]);
        let run = desk
            .bed
            .program()
            .in_folder(desk.folder.path())
            .env("KUBECTL_BROKER_FAIL_POINT", format!("panic:{step}"))
            .run("backup download --latest");
        assert_report(&run, "`kubectl broker backup download`", step);
        let again = desk.run("backup download --latest --force");
        assert_eq!(again.code, 0, "{step}: {}", again.stderr);
    }
}

#[test]
fn a_report_is_a_document_where_programs_read() {
    let run = Bed::start()
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", "panic:looking")
        .env("RUST_BACKTRACE", "1")
        .run("backup create -o json");
    assert_eq!(run.error()["code"], "Failed");
    assert_eq!(run.error()["exitCode"], 1);
}

#[test]
fn the_way_there_is_shown_to_those_who_ask() {
    let run = Bed::start()
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", "panic:looking")
        .env("RUST_BACKTRACE", "1")
        .run("backup create");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("fail_point::reach"), "{}", run.stderr);
}
