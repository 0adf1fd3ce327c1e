//! Copies that only some can read.

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use http::Method;
use serde_json::{Value, json};

use super::Place;
use super::left::{BIG, Left, SMALL, bytes, only};
use crate::support::{Cloud, Faulty, Run, Weed};

/// A key of a person, in a file as `age-keygen` writes it.
pub struct Key {
    pub recipient: String,
    pub file: String,
}

impl Key {
    pub fn new(place: &Place<'_>, name: &str) -> Self {
        let identity = Identity::generate();
        let recipient = identity.to_public().to_string();
        let secret = identity.to_string();
        let text = format!("# public key: {recipient}\n{}\n", secret.expose_secret());
        place.file(name, text.as_bytes());
        Self {
            recipient,
            file: name.to_owned(),
        }
    }
}

/// Returns the requests for bytes of copies since the last call.
fn asked_for_data(faulty: &Faulty<'_>) -> Vec<String> {
    let requests = faulty.requests();
    let data = requests
        .iter()
        .filter(|it| it.method == Method::GET && it.path.contains("/v1/data/"));
    data.map(|it| it.path.clone()).collect()
}

fn restore(place: &Place<'_>, more: &str) -> Run {
    let arguments = format!(
        "backup restore --from {} a --yes --engine hostile {more}",
        place.url
    );
    place.hostile().run(&arguments)
}

/// Returns the bodies that reached the backend.
fn sent(place: &Place<'_>) -> Vec<Vec<u8>> {
    let requests = place.desk.bed.backend_requests().all();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts.map(|request| request.body.to_vec()).collect()
}

#[test]
fn each_recipient_reads_a_copy_and_nobody_else_fetches_a_byte() {
    let weed = Weed::with_bucket("encrypted");
    let faulty = Faulty::before(&weed);
    let place = Place::at(&faulty).with_files();
    let [a, b, other] = ["a.key", "b.key", "other.key"].map(|name| Key::new(&place, name));
    place.ok(&format!(
        "store add vault URL --recipient {} --recipient {} --no-test",
        a.recipient, b.recipient
    ));
    let copied = place.ok(&place.copying_to("vault", SMALL, "a")).json();
    assert_eq!(copied["items"][0]["encrypted"], json!(true));
    assert_eq!(Left::of(&weed), Left::whole(1));
    let stored = weed.get(&only(&weed, "data"));
    assert!(stored.starts_with(b"age-encryption.org/v1\n"));

    faulty.requests();
    for wrong in [String::new(), format!("--identity {}", other.file)] {
        let get = place.run(&format!("store get vault a {wrong}"));
        assert_eq!(get.code, 12, "{}", get.shown());
        let restored = restore(&place, &wrong);
        assert_eq!(restored.code, 12, "{}", restored.shown());
        assert_eq!(asked_for_data(&faulty), Vec::<String>::new());
        place.desk.assert_no_file();
    }
    assert_eq!(sent(&place), Vec::<Vec<u8>>::new());

    for key in [&a, &b] {
        let folder = format!("by-{}", key.file);
        place.ok(&format!(
            "store get vault a --identity {} --output-dir {folder}",
            key.file
        ));
        let got = place.folder().join(folder).join(SMALL);
        assert_eq!(std::fs::read(got).expect("a file"), bytes(10_000));
    }
    let restored = restore(&place, &format!("--identity {}", b.file));
    assert_eq!(restored.code, 0, "{}", restored.shown());
    assert_eq!(sent(&place), [bytes(10_000)]);

    // Without an identity the stored bytes can be checked, and the record says so.
    for (identity, depth) in [("", "bytes"), ("--identity a.key", "deep")] {
        let run = place
            .program()
            .data_although_failed()
            .run(&format!("store verify vault --deep {identity} -o json"));
        // Bytes that were not decrypted are only half of the check.
        assert_eq!(
            run.code,
            if depth == "deep" { 0 } else { 3 },
            "{}",
            run.shown()
        );
        let checked: Value = serde_json::from_str(&run.stdout).expect("a document");
        assert_eq!(checked["items"][0]["depth"], depth, "{checked}");
        assert_eq!(checked["items"][0]["outcome"], "passed", "{checked}");
    }
}

/// Damages the stored bytes, and checks that each command notices it and does no harm.
fn one_byte(bucket: &str, file: &str, is_encrypted: bool) {
    let weed = Weed::with_bucket(bucket);
    let place = Place::at(&weed).with_files();
    let key = Key::new(&place, "key");
    let recipient = if is_encrypted {
        format!("--recipient {}", key.recipient)
    } else {
        String::new()
    };
    place.ok(&format!(
        "store add vault URL {recipient} --identity key --no-test"
    ));
    place.ok(&place.copying_to("vault", file, "a"));
    let data = only(&weed, "data");
    // In the last bytes: almost all of it has been read before.
    weed.damage(&data, weed.get(&data).len() - 20);

    for (how, check) in [("", "entity-tag"), ("--deep", "sha256")] {
        let run = place
            .program()
            .data_although_failed()
            .run(&format!("store verify vault {how} -o json"));
        assert_eq!(run.code, 13, "{}", run.shown());
        let report: Value = serde_json::from_str(&run.stdout).expect("a document");
        let checks = report["items"][0]["checks"].as_array().expect("checks");
        let failed = checks.iter().find(|it| it["outcome"] == "failed");
        assert_eq!(failed.expect("a failed one")["name"], check, "{report}");
    }
    let list = place.ok("store ls vault -o json").json();
    assert_eq!(list["items"][0]["state"], "broken");
    let get = place.run("store get vault a");
    assert_eq!(get.code, 13, "{}", get.shown());
    place.desk.assert_no_file();
    let restored = restore(&place, "");
    assert_eq!(restored.code, 13, "{}", restored.shown());
    assert_eq!(sent(&place), Vec::<Vec<u8>>::new());
}

#[test]
fn one_wrong_byte_is_noticed() {
    one_byte("damaged", BIG, false);
}

#[test]
fn one_wrong_byte_of_an_encrypted_copy_is_noticed() {
    one_byte("damaged-age", BIG, true);
}
