//! Tests of bzip2, xz, Zstandard and LZ4.

use lz4_flex::frame::{FrameEncoder, FrameInfo};
use lzma_rust2::{XzOptions, XzWriter};

use super::*;

pub(super) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("options");
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd_with(content: &[u8], checksum: bool) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.include_checksum(checksum).expect("allowed");
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd_with(content, true)
}

fn lz4_with(content: &[u8], checksum: bool) -> Vec<u8> {
    let info = FrameInfo::new().content_checksum(checksum);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn lz4(content: &[u8]) -> Vec<u8> {
    lz4_with(content, true)
}

type Packer = fn(&[u8]) -> Vec<u8>;

const ALL: [(Packer, &str); 4] = [
    (bzip2, "bzip2, all CRCs hold"),
    (xz, "xz, its index and checksums hold"),
    (zstd, "Zstandard, checksum of its content holds"),
    (lz4, "LZ4, checksum of its content holds"),
];

#[test]
fn whole_streams_pass() {
    for (pack, message) in ALL {
        for content in [b"".to_vec(), text(5000), noise(700_000, 1)] {
            assert_passes(&pack(&content), message);
        }
    }
    assert_passes(
        &zstd_with(&text(30), false),
        "Zstandard, all blocks are there; it has no checksum of its content",
    );
    assert_passes(
        &lz4_with(&text(30), false),
        "LZ4, all blocks are there; it has no checksum of its content",
    );
}

#[test]
fn cuts_and_changed_content_are_noticed() {
    for (pack, message) in ALL {
        let bytes = pack(&text(300));
        // The shortest cuts leave too little to recognize the format.
        let cuts: Vec<_> = unnoticed_cuts(&bytes).into_iter().collect();
        assert_eq!(cuts, [0; 0], "{message}");
        let mut changed = bytes.clone();
        let middle = bytes.len() / 2;
        changed[middle] ^= 0x10;
        assert_eq!(judge(&changed).0, Outcome::Failed, "{message}");
        let behind = [&bytes[..], b"more"].concat();
        assert_eq!(judge(&behind).0, Outcome::Failed, "{message}");
    }
}

#[test]
fn a_tar_inside_is_followed() {
    for (pack, message) in ALL {
        let whole = tar::plain();
        let message = format!("{message}; tar, 2 entries, all headers hold");
        assert_passes(&pack(&whole), &message);
        assert_fails(
            &pack(&whole[..1024]),
            "its tar archive has no end after 1 entry: it may have been cut",
        );
    }
}

fn ends(bytes: &[u8]) -> Verdict {
    let found = look(&mut file(bytes), bytes.len() as u64);
    found.expect("a readable file").verdict
}

#[test]
fn several_members_are_one_file_whose_end_proves_nothing() {
    for (pack, message) in ALL {
        let two = [pack(b"one"), pack(&text(50))].concat();
        assert_eq!(ends(&two), Verdict::Holds { ends: false }, "{message}");
        assert_eq!(ends(&pack(b"one")), Verdict::Holds { ends: true });
        // A tar has an end of its own.
        let (first, second) = (&tar::plain()[..512], &tar::plain()[512..]);
        let two = [pack(first), pack(second)].concat();
        assert_eq!(ends(&two), Verdict::Holds { ends: true }, "{message}");
    }
    assert_passes(
        &[zstd(b"one"), zstd(b"two")].concat(),
        "Zstandard, 2 frames, all of them whole",
    );
    // The padding of xz is a multiple of four bytes, and another stream may follow it.
    let padded = [&xz(b"one")[..], &[0; 8], &xz(b"two")].concat();
    assert_eq!(judge(&padded).0, Outcome::Passed);
}

/// `pzstd` begins with a skippable frame that contains the length of the next frame.
#[test]
fn frames_that_are_to_be_skipped_are_skipped() {
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let bytes = [&skipped[..], &zstd(&text(30))].concat();
    assert_eq!(judge(&bytes).0, Outcome::Passed);
}

#[test]
fn what_would_take_too_much_memory_is_not_judged() {
    // The frame has a window of 256 MiB and an empty last block.
    let zstd = b"\x28\xb5\x2f\xfd\x00\x90\x01\0\0";
    let message = "it needs more memory than a check may use: it was not inspected";
    assert_skipped(zstd, message);
    // The header of the first block asks for a dictionary of 4 GiB.
    let mut xz = xz(b"content");
    xz[16] = 40;
    let crc = crc32fast::hash(&xz[12..20]);
    xz[20..24].copy_from_slice(&crc.to_le_bytes());
    assert_skipped(&xz, message);
}

#[test]
fn what_expands_without_end_is_not_followed_to_it() {
    for (pack, message) in ALL {
        let bytes = pack(&vec![0; 200_000]);
        let kind = Kind::of(&bytes).expect("a known kind");
        let found = compressed::check(kind, bytes.as_slice(), Budget::bytes(100_000));
        assert!(matches!(found, Err(Fault::Unknown(_))), "{message}");
    }
}
