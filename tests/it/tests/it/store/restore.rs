//! `backup restore --from`: a copy goes back to a backend that accepts files.

use insta::assert_snapshot;

use super::Place;
use super::left::{SMALL, bytes, files};

/// Returns a place with a copy of the engine that takes files.
fn with_copy() -> Place<'static> {
    let place = Place::in_folder().with_files();
    let command = place.copying(SMALL, "a").replace("hivemq", "acme/hostile");
    let run = place.hostile().run(&command);
    assert_eq!(run.code, 0, "{}", run.shown());
    place
}

/// Returns the bodies that reached the backend.
fn sent(place: &Place<'_>) -> Vec<Vec<u8>> {
    let requests = place.desk.bed.backend_requests().all();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts.map(|request| request.body.to_vec()).collect()
}

#[test]
fn the_engine_of_the_copy_sends_its_bytes() {
    let place = with_copy();
    let restore = format!("backup restore --from {} a", place.url);
    let dry = place.hostile().run(&format!("{restore} --dry-run -o json"));
    assert_eq!(dry.json()["dryRun"], true, "{}", dry.shown());
    assert_eq!(sent(&place), Vec::<Vec<u8>>::new());
    let run = place.hostile().run(&format!("{restore} --yes"));
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    small.backup   Succeeded   9.8KiB   -
    engine acme/hostile says: sha256: 0f79d8491dfb5de167cbf15dc7fa72fc53a5df0cd11fac917541ee41c23673eb
    stderr:
    The copy is of c/messaging/broker/acme/hostile, created 2026-01-02T03:04:05Z
    Restoring backup a: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine acme/hostile
    Pod broker-0 was asked
    exit 0
    ");
    assert_eq!(sent(&place), [bytes(10_000)]);
    // The file between the store and the backend is gone.
    let left = files(&place.folder().join("state"));
    let left = left.iter().filter(|it| it.ends_with(SMALL));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_damaged_copy_is_refused_before_a_byte_is_sent() {
    let place = with_copy();
    let store = files(&place.folder().join("store"));
    let data = store
        .iter()
        .find(|it| it.to_string_lossy().contains("/data/"));
    let data = data.expect("the bytes");
    let mut damaged = std::fs::read(data).expect("a file");
    damaged[5000] ^= 1;
    std::fs::write(data, damaged).expect("written");
    let run = place.hostile().run(&format!(
        "backup restore --from {} a --yes -o json",
        place.url
    ));
    assert_eq!(run.code, 13, "{}", run.shown());
    let error = run.error();
    assert_eq!(error["code"], "Integrity");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(hint.contains(&format!("store ls {}`", place.url)), "{hint}");
    assert_eq!(place.desk.bed.backend_requests().all().len(), 0);
}
