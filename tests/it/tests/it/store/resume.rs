//! Ctrl-C in the middle of an upload, and what the same command does next.

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::Place;
use super::left::{BIG, BIG_LENGTH, Left, bytes, files};
use crate::support::{Cloud, Faulty, ID, Weed, When};

/// Starts a command, and presses Ctrl-C when its third part has arrived and the journal has `noted` parts.
fn stopped(place: &Place<'_>, faulty: &Faulty<'_>, noted: usize, arguments: &str) {
    let held = faulty.hold_before(When::method(Method::PUT).query("partNumber=3"));
    let program = place.program().hears_signals().data_although_failed();
    let child = program.spawn(arguments);
    held.wait();
    while noted_parts(place) < noted {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("the process is there");
    let run = program.ended(&child.wait_with_output().expect("the process ends"));
    faulty.heal();
    assert_eq!(run.code, 130, "{}", run.shown());
    let error = run.error();
    assert_eq!(error["code"], "Interrupted");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("again"), "{error}");
}

/// Returns how many parts the journals of this machine have. The first line of each is no part.
fn noted_parts(place: &Place<'_>) -> usize {
    let journals = files(&place.folder().join("state/kubectl-broker/uploads"));
    let lines = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().count().saturating_sub(1)
    };
    journals.iter().map(lines).sum()
}

/// Returns the numbers of the parts that were sent since the last call.
fn sent_parts(faulty: &Faulty<'_>) -> Vec<String> {
    let requests = faulty.requests();
    let number = |query: &str| {
        let (_, rest) = query.split_once("partNumber=")?;
        Some(rest.split('&').next()?.to_owned())
    };
    let puts = requests.iter().filter(|it| it.method == Method::PUT);
    let mut numbers: Vec<_> = puts.filter_map(|it| number(&it.query)).collect();
    numbers.sort();
    numbers
}

#[test]
fn the_same_command_goes_on_from_the_finished_parts() {
    let weed = Weed::with_bucket("resume-file");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let command = place.copying(BIG, "a");
    stopped(&place, &faulty, 2, &command);
    let open = Left {
        open: 1,
        parts: 1,
        ..Left::NOTHING
    };
    assert_eq!(Left::of(&weed), open);
    assert_eq!(place.ids(), Vec::<String>::new());
    faulty.requests();
    let copied = place.ok(&command).json();
    assert_eq!(copied["items"][0]["resumedBytes"], json!(10 << 20));
    assert_eq!(sent_parts(&faulty), ["3"]);
    assert_eq!(Left::of(&weed), Left::whole(1));
    place.assert_deep(1);
}

#[test]
fn another_file_starts_over() {
    let weed = Weed::with_bucket("resume-other");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let command = place.copying(BIG, "a");
    stopped(&place, &faulty, 2, &command);
    faulty.requests();
    place.backup_file(BIG, &bytes(BIG_LENGTH + 1));
    let copied = place.ok(&command).json();
    assert_eq!(copied["items"][0]["resumedBytes"], json!(0));
    assert_eq!(sent_parts(&faulty), ["1", "2", "3"]);
    assert_eq!(Left::of(&weed), Left::whole(1));
    place.assert_deep(1);
}

/// The backend's `ETag` says whether a download is the same. Only what it has not sent is asked for again.
#[test]
fn a_download_goes_on_only_if_the_backup_is_the_same() {
    for is_same in [true, false] {
        let weed = Weed::with_bucket(if is_same {
            "resume-same"
        } else {
            "resume-etag"
        });
        let faulty = Faulty::before(&weed);
        let place = Place::with(&faulty, &["download-resume=on"]);
        place.desk.set(&format!("download-size={BIG_LENGTH}"));
        let command = format!("backup download --id {ID} --to {} -o json", place.url);
        stopped(&place, &faulty, 2, &command);
        if !is_same {
            place.desk.set("download-etag-changes");
        }
        faulty.requests();
        let copied = place.ok(&command).json();
        let resumed = copied["resumedBytes"].as_u64().expect("bytes");
        assert_eq!(resumed > 0, is_same, "{copied}");
        assert_eq!(copied["sha256"], json!(place.desk.sha256()));
        assert_eq!(Left::of(&weed), Left::whole(1));
        place.assert_deep(1);
    }
}

/// The key of an encrypted stream dies with the process.
#[test]
fn an_encrypted_upload_leaves_nothing_and_starts_over() {
    let weed = Weed::with_bucket("resume-age");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let key = super::encryption::Key::new(&place, "key");
    place.ok(&format!(
        "store add vault URL --recipient {} --no-test",
        key.recipient
    ));
    let command = place.copying_to("vault", BIG, "a");
    stopped(&place, &faulty, 0, &command);
    assert_eq!(Left::of(&weed), Left::NOTHING);
    faulty.requests();
    let copied = place.ok(&command).json();
    assert_eq!(copied["items"][0]["resumedBytes"], json!(0));
    assert_eq!(sent_parts(&faulty), ["1", "2", "3"]);
    assert_eq!(Left::of(&weed), Left::whole(1));
}

/// The upload is gone that a journal is about.
#[test]
fn an_upload_that_was_aborted_meanwhile_starts_over() {
    let weed = Weed::with_bucket("resume-gone");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let command = place.copying(BIG, "a");
    stopped(&place, &faulty, 2, &command);
    weed.delete(&super::left::only(&weed, "open"));
    place.ok("store repair URL --yes");
    assert_eq!(Left::of(&weed), Left::NOTHING);
    let copied = place.ok(&command).json();
    assert_eq!(copied["items"][0]["resumedBytes"], json!(0));
    assert_eq!(Left::of(&weed), Left::whole(1));
    place.assert_deep(1);
}

/// After Ctrl-C while the manifest is written, it may be there, so its data stay.
#[test]
fn a_manifest_whose_answer_nobody_waited_for_keeps_its_data() {
    let weed = Weed::with_bucket("resume-named");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let held = faulty.hold_after(When::method(Method::PUT).path("/v1/copies/"));
    let program = place.program().hears_signals().data_although_failed();
    let child = program.spawn(&place.copying(BIG, "a"));
    held.wait();
    kill_process(Pid::from_child(&child), Signal::INT).expect("the process is there");
    let run = program.ended(&child.wait_with_output().expect("the process ends"));
    assert_eq!(run.code, 130, "{}", run.shown());
    faulty.heal();
    let left = Left {
        open: 1,
        ..Left::whole(1)
    };
    assert_eq!(Left::of(&weed), left);
    place.assert_deep(1);
    let again = place.ok(&place.copying(BIG, "a")).json();
    assert_eq!(again["items"][0]["wasThere"], json!(true));
    place.assert_deep(1);
}
