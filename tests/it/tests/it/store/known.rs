//! Facts that one command learns about a copy, and that other commands must know.

use std::path::PathBuf;

use http::Method;

use super::Place;
use super::encryption::Key;
use super::left::{Left, SMALL, bytes, files, only};
use crate::support::{Cloud as _, Faulty, Then, Weed, When};

/// Returns a folder with two backups of one target. The newer one has a wrong byte.
fn with_damage() -> Place<'static> {
    let place = Place::in_folder().with_files();
    place.backup_file("old.backup", &bytes(20_000));
    let older = place.copying("old.backup", "old").replace("2026", "2025");
    place.ok(&older.replace("hivemq", "sidecar"));
    place.ok(&place.copying(SMALL, "new").replace("hivemq", "sidecar"));
    damage(&data_of(&place, 10_000));
    place
}

/// Returns the file with the bytes of a copy, by its length.
fn data_of(place: &Place<'_>, length: u64) -> PathBuf {
    let found = files(&place.folder().join("store"));
    let is_it = |path: &PathBuf| {
        let is_data = path.to_string_lossy().contains("/data/");
        is_data && path.metadata().expect("a file").len() == length
    };
    found.into_iter().find(is_it).expect("the bytes")
}

fn damage(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

fn states(place: &Place<'_>) -> Vec<(String, String)> {
    let list = place.ok("store ls URL -o json").json();
    let items = list["items"].as_array().expect("copies");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    items
        .iter()
        .map(|it| (text(&it["id"]), text(&it["state"])))
        .collect()
}

fn assert_new_is_broken(place: &Place<'_>) {
    let [new, _] = &*states(place) else {
        panic!("two copies")
    };
    assert_eq!(*new, ("new".to_owned(), "broken".to_owned()));
    place.ok("store prune URL --keep-last 1 --yes");
    assert_eq!(place.ids(), ["old"]);
}

#[test]
fn damage_that_a_download_finds_is_known_to_prune() {
    let place = with_damage();
    let run = place.run("store get URL new");
    assert_eq!(run.code, 13, "{}", run.shown());
    assert!(!run.stderr.contains("backend"), "{}", run.shown());
    assert!(run.stderr.contains("--deep"), "{}", run.shown());
    assert_new_is_broken(&place);
}

#[test]
fn damage_that_a_copy_to_another_store_finds_is_known_to_prune() {
    let place = with_damage();
    let other = place.folder().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let run = place.run(&format!("store copy URL file://{} new", other.display()));
    assert_eq!(run.code, 13, "{}", run.shown());
    assert_new_is_broken(&place);
}

#[test]
fn a_manifest_that_can_not_be_read_makes_a_copy_broken() {
    let place = with_damage();
    let found = files(&place.folder().join("store"));
    let manifest = found
        .iter()
        .find(|path| path.to_string_lossy().contains("-new.json"));
    std::fs::write(manifest.expect("a manifest"), "{}").expect("written");
    assert_eq!(place.run("store get URL new").code, 13);
    assert_new_is_broken(&place);
}

#[test]
fn damage_that_a_restore_finds_is_known_to_prune() {
    let place = Place::in_folder().with_files();
    let of = |command: String| command.replace("hivemq", "acme/hostile");
    place.backup_file("old.backup", &bytes(20_000));
    let older = place.copying("old.backup", "old").replace("2026", "2025");
    for command in [of(older), of(place.copying(SMALL, "new"))] {
        assert_eq!(place.hostile().run(&command).code, 0);
    }
    damage(&data_of(&place, 10_000));
    let restore = format!("backup restore --from {} new --yes", place.url);
    let run = place.hostile().run(&restore);
    assert_eq!(run.code, 13, "{}", run.shown());
    assert_new_is_broken(&place);
}

#[test]
fn a_good_copy_is_not_blamed_for_bytes_that_changed_on_their_way() {
    let weed = Weed::with_bucket("blamed");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    place.ok(&place.copying(SMALL, "a"));
    let data = When::method(Method::GET).path("/v1/data/");
    faulty.rule(data.nth(1), Then::Damage(5_000));
    let run = place.run("store get URL a");
    assert_eq!(run.code, 13, "{}", run.shown());
    assert_eq!(states(&place), [("a".to_owned(), "verified".to_owned())]);
    place.ok("store get URL a");
}

/// The next commands don't know of the damage, so the user must.
#[test]
fn a_mark_that_can_not_be_written_is_said() {
    let weed = Weed::with_bucket("unmarked");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    place.ok(&place.copying(SMALL, "new"));
    weed.damage(&only(&weed, "data"), 5_000);
    let mark = When::method(Method::PUT).path("/v1/marks/");
    faulty.rule(mark, Then::Forbidden);
    for command in ["store get URL new", "store verify URL new --deep"] {
        let run = place.program().data_although_failed();
        let run = run.run(&command.replace("URL", &place.url));
        assert_eq!(run.code, 13, "{}", run.shown());
        assert!(run.stderr.contains("`prune`"), "{}", run.shown());
    }
}

#[test]
fn a_truncated_encrypted_copy_is_damaged_and_leaves_no_plain_bytes() {
    let place = Place::in_folder().with_files();
    let key = Key::new(&place, "key");
    place.ok(&format!(
        "store add vault URL --recipient {} --identity key --no-test",
        key.recipient
    ));
    place.ok(&place.copying_to("vault", "big.backup", "big"));
    let found = files(&place.folder().join("store"));
    let data = found
        .iter()
        .find(|path| path.extension().is_some_and(|it| it == "age"));
    let data = data.expect("the bytes");
    let whole = std::fs::read(data).expect("a file");
    damage(data);
    let broken = std::fs::read(data).expect("a file");
    for bytes in [&broken[..], &whole[..1_000_000]] {
        std::fs::write(data, bytes).expect("written");
        let run = place.run("store get vault big");
        assert_eq!(run.code, 13, "{}", run.shown());
        assert_eq!(
            run.stderr.matches("is damaged").count(),
            1,
            "{}",
            run.shown()
        );
        assert_eq!(place.desk.parts(), Vec::<String>::new());
        place.desk.assert_no_file();
    }
}

#[test]
fn an_engine_that_takes_no_files_is_refused_before_a_byte_is_downloaded() {
    let place = with_damage();
    for flag in ["", "--dry-run"] {
        let run = place.run(&format!("backup restore --from URL c/messaging/broker/kubectl-broker/sidecar/new --yes {flag} -o json"));
        assert_eq!(run.code, 2, "{}", run.shown());
        let hint = run.error()["hint"].as_str().expect("a hint").to_owned();
        assert!(hint.contains("store get"), "{hint}");
    }
}

/// Nothing knows of the damage, and the user does.
#[test]
fn each_command_that_makes_a_copy_replaces_one_by_force() {
    let place = Place::in_folder().with_files();
    let other = place.folder().join("other");
    std::fs::create_dir(&other).expect("a folder");
    place.ok(&place.copying(SMALL, "a"));
    let between = format!("store copy file://{} URL -o json", other.display());
    place.ok(&format!("store copy URL file://{}", other.display()));
    for command in [place.copying(SMALL, "a"), between] {
        damage(&data_of(&place, 10_000));
        for (flag, was_there) in [("", true), (" --force", false)] {
            let copied = place.ok(&format!("{command}{flag}")).json();
            assert_eq!(copied["items"][0]["wasThere"], was_there, "{copied}");
        }
        place.assert_deep(1);
    }
}

/// The folder of a share that is not mounted is an empty one.
#[test]
fn no_command_takes_a_folder_that_is_not_mounted_for_an_empty_store() {
    let place = Place::in_folder().with_files();
    let address = place.url.clone();
    place.ok("store add nas URL");
    place.ok(&place.copying_to("nas", SMALL, "a"));
    let share = place.folder().join("store/v1");
    let mounted = place.folder().join("elsewhere");
    std::fs::rename(&share, &mounted).expect("renamed");
    let by_address = format!("store ls {address}");
    for command in [
        "store ls nas",
        "store ls",
        by_address.as_str(),
        "store verify nas --deep",
        "store prune nas --keep-last 1 --yes",
        "store repair nas --yes",
        "store get nas a",
        "store rm nas a --yes",
        "store pin nas a",
        "store test nas",
        "store copy nas URL",
        "store copy URL nas",
        "backup copy small.backup --to nas --engine hivemq --id b",
        "backup create --engine strategy --statefulset broker --to nas",
    ] {
        let run = place.program().data_although_failed();
        let run = run.run(&command.replace("URL", &address));
        assert_eq!(run.code, 10, "{command}: {}", run.shown());
        assert!(
            run.shown().contains("mounted"),
            "{command}: {}",
            run.shown()
        );
        assert_eq!(files(&place.folder().join("store")), Vec::<PathBuf>::new());
    }
    std::fs::rename(&mounted, &share).expect("renamed");
    assert_eq!(place.ok("store ls nas -o json").ids(), ["a"]);
}

/// Each attempt would leave another backup on the disk of the backend.
#[test]
fn no_backup_begins_if_the_store_can_not_be_written() {
    let weed = Weed::with_bucket("unwritable");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty);
    faulty.rule(When::method(Method::PUT), Then::Forbidden);
    let run = place.run("backup create --to URL");
    assert_eq!(run.code, 12, "{}", run.shown());
    let requests = place.desk.bed.backend_requests().all();
    assert!(
        requests.iter().all(|it| it.method != "POST"),
        "{requests:?}"
    );
    faulty.heal();
    place.ok("backup create --to URL");
    assert_eq!(Left::of(&weed), Left::whole(1));
}

/// A quick check does not claim more than it knows.
#[test]
fn a_quick_check_remembers_what_a_deeper_one_found() {
    let place = with_damage();
    let quick = place.ok("store verify URL");
    assert!(
        quick.shown().contains("passed the quick check"),
        "{}",
        quick.shown()
    );
    for depth in ["--deep", ""] {
        let run = place.program().data_although_failed();
        let run = run.run(&format!("store verify {} {depth}", place.url));
        assert_eq!(run.code, 13, "{}", run.shown());
        assert!(
            run.stderr.contains("1 of 2 copies failed"),
            "{}",
            run.shown()
        );
    }
    place.ok("store verify URL old");
}

/// A service that moved an object is no alarm for ever.
#[test]
fn a_rewritten_object_is_doubtful_until_its_bytes_were_read() {
    let weed = Weed::with_bucket("rewritten");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying("big.backup", "a"));
    let data = only(&weed, "data");
    // In one piece it has another entity tag than in parts.
    weed.put(&data, &weed.get(&data));
    let verify = |flag: &str| {
        let run = place.program().data_although_failed();
        run.run(&format!("store verify {} {flag}", place.url)).code
    };
    assert_eq!(verify(""), 13);
    assert_eq!(states(&place), [("a".to_owned(), "doubtful".to_owned())]);
    place.assert_deep(1);
    place.ok("store verify URL");
    assert_eq!(states(&place), [("a".to_owned(), "verified".to_owned())]);
    weed.damage(&data, 5_000);
    assert_eq!(verify(""), 13);
    assert_eq!(states(&place), [("a".to_owned(), "doubtful".to_owned())]);
    assert_eq!(verify("--deep"), 13);
    assert_eq!(states(&place), [("a".to_owned(), "broken".to_owned())]);
}

/// One service copies the bytes itself.
#[test]
fn a_copy_that_the_service_could_not_make_leaves_no_bytes() {
    let weed = Weed::with_bucket("source");
    let target = Weed::with_bucket("target");
    let place = Place::at(&weed).with_files();
    place.ok(&place.copying(SMALL, "a"));
    let data = only(&weed, "data");
    weed.put(&data, b"short");
    let run = place.run(&format!("store copy URL {}", target.url()));
    assert_ne!(run.code, 0, "{}", run.shown());
    assert_eq!(Left::of(&target), Left::NOTHING);
}
