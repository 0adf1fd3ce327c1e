//! `backup restore --file`: the file is verified before its first byte is sent.

use std::fs;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Bed, Run};

const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// Returns a folder with a file and its digest.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("my.backup"), "hello\n").expect("written");
    let sum = format!("{DIGEST}  my.backup\n");
    fs::write(folder.path().join("my.backup.sha256"), sum).expect("written");
    folder
}

fn restore(bed: &Bed, folder: &TempDir, arguments: &str) -> Run {
    bed.hostile()
        .in_folder(folder.path())
        .run(&format!("backup restore --file my.backup {arguments}"))
}

/// Returns the bodies that reached the backend.
fn sent(bed: &Bed) -> Vec<Vec<u8>> {
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

/// Returns the heads and the contents of the parts of a form.
fn parts<'a>(boundary: &str, form: &'a [u8]) -> Vec<(&'a str, &'a [u8])> {
    fn split<'a>(bytes: &'a [u8], at: &str) -> (&'a [u8], &'a [u8]) {
        let mut windows = bytes.windows(at.len());
        let found = windows.position(|window| window == at.as_bytes());
        let found = found.expect("an end");
        (&bytes[..found], &bytes[found + at.len()..])
    }
    let opening = format!("--{boundary}");
    let mut rest = form.strip_prefix(opening.as_bytes()).expect("a part");
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let part = rest.strip_prefix(b"\r\n").expect("the end of a line");
        let (head, after) = split(part, "\r\n\r\n");
        let (content, after) = split(after, &format!("\r\n{opening}"));
        parts.push((std::str::from_utf8(head).expect("text"), content));
        rest = after;
    }
    parts
}

#[test]
fn a_form_reaches_the_backend_with_its_texts_and_files() {
    let (bed, folder) = (Bed::start(), folder());
    let content = "hello\r\n--\n".repeat(40_000);
    fs::write(folder.path().join("my.backup"), &content).expect("written");
    fs::remove_file(folder.path().join("my.backup.sha256")).expect("removed");
    let run = restore(&bed, &folder, "--yes --engine hostile --misbehave form");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let requests = bed.backend_requests().all();
    let posts: Vec<_> = requests.iter().filter(|it| it.method == "POST").collect();
    let [post] = posts[..] else {
        panic!("{} requests", posts.len());
    };
    let header = |name: &str| post.headers[name].to_str().expect("text");
    assert_eq!(header("content-length"), post.body.len().to_string());
    let boundary = header("content-type").strip_prefix("multipart/form-data; boundary=");
    let boundary = boundary.expect("a boundary");
    assert!((32..=70).contains(&boundary.len()), "{boundary}");
    assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let parts = parts(boundary, &post.body);
    let heads: Vec<_> = parts.iter().map(|(head, _)| *head).collect();
    assert_eq!(
        heads,
        [
            "Content-Disposition: form-data; name=\"mode\"",
            "Content-Disposition: form-data; name=\"upload\"; filename=\"my.backup\"\r\n\
             Content-Type: application/octet-stream",
            "Content-Disposition: form-data; name=\"a%22; filename=%22b%0D%0AX-Evil: 1\"",
            "Content-Disposition: form-data; name=\"again\"; filename=\"my.backup\"\r\n\
             Content-Type: application/octet-stream",
        ]
    );
    assert_eq!(parts[0].1, b"full\r\n--");
    assert_eq!(parts[2].1, "größe".as_bytes());
    for file in [1, 3] {
        assert!(parts[file].1 == content.as_bytes(), "part {file}");
    }
}

#[test]
fn a_form_that_the_host_does_not_send() {
    let (bed, folder) = (Bed::start(), folder());
    for (how, reason) in [
        ("form-with-type", "content-type"),
        ("form-with-body", "no body of its own"),
        ("form-with-control", "control character"),
        ("form-of-none", "0 parts"),
        ("form-of-long-text", "1048583 bytes"),
    ] {
        let run = restore(
            &bed,
            &folder,
            &format!("--yes --engine hostile --misbehave {how}"),
        );
        assert_eq!(run.code, 2, "{how}: {}", run.stderr);
        assert!(run.stderr.contains(reason), "{how}: {}", run.stderr);
    }
    assert_eq!(sent(&bed), Vec::<Vec<u8>>::new());
    let flood = restore(
        &bed,
        &folder,
        "--yes --engine hostile --misbehave form-flood",
    );
    assert_eq!(flood.code, 14, "{}", flood.stderr);
}
