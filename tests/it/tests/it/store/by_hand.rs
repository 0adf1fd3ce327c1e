//! A copy is read without this program.

use std::process::{Command, Output};

use serde_json::Value;

use super::Place;
use super::encryption::Key;
use super::left::{BIG, BIG_LENGTH, bytes, only};
use crate::support::{Cloud, Weed, aws_cli};

/// Runs stock `aws`.
fn aws(weed: &Weed, place: &Place<'_>, arguments: &[&str]) -> Output {
    let output = Command::new(aws_cli())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", place.folder())
        .env("AWS_ACCESS_KEY_ID", "admin")
        .env("AWS_SECRET_ACCESS_KEY", "secret-of-admin")
        .env("AWS_ENDPOINT_URL_S3", format!("http://{}", weed.address()))
        .env("AWS_REGION", "us-east-1")
        .current_dir(place.folder())
        .arg("s3")
        .args(arguments)
        .output()
        .expect("aws");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Restores a file as `docs/copies.md` says.
fn by_hand(bucket: &str, is_encrypted: bool) {
    let weed = Weed::with_bucket(bucket);
    let place = Place::at(&weed).with_files();
    let key = Key::new(&place, "key");
    let recipient = if is_encrypted {
        format!("--recipient {}", key.recipient)
    } else {
        String::new()
    };
    place.ok(&format!("store add vault URL {recipient} --no-test"));
    place.ok(&place.copying_to("vault", BIG, "a"));
    let store = format!("s3://{bucket}/copies/v1");

    let listed = aws(
        &weed,
        &place,
        &["ls", "--recursive", &format!("{store}/copies/")],
    );
    let listed = String::from_utf8(listed.stdout).expect("text");
    let manifest = listed.split_whitespace().last().expect("a manifest");
    assert_eq!(manifest, only(&weed, "copies"));
    let manifest = aws(
        &weed,
        &place,
        &["cp", &format!("s3://{bucket}/{manifest}"), "-"],
    );
    let manifest: Value = serde_json::from_slice(&manifest.stdout).expect("JSON");
    let file = &manifest["files"][0];
    let object = file["stored"]["object"].as_str().expect("an object");
    aws(
        &weed,
        &place,
        &["cp", "--quiet", &format!("{store}/{object}"), "stored"],
    );
    let stored = file["stored"]["sha256"].as_str().expect("a digest");
    let plain = file["sha256"].as_str().expect("a digest");
    assert_eq!(sha256sum(&place, "stored"), stored);
    if is_encrypted {
        decrypt(&place);
    } else {
        std::fs::copy(place.folder().join("stored"), place.folder().join("plain")).expect("a copy");
    }
    assert_eq!(sha256sum(&place, "plain"), plain);
    let found = std::fs::read(place.folder().join("plain")).expect("a file");
    assert_eq!(found, bytes(BIG_LENGTH));
}

fn sha256sum(place: &Place<'_>, file: &str) -> String {
    let output = Command::new("sha256sum")
        .arg(file)
        .current_dir(place.folder())
        .output()
        .expect("sha256sum");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split(' ').next().expect("a digest").to_owned()
}

/// Decrypts with the program `age`, where the machine has it, else with its library.
fn decrypt(place: &Place<'_>) {
    let age = Command::new("age")
        .args([
            "--decrypt",
            "--identity",
            "key",
            "--output",
            "plain",
            "stored",
        ])
        .current_dir(place.folder())
        .status();
    if let Ok(status) = age {
        assert!(status.success());
        return;
    }
    let text = std::fs::read_to_string(place.folder().join("key")).expect("a key");
    let secret = text.lines().last().expect("a line");
    let identity: age::x25519::Identity = secret.parse().expect("an identity");
    let stored = std::fs::read(place.folder().join("stored")).expect("a file");
    let plain = age::decrypt(&identity, &stored).expect("the plain bytes");
    std::fs::write(place.folder().join("plain"), plain).expect("written");
}

#[test]
fn stock_tools_restore_a_copy() {
    by_hand("by-hand", false);
}

#[test]
fn stock_tools_restore_an_encrypted_copy() {
    by_hand("by-hand-age", true);
}
