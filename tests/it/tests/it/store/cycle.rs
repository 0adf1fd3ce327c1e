//! The way of a copy: made, listed, checked, kept, restored, deleted. The same in every kind of store.

use serde_json::json;

use super::Place;
use crate::support::{Azurite, Gcs, ID, S3, Weed};

fn cycle(place: &Place<'_>) {
    let report = place.ok("store add nightly URL -o json").json();
    let checks = report["checks"].as_array().expect("checks");
    assert!(
        checks.iter().all(|check| check["outcome"] == "passed"),
        "{report}"
    );

    let copied = place
        .ok(&format!("backup download --id {ID} --to nightly -o json"))
        .json();
    assert_eq!(copied["kind"], "Copy");
    assert_eq!(copied["wasThere"], json!(false));
    assert_eq!(copied["sha256"], json!(place.desk.sha256()));
    // The same command copies nothing twice.
    let again = place
        .ok(&format!("backup download --id {ID} --to nightly -o json"))
        .json();
    assert_eq!(again["wasThere"], json!(true));
    let created = place.ok("backup create --to nightly -o json").json();
    let reference = created["copy"]["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();

    let list = place.ok("store ls nightly -o json").json();
    let items = list["items"].as_array().expect("copies");
    assert_eq!(items.len(), 2, "{list}");
    assert_eq!(items[0]["reference"], json!(reference));
    assert_eq!(items[0]["source"]["namespace"], json!("messaging"));
    assert_eq!(items[1]["id"], json!(ID));

    for how in ["", " --deep"] {
        let checked = place
            .ok(&format!("store verify nightly{how} -o json"))
            .json();
        assert_eq!(checked["items"][0]["outcome"], "passed", "{checked}");
    }
    let list = place.ok("store ls nightly -o json").json();
    assert_eq!(list["items"][0]["state"], "verified");
    assert_eq!(list["items"][0]["lastCheck"]["depth"], "deep");

    place.ok(&format!("store get nightly {ID}"));
    place
        .desk
        .assert_whole(&format!("backups/{}", crate::support::NAME));

    place.ok(&format!("store pin nightly {ID}"));
    let refused = place.run(&format!("store rm nightly {ID} --yes"));
    assert_eq!(refused.code, 11, "{}", refused.shown());
    let pruned = place
        .ok("store prune nightly --keep-last 1 --yes -o json")
        .json();
    let actions: Vec<_> = pruned["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["action"].clone())
        .collect();
    assert_eq!(actions, ["keep", "keep"], "{pruned}");
    place.ok(&format!("store unpin nightly {ID}"));
    let pruned = place
        .ok("store prune nightly --keep-last 1 --yes -o json")
        .json();
    assert_eq!(pruned["items"][1]["action"], "deleted", "{pruned}");
    place.ok(&format!("store rm nightly {reference} --yes"));
    let left = place.ok("store ls nightly --all -o json").json();
    assert_eq!(left["items"], json!([]));
    assert_eq!(left["findings"], json!([]), "{left}");
}

#[test]
fn in_a_folder() {
    cycle(&Place::in_folder());
}

#[test]
fn in_the_strict_s3() {
    cycle(&Place::at(&Weed::with_bucket("cycle")));
}

#[test]
fn in_the_lax_s3() {
    cycle(&Place::at(&S3::with_bucket("cycle")));
}

#[test]
fn in_azure() {
    cycle(&Place::at(&Azurite::with_container("cycle")));
}

#[test]
fn in_google() {
    cycle(&Place::at(&Gcs::with_bucket("cycle")));
}
