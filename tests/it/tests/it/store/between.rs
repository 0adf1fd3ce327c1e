//! `store copy`: from store to store.

use http::Method;

use super::Place;
use super::encryption::Key;
use super::left::{BIG, BIG_LENGTH, Left, SMALL, bytes, files, only};
use crate::support::{Cloud, Faulty, Weed};

fn was_there(place: &Place<'_>, command: &str) -> Vec<bool> {
    let copied = place.ok(&format!("{command} -o json")).json();
    let items = copied["items"].as_array().expect("copies");
    let there = |it: &serde_json::Value| it["wasThere"].as_bool().expect("yes or no");
    items.iter().map(there).collect()
}

/// Within one service no byte comes here.
#[test]
fn one_service_copies_the_bytes_itself() {
    let weed = Weed::with_bucket("beside");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    place.ok(&place.copying(SMALL, "small"));
    place.ok(&place.copying(BIG, "big"));
    let other = place.url.replace("/copies", "/other");
    faulty.requests();
    let command = format!("store copy {} {other}", place.url);
    assert_eq!(was_there(&place, &command), [false, false]);
    let requests = faulty.requests();
    let gets = requests.iter().filter(|it| it.method == Method::GET);
    let data: Vec<_> = gets.filter(|it| it.path.contains("/v1/data/")).collect();
    assert!(data.is_empty(), "{data:?}");
    assert_eq!(Left::of(&weed), Left::whole(4));
    let list = place
        .ok(&format!("store verify {other} --deep -o json"))
        .json();
    let items = list["items"].as_array().expect("copies");
    assert!(
        items.len() == 2 && items.iter().all(|it| it["outcome"] == "passed"),
        "{list}"
    );
    assert_eq!(was_there(&place, &command), [true, true]);
    assert_eq!(Left::of(&weed), Left::whole(4));
}

#[test]
fn copies_go_to_a_folder_and_come_back_encrypted() {
    let weed = Weed::with_bucket("apart");
    let place = Place::at(&weed).with_files();
    let key = Key::new(&place, "key");
    place.ok(&place.copying(BIG, "a"));
    for folder in ["one", "two"] {
        std::fs::create_dir(place.folder().join(folder)).expect("a folder");
    }
    let [one, two] = ["one", "two"].map(|it| place.folder().join(it));
    let [to_one, to_two] = [&one, &two].map(|it| format!("file://{}", it.display()));
    assert_eq!(
        was_there(&place, &format!("store copy URL {to_one}")),
        [false]
    );
    assert_eq!(Left::in_folder(&one), Left::whole(1));

    // From the folder to a store that encrypts.
    let vault = place.url.replace("/copies", "/vault");
    place.ok(&format!(
        "store add vault {vault} --recipient {} --identity key --no-test",
        key.recipient
    ));
    let command = format!("store copy {to_one} vault");
    assert_eq!(was_there(&place, &command), [false]);
    assert_eq!(was_there(&place, &command), [true]);
    assert_eq!(Left::of(&weed), Left::whole(2));
    let stored = weed.list("vault/v1/data/");
    let stored = weed.get(&stored[0].0);
    assert!(stored.starts_with(b"age-encryption.org/v1\n"));

    // An encrypted copy keeps its bytes, and needs no identity.
    place.ok("store remove vault");
    assert_eq!(
        was_there(&place, &format!("store copy {vault} {to_two}")),
        [false]
    );
    let inside = files(&two);
    let data = inside
        .iter()
        .find(|it| it.to_string_lossy().contains("/data/"));
    assert_eq!(std::fs::read(data.expect("a file")).expect("bytes"), stored);
    place.ok(&format!(
        "store get {to_two} a --identity key --output-dir back"
    ));
    let back = std::fs::read(place.folder().join("back").join(BIG)).expect("a file");
    assert_eq!(back, bytes(BIG_LENGTH));
}

/// A damaged copy does not spread.
#[test]
fn a_damaged_copy_is_not_copied() {
    let weed = Weed::with_bucket("spread");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying(BIG, "a"));
    weed.damage(&only(&weed, "data"), BIG_LENGTH - 20);
    let folder = place.folder().join("folder");
    std::fs::create_dir(&folder).expect("a folder");
    let beside = place.url.replace("/copies", "/other");
    for to in [format!("file://{}", folder.display()), beside] {
        let run = place.run(&format!("store copy {} {to}", place.url));
        assert_ne!(run.code, 0, "{to}: {}", run.shown());
    }
    assert_eq!(Left::in_folder(&folder), Left::NOTHING);
    assert_eq!(Left::of(&weed), Left::whole(1));
}
