//! `backup verify`: files where they lie.

use std::fs;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Invocation, Run, programs};

/// Of the bytes of [`put`].
const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn verify(folder: &TempDir, arguments: &str) -> Run {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders)
        .in_folder(folder.path())
        .run(&format!("backup verify {arguments}"))
}

/// A file, with its digest beside it if there is to be one.
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
    FILE   SIZE   LENGTH   SHA256   STRUCTURE
    a.backup   6B   skipped   passed   skipped
    exit 0
    ");
    assert_snapshot!(verify(&folder, "a.backup -o json").shown(), @r#"
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
              "message": "it is no archive of a known kind",
              "name": "structure",
              "outcome": "skipped"
            }
          ],
          "compared": true,
          "path": "a.backup",
          "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
          "sizeBytes": 6
        }
      ],
      "kind": "VerificationList"
    }
    exit 0
    "#);
    assert_snapshot!(verify(&folder, "a.backup -o name").shown(), @"
    stdout:
    a.backup
    exit 0
    ");
}

#[test]
fn a_file_without_a_digest_is_said_to_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "a.backup", "hello\n", false);
    assert_snapshot!(verify(&folder, "a.backup").shown(), @"
    stdout:
    FILE   SIZE   LENGTH   SHA256   STRUCTURE
    a.backup   6B   skipped   skipped   skipped
    stderr:
    There is no record to compare with: a.backup could be another backup
    exit 0
    ");
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
    assert_snapshot!(verify(&folder, "bad.backup").shown(), @"
    stderr:
    error: bad.backup is damaged: the SHA-256 is bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 and should be 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as bad.backup.sha256 says
    hint: Download it again, with `--force`; `kubectl broker backup list` shows what there is
    exit 13
    ");
    assert_snapshot!(verify(&folder, "good.backup bad.backup cut.gz").shown(), @"
    stderr:
    good.backup holds: length skipped (6 bytes; no length is known), sha256 passed (5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as in good.backup.sha256), structure skipped (it is no archive of a known kind)
    error: 2 of 3 files are not right: bad.backup is damaged: the SHA-256 is bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 and should be 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as bad.backup.sha256 says; cut.gz is damaged: its gzip stream is damaged: it ends too early
    hint: Download it again, with `--force`; `kubectl broker backup list` shows what there is
    exit 13
    ");
    assert_snapshot!(verify(&folder, "good.backup bad.backup -o json").shown(), @r#"
    stderr:
    {
      "apiVersion": "kubectl-broker/v1",
      "code": "Integrity",
      "exitCode": 13,
      "hint": "Download it again with `kubectl broker backup download --force`",
      "kind": "Error",
      "message": "1 of 2 files are not right: bad.backup is damaged: the SHA-256 is bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 and should be 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as bad.backup.sha256 says"
    }
    exit 13
    "#);
}

#[test]
fn files_that_cannot_be_read_are_another_matter_than_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.backup", "hello\n", true);
    assert_snapshot!(verify(&folder, "missing.backup").shown(), @"
    stderr:
    error: can't read missing.backup: No such file or directory (os error 2)
    hint: Check the path
    exit 10
    ");
    assert_snapshot!(verify(&folder, "good.backup missing.backup").shown(), @"
    stderr:
    good.backup holds: length skipped (6 bytes; no length is known), sha256 passed (5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03, as in good.backup.sha256), structure skipped (it is no archive of a known kind)
    error: 1 of 2 files are not right: can't read missing.backup: No such file or directory (os error 2)
    hint: Check the path
    exit 3
    ");
    assert_snapshot!(verify(&folder, "").shown(), @"
    stderr:
    error: the following required arguments were not provided:
      <FILE>...

    Usage: kubectl broker backup verify <FILE>...

    For more information, try '--help'.
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
        // `Run` looks for control characters.
        assert_eq!(verify(&folder, &format!("{name} -o {format}")).code, 13);
    }
}
