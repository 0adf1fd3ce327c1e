use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use super::*;

const WHOLE: &str = "gzip, CRC and length hold";

pub(super) fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn a_whole_stream_passes() {
    assert_passes(&packed(b""), WHOLE);
    assert_passes(&packed(&text(5000)), WHOLE);
    assert_passes(&packed(&noise(300_000, 1)), WHOLE);
}

#[test]
fn every_cut_is_noticed() {
    assert_eq!(unnoticed_cuts(&packed(&text(30))), [].into());
    assert_eq!(unnoticed_cuts(&packed(&tar::plain())), [].into());
    assert_fails(
        &packed(&text(30))[..60],
        "its gzip stream is damaged: it ends too early",
    );
}

/// Changes are noticed everywhere except in the header, which has no checksum. It holds a time, a compression
/// hint, the system, and a flag for text content.
#[test]
fn every_changed_byte_of_the_content_is_noticed() {
    assert_eq!(unnoticed_changes(&packed(&text(30))), (3..10).collect());
    let changed = |at: usize| {
        let mut bytes = packed(&text(30));
        bytes[at] ^= 1;
        bytes
    };
    let crc = packed(&text(30)).len() - 8;
    assert_fails(
        &changed(crc),
        "its gzip stream is damaged: corrupt gzip stream does not have a matching checksum",
    );
}

#[test]
fn names_and_comments_in_the_header_are_skipped() {
    let mut encoder = GzBuilder::new()
        .filename("backup.sql")
        .comment("of Monday")
        .extra(noise(50, 2))
        .write(Vec::new(), Compression::best());
    encoder.write_all(&text(30)).expect("memory");
    let bytes = encoder.finish().expect("memory");
    assert_passes(&bytes, WHOLE);
    assert_eq!(unnoticed_cuts(&bytes), [].into());
}

#[test]
fn a_tar_inside_is_followed() {
    let whole = tar::plain();
    assert_passes(
        &packed(&whole),
        "gzip, CRC and length hold; tar, 2 entries, all headers hold",
    );
    // The checksum of gzip reveals changes that the tar alone does not.
    assert_eq!(unnoticed_changes(&packed(&whole)), (3..10).collect());
    // A program that was killed while it wrote into a pipe leaves a valid gzip of a cut tar.
    assert_fails(
        &packed(&whole[..1024]),
        "its tar archive has no end after 1 entry: it may have been cut",
    );
    assert_fails(
        &packed(&whole[..1500]),
        "its tar archive is cut after 1 entry",
    );
    // An empty tar consists of zeros only, so it is not recognized as a tar.
    assert_passes(&packed(&[0; 1024]), WHOLE);
}

/// A cut between two members leaves a complete gzip file: nothing in the format reveals it.
#[test]
fn several_members_are_one_stream() {
    let first = packed(&text(20));
    let bytes = [first.clone(), packed(b""), packed(&text(10))].concat();
    assert_passes(&bytes, WHOLE);
    let between = [first.len(), first.len() + packed(b"").len()];
    assert_eq!(unnoticed_cuts(&bytes), between.into());
    let content = unnoticed_changes(&bytes);
    let headers = [0, between[0], between[1]];
    assert_eq!(
        content,
        headers
            .iter()
            .flat_map(|start| start + 3..start + 10)
            .collect()
    );
}

#[test]
fn a_tar_may_go_on_in_the_next_member() {
    let whole = tar::plain();
    let bytes = [packed(&whole[..700]), packed(&whole[700..])].concat();
    assert_passes(
        &bytes,
        "gzip, CRC and length hold; tar, 2 entries, all headers hold",
    );
}

/// Like `gzip -t`, the check accepts zeros as padding of a tape; gzip wrote no other bytes.
#[test]
fn behind_the_end_only_padding_may_follow() {
    let whole = packed(&text(30));
    for length in [1, 511, 300_000] {
        assert_passes(&[whole.clone(), vec![0; length]].concat(), WHOLE);
    }
    for garbage in [&b"x"[..], b"\0\0x", b"\0\x1f\x8b", b"<html>"] {
        assert_fails(
            &[whole.as_slice(), garbage].concat(),
            "its gzip stream is damaged: more than padding follows its end",
        );
    }
    // The beginning of another member follows.
    for length in 1..whole.len() {
        let bytes = [&whole[..], &whole[..length]].concat();
        assert_eq!(judge(&bytes).0, Outcome::Failed, "{length}");
    }
}

#[test]
fn a_bomb_is_not_followed_to_its_end() {
    let mut header = ::tar::Header::new_gnu();
    header.set_size(1 << 20);
    header.set_path("zeros").expect("a short name");
    header.set_cksum();
    let in_tar = [&header.as_bytes()[..], &vec![0; (1 << 20) + 1024]].concat();
    for content in [vec![0; 1 << 20], in_tar] {
        let bytes = packed(&content);
        assert!(bytes.len() < 3000);
        for budget in [0, 1, 511, 512, 513, 100_000] {
            let found = compressed::check(Kind::Gzip, bytes.as_slice(), Budget::bytes(budget));
            let Err(Fault::Unknown(message)) = found else {
                panic!("{budget} bytes are enough");
            };
            assert_eq!(
                message,
                "it expands to so much data that it was not read to its end"
            );
        }
        let exact = Budget::bytes(content.len() as u64);
        assert!(compressed::check(Kind::Gzip, bytes.as_slice(), exact).is_ok());
    }
}

/// Without a limit, a name without an end would fill the memory.
#[test]
fn an_endless_name_in_the_header_is_refused() {
    let start = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff".as_slice();
    let bytes = start.chain(io::repeat(b'x'));
    let found = compressed::check(Kind::Gzip, BufReader::new(bytes), Budget::bytes(1));
    assert!(matches!(found, Err(Fault::Damaged(_))));
}
