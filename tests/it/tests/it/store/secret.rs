//! Age identities from a Secret.

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testbed::Testbed;

use super::Place;
use super::left::{SMALL, bytes};
use crate::support::{Bed, Desk, Run};

/// The Secret with an identity, and with what is none.
fn secret(identity: &Identity) -> Value {
    let text = format!("# for restores\n{}\n", identity.to_string().expose_secret());
    let data = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "backup-age", "namespace": "messaging"},
        "type": "Opaque",
        "data": {
            "identity": data(text.as_bytes()),
            "binary": data(&[0xff, 0xfe]),
            "canary": data(b"AGE-SECRET-KEY-CANARY"),
            "large": data(&vec![b'#'; (1 << 20) + 1]),
        },
    })
}

/// Returns a place with an encrypted copy, whose identity is in a Secret.
fn with_copy(faults: &[&str], identity: &str) -> Place<'static> {
    let key = Identity::generate();
    let secrets = vec![secret(&key)];
    let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
        builder.fault(fault.parse().expect("a fault of the testbed"))
    });
    let place = Place::in_folder_of(Desk {
        bed: Bed::of(builder.with(move |world| world.put(secrets))),
        folder: tempfile::tempdir().expect("a folder"),
    });
    let place = place.with_files();
    place.ok(&format!(
        "store add vault URL --recipient {} {identity} --no-test",
        key.to_public()
    ));
    place.ok(&place.copying_to("vault", SMALL, "a"));
    place
}

/// Checks that nothing of a Secret is shown.
fn assert_silent(run: &Run) {
    assert!(!run.stderr.contains("CANARY"), "{}", run.shown());
    assert!(!run.stderr.contains("SECRET-KEY"), "{}", run.shown());
}

#[test]
fn a_copy_is_decrypted_by_the_identity_of_a_secret() {
    let place = with_copy(&[], "--identity secret/backup-age");
    for (folder, identity) in [
        ("one", ""),
        ("two", "--identity secret/backup-age:identity"),
    ] {
        place.ok(&format!(
            "store get vault a {identity} --output-dir {folder}"
        ));
        let got = place.folder().join(folder).join(SMALL);
        assert_eq!(std::fs::read(got).expect("a file"), bytes(10_000));
    }
    let checked = place.ok("store verify vault --deep -o json").json();
    assert_eq!(checked["items"][0]["depth"], "deep");
    let restore = "backup restore --from vault a --yes --engine hostile";
    let run = place.hostile().run(restore);
    assert_eq!(run.code, 0, "{}", run.shown());
    let requests = place.desk.bed.backend_requests().all();
    let posts: Vec<_> = requests.iter().filter(|it| it.method == "POST").collect();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].body.to_vec(), bytes(10_000));
}

#[test]
fn each_bad_secret_has_its_own_error_and_nothing_of_it_is_shown() {
    let place = with_copy(&[], "");
    for (identity, code, hint) in [
        ("secret/backup-agf", 10, "`--identity secret/backup-age`"),
        (
            "secret/backup-age:other",
            10,
            "`--identity secret/backup-age:KEY`",
        ),
        (
            "secret/backup-age:binary",
            2,
            "`--identity secret/backup-age:KEY`",
        ),
        ("secret/backup-age:canary", 2, "create secret generic"),
        ("secret/backup-age:large", 2, "create secret generic"),
    ] {
        for command in [
            "store get vault a",
            "backup restore --from vault a --yes --engine hostile",
        ] {
            let run = place
                .hostile()
                .run(&format!("{command} --identity {identity} -o json"));
            assert_eq!(run.code, code, "{identity}: {}", run.shown());
            let error = run.error();
            let found = error["hint"].as_str().unwrap_or_default();
            assert!(found.contains(hint), "{identity}: {error}");
            assert_silent(&run);
        }
    }
    for identity in ["secret/", "secret/:identity", "secret/backup-age:"] {
        let run = place.run(&format!("store get vault a --identity {identity}"));
        assert_eq!(run.code, 2, "{}", run.shown());
    }
    place.desk.assert_no_file();
}

#[test]
fn a_secret_that_may_not_be_read_names_the_permission() {
    let place = with_copy(
        &["deny=get:secrets:messaging"],
        "--identity secret/backup-age",
    );
    let run = place.run("store get vault a -o json");
    assert_eq!(run.code, 12, "{}", run.shown());
    let hint = run.error()["hint"].as_str().expect("a hint").to_owned();
    assert!(
        hint.contains("--verb=get --resource=secrets --resource-name=backup-age"),
        "{hint}"
    );
    // A file needs no cluster.
    let other = place.run("store get vault a --identity missing.key --context nowhere");
    assert_eq!(other.code, 2, "{}", other.shown());
}
