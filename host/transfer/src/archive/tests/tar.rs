use ::tar::{Builder, EntryType, GnuExtSparseHeader, Header};

use super::*;

const NO_SUMS: &str = "; a tar has no checksums of contents";

fn made(fill: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    fill(&mut builder);
    builder.into_inner().expect("memory")
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header
}

fn add(builder: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = header(content.len() as u64);
    builder
        .append_data(&mut header, name, content)
        .expect("memory");
}

/// Returns an archive with two entries of one block each, which ends with two blocks of zeros.
pub(super) fn plain() -> Vec<u8> {
    let bytes = made(|builder| {
        add(builder, "a", &noise(500, 1));
        add(builder, "b", &noise(512, 2));
    });
    assert_eq!(bytes.len(), 6 * 512);
    bytes
}

/// Returns an archive whose content length is only in an extended header, as for more than 8 GiB.
pub(super) fn extended() -> Vec<u8> {
    made(|builder| {
        let path = b"a\n9 size=0\n".as_slice();
        builder
            .append_pax_extensions([("mtime", &b"1.5"[..]), ("size", b"1500"), ("path", path)])
            .expect("memory");
        let mut header = Header::new_ustar();
        header.set_path("a").expect("a short name");
        header.set_cksum();
        builder
            .append(&header, noise(1500, 3).as_slice())
            .expect("memory");
        add(builder, "b", b"content");
    })
}

/// Returns a sparse file whose map continues in two more blocks, before a content of 1024 bytes.
pub(super) fn sparse() -> Vec<u8> {
    let mut maps = [GnuExtSparseHeader::new(), GnuExtSparseHeader::new()];
    maps[0].set_is_extended(true);
    let content = noise(1024, 4);
    let data = [&maps[0].as_bytes()[..], maps[1].as_bytes(), &content].concat();
    made(|builder| {
        let mut header = header(1024);
        header.set_entry_type(EntryType::GNUSparse);
        header.set_path("sparse").expect("a short name");
        let gnu = header.as_gnu_mut().expect("the form of GNU");
        gnu.set_is_extended(true);
        gnu.set_real_size(1 << 30);
        header.set_cksum();
        builder.append(&header, data.as_slice()).expect("memory");
        add(builder, "b", b"content");
    })
}

fn assert_whole(bytes: &[u8], entries: &str) {
    assert_passes(bytes, &format!("tar, {entries}, all headers hold{NO_SUMS}"));
}

/// Asserts that every cut is noticed, except in the second of the two final blocks of zeros. One block is
/// enough to recognize the end, so such a cut removes only padding.
#[track_caller]
fn assert_cuts_are_noticed(bytes: &[u8]) {
    let length = bytes.len();
    assert_eq!(unnoticed_cuts(bytes), (length - 512..length).collect());
}

#[test]
fn whole_archives_pass() {
    assert_whole(&plain(), "2 entries");
    assert_whole(&extended(), "2 entries");
    assert_whole(&sparse(), "2 entries");
    assert_whole(&made(|it| add(it, "a", b"")), "1 entry");
    // GNU tar fills the archive up to a tape record.
    assert_whole(&[plain(), vec![0; 8192]].concat(), "2 entries");
    assert_whole(&[plain(), vec![0; 100]].concat(), "2 entries");
}

#[test]
fn every_cut_is_noticed() {
    assert_cuts_are_noticed(&plain());
    assert_cuts_are_noticed(&extended());
    assert_cuts_are_noticed(&sparse());
    assert_fails(&plain()[..1000], "its tar archive is cut in entry 1");
    assert_fails(
        &plain()[..1024],
        "its tar archive has no end after 1 entry: it may have been cut",
    );
    assert_fails(&plain()[..2100], "its tar archive is cut after 2 entries");
}

/// Contents have no checksum in this format, so a change in a content can't be noticed.
#[test]
fn every_changed_byte_outside_of_contents_is_noticed() {
    let contents = (512..1024).chain(1536..2048).collect();
    assert_eq!(unnoticed_changes(&plain()), contents);
    let mut changed = plain();
    changed[1024] ^= 1;
    assert_fails(&changed, "the header of tar entry 2 is damaged");
}

#[test]
fn long_names_belong_to_the_entry_that_follows() {
    let long = "folder/".repeat(40);
    let bytes = made(|builder| {
        add(builder, &format!("{long}a"), b"content");
        let mut link = header(0);
        link.set_entry_type(EntryType::Symlink);
        builder
            .append_link(&mut link, format!("{long}b"), format!("{long}a"))
            .expect("memory");
    });
    assert_eq!(bytes[156], b'L');
    assert_whole(&bytes, "2 entries");
    assert_cuts_are_noticed(&bytes);
}

#[test]
fn entries_without_content_may_have_a_size() {
    let bytes = made(|builder| {
        for kind in [
            EntryType::Link,
            EntryType::Symlink,
            EntryType::Char,
            EntryType::Block,
            EntryType::Directory,
            EntryType::Fifo,
        ] {
            let mut header = header(4096);
            header.set_entry_type(kind);
            header.set_path("x").expect("a short name");
            header.set_cksum();
            builder.append(&header, io::empty()).expect("memory");
        }
    });
    assert_whole(&bytes, "6 entries");
}

#[test]
fn a_size_in_an_extended_header_is_for_one_entry_only() {
    let bytes = made(|builder| {
        builder
            .append_pax_extensions([("size", &b"600"[..])])
            .expect("memory");
        // The long name of the entry follows this header.
        let mut first = header(0);
        let long = "folder/".repeat(40);
        builder
            .append_data(&mut first, long + "a", noise(600, 5).as_slice())
            .expect("memory");
        add(builder, "b", b"");
    });
    assert_whole(&bytes, "2 entries");
}

#[test]
fn an_extended_header_that_contradicts_itself_is_damaged() {
    let whole = extended();
    let at = 512;
    assert_eq!(whole[at..at + 2], *b"13");
    for record in [b"12", b"99", b"x3", b"  ", b"+3", b"03", b"00"] {
        let mut changed = whole.clone();
        changed[at..at + 2].copy_from_slice(record);
        assert_fails(&changed, "the extended header of tar entry 1 is damaged");
    }
}

/// An archive without entries looks like any other zeros.
#[test]
fn an_empty_archive_is_not_known() {
    let bytes = made(|_| {});
    assert_eq!(bytes, [0; 1024]);
    assert_skipped(&bytes, "it is not an archive of a known kind");
}

/// A disk that lost blocks returns zeros, which look like the end.
#[test]
fn zeros_in_the_middle_are_not_the_end() {
    let mut bytes = made(|builder| {
        for name in ["a", "b", "c", "d"] {
            add(builder, name, &noise(512, 6));
        }
    });
    bytes[1024..3072].fill(0);
    assert_fails(
        &bytes,
        "its tar archive ends after 1 entry, and more than padding follows",
    );
    // `tar -x` would ignore the second archive as well.
    assert_fails(
        &[plain(), plain()].concat(),
        "its tar archive ends after 2 entries, and more than padding follows",
    );
}

#[test]
fn sizes_beyond_the_end_are_a_cut() {
    for kind in [
        EntryType::Regular,
        EntryType::GNULongName,
        EntryType::XGlobalHeader,
    ] {
        for size in [1025, 1 << 33, 1 << 62, u64::MAX - 511, u64::MAX] {
            let mut header = header(size);
            header.set_entry_type(kind);
            header.set_path("x").expect("a short name");
            header.set_cksum();
            let bytes = made(|it| it.append(&header, io::empty()).expect("memory"));
            assert_fails(&bytes, "its tar archive is cut in entry 1");
        }
    }
}

#[test]
fn a_huge_extended_header_is_not_read_into_memory() {
    let value = vec![b'x'; 1 << 20];
    let bytes = made(|builder| {
        builder
            .append_pax_extensions([("comment", value.as_slice())])
            .expect("memory");
        add(builder, "a", b"content");
    });
    assert_skipped(
        &bytes,
        "the extended header of tar entry 1 has 1048593 bytes; it was not inspected",
    );
}

#[test]
fn an_endless_sparse_map_ends_with_the_file() {
    let mut map = GnuExtSparseHeader::new();
    map.set_is_extended(true);
    let mut bytes = sparse()[..512].to_vec();
    bytes.extend(map.as_bytes().repeat(1000));
    assert_fails(&bytes, "its tar archive is cut in entry 1");
}
