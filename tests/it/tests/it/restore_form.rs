//! Forms with the user's files (`http.send-form`), which interface 0.1 does not have.

use std::fs;

use crate::restore_file::{folder, restore, sent};
use crate::support::Bed;

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
