use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::config::{Compression, Format};

/// Returns a folder with every kind of file.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::create_dir_all(root.join("data/deep")).expect("folders");
    fs::write(root.join("data/a.txt"), "a").expect("a file");
    fs::write(root.join("data/.hidden"), "h").expect("a file");
    fs::write(root.join("data/deep/b.bin"), vec![7; 100_000]).expect("a file");
    fs::write(root.join("data/empty"), "").expect("a file");
    symlink("a.txt", root.join("data/link")).expect("a link");
    let script = root.join("data/run.sh");
    fs::write(&script, "#!/bin/sh").expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
    folder
}

fn archive(base: &Path, patterns: &[&str]) -> FileArchive {
    FileArchive {
        patterns: patterns
            .iter()
            .map(|p| base.join(p).display().to_string())
            .collect(),
        base_dir: base.to_owned(),
        format: Format::Tar,
        compression: Compression::Store,
        follow_symlinks: false,
    }
}

fn written(archive: &FileArchive) -> (Result<Vec<u8>, ArchiveError>, Vec<String>) {
    let mut notes = Vec::new();
    let note = &mut |note| notes.push(note);
    let bytes = Contents::select(archive, &[], note).and_then(|contents| match archive.format {
        Format::Tar => contents.tar(Vec::new()),
        Format::Zip => contents
            .zip(Cursor::new(Vec::new()), note)
            .map(Cursor::into_inner),
    });
    (bytes, notes)
}

/// Returns the name, the type and the content of each entry of a tar.
fn read_tar(bytes: &[u8]) -> BTreeMap<String, (::tar::EntryType, Vec<u8>)> {
    let mut archive = ::tar::Archive::new(bytes);
    let mut found = BTreeMap::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        let kind = entry.header().entry_type();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its bytes");
        if let Some(target) = entry.link_name().expect("a target") {
            content = target.display().to_string().into_bytes();
        }
        assert!(
            found.insert(name.clone(), (kind, content)).is_none(),
            "{name} stands twice"
        );
    }
    found
}

fn names(bytes: &[u8]) -> Vec<String> {
    read_tar(bytes).into_keys().collect()
}

#[test]
fn a_folder_is_packed_with_all_that_is_in_it() {
    let tree = tree();
    let bytes = written(&archive(tree.path(), &["data"]))
        .0
        .expect("an archive");
    let found = read_tar(&bytes);
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "data/",
            "data/.hidden",
            "data/a.txt",
            "data/deep/",
            "data/deep/b.bin",
            "data/empty",
            "data/link",
            "data/run.sh"
        ]
    );
    assert_eq!(
        found["data/link"],
        (::tar::EntryType::Symlink, b"a.txt".to_vec())
    );
    assert_eq!(found["data/deep/b.bin"].1, vec![7; 100_000]);
}

#[test]
fn patterns_match_as_those_of_python_do() {
    let tree = tree();
    let of = |patterns: &[&str]| {
        names(
            &written(&archive(tree.path(), patterns))
                .0
                .expect("an archive"),
        )
    };
    assert_eq!(of(&["data/*.txt"]), ["data/a.txt"]);
    for whole in ["data", "data/", "data/**", "dat?/**/", "**"] {
        let names = of(&[whole]);
        assert_eq!(names.len(), 8, "{whole}: {names:?}");
    }
    assert_eq!(of(&["**/*.bin"]), ["data/deep/b.bin"]);
    assert_eq!(of(&["data/[ae]*"]), ["data/a.txt", "data/empty"]);
    assert_eq!(of(&["data/?.txt", "data/a.txt"]), ["data/a.txt"]);
    assert!(!of(&["data/*"]).contains(&"data/.hidden".to_owned()));
    assert_eq!(of(&["data//./a.txt"]), ["data/a.txt"]);
    assert_eq!(of(&["data/.*"]), ["data/.hidden"]);
}

#[test]
fn a_name_that_is_no_text_is_found_and_packed() {
    use std::os::unix::ffi::OsStrExt as _;
    let tree = tree();
    let name = std::ffi::OsStr::from_bytes(b"data/odd-\xff.sql");
    fs::write(tree.path().join(name), "").expect("a file");
    let bytes = written(&archive(tree.path(), &["data/*.sql"]))
        .0
        .expect("an archive");
    assert_eq!(read_tar(&bytes).len(), 1);
    let mut zip = archive(tree.path(), &["data/*.sql"]);
    zip.format = Format::Zip;
    assert!(matches!(written(&zip).0, Err(ArchiveError::Name { .. })));
}

#[test]
fn a_path_outside_of_the_base_has_its_last_part_as_its_name() {
    let tree = tree();
    let mut outside = archive(tree.path(), &["data/deep", "data/../data/a.txt"]);
    outside.base_dir = tree.path().join("elsewhere");
    let bytes = written(&outside).0.expect("an archive");
    assert_eq!(names(&bytes), ["a.txt", "deep/", "deep/b.bin"]);
}

#[test]
fn two_files_of_one_name_are_refused_and_not_mixed_up() {
    let tree = tree();
    fs::write(tree.path().join("data/deep/a.txt"), "another").expect("a file");
    let mut clash = archive(tree.path(), &["data/a.txt", "data/deep/a.txt"]);
    clash.base_dir = tree.path().join("elsewhere");
    let error = written(&clash).0.expect_err("it is refused");
    assert!(matches!(error, ArchiveError::SameName { .. }), "{error}");
}

#[test]
fn links_are_followed_only_when_that_is_asked_for() {
    let tree = tree();
    let mut follows = archive(tree.path(), &["data/link", "data/broken"]);
    symlink("nothing", tree.path().join("data/broken")).expect("a link");
    follows.follow_symlinks = true;
    let found = read_tar(&written(&follows).0.expect("an archive"));
    assert_eq!(
        found["data/link"],
        (::tar::EntryType::Regular, b"a".to_vec())
    );
    assert_eq!(found["data/broken"].0, ::tar::EntryType::Symlink);
}

#[test]
fn a_link_that_leads_back_is_an_error_and_no_endless_archive() {
    let tree = tree();
    symlink("../..", tree.path().join("data/deep/back")).expect("a link");
    let mut follows = archive(tree.path(), &["data"]);
    assert!(written(&follows).0.is_ok());
    follows.follow_symlinks = true;
    let error = written(&follows).0.expect_err("it is refused");
    assert!(matches!(error, ArchiveError::Loop { .. }), "{error}");
}

#[test]
fn a_zip_has_modes_and_no_links() {
    let tree = tree();
    for compression in [Compression::Store, Compression::Deflate] {
        let mut zip = archive(tree.path(), &["data"]);
        (zip.format, zip.compression) = (Format::Zip, compression);
        let (bytes, notes) = written(&zip);
        let mut read =
            ::zip::ZipArchive::new(Cursor::new(bytes.expect("an archive"))).expect("a zip");
        assert!(read.by_name("data/link").is_err());
        assert_eq!(notes.len(), 1, "{notes:?}");
        let mode = read
            .by_name("data/run.sh")
            .expect("it is there")
            .unix_mode();
        assert_eq!(mode.map(|mode| mode & 0o777), Some(0o755));
        let mut content = Vec::new();
        read.by_name("data/deep/b.bin")
            .expect("it is there")
            .read_to_end(&mut content)
            .expect("its bytes");
        assert_eq!(content, vec![7; 100_000]);
    }
}

#[test]
fn the_file_that_the_archive_is_written_to_is_not_in_it() {
    let tree = tree();
    let own = tree.path().join("data/a.txt");
    let everything = archive(tree.path(), &["**"]);
    let contents = Contents::select(&everything, &[own], &mut drop).expect("there are files");
    let bytes = contents.tar(Vec::new()).expect("an archive");
    let names = names(&bytes);
    assert!(!names.contains(&"data/a.txt".to_owned()) && names.contains(&"data/empty".to_owned()));
}

#[test]
fn no_match_is_an_error_and_one_pattern_without_is_a_note() {
    let tree = tree();
    let error = written(&archive(tree.path(), &["*.sql"]))
        .0
        .expect_err("nothing matches");
    assert_eq!(
        error.to_string(),
        "File archive strategy did not match any files"
    );
    let (bytes, notes) = written(&archive(tree.path(), &["*.sql", "data/a.txt"]));
    assert!(bytes.is_ok());
    assert!(
        notes[0].starts_with("nothing matches ") && notes.len() == 1,
        "{notes:?}"
    );
}

#[test]
fn long_names_and_what_is_no_file_are_dealt_with() {
    let tree = tree();
    let long = format!("data/{}/{}", "x".repeat(150), "y".repeat(200));
    fs::create_dir_all(tree.path().join(&long)).expect("folders");
    let socket = tree.path().join("data/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let (bytes, notes) = written(&archive(tree.path(), &["data"]));
    assert!(names(&bytes.expect("an archive")).contains(&format!("{long}/")));
    assert!(notes[0].contains("socket is left out"), "{notes:?}");
}
