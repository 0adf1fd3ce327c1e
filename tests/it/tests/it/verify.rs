//! `backup verify`: the verification of local files.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Invocation, Run, programs};

/// The digest of the bytes of [`put`].
const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn program(folder: &TempDir) -> Invocation {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders).in_folder(folder.path())
}

fn verify(folder: &TempDir, arguments: &str) -> Run {
    program(folder).run(&format!("backup verify {arguments}"))
}

/// Runs `backup verify`, which shows the results even if a file is not verified.
fn verify_in_part(folder: &TempDir, arguments: &str) -> Run {
    let program = program(folder).data_although_failed();
    program.run(&format!("backup verify {arguments}"))
}

/// Returns the stdout of a system program.
fn output(folder: &TempDir, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder.path())
        .output();
    output.expect("the program runs").stdout
}

/// Writes a file, and optionally its digest.
fn put(folder: &TempDir, name: &str, bytes: &str, with_digest: bool) {
    fs::write(folder.path().join(name), bytes).expect("written");
    if with_digest {
        let sum = format!("{DIGEST}  {name}\n");
        fs::write(folder.path().join(format!("{name}.sha256")), sum).expect("written");
    }
}

#[test]
fn a_file_is_compared_with_the_digest_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "a.backup", "hello\n", true);
    assert_snapshot!(verify(&folder, "a.backup").shown(), @"
    stdout:
    FILE   SIZE   LENGTH   SHA256   STRUCTURE   VERIFIED-BY
    a.backup   6B   skipped   passed   skipped   checksum
    exit 0
    ");
    assert_snapshot!(verify(&folder, "a.backup -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "items": [
        {
          "checks": [
            {
              "message": "6 bytes; no length is known",
              "name": "length",
              "outcome": "skipped"
            },
            {
              "message": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as in a.backup.sha256",
              "name": "sha256",
              "outcome": "passed"
            },
            {
              "message": "it is not an archive of a known kind",
              "name": "structure",
              "outcome": "skipped"
            }
          ],
          "compared": true,
          "path": "a.backup",
          "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
          "sizeBytes": 6,
          "verifiedBy": "checksum"
        }
      ],
      "kind": "VerificationList"
    }
    exit 0
    "#);
    assert_snapshot!(verify(&folder, "a.backup -o name").outcome(), @"
    stdout:
    a.backup
    exit 0
    ");
}

#[test]
fn a_file_of_which_nothing_is_known_is_not_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "a.backup", "hello\n", false);
    assert_snapshot!(verify_in_part(&folder, "a.backup").outcome(), @"
    stdout:
    FILE   SIZE   LENGTH   SHA256   STRUCTURE   VERIFIED-BY
    a.backup   6B   skipped   skipped   skipped   nothing
    note: a.backup NAME.sha256
    exit 3
    ");
    let history = program(&folder).run("backup history -o json").json();
    assert_eq!(history["items"][0]["outcome"], "Partial");
    assert_eq!(
        history["items"][0]["message"],
        "not verified: no digest, no length and no structure to check it by"
    );
    put(&folder, "b.backup", "hello\n", true);
    let run = verify_in_part(&folder, "b.backup a.backup -o json");
    assert_eq!(run.code, 3);
    let document: Value = serde_json::from_str(&run.stdout).expect("a document");
    let proven = |item: usize| document["items"][item]["verifiedBy"].clone();
    assert_eq!(
        (proven(0), proven(1)),
        ("checksum".into(), "nothing".into())
    );
}

#[test]
fn a_structure_that_holds_is_said_to_be_all_that_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "a", "hello\n", false);
    let packed = output(&folder, "gzip", &["--stdout", "a"]);
    fs::write(folder.path().join("a.gz"), packed).expect("written");
    let run = verify(&folder, "a.gz");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.ends_with("structure\n"), "{}", run.stdout);
    assert_eq!(
        run.stderr,
        "Only the structure was checked, because there is no digest to compare with: a.gz could be \
         another backup\n"
    );
    let history = program(&folder).run("backup history -o json").json();
    assert_eq!(history["items"][0]["outcome"], "Succeeded");
    assert_eq!(history["items"][0]["message"], "by its structure only");
}

#[test]
fn digests_of_other_tools_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("d")).expect("made");
    put(&folder, "d/x", "hello\n", false);
    let absolute = folder.path().join("d/x").to_string_lossy().into_owned();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let sha256sum = |arguments: &[&str]| text(output(&folder, "sha256sum", arguments));
    for sums in [
        sha256sum(&["d/x"]),
        sha256sum(&["./d/x"]),
        sha256sum(&[&absolute]),
        sha256sum(&["--binary", "d/x"]),
        sha256sum(&["--tag", "d/x"]),
        sha256sum(&["--zero", "d/x"]),
        sha256sum(&["d/x"]).replace('\n', "\r\n"),
        sha256sum(&["d/x"]).to_uppercase().replace("D/X", "d/x"),
        format!("\u{feff}{DIGEST}  C:\\backups\\x\r\n"),
        format!("SHA2-256(d/x)= {DIGEST}\n"),
        format!("{DIGEST}\n"),
    ] {
        fs::write(folder.path().join("d/x.sha256"), &sums).expect("written");
        let document = verify(&folder, "d/x -o json").json();
        assert_eq!(document["items"][0]["verifiedBy"], "checksum", "{sums:?}");
    }
    // Each program detects a damaged file.
    put(&folder, "d/x", "hellp\n", false);
    assert_eq!(verify(&folder, "d/x").code, 13);
}

#[test]
fn a_digest_that_is_not_understood_is_a_note_and_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "x", "hello\n", false);
    let sha512 = output(&folder, "sha512sum", &["x"]);
    fs::write(folder.path().join("x.sha256"), sha512).expect("written");
    assert_snapshot!(verify_in_part(&folder, "x").outcome(), @"
    stdout:
    FILE   SIZE   LENGTH   SHA256   STRUCTURE   VERIFIED-BY
    x   6B   skipped   skipped   skipped   nothing
    note: x.sha256 SHA-512
    note: x NAME.sha256
    exit 3
    ");
}

#[test]
fn a_file_and_its_digest_may_be_renamed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "old", "hello\n", true);
    for (from, to) in [("old", "new"), ("old.sha256", "new.sha256")] {
        fs::rename(folder.path().join(from), folder.path().join(to)).expect("renamed");
    }
    assert_snapshot!(verify(&folder, "new").outcome(), @"
    stdout:
    FILE   SIZE   LENGTH   SHA256   STRUCTURE   VERIFIED-BY
    new   6B   skipped   passed   skipped   checksum
    note: new.sha256 `old`
    exit 0
    ");
    put(&folder, "new", "hellp\n", false);
    assert_eq!(verify(&folder, "new").code, 13);
}

#[test]
fn every_damaged_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.backup", "hello\n", true);
    put(&folder, "bad.backup", "hellp\n", true);
    put(&folder, "cut.gz", "\u{1f}", false);
    fs::write(
        folder.path().join("cut.gz"),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    )
    .expect("written");
    assert_snapshot!(verify(&folder, "bad.backup").message(), @"
    Integrity: bad.backup is damaged: the SHA-256 is bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 and should be 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as bad.backup.sha256 says
    hint: `--force` `kubectl broker backup list`
    exit 13
    ");
    assert_snapshot!(verify(&folder, "good.backup bad.backup cut.gz").reason(), @"
    note: good.backup 6 sha256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 good.backup.sha256
    Integrity: 2 3: bad.backup is damaged: the SHA-256 is bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 and should be 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as bad.backup.sha256 says; cut.gz is damaged: its gzip stream is damaged: it ends too early
    hint: `--force` `kubectl broker backup list`
    exit 13
    ");
    assert_snapshot!(verify(&folder, "good.backup bad.backup -o json").outcome(), @"
    Integrity: 1 2 bad.backup bad.backup.sha256 bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    hint: `--force` `kubectl broker backup list`
    exit 13
    ");
}

#[test]
fn files_that_cannot_be_read_are_another_matter_than_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.backup", "hello\n", true);
    assert_snapshot!(verify(&folder, "missing.backup").message(), @"
    NotFound: can't read missing.backup: No such file or directory (os error 2)
    hint:
    exit 10
    ");
    assert_snapshot!(verify(&folder, "good.backup missing.backup").outcome(), @"
    note: good.backup 6 sha256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 good.backup.sha256
    Partial: 1 2 missing.backup «No such file or directory»
    hint:
    exit 3
    ");
    assert_snapshot!(verify(&folder, "").outcome(), @"
    Usage:
      <FILE>
    exit 2
    ");
    assert_eq!(verify(&folder, ".").code, 2);
}

#[test]
fn hostile_names_drive_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "a\u{1b}[2J\u{202e}.backup";
    put(&folder, name, "hellp\n", true);
    for format in ["table", "wide", "json", "yaml", "name"] {
        // `Run` checks for control characters.
        assert_eq!(verify(&folder, &format!("{name} -o {format}")).code, 13);
    }
}
