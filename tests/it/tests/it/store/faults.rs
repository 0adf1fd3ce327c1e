//! Services and backends that fail: what a command does, and what is left in the store.

use http::Method;
use serde_json::{Value, json};

use super::Place;
use super::left::{BIG, BIG_LENGTH, Left, SMALL, bytes, only};
use crate::support::{Cloud, Depot, Faulty, ID, NAME, S3, Then, Weed, When};

/// The requests of an upload in parts, in their order.
fn steps() -> Vec<(&'static str, When)> {
    let put = || When::method(Method::PUT);
    let post = || When::method(Method::POST);
    vec![
        ("format", put().path("/v1/store.json")),
        ("entry", put().path("/v1/open/")),
        ("begin", post().query("uploads")),
        ("part", put().query("partNumber=2")),
        ("complete", post().query("uploadId")),
        ("look", When::method(Method::HEAD).path("/v1/data/")),
        ("manifest", put().path("/v1/copies/")),
        ("end", post().query("delete")),
    ]
}

/// Copies a file although the first request of each kind fails, and returns what is left after each of them.
fn mended(bucket: &str, then: &Then) -> Vec<(&'static str, Left)> {
    let left = |(step, when): (&'static str, When)| {
        let weed = Weed::with_bucket(&format!("{bucket}-{step}"));
        let faulty = Faulty::before(&weed);
        let place = Place::at(&faulty).with_files();
        faulty.rule(when.nth(1), then.clone());
        let copied = place.ok(&place.copying(BIG, "a")).json();
        assert_eq!(copied["items"][0]["wasThere"], json!(false), "{step}");
        place.assert_deep(1);
        (step, Left::of(&weed))
    };
    let left: Vec<_> = steps().into_iter().map(left).collect();
    left.into_iter()
        .filter(|(_, left)| *left != Left::whole(1))
        .collect()
}

#[test]
fn a_busy_service_is_waited_for() {
    assert_eq!(mended("slow", &Then::SlowDown(None)), []);
    // Several times, and as long as it asks for.
    let weed = Weed::with_bucket("slower");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    faulty.rule(When::method(Method::PUT).nth(2), Then::SlowDown(Some(1)));
    faulty.rule(When::method(Method::PUT).first(5), Then::SlowDown(None));
    place.ok(&place.copying(BIG, "a"));
    assert_eq!(Left::of(&weed), Left::whole(1));
}

#[test]
fn a_connection_that_is_lost_before_a_request_arrives_is_mended() {
    assert_eq!(mended("before", &Then::CloseBefore), []);
}

/// The service has done its work, and its answer is lost.
#[test]
fn an_answer_that_is_lost_is_mended() {
    let left = Left {
        parts: 1,
        ..Left::whole(1)
    };
    // An upload in parts whose id is lost is found by `repair`.
    assert_eq!(mended("after", &Then::CloseAfter), [("begin", left)]);
    let weed = Weed::with_bucket("after");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    faulty.rule(
        When::method(Method::POST).query("uploads").nth(1),
        Then::CloseAfter,
    );
    place.ok(&place.copying(BIG, "a"));
    assert_eq!(place.findings(), ["unfinished"]);
    place.ok("store repair URL --yes");
    assert_eq!(Left::of(&weed), Left::whole(1));
    place.assert_deep(1);
}

/// The answer to the manifest never comes, whatever is asked: its data stay.
#[test]
fn a_manifest_that_may_be_there_keeps_its_data() {
    let weed = Weed::with_bucket("unclear");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let manifest = || When::any().path("/v1/copies/").query("");
    faulty.rule(
        When::method(Method::PUT).path("/v1/copies/"),
        Then::CloseAfter,
    );
    faulty.rule(manifest(), Then::Forbidden);
    let run = place.run(&place.copying(BIG, "a"));
    assert_ne!(run.code, 0, "{}", run.shown());
    faulty.heal();
    let left = Left {
        open: 1,
        ..Left::whole(1)
    };
    assert_eq!(Left::of(&weed), left);
    place.assert_deep(1);
}

/// A permission is missing from one step on.
#[test]
fn a_refusal_leaves_nothing_but_what_can_not_be_removed() {
    for (step, when) in steps() {
        let weed = Weed::with_bucket(&format!("refused-{step}"));
        let faulty = Faulty::before(&weed);
        let place = Place::at(&faulty).with_files();
        faulty.rule(when, Then::Forbidden);
        let run = place.run(&place.copying(BIG, "a"));
        let left = match step {
            // The copy is complete: only its entry can't be removed.
            "end" => Left {
                open: 1,
                ..Left::whole(1)
            },
            // The parts stay for the same command.
            "part" | "complete" => Left {
                open: 1,
                parts: 1,
                ..Left::NOTHING
            },
            // The object is there, and nothing could say so. The same command writes it again.
            "look" => Left {
                data: 1,
                open: 1,
                ..Left::NOTHING
            },
            _ => Left::NOTHING,
        };
        assert_eq!(
            run.code,
            if step == "end" { 0 } else { 12 },
            "{step}: {}",
            run.shown()
        );
        assert_eq!(Left::of(&weed), left, "{step}");
        faulty.heal();
        place.ok(&place.copying(BIG, "a"));
        let open = usize::from(step == "end");
        assert_eq!(
            Left::of(&weed),
            Left {
                open,
                ..Left::whole(1)
            },
            "{step}"
        );
        place.assert_deep(1);
    }
}

#[test]
fn a_bucket_that_is_gone_in_the_middle_is_said_to_be_gone() {
    let weed = Weed::with_bucket("gone");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let held = faulty.hold_before(When::method(Method::PUT).query("partNumber=3"));
    let program = place.program();
    let child = program.spawn(&place.copying(BIG, "a"));
    held.wait();
    weed.ask(json!({"do": "drop"})).expect("no bucket");
    faulty.heal();
    held.release();
    let run = program.ended(&child.wait_with_output().expect("the process ends"));
    assert_eq!(run.code, 10, "{}", run.shown());
    // SeaweedFS may make a bucket again when something is written to it.
    let never = place.run("store ls s3://never-made/copies");
    assert_eq!(never.code, 10, "{}", never.shown());
}

/// The users of a store, and what each of them can't do.
#[test]
fn each_verb_says_that_a_permission_is_missing() {
    let weed = Weed::with_bucket("rights");
    let owner = Place::at(&weed).with_files();
    owner.ok(&owner.copying(SMALL, "a"));
    let before = weed.list("");
    let copying = owner.copying(SMALL, "b");
    let all = [
        &*copying,
        "store ls URL",
        "store get URL a",
        "store verify URL",
        "store pin URL a",
        "store rm URL a --yes",
        "store prune URL --keep-last 1 --yes",
        "store repair URL --yes",
    ];
    for (user, refused) in [
        ("stranger", &all[..]),
        (
            "reader",
            &[&*copying, "store pin URL a", "store rm URL a --yes"],
        ),
        ("writer", &["store get URL a", "store verify URL"]),
    ] {
        let user = weed.as_user(user);
        let place = Place::at(&user).with_files();
        for command in refused {
            let run =
                place.run(&format!("{command} -o json").replace("-o json -o json", "-o json"));
            assert_eq!(run.code, 12, "{command}: {}", run.shown());
            let error = run.error();
            assert_eq!(error["code"], "NotAllowed");
            let hint = error["hint"].as_str().unwrap_or_default();
            let is_named = ["store test", "permission"]
                .iter()
                .any(|it| hint.contains(it));
            assert!(is_named, "{command}: {error}");
        }
    }
    assert_eq!(weed.list(""), before);
    owner.assert_deep(1);
    let reader = weed.as_user("reader");
    let run = Place::at(&reader)
        .program()
        .data_although_failed()
        .run(&format!("store test {} -o json", owner.url));
    assert_eq!(run.code, 12, "{}", run.shown());
    let report: Value = serde_json::from_str(&run.stdout).expect("a document");
    let checks = report["checks"].as_array().expect("checks");
    let failed = checks.iter().find(|it| it["outcome"] == "failed");
    let message = failed.expect("one")["message"].as_str().expect("a message");
    assert!(message.contains("s3:PutObject"), "{report}");
}

/// moto checks the permissions of each action.
#[test]
fn the_test_of_a_store_names_each_missing_permission() {
    let s3 = S3::with_bucket("named");
    let all = [
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
    ];
    let owner = Place::at(&s3);
    owner.ok("store test URL");
    let keys: Vec<_> = all
        .iter()
        .map(|missing| {
            let rights: Vec<_> = all.iter().filter(|it| *it != missing).copied().collect();
            (missing, s3.user(&missing.replace(':', "-"), &rights))
        })
        .collect();
    s3.close();
    for (missing, key) in keys {
        let program = key.known_to(owner.program()).data_although_failed();
        let run = program.run(&format!("store test {} -o json", owner.url));
        assert_eq!(run.code, 12, "{missing}: {}", run.shown());
        let report: Value = serde_json::from_str(&run.stdout).expect("a document");
        let checks = report["checks"].as_array().expect("checks");
        let failed = checks.iter().filter(|it| it["outcome"] == "failed");
        let messages: Vec<_> = failed.map(|it| it["message"].to_string()).collect();
        assert!(
            !messages.is_empty() && messages.iter().all(|it| it.contains(missing)),
            "{missing}: {report}"
        );
    }
}

/// Bodies that end early, or have other bytes, on their way here.
#[test]
fn the_body_of_a_copy_is_cut_or_changed_on_its_way() {
    let weed = Weed::with_bucket("bodies");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    place.ok(&place.copying(BIG, "a"));
    let data = || When::method(Method::GET).path("/v1/data/");
    let whole = bytes(BIG_LENGTH);

    // Once: it goes on from where it was.
    faulty.rule(data().nth(1), Then::CutBody(3_000_000));
    faulty.requests();
    place.ok("store get URL a --output-dir one");
    assert_eq!(
        std::fs::read(place.folder().join("one").join(BIG)).expect("a file"),
        whole
    );
    let requests = faulty.requests();
    let ranges = requests.iter().filter(|it| it.path.contains("/v1/data/"));
    let ranges: Vec<_> = ranges.filter_map(|it| it.headers.get("range")).collect();
    assert!(
        ranges.iter().any(|range| *range != "bytes=0-"),
        "{ranges:?}"
    );
    faulty.heal();
    faulty.rule(data().nth(1), Then::CutBody(10_000));
    place.assert_deep(1);

    // Each time: nothing is said about the copy.
    faulty.heal();
    faulty.rule(data(), Then::CutBody(0));
    let verify = place.run("store verify URL --deep");
    assert_eq!(verify.code, 1, "{}", verify.shown());
    let list = place.ok("store ls URL -o json").json();
    assert_eq!(list["items"][0]["state"], "verified", "{list}");

    // Changed: never a file, and not a byte to a backend.
    faulty.heal();
    faulty.rule(data(), Then::Damage(5_000));
    let get = place.run("store get URL a --output-dir three");
    assert_eq!(get.code, 13, "{}", get.shown());
    let restore = place.hostile().run(&format!(
        "backup restore --from {} a --yes --engine hostile",
        place.url
    ));
    assert_eq!(restore.code, 13, "{}", restore.shown());
    let requests = place.desk.bed.backend_requests().all();
    assert!(requests.iter().all(|it| it.method != "POST"));
    assert_eq!(Left::of(&weed), Left::whole(1));
}

/// Data that are gone make no file, and each command says what is wrong.
#[test]
fn a_copy_without_its_data_is_damaged() {
    let weed = Weed::with_bucket("no-data");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying(SMALL, "a"));
    weed.delete(&only(&weed, "data"));
    assert_eq!(place.findings(), ["no-data"]);
    let get = place.run("store get URL a");
    assert_eq!(get.code, 13, "{}", get.shown());
    place.desk.assert_no_file();
    for how in ["", "--deep"] {
        let verify = place
            .program()
            .data_although_failed()
            .run(&format!("store verify {} {how}", place.url));
        assert_eq!(verify.code, 13, "{}", verify.shown());
    }
}

/// A stream from the backend that is cut, in each way in which a download can end.
#[test]
fn a_stream_that_is_cut_becomes_a_whole_copy_or_none() {
    let weed = Weed::with_bucket("cut");
    for framing in ["length", "chunked", "close"] {
        for resume in ["on", "off"] {
            for times in [":1", ""] {
                let faults = [
                    format!("download-framing={framing}"),
                    format!("download-cut=50{times}"),
                    format!("download-resume={resume}"),
                ];
                let faults: Vec<_> = faults.iter().map(String::as_str).collect();
                let place = Place::with(&weed, &faults);
                let how = faults.join(" ");
                let command = format!("backup download --id {ID} --to URL --retries 1 -o json");
                let run = place.run(&command);
                let copies = usize::from(run.code == 0);
                // A download to a file is the measure.
                let file = Place::with(&weed, &faults);
                let file = file.desk.download("--retries 1");
                assert_eq!(
                    run.code,
                    file.code,
                    "{how}: {}{}",
                    run.shown(),
                    file.shown()
                );
                assert_eq!(Left::of(&weed), Left::whole(copies), "{how}");
                assert_eq!(copies == 1, times == ":1", "{how}: {}", run.shown());
                if copies == 1 {
                    place.assert_deep(1);
                    place.ok(&format!("store get URL {ID}"));
                    place.desk.assert_whole(&format!("backups/{NAME}"));
                    place.ok(&format!("store rm URL {ID} --yes"));
                }
            }
        }
    }
}

/// Without a length and a checksum, the structure of the archive decides.
#[test]
fn the_structure_decides_if_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), bytes(100_000)).expect("written");
    let packed = std::process::Command::new("gzip")
        .args(["--stdout", "a"])
        .current_dir(folder.path())
        .output()
        .expect("gzip");
    let whole = packed.stdout;
    let cut = whole[..whole.len() - 100].to_vec();
    for (bytes, is_good, left) in [
        (&whole, true, Left::whole(1)),
        (&cut, false, Left::NOTHING),
        (&b"neither".to_vec(), false, Left::NOTHING),
    ] {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.extend(bytes);
        let depot = Depot::new().set("one", &[("one", Some("one.gz"), None)]);
        depot.answer("/files/one", answer);
        let store = depot.path("store");
        std::fs::create_dir(&store).expect("a folder");
        let command = format!(
            "download --id one --to file://{} --retries 0",
            store.display()
        );
        let run = depot.run(&command);
        // A download to a file is the measure.
        let file = depot.run("download --id one --retries 0");
        assert_eq!(run.code, file.code, "{}{}", run.shown(), file.shown());
        assert_eq!(run.code == 0, is_good, "{}", run.shown());
        assert_eq!(Left::in_folder(&store), left, "{}", run.shown());
        if !is_good {
            let accepted = depot.run(&format!("{command} --accept-unproven"));
            assert_eq!(accepted.code, 0, "{}", accepted.shown());
            assert_eq!(Left::in_folder(&store), Left::whole(1));
        }
    }
}

/// A copy that is known to be damaged does not stand in the way of a good one.
#[test]
fn a_damaged_copy_is_replaced_by_a_good_one() {
    let weed = Weed::with_bucket("replaced");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying(SMALL, "a"));
    weed.damage(&only(&weed, "data"), 100);
    let verify = place
        .program()
        .data_although_failed()
        .run(&format!("store verify {} --deep", place.url));
    assert_eq!(verify.code, 13, "{}", verify.shown());
    let copied = place.ok(&place.copying(SMALL, "a")).json();
    assert_eq!(copied["items"][0]["wasThere"], json!(false));
    assert_eq!(Left::of(&weed), Left::whole(1));
    place.assert_deep(1);
}
