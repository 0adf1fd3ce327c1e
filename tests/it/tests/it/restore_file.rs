//! `backup restore --file`: the file is verified before its first byte is sent.

use std::fs;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Bed, Run};

const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// Returns a folder with a file and its digest.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("my.backup"), "hello\n").expect("written");
    let sum = format!("{DIGEST}  my.backup\n");
    fs::write(folder.path().join("my.backup.sha256"), sum).expect("written");
    folder
}

pub(super) fn restore(bed: &Bed, folder: &TempDir, arguments: &str) -> Run {
    bed.hostile()
        .in_folder(folder.path())
        .run(&format!("backup restore --file my.backup {arguments}"))
}

/// Returns the bodies that reached the backend.
pub(super) fn sent(bed: &Bed) -> Vec<Vec<u8>> {
    let requests = bed.backend_requests().all();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts.map(|request| request.body.to_vec()).collect()
}

#[test]
fn the_bytes_of_the_file_reach_the_backend() {
    let (bed, folder) = (Bed::start(), folder());
    assert_snapshot!(restore(&bed, &folder, "--yes --engine hostile").outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    my.backup   Succeeded   6B   -
    engine acme/hostile says: sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    note: my.backup testbed https://127.0.0.1:PORT messaging broker-0 acme/hostile
    note: broker-0
    exit 0
    ");
    assert_eq!(sent(&bed), [b"hello\n".to_vec()]);
}

#[test]
fn one_wrong_byte_and_nothing_is_sent() {
    let (bed, folder) = (Bed::start(), folder());
    fs::write(folder.path().join("my.backup"), "hellp\n").expect("written");
    assert_snapshot!(restore(&bed, &folder, "--yes --engine hostile").outcome(), @"
    Integrity: my.backup my.backup.sha256 bf8c83416f31143ee2fa5db7ebbbb54589626c4c2046a91d28545bc403e3cda6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    hint: `--force` `kubectl broker backup list --engine hostile`
    exit 13
    ");
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn a_file_without_a_record_is_said_to_have_none() {
    let (bed, folder) = (Bed::start(), folder());
    fs::remove_file(folder.path().join("my.backup.sha256")).expect("removed");
    assert_snapshot!(restore(&bed, &folder, "--dry-run --engine hostile").message(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    my.backup   Succeeded   6B   -
    engine acme/hostile says: sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    warning: There is no record to compare my.backup with: it may be another backup
    exit 0
    ");
    assert_eq!(sent(&bed), Vec::<Vec<u8>>::new());
}

#[test]
fn an_engine_that_takes_no_files_is_refused() {
    let (bed, folder) = (Bed::start(), folder());
    assert_snapshot!(restore(&bed, &folder, "--yes --engine hivemq").outcome(), @"
    Usage: hivemq
    hint: acme/hostile
    exit 2
    ");
    let run = bed
        .program()
        .in_folder(folder.path())
        .run("backup restore --file my.backup --yes");
    assert_snapshot!(run.outcome(), @"
    Usage:
    hint: `--id ID` `--latest`
    exit 2
    ");
}
