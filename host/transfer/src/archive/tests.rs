use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use super::*;
use crate::testing::{Random, noise};

mod gzip;
mod others;
mod tar;
mod zip;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room");
    file
}

fn judge(bytes: &[u8]) -> (Outcome, String) {
    let found = check(&mut file(bytes), bytes.len() as u64).expect("a readable file");
    assert_eq!(found.name, "structure");
    (found.outcome, found.message)
}

#[track_caller]
fn assert_passes(bytes: &[u8], message: &str) {
    assert_eq!(judge(bytes), (Outcome::Passed, message.to_owned()));
}

#[track_caller]
fn assert_fails(bytes: &[u8], message: &str) {
    assert_eq!(judge(bytes), (Outcome::Failed, message.to_owned()));
}

#[track_caller]
fn assert_skipped(bytes: &[u8], message: &str) {
    assert_eq!(judge(bytes), (Outcome::Skipped, message.to_owned()));
}

/// Returns the lengths at which a cut is not noticed.
fn unnoticed_cuts(bytes: &[u8]) -> BTreeSet<usize> {
    (0..bytes.len())
        .filter(|length| judge(&bytes[..*length]).0 == Outcome::Passed)
        .collect()
}

/// Returns the positions at which a changed byte is not noticed.
fn unnoticed_changes(bytes: &[u8]) -> BTreeSet<usize> {
    let mut changed = bytes.to_vec();
    let mut unnoticed = BTreeSet::new();
    for at in 0..bytes.len() {
        // All bits are changed, then the lowest: in the last byte of a deflated stream the others may be
        // padding.
        for mask in [0xff, 0x01] {
            changed[at] = bytes[at] ^ mask;
            if judge(&changed).0 == Outcome::Passed {
                unnoticed.insert(at);
            }
        }
        changed[at] = bytes[at];
    }
    unnoticed
}

/// Returns text that is compressible, but not to almost nothing.
fn text(lines: u64) -> Vec<u8> {
    let mut random = Random(lines);
    let line = |_| format!("retained message {}\n", random.below(1000));
    (0..lines).map(line).collect::<String>().into_bytes()
}

#[test]
fn files_that_are_no_archives_are_not_judged() {
    for bytes in [&b"x"[..], b"PK", b"PK\x07\x08", b"\x1f", &[0; 4096]] {
        assert_skipped(bytes, "it is not an archive of a known kind");
    }
    assert_skipped(&noise(5000, 1), "it is not an archive of a known kind");
}

#[test]
fn kinds_that_are_not_looked_into_are_named() {
    for (magic, name) in OTHERS {
        let bytes = [magic, &noise(100, 2)].concat();
        assert_skipped(&bytes, &format!("{name} archives are not inspected"));
    }
}

/// A file system may leave an empty file if the file was written just before a crash.
#[test]
fn an_empty_file_is_damaged() {
    assert_fails(b"", "it is empty");
}

#[test]
fn bytes_behind_the_given_length_are_not_read() {
    let (mut tar, mut gzip) = (tar::plain(), gzip::packed(b"content"));
    for bytes in [&mut tar, &mut gzip] {
        let length = bytes.len() as u64;
        bytes.extend(noise(1000, 3));
        assert_eq!(judge(bytes).0, Outcome::Failed);
        let found = check(&mut file(bytes), length).expect("a readable file");
        assert_eq!(found.outcome, Outcome::Passed, "{}", found.message);
    }
}

/// Anyone may have made the checked files, so the checker must come to an end whatever it reads.
#[test]
fn bytes_changed_at_random_are_survived() {
    let mut random = Random(4);
    let whole = [
        zip::stored(),
        zip::deflated(),
        zip::with_zip64_end(),
        tar::plain(),
        tar::extended(),
        tar::sparse(),
        gzip::packed(&tar::plain()),
        others::bzip2(&tar::plain()),
        others::xz(&tar::plain()),
        others::zstd(&tar::plain()),
        others::lz4(&tar::plain()),
    ];
    for bytes in &whole {
        assert_eq!(judge(bytes).0, Outcome::Passed);
        for _ in 0..300 {
            let mut changed = bytes.clone();
            for _ in 0..=random.below(8) {
                let at = random.below(changed.len());
                changed[at] = [0, 0xff, 0x7f, random.next().to_le_bytes()[0]][random.below(4)];
            }
            judge(&changed);
        }
    }
}

#[test]
fn what_may_be_expanded_grows_with_the_file() {
    let budget = |length| {
        let mut budget = Budget::of(length);
        let mut expanded = counted::Counted::new(io::repeat(0).take(2 << 30), &mut budget);
        io::copy(&mut expanded, &mut io::sink())
    };
    assert!(is_over_budget(&budget(1).expect_err("2 GiB")));
    assert_eq!(budget(20 << 20).ok(), Some(2 << 30));
    assert!(is_over_budget(&budget(10 << 20).expect_err("2 GiB")));
}
