//! Commands that work through several items: an error of one does not end the work on the others.

use http::Method;
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Place;
use super::left::{Left, SMALL, only};
use crate::support::{Cloud, Faulty, Run, Then, Weed, When};

/// The ids of the copies, the newest first.
const IDS: [&str; 3] = ["one", "two", "three"];

/// Writes three copies.
fn with_copies(place: &Place<'_>) {
    for (month, id) in ["2026-03", "2026-02", "2026-01"].into_iter().zip(IDS) {
        place.ok(&place.copying(SMALL, id).replace("2026-01", month));
    }
}

/// Returns the requests for the manifest of a copy.
fn manifest(id: &str) -> When {
    When::method(Method::GET).path(&format!("-{id}.json"))
}

/// Runs a command that shows its result although a part of it fails.
fn partly(place: &Place<'_>, arguments: &str) -> Run {
    let program = place.program().data_although_failed();
    program.run(&arguments.replace("URL", &place.url))
}

fn document(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.shown()))
}

/// Returns a field of each item of a list.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| &item[field]).collect()
}

#[test]
fn a_copy_that_can_not_be_checked_hides_no_other() {
    let weed = Weed::with_bucket("several-verify");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    with_copies(&place);
    faulty.rule(manifest("two"), Then::Forbidden);
    let run = partly(&place, "store verify URL --deep");
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   DEPTH   RESULT   CHECK   DETAILS
    one   deep   passed   structure   it is not an archive of a known kind
    two   deep   error   -   can't read s3://several-verify/copies/v1/copies/c/messaging/broker/kubectl-broker_2fhivemq/20260202T030405000Z-10000-0f79d8491dfb5de1-two.json: the service answered 403 AccessDenied: AccessDenied
    three   deep   passed   structure   it is not an archive of a known kind
    stderr:
    c/messaging/broker/kubectl-broker/hivemq/two@0f79d849: can't read s3://several-verify/copies/v1/copies/c/messaging/broker/kubectl-broker_2fhivemq/20260202T030405000Z-10000-0f79d8491dfb5de1-two.json: the service answered 403 AccessDenied: AccessDenied. Check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `kubectl broker store test s3://several-verify/copies` names the missing permission
    1 of 3 copies were not checked
    exit 3
    ");
    let run = partly(&place, "store verify URL --deep -o json");
    assert_eq!(run.code, 3, "{}", run.shown());
    let report = document(&run);
    let items = &report["items"];
    assert_eq!(each(items, "outcome"), ["passed", "error", "passed"]);
    let error = &items[1]["error"];
    assert_eq!(error["code"], "NotAllowed");
    assert_eq!(error["exitCode"], 12);
    let hint = error["hint"].as_str().expect("a hint");
    assert!(hint.contains(&format!("`kubectl broker store test {}`", place.url)));

    // Alone, it is an error as that of any command.
    let alone = place.run("store verify URL two -o json");
    assert_eq!(alone.error()["code"], "NotAllowed", "{}", alone.shown());

    // Damage counts more than what is unknown.
    faulty.heal();
    let data = weed.list("copies/v1/data/");
    weed.damage(&data[0].0, 100);
    let damaged = document(&partly(&place, "store verify URL --deep -o json"));
    let bad = each(&damaged["items"], "outcome");
    let bad = bad.iter().position(|it| **it == "failed").expect("damage");
    faulty.rule(manifest(IDS[(bad + 1) % 3]), Then::Forbidden);
    let run = partly(&place, "store verify URL --deep -o json");
    assert_eq!(run.code, 13, "{}", run.shown());
    let outcomes = document(&run);
    let outcomes = each(&outcomes["items"], "outcome");
    assert!(outcomes.iter().any(|it| **it == "error"), "{}", run.shown());

    // If nothing could be checked, the error counts.
    faulty.heal();
    for id in IDS {
        faulty.rule(manifest(id), Then::Forbidden);
    }
    let run = partly(&place, "store verify URL -o json");
    assert_eq!(run.code, 12, "{}", run.shown());
    assert_eq!(each(&document(&run)["items"], "outcome"), ["error"; 3]);
}

/// Nobody waits for hundreds of answers that are known.
#[test]
fn credentials_that_expire_end_the_work_and_the_rest_is_named() {
    let weed = Weed::with_bucket("several-expired");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    with_copies(&place);
    for id in IDS {
        faulty.rule(manifest(id), Then::Expired);
    }
    let run = partly(&place, "store verify URL -o json");
    assert_eq!(run.code, 12, "{}", run.shown());
    let outcomes = ["error", "error", "skipped"];
    assert_eq!(each(&document(&run)["items"], "outcome"), outcomes);

    std::fs::create_dir(place.folder().join("other")).expect("a folder");
    let other = format!("file://{}/other", place.folder().display());
    let run = partly(&place, &format!("store copy URL {other} -o json"));
    assert_eq!(run.code, 12, "{}", run.shown());
    let report = document(&run);
    assert_eq!(each(&report["failures"], "code"), ["NotAllowed"; 2]);
    let untried = report["untried"].as_array().expect("a list");
    assert_eq!(untried.len(), 1);
    assert!(untried[0].as_str().expect("a name").contains("three"));
}

#[test]
fn a_copy_that_can_not_be_copied_stops_no_other() {
    let weed = Weed::with_bucket("several-copy");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    with_copies(&place);
    let folder = place.folder().join("other");
    std::fs::create_dir(&folder).expect("a folder");
    let command = format!("store copy URL file://{} -o json", folder.display());
    faulty.rule(manifest("two"), Then::Forbidden);
    let run = partly(&place, &command);
    assert_eq!(run.code, 3, "{}", run.shown());
    let report = document(&run);
    assert_eq!(each(&report["items"], "id"), ["one", "three"]);
    assert_eq!(each(&report["failures"], "exitCode"), [12]);
    let item = report["failures"][0]["item"].as_str().expect("a name");
    assert!(item.contains("/two@"), "{item}");
    assert_eq!(report["untried"], json!([]));
    assert_eq!(Left::in_folder(&folder), Left::whole(2));
    faulty.heal();
    let report = place.ok(&command).json();
    assert_eq!(each(&report["items"], "wasThere"), [true, false, true]);
}

#[test]
fn a_damaged_file_stops_no_other() {
    let weed = Weed::with_bucket("several-files");
    let place = Place::at(&weed);
    for (id, file) in [
        ("20250905-130215", "a.backup"),
        ("20250819-143025", "b.backup"),
        ("20250806-080853", "c.backup"),
    ] {
        place.ok(&format!("backup download --id {id} --output-file ./{file}"));
    }
    let path = place.folder().join("b.backup");
    let mut bytes = std::fs::read(&path).expect("a file");
    bytes[10] ^= 1;
    std::fs::write(&path, bytes).expect("a file");
    let command = "backup copy a.backup b.backup c.backup --to URL";
    let run = partly(&place, command);
    assert_snapshot!(run.outcome(), @"
    stdout:
    STORE   ID   SIZE   ENCRYPTED   RESULT   DETAILS
    s3://several-files/copies   20250905-130215   1.4MiB   no   copied   -
    s3://several-files/copies   20250806-080853   1.4MiB   no   copied   -
    s3://several-files/copies   b.backup   -   -   failed   b.backup is damaged: the SHA-256 is ec182c7cf596899715e3a9b9c2bd415d6ec9f134185437d5ead82a8a653006b8 and should be 162fabc2da7c16266d9faff1107d112f909d3d3110fdc6db5b9a2d37ff6b5beb, as b.backup.sha256 says
    note: b.backup b.backup ec182c7cf596899715e3a9b9c2bd415d6ec9f134185437d5ead82a8a653006b8 162fabc2da7c16266d9faff1107d112f909d3d3110fdc6db5b9a2d37ff6b5beb b.backup.sha256 `--force` `kubectl broker backup list`
    note: 1 3
    exit 3
    ");
    let run = partly(&place, &format!("{command} -o json"));
    assert_eq!(run.code, 3, "{}", run.shown());
    let report = document(&run);
    assert_eq!(each(&report["items"], "wasThere"), [true, true]);
    assert_eq!(each(&report["failures"], "item"), ["b.backup"]);
    assert_eq!(each(&report["failures"], "code"), ["Integrity"]);
    assert_eq!(Left::of(&weed), Left::whole(2));
    // One file alone is an error as that of any command.
    let alone = place.run("backup copy b.backup --to URL -o json");
    assert_eq!(alone.code, 13, "{}", alone.shown());
    assert_eq!(alone.error()["code"], "Integrity");
}

#[test]
fn a_pin_that_can_not_be_written_stops_no_other() {
    let weed = Weed::with_bucket("several-pins");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    with_copies(&place);
    faulty.rule(
        When::method(Method::PUT).path("/pin").nth(2),
        Then::Forbidden,
    );
    let run = partly(&place, "store pin URL one two three -o json");
    assert_eq!(run.code, 3, "{}", run.shown());
    let report = document(&run);
    assert_eq!(report["items"].as_array().expect("a list").len(), 2);
    let item = report["failures"][0]["item"].as_str().expect("a name");
    assert!(item.contains("two"), "{report}");
    let list = place.ok("store ls URL -o json").json();
    assert_eq!(each(&list["items"], "pinned"), [true, false, true]);
}

/// Stops a command while it waits for the manifest of copy `two`.
fn stopped(place: &Place<'_>, faulty: &Faulty<'_>, arguments: &str) -> Run {
    let held = faulty.hold_before(manifest("two"));
    let program = place.program().hears_signals().data_although_failed();
    let child = program.spawn(&arguments.replace("URL", &place.url));
    held.wait();
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let run = program.ended(&child.wait_with_output().expect("the process ends"));
    faulty.heal();
    held.release();
    run
}

#[test]
fn a_stopped_command_shows_what_it_has_done() {
    let weed = Weed::with_bucket("several-stop");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    with_copies(&place);
    let run = stopped(&place, &faulty, "store verify URL -o json");
    assert_eq!(run.code, 130, "{}", run.shown());
    let outcomes = ["passed", "skipped", "skipped"];
    assert_eq!(each(&document(&run)["items"], "outcome"), outcomes);
    assert_eq!(run.error()["code"], "Interrupted");

    std::fs::create_dir(place.folder().join("other")).expect("a folder");
    let other = format!("file://{}/other", place.folder().display());
    let run = stopped(&place, &faulty, &format!("store copy URL {other} -o json"));
    assert_eq!(run.code, 130, "{}", run.shown());
    let report = document(&run);
    assert_eq!(each(&report["items"], "id"), ["one"]);
    assert_eq!(report["failures"], json!([]));
    assert_eq!(report["untried"].as_array().expect("a list").len(), 2);
    let hint = run.error()["hint"].as_str().expect("a hint").to_owned();
    let again = format!("`kubectl broker store copy {} {other}`", place.url);
    assert!(hint.contains(&again), "{hint}");
    let copied = place.ok(&format!("store copy URL {other} -o json")).json();
    assert_eq!(each(&copied["items"], "wasThere"), [true, false, false]);
}

/// Only one copy is there, so its error is that of the command.
#[test]
fn a_single_copy_fails_as_any_command() {
    let weed = Weed::with_bucket("several-one");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying(SMALL, "a"));
    weed.damage(&only(&weed, "data"), 100);
    let folder = place.folder().join("other");
    std::fs::create_dir(&folder).expect("a folder");
    let run = place.run(&format!(
        "store copy URL file://{} -o json",
        folder.display()
    ));
    assert_eq!(run.code, 13, "{}", run.shown());
    assert_eq!(run.error()["code"], "Integrity");
}
