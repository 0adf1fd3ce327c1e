//! Copies that a service protects against deletion.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Place;
use super::left::{BIG, Left, SMALL};
use crate::support::{Cloud, Faulty, Then, Weed, When};

fn versions(weed: &Weed, key: &str) -> usize {
    let versions = weed.ask(json!({"do": "versions", "key": key}));
    versions.expect("a list").as_array().expect("a list").len()
}

#[test]
fn a_locked_copy_is_deleted_by_nothing_before_its_time() {
    let weed = Weed::with_locked_bucket("worm");
    let place = Place::at(&weed).with_files();
    place.ok("store add vault URL --lock governance --lock-days 1");
    let before = Timestamp::now();
    for (file, id) in [(SMALL, "small"), (BIG, "big")] {
        let copied = place.ok(&place.copying_to("vault", file, id)).json();
        let until = copied["items"][0]["lockedUntil"].as_str().expect("a time");
        let until: Timestamp = until.parse().expect("a time");
        assert!(until.duration_since(before) >= SignedDuration::from_hours(24));
    }
    assert_eq!(Left::of(&weed), Left::whole(2));
    // The marks tell it without a request; the retention of the object counts if they are gone.
    for has_marks in [true, false] {
        for id in ["small", "big"] {
            let refused = place.run(&format!("store rm vault {id} --yes -o json"));
            assert_eq!(refused.code, 11, "{}", refused.shown());
            let error = refused.error();
            assert_eq!(error["code"], "Conflict");
            let tomorrow = (before + SignedDuration::from_hours(24)).to_string();
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(&tomorrow[..13]), "{error}");
        }
        place.ok(&place
            .copying_to("URL", SMALL, "new")
            .replace("2026-01", "2026-02"));
        let pruned = place
            .ok("store prune vault --keep-last 1 --yes -o json")
            .json();
        let items = pruned["items"].as_array().expect("copies");
        // Of a copy that a rule keeps, nothing but its marks is looked at.
        let held = if has_marks { 3 } else { 2 };
        let locked =
            |item: &&Value| item["reasons"][0]["rule"] == "locked" && item["action"] == "keep";
        assert_eq!(items.iter().filter(locked).count(), held, "{pruned}");
        assert_eq!(Left::of(&weed), Left::whole(3));
        if has_marks {
            for (mark, _) in weed.list("copies/v1/marks/") {
                weed.delete(&mark);
            }
        }
    }
    for (key, _) in weed.list("copies/v1/copies/") {
        assert_eq!(versions(&weed, &key), 1, "{key}");
    }
    // The bytes are locked as well, and in each way in which they are uploaded.
    let mut held = 0;
    for (key, _) in weed.list("copies/v1/data/") {
        let version = weed
            .ask(json!({"do": "versions", "key": key}))
            .expect("a list");
        let delete = json!({"do": "delete", "key": key, "VersionId": version[0]});
        held += usize::from(weed.ask(delete) == Err(403));
    }
    assert_eq!(held, 3);
    place.assert_deep(3);
}

#[test]
fn a_bucket_that_can_not_lock_is_refused() {
    let weed = Weed::with_bucket("no-worm");
    let place = Place::at(&weed);
    let run = place.program().data_although_failed().run(&format!(
        "store add vault {} --lock compliance --lock-days 1 -o json",
        place.url
    ));
    assert_eq!(run.code, 1, "{}", run.shown());
    let report: Value = serde_json::from_str(&run.stdout).expect("a document");
    let checks = report["checks"].as_array().expect("checks");
    let failed = checks.iter().find(|it| it["outcome"] == "failed");
    assert_eq!(failed.expect("one")["name"], "lock");
    assert_eq!(place.run("store ls vault").code, 10);
}

/// Returns the outcomes of the checks whose names begin with `lock`, and the message of the one that failed.
fn lock_checks(report: &Value) -> (Vec<(&str, &str)>, &str) {
    let checks = report["checks"].as_array().expect("checks");
    let of_lock = checks.iter().filter_map(|it| {
        let name = it["name"].as_str()?;
        name.starts_with("lock")
            .then(|| (name, it["outcome"].as_str().expect("an outcome")))
    });
    let failed = checks.iter().find(|it| it["outcome"] == "failed");
    let message = failed.and_then(|it| it["message"].as_str());
    (of_lock.collect(), message.unwrap_or_default())
}

#[test]
fn the_test_of_a_store_locks_an_object_for_a_moment() {
    let weed = Weed::with_locked_bucket("worm-test");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty);
    let before = Timestamp::now();
    let report = place
        .ok("store add vault URL --lock compliance --lock-days 30 -o json")
        .json();
    let passed = ["lock", "lock-write", "lock-read"].map(|name| (name, "passed"));
    assert_eq!(lock_checks(&report).0, passed, "{report}");
    let requests = faulty.requests();
    let header = |name: &str| {
        let found = requests.iter().filter_map(|it| it.headers.get(name));
        let found: Vec<_> = found
            .map(|it| it.to_str().expect("text").to_owned())
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    };
    assert_eq!(header("x-amz-object-lock-mode"), "COMPLIANCE");
    let until = header("x-amz-object-lock-retain-until-date");
    let until: Timestamp = until.parse().expect("a time");
    assert!(
        until.duration_since(before) < SignedDuration::from_hours(1),
        "{until}"
    );
    assert_eq!(Left::of(&weed), Left::NOTHING);

    for (rule, permission, name) in [
        (
            When::method(Method::PUT).header("x-amz-object-lock-mode"),
            "s3:PutObjectRetention",
            "lock-write",
        ),
        (
            When::method(Method::GET).query("retention"),
            "s3:GetObjectRetention",
            "lock-read",
        ),
    ] {
        faulty.rule(rule, Then::Forbidden);
        let run = place
            .program()
            .data_although_failed()
            .run("store test vault -o json");
        assert_eq!(run.code, 12, "{}", run.shown());
        let report: Value = serde_json::from_str(&run.stdout).expect("a document");
        let (outcomes, message) = lock_checks(&report);
        assert_eq!(outcomes.last(), Some(&(name, "failed")), "{report}");
        assert!(message.contains(permission), "{report}");
        faulty.heal();
    }
    assert_eq!(Left::of(&weed), Left::NOTHING);
}
