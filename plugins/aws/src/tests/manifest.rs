use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;

#[test]
fn the_checksum_is_that_of_jq() {
    let host = with_snapshot(host(), 0)
        .stored(SOURCE, "a b/ü.pdf", "1")
        .modified(SOURCE, "a b/ü.pdf", "2025-11-08T10:15:00.000Z")
        .stored(SOURCE, "quo\"te\\", "22")
        .stored(SOURCE, "del\u{7f}/\u{2028}😀", "3");
    let options = whole(&[("tag", "b=ü,a=1".into()), ("retention", "7d".into())]);
    create(&host, &options).unwrap();
    until_ended(&host, ID).unwrap();
    let bytes = host
        .bytes_of(BACKUPS, &format!("{FOLDER}/manifest.json"))
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    // jq -cSj 'del(.checksum)' manifest.json | sha256sum, with jq 1.6. Python's json and hashlib say the same.
    let expected = "64d08627c3d0435d2be345297afa6466140ee7581686162170d5e2feb64fc027";
    let last: Vec<_> = text.lines().rev().take(2).collect();
    assert_eq!(
        last,
        ["}", &format!("  \"checksum\": \"sha256:{expected}\"")]
    );
}

#[test]
fn a_manifest_from_one_mebibyte_on_is_compressed_and_read_back() {
    let host = (0..4_100).fold(host(), |host, at| {
        host.stored(SOURCE, &format!("{at:0>150}"), format!("{at}"))
    });
    backed_up(&host, &documents_only(&[]));
    let name = format!("{FOLDER}/manifest.json.gz");
    let bytes = host.bytes_of(BACKUPS, &name).unwrap();
    let mut text = String::new();
    GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    assert!(text.len() > 1 << 20);
    let value: Value = serde_json::from_str(&text).unwrap();
    let files = value["document_library"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 4_100);
    assert!(
        files
            .windows(2)
            .all(|pair| pair[0]["key"].as_str() < pair[1]["key"].as_str())
    );
    let shown = status(&host, ID).unwrap();
    assert_eq!(detail(&shown.fields, "objects"), Some("4100"));
    let checks = check(&host, &[]).unwrap();
    assert_eq!(
        outcomes(&checks),
        [
            ("manifest", Outcome::Passed),
            ("documents", Outcome::Passed)
        ]
    );

    // A changed text, or a part of it, is no manifest.
    for damaged in [
        &bytes[..bytes.len() - 9],
        &bytes[..bytes.len() / 2],
        b"no gzip",
    ] {
        let host = host.clone().stored(BACKUPS, &name, damaged);
        let checks = check(&host, &[]);
        let is_told = match checks {
            Ok(checks) => checks[0].outcome == Outcome::Failed,
            Err(error) => error.kind == ErrorKind::Integrity,
        };
        assert!(is_told);
    }
}

#[test]
fn nothing_is_written_or_held_in_pieces_that_grow_with_the_backup() {
    let longest = |number: usize| {
        let host = (0..number).fold(host(), |host, at| {
            host.stored(SOURCE, &format!("{at:0>700}"), format!("{at}"))
        });
        backed_up(&host, &documents_only(&[]));
        host.longest_write()
    };
    let (few, many) = (longest(2_000), longest(6_000));
    assert!(many <= 1 << 20, "{many}");
    assert!(many < few + few / 4, "{few} {many}");
}

#[test]
fn a_place_that_is_taken_is_told_and_a_lost_response_is_no_fault() {
    use crate::{copying, id::Id, journal::Header, manifest, record::Record};

    let host = with_documents(3);
    create(&host, &documents_only(&[])).unwrap();
    let write = |host: &Host| {
        host.run(|| {
            let id = Id::parse(ID)?;
            let record = Record::read(&id)?.expect("a record");
            let documents = record.documents.as_ref().expect("documents");
            let at = copying::go_on(&id, documents, Header::newest(&id)?)?;
            manifest::write(&id, &record, None, &at)
        })
    };
    write(&host).unwrap();
    let name = format!("{FOLDER}/manifest.json");
    let written = host.bytes_of(BACKUPS, &name);
    // The response to the first attempt was lost: the manifest is there already, and the same.
    write(&host).unwrap();
    assert_eq!(host.bytes_of(BACKUPS, &name), written);
    let text = String::from_utf8(written.unwrap()).unwrap();
    let other = text.replace("\"checksum\": \"sha256:", "\"checksum\": \"sha256:0");
    let host = host.stored(BACKUPS, &name, &other);
    let error = write(&host).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains("another manifest"),
        "{}",
        error.message
    );
    assert_eq!(host.bytes_of(BACKUPS, &name).unwrap(), other.as_bytes());
}

#[test]
fn a_manifest_is_printed_and_a_changed_copy_of_it_is_refused() {
    let host = with_documents(3);
    let act = |host: &Host, settings: &[(&str, OptionValue)]| match host
        .act::<Aws>("manifest", settings)
    {
        Ok(Report::Text(text)) => Ok(text),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind),
    };
    let print = |host: &Host| act(host, &[("name", ID.into())]);
    assert_eq!(print(&host), Err(ErrorKind::NotFound));
    create(&host, &documents_only(&[])).unwrap();
    assert_eq!(print(&host), Err(ErrorKind::Conflict));
    until_ended(&host, ID).unwrap();
    let printed = print(&host).unwrap();
    let read: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(read, stored_manifest(&host));
    let place = act(&host, &[("name", ID.into()), ("location", true.into())]);
    assert_eq!(place.unwrap(), format!("s3://{ID}/manifest.json"));

    let checked = |text: &str| act(&host, &[("name", ID.into()), ("file", text.into())]);
    assert_eq!(checked(&printed).as_ref(), Ok(&printed));
    let changed = printed.replacen("\"size_bytes\": ", "\"size_bytes\": 1", 1);
    assert_ne!(changed, printed);
    assert_eq!(checked(&changed), Err(ErrorKind::Integrity));
    assert_eq!(checked("{}"), Err(ErrorKind::Integrity));
    assert_eq!(checked("<html>"), Err(ErrorKind::InvalidArgument));
    assert_eq!(host.warnings(), Vec::<String>::new());
}
