use std::io::Cursor;

use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::*;
use crate::archive::zip::check as check_zip;

type Writer = ZipWriter<Cursor<Vec<u8>>>;

const LOCAL: &[u8] = b"PK\x03\x04";
const DIRECTORY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";

fn made(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    fill(&mut writer);
    writer.finish().expect("memory").into_inner()
}

fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(method)
}

fn add(writer: &mut Writer, name: &str, options: SimpleFileOptions, content: &[u8]) {
    writer.start_file(name, options).expect("memory");
    writer.write_all(content).expect("memory");
}

pub(super) fn stored() -> Vec<u8> {
    let options = options(CompressionMethod::Stored);
    made(|writer| {
        add(writer, "a", options, &noise(100, 1));
        add(writer, "d", options, b"");
        add(writer, "g", options, &noise(50, 2));
    })
}

pub(super) fn deflated() -> Vec<u8> {
    let options = options(CompressionMethod::Deflated);
    made(|writer| {
        writer.add_directory("folder", options).expect("memory");
        add(writer, "folder/a", options, &text(20));
        add(writer, "folder/b", options, &noise(50, 3));
    })
}

fn with_comment() -> Vec<u8> {
    let options = options(CompressionMethod::Deflated);
    made(|writer| {
        writer.set_comment("made on Monday").expect("short");
        add(writer, "a", options, &text(20));
    })
}

/// Returns an archive that was written to a stream: lengths and CRCs follow each content.
fn streamed() -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for (name, method) in [
        ("a", CompressionMethod::Deflated),
        ("b", CompressionMethod::Stored),
    ] {
        writer.start_file(name, options(method)).expect("memory");
        writer.write_all(&text(10)).expect("memory");
    }
    let bytes = writer.finish().expect("memory").into_inner();
    assert!(bytes.windows(4).any(|it| it == b"PK\x07\x08"));
    bytes
}

/// Returns an archive whose entries have 64-bit lengths.
fn large() -> Vec<u8> {
    let options = options(CompressionMethod::Deflated).large_file(true);
    made(|writer| {
        add(writer, "a", options, &text(20));
        add(writer, "b", options, &noise(50, 4));
    })
}

/// Returns a small archive that has the end records of a large one.
pub(super) fn with_zip64_end() -> Vec<u8> {
    let bytes = made(|writer| {
        writer.set_raw_zip64_extensible_data_sector(Box::new([]));
        add(
            writer,
            "a",
            options(CompressionMethod::Stored),
            &noise(50, 5),
        );
    });
    find(&bytes, LOCATOR, 0);
    bytes
}

/// Returns the position of the signature of a record; `number` counts from 0.
#[track_caller]
fn find(bytes: &[u8], signature: &[u8], number: usize) -> usize {
    let mut found = bytes.windows(4).enumerate();
    let mut found = found.by_ref().filter(|(_, it)| *it == signature);
    found.nth(number).expect("the record").0
}

/// Replaces bytes at an offset within a record.
#[track_caller]
fn patched(bytes: &[u8], signature: &[u8], number: usize, offset: usize, patch: &[u8]) -> Vec<u8> {
    let at = find(bytes, signature, number) + offset;
    let mut patched = bytes.to_vec();
    patched[at..at + patch.len()].copy_from_slice(patch);
    patched
}

/// Returns what another reader finds in an archive, and the positions of the contents.
fn contents(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, BTreeSet<usize>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let (mut contents, mut places) = (Vec::new(), BTreeSet::new());
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).ok()?;
        let start = usize::try_from(entry.data_start()?).ok()?;
        places.extend(start..start + usize::try_from(entry.compressed_size()).ok()?);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        contents.push(content);
    }
    Some((contents, places))
}

/// Returns one archive of each form, and the number of its entries.
fn forms() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("stored", stored(), "3 entries"),
        ("deflated", deflated(), "3 entries"),
        ("with a comment", with_comment(), "1 entry"),
        ("streamed", streamed(), "2 entries"),
        ("large", large(), "2 entries"),
        ("with the end of zip64", with_zip64_end(), "1 entry"),
    ]
}

#[test]
fn whole_archives_pass() {
    for (_, bytes, entries) in forms() {
        assert_passes(
            &bytes,
            &format!("zip, {entries}, all lengths and CRCs hold"),
        );
    }
    assert_passes(&made(|_| {}), "zip, no entries");
    // Both end records may contain the same numbers.
    let bytes = with_zip64_end();
    let size = find(&bytes, END_64, 0) + 40;
    let bytes = patched(&bytes, END, 0, 12, &bytes[size..size + 4]);
    assert_passes(&bytes, "zip, 1 entry, all lengths and CRCs hold");
    assert_passes(
        &made(|it| {
            it.set_comment("x".repeat(65_535))
                .expect("as long as may be");
        }),
        "zip, no entries",
    );
}

#[test]
fn every_cut_is_noticed() {
    for (form, bytes, _) in forms() {
        assert_eq!(unnoticed_cuts(&bytes), [].into(), "{form}");
    }
    assert_eq!(unnoticed_cuts(&made(|_| {})), [].into());
    assert_fails(
        &stored()[..200],
        "the zip has no end: it was cut, or something was added to it",
    );
}

/// Dates, names, attributes and comments have no checksum. The fields that an unpacker relies on have one.
#[test]
fn every_changed_byte_of_a_content_is_noticed() {
    for (form, bytes, _) in forms() {
        let (whole, places) = contents(&bytes).expect("a whole archive");
        let unnoticed = unnoticed_changes(&bytes);
        assert_eq!(&unnoticed & &places, [].into(), "{form}");
        for at in unnoticed {
            for mask in [0xff, 0x01] {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                if judge(&changed).0 == Outcome::Passed
                    && let Some((found, _)) = contents(&changed)
                {
                    assert_eq!(found, whole, "{form}, byte {at}");
                }
            }
        }
    }
    let at = find(&stored(), LOCAL, 0) + 40;
    let mut changed = stored();
    changed[at] ^= 1;
    assert_fails(
        &changed,
        "entry 1 of the zip is damaged: its length or its CRC does not hold",
    );
}

#[test]
fn more_entries_than_16_bits_count_are_all_looked_at() {
    let options = options(CompressionMethod::Stored);
    let bytes = made(|writer| {
        for number in 0..70_000 {
            writer
                .start_file(format!("{number}"), options)
                .expect("memory");
        }
    });
    assert_passes(&bytes, "zip, 70000 entries, all lengths and CRCs hold");
    let last = patched(&bytes, DIRECTORY, 69_999, 16, &[1]);
    assert_fails(
        &last,
        "entry 70000 of the zip is damaged: its length or its CRC does not hold",
    );
}

#[test]
fn entries_that_cannot_be_looked_into_are_counted() {
    let message = "zip, 3 entries, 1 of them encrypted or compressed in a way that is not supported; \
                   the others hold";
    let encrypted = patched(&stored(), DIRECTORY, 0, 8, &[1]);
    assert_passes(&encrypted, message);
    // Method 93 is Zstandard.
    let unknown = patched(&stored(), DIRECTORY, 2, 10, &[93]);
    assert_passes(&unknown, message);
    assert_eq!(unnoticed_cuts(&unknown), [].into());
}

#[test]
fn an_archive_that_cannot_be_looked_into_at_all_is_not_judged() {
    let mut bytes = stored();
    for number in 0..3 {
        bytes = patched(&bytes, DIRECTORY, number, 8, &[1]);
    }
    assert_skipped(
        &bytes,
        "zip, 3 entries, encrypted or compressed in a way that is not supported",
    );
    for length in 0..bytes.len() {
        assert_ne!(judge(&bytes[..length]).0, Outcome::Passed);
    }
}

#[test]
fn bytes_behind_the_end_are_damage() {
    for (form, bytes, _) in forms() {
        for garbage in [&b"\0"[..], b"\n", b"<html></html>"] {
            let (outcome, message) = judge(&[&bytes, garbage].concat());
            assert_eq!(outcome, Outcome::Failed, "{form}");
            assert_eq!(
                message,
                "the zip has no end: it was cut, or something was added to it"
            );
        }
    }
}

/// A self-extracting archive is a program, and its end alone can't prove that it is complete. Neither can
/// that of a zip that follows another zip.
#[test]
fn what_stands_before_the_start_is_not_overlooked() {
    let program = [b"MZ\x90\0".to_vec(), noise(500, 6), stored()].concat();
    assert_skipped(&program, "it is not an archive of a known kind");
    assert_fails(
        &[deflated(), stored()].concat(),
        "the directory of the zip is not where its end says",
    );
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let options = options(CompressionMethod::Deflated);
    let bytes = made(|writer| {
        add(writer, "a", options, &vec![0; 1 << 20]);
        for number in 0..20 {
            writer
                .shallow_copy_file("a", &format!("{number}"))
                .expect("memory");
        }
    });
    assert_fails(&bytes, "entries of the zip overlap");
}

#[test]
fn a_number_of_entries_that_is_not_true_is_noticed() {
    for (number, message) in [
        (
            2,
            "the end of the zip says 2 entries, and its directory has more",
        ),
        (4, "the directory of the zip has 3 of 4 entries"),
        (
            0,
            "the end of the zip says no entries, and its directory has more",
        ),
        (0xff, "the directory of the zip has 3 of 255 entries"),
    ] {
        // Both counts change: the one of this file, and the one of all parts of a split archive.
        let patch = [number, 0, number, 0];
        assert_fails(&patched(&stored(), END, 0, 8, &patch), message);
    }
    assert_fails(
        &patched(&with_zip64_end(), END_64, 0, 24, &[0xff; 16]),
        "the directory of the zip has 1 of 18446744073709551615 entries",
    );
}

#[test]
fn a_part_of_a_split_archive_is_not_whole() {
    let message = "the zip is a part of one in several files";
    for offset in [8, 10] {
        assert_fails(&patched(&stored(), END, 0, offset, &[9]), message);
    }
    for offset in [24, 32] {
        let bytes = patched(&with_zip64_end(), END_64, 0, offset, &[9]);
        assert_fails(&bytes, message);
    }
}

#[test]
fn a_directory_elsewhere_is_refused() {
    let elsewhere = "the directory of the zip is not where its end says";
    for offset in [12, 16] {
        for number in [[0; 4], [1, 0, 0, 0], [0xff; 4], [0, 0, 0, 0x80]] {
            assert_fails(&patched(&stored(), END, 0, offset, &number), elsewhere);
        }
    }
    for offset in [40, 48] {
        for number in [[0; 8], [0xff; 8]] {
            let bytes = patched(&with_zip64_end(), END_64, 0, offset, &number);
            assert_fails(&bytes, elsewhere);
        }
    }
    assert_fails(
        &patched(&with_zip64_end(), LOCATOR, 0, 8, &[0xff; 8]),
        "the zip points outside of itself",
    );
    assert_fails(
        &patched(&with_zip64_end(), LOCATOR, 0, 8, &[0xff, 0xff, 0, 0]),
        "the zip points outside of itself",
    );
    assert_fails(
        &patched(&with_zip64_end(), LOCATOR, 0, 8, &[0; 8]),
        "the end of the zip is damaged",
    );
}

#[test]
fn an_entry_elsewhere_is_refused() {
    let elsewhere = "entry 1 of the zip is not where its directory says";
    // The patches change the offset of the local header, the length of the content, and a length in the
    // header.
    assert_fails(&patched(&stored(), DIRECTORY, 0, 42, &[1]), elsewhere);
    assert_fails(&patched(&stored(), DIRECTORY, 0, 20, &[0xff; 4]), elsewhere);
    assert_fails(&patched(&stored(), LOCAL, 0, 26, &[0xff; 4]), elsewhere);
    assert_fails(
        &patched(&stored(), DIRECTORY, 0, 42, &[0xff; 4]),
        "the zip points outside of itself",
    );
}

#[test]
fn lengths_and_names_beyond_the_end_are_survived() {
    for offset in [28, 30, 32] {
        let bytes = patched(&stored(), DIRECTORY, 2, offset, &[0xff; 2]);
        assert_eq!(judge(&bytes).0, Outcome::Failed);
    }
}

fn judge_within(bytes: &[u8], budget: u64) -> Result<String, Fault> {
    check_zip(&mut file(bytes), bytes.len() as u64, Budget::bytes(budget))
}

#[test]
fn a_bomb_is_not_followed_to_its_end() {
    let options = options(CompressionMethod::Deflated);
    let bytes = made(|writer| {
        add(writer, "a", options, &vec![0; 1 << 20]);
        add(writer, "b", options, &vec![0; 1 << 20]);
    });
    for budget in [0, 1000, 1 << 20, (2 << 20) - 1] {
        let Err(Fault::Unknown(message)) = judge_within(&bytes, budget) else {
            panic!("{budget} bytes are enough");
        };
        assert_eq!(
            message,
            "it expands to so much data that it was not read to its end"
        );
    }
    assert!(judge_within(&bytes, 2 << 20).is_ok());
}

#[test]
fn an_entry_longer_than_it_says_is_followed_no_further() {
    let options = options(CompressionMethod::Deflated);
    let bytes = made(|writer| add(writer, "a", options, &vec![0; 1 << 20]));
    let lies = patched(&bytes, DIRECTORY, 0, 24, &[9, 0, 0, 0]);
    assert!(matches!(judge_within(&lies, 10), Err(Fault::Damaged(_))));
    // The stream has the right length, and other bytes are hidden after its end.
    let stored = options.compression_method(CompressionMethod::Stored);
    let hidden = made(|writer| {
        let deflated = [3, 0, b'x'];
        add(writer, "a", stored, &deflated);
    });
    let hidden = patched(&hidden, DIRECTORY, 0, 10, &[8]);
    let hidden = patched(&hidden, DIRECTORY, 0, 16, &[0; 4]);
    let hidden = patched(&hidden, DIRECTORY, 0, 24, &[0; 4]);
    assert_fails(
        &hidden,
        "entry 1 of the zip is damaged: its length or its CRC does not hold",
    );
}
