//! Copies that a service protects against deletion.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Place;
use super::left::{BIG, Left, SMALL};
use crate::support::{Cloud, Weed};

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
