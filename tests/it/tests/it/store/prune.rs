//! Retention: what it keeps, and how many requests it needs.

use http::Method;
use serde_json::{Value, json};

use super::Place;
use super::left::{Left, SMALL, only};
use crate::support::{Cloud, Faulty, Seen, Weed, sha256};

const SOURCE: &str = "c/messaging/broker/kubectl-broker_2fhivemq";

/// A copy that this test puts into a store with another program, by the description of the layout.
struct Shelf<'a> {
    cloud: &'a dyn Cloud,
    manifest: Value,
    bytes: Vec<u8>,
}

impl<'a> Shelf<'a> {
    /// Takes the only copy of a store as the pattern, and removes it.
    fn of(cloud: &'a dyn Cloud) -> Self {
        let manifest = only(cloud, "copies");
        let data = only(cloud, "data");
        let shelf = Self {
            cloud,
            manifest: serde_json::from_slice(&cloud.get(&manifest)).expect("JSON"),
            bytes: cloud.get(&data),
        };
        cloud.delete(&manifest);
        cloud.delete(&data);
        shelf
    }

    /// Puts a copy of a backup that was created then. Returns the name of its manifest below `copies/`.
    fn put(&self, id: &str, created: &str) -> String {
        let mut manifest = self.manifest.clone();
        let key = backup_key(id);
        let nonce = &sha256(id.as_bytes())[..16];
        let object = format!("data/{key}-{nonce}/1");
        manifest["id"] = json!(id);
        manifest["created"] = json!(created);
        manifest["nonce"] = json!(nonce);
        manifest["files"][0]["stored"]["object"] = json!(object);
        let digits = created.replace(['-', ':'], "").replace('Z', "000Z");
        let digest = manifest["sha256"].as_str().expect("a digest");
        let name = format!(
            "{SOURCE}/{digits}-{}-{}-{id}.json",
            self.bytes.len(),
            &digest[..16]
        );
        self.cloud.put(&format!("copies/v1/{object}"), &self.bytes);
        let json = manifest.to_string();
        self.cloud
            .put(&format!("copies/v1/copies/{name}"), json.as_bytes());
        name
    }

    fn mark(&self, name: &str, mark: &str) {
        let key = &sha256(name.as_bytes())[..16];
        self.cloud
            .put(&format!("copies/v1/marks/{key}/{mark}"), b"");
    }

    fn open(&self, id: &str) {
        let key = backup_key(id);
        self.cloud.put(
            &format!("copies/v1/open/{key}-0123456789abcdef.json"),
            b"{}",
        );
    }
}

fn backup_key(id: &str) -> String {
    let text = format!("c\nmessaging\nbroker\nkubectl-broker/hivemq\n{id}");
    sha256(text.as_bytes())[..16].to_owned()
}

/// Returns the action and the rules of each copy, by its id.
fn verdicts(report: &Value) -> Vec<(String, String, Vec<String>)> {
    let items = report["items"].as_array().expect("copies");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let row = |item: &Value| {
        let reasons = item["reasons"].as_array().expect("reasons");
        let reasons = reasons.iter().map(|it| text(&it["rule"])).collect();
        (text(&item["id"]), text(&item["action"]), reasons)
    };
    items.iter().map(row).collect()
}

fn prepared<'a>(place: &Place<'_>, weed: &'a Weed) -> Shelf<'a> {
    place.ok(&place.copying(SMALL, "pattern"));
    Shelf::of(weed)
}

#[test]
fn what_must_stay_stays_and_says_why() {
    let weed = Weed::with_bucket("keep");
    let place = Place::at(&weed).with_files();
    let shelf = prepared(&place, &weed);
    shelf.put("future", "2099-01-01T00:00:00Z");
    let bad = shelf.put("bad", "2026-02-07T00:00:00Z");
    shelf.mark(&bad, "check-20260208T000000000Z-deep-bad-x");
    shelf.put("newest", "2026-02-06T00:00:00Z");
    let verified = shelf.put("verified", "2026-02-05T00:00:00Z");
    shelf.mark(&verified, "check-20260208T000000000Z-deep-good-x");
    let pinned = shelf.put("pinned", "2026-02-04T00:00:00Z");
    shelf.mark(&pinned, "pin");
    let locked = shelf.put("locked", "2026-02-03T00:00:00Z");
    shelf.mark(&locked, "lock-20990101T000000000Z");
    shelf.put("underway", "2026-02-02T00:00:00Z");
    shelf.open("underway");
    shelf.put("old", "2026-02-01T00:00:00Z");
    place.assert_deep(8);
    // `assert_deep` has checked them all: the marks of this test are older than those.
    shelf.mark(&bad, "check-20990101T000000000Z-deep-bad-x");
    let rules = format!("store prune {} --keep-last 1", place.url);
    let planned = place.ok(&format!("{rules} --dry-run -o json")).json();
    let before = Left::of(&weed);
    let carried = place.ok(&format!("{rules} --yes -o json")).json();
    let (plan, done) = (verdicts(&planned), verdicts(&carried));
    let kept = Left {
        open: 1,
        ..Left::whole(8 - removed(&done))
    };
    assert_eq!((before.copies, Left::of(&weed)), (8, kept));
    let same = |(id, action, reasons): &(String, String, Vec<String>)| {
        (
            id.clone(),
            action.replace("deleted", "delete"),
            reasons.clone(),
        )
    };
    assert_eq!(done.iter().map(same).collect::<Vec<_>>(), plan);
    let actions: Vec<_> = done
        .iter()
        .map(|(id, action, reasons)| format!("{id} {action} {}", reasons.join(" ")))
        .collect();
    insta::assert_snapshot!(actions.join("\n"), @"
    future keep future
    bad deleted 
    newest keep last lastGood lastVerified
    verified deleted 
    pinned keep pinned
    locked keep locked
    underway keep underWay
    old deleted
    ");
    assert_eq!(
        verdicts(&place.ok(&format!("{rules} --yes -o json")).json()).len(),
        8 - removed(&done)
    );
}

fn removed(verdicts: &[(String, String, Vec<String>)]) -> usize {
    verdicts
        .iter()
        .filter(|(_, action, _)| action == "deleted")
        .count()
}

/// Broken copies never push a good one out.
#[test]
fn the_last_good_copy_stays() {
    let weed = Weed::with_bucket("last-good");
    let place = Place::at(&weed).with_files();
    let shelf = prepared(&place, &weed);
    for day in 2..9 {
        let name = shelf.put(&format!("bad{day}"), &format!("2026-02-0{day}T00:00:00Z"));
        shelf.mark(&name, "check-20260301T000000000Z-deep-bad-x");
    }
    shelf.put("good", "2026-02-01T00:00:00Z");
    place.ok("store prune URL --keep-last 1 --yes");
    assert!(place.ids().contains(&"good".to_owned()));
    let got = place.ok("store get URL good -o json");
    assert_eq!(got.code, 0);
}

/// Returns the requests that don't list.
fn of_objects(requests: &[Seen]) -> Vec<String> {
    let others = requests.iter().filter(|it| {
        let lists = it.method == Method::GET && it.query.contains("list-type=2");
        !lists
    });
    others
        .map(|it| format!("{} {}?{}", it.method, it.path, it.query))
        .collect()
}

#[test]
fn a_listing_and_a_prune_need_no_request_for_a_copy() {
    let weed = Weed::with_bucket("cheap");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let shelf = prepared(&place, &weed);
    for number in 0..60 {
        let (day, hour) = (1 + number / 4, 5 * (number % 4));
        shelf.put(
            &format!("n{number}"),
            &format!("2026-02-{day:02}T{hour:02}:00:00Z"),
        );
    }
    assert_eq!(Left::of(&weed), Left::whole(60));
    faulty.requests();
    assert_eq!(place.ids().len(), 60);
    let listing = faulty.requests();
    assert_eq!(of_objects(&listing), Vec::<String>::new());
    assert_eq!(listing.len(), 2);

    let report = place
        .ok("store prune URL --keep-last 3 --keep-daily 7 --yes -o json")
        .json();
    let requests = faulty.requests();
    let gone = removed(&verdicts(&report));
    assert_eq!(gone, 60 - 9, "{report}");
    let others = of_objects(&requests);
    let deletes = requests
        .iter()
        .filter(|it| it.method == Method::POST && it.query.contains("delete"));
    assert_eq!(deletes.count(), 2, "{others:?}");
    assert!(
        others.iter().all(|it| !it.contains("/v1/copies/")),
        "{others:?}"
    );
    assert!(requests.len() <= 9, "{others:?}");
    assert_eq!(Left::of(&weed), Left::whole(9));
    place.assert_deep(9);
}
