//! Tests of [`super::save()`]. The module `crashes` covers full disks, changed partial downloads and killed
//! processes. The module `endings` covers ends that prove nothing, and ends that repeat.

mod crashes;
mod endings;
mod places;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use host_base::fail_point::VARIABLE;
use host_base::{Failure, Problem as _};
use tempfile::TempDir;

use super::*;
use crate::fail_point::{Step, fail_no_more, fail_once};
use crate::testing::{Backend, Framing, Observer, Random, Turn, destination, lock, noise};
use crate::{Expectation, Wanted, verify};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn save_to(folder: &Path, backend: &Backend) -> Result<Saved, TransferError> {
    let observer = Observer::default();
    save(backend.download(&observer), &destination(folder, false)).await
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn assert_whole(folder: &Path, backend: &Backend) {
    let path = folder.join("backup.zip");
    assert!(
        fs::read(&path).expect("the file") == *lock(&backend.content),
        "the bytes differ"
    );
    assert_eq!(
        names(folder),
        ["backup.zip", "backup.zip.sha256"].map(Into::into).into()
    );
    let sums = fs::read_to_string(folder.join("backup.zip.sha256")).expect("the digest");
    assert_eq!(sums, format!("{}  backup.zip\n", backend.sha256()));
}

fn assert_nothing(folder: &Path) {
    assert_eq!(names(folder), BTreeSet::new());
}

#[tokio::test]
async fn a_whole_file_lies_beside_its_digest() {
    let folder = folder();
    let backend = Backend::new(noise(300_000, 1));
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    assert_whole(folder.path(), &backend);
    assert_eq!((saved.length, saved.resumed), (300_000, 0));
    assert_eq!(
        (saved.sha256, saved.proof),
        (backend.sha256(), Proof::Length)
    );
    #[cfg(unix)]
    for name in ["backup.zip", "backup.zip.sha256"] {
        use std::os::unix::fs::PermissionsExt as _;
        let found = fs::metadata(folder.path().join(name)).expect("there");
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_made() {
    let folder = folder();
    let backend = Backend::new(noise(10, 1));
    let inner = folder.path().join("a/b");
    save_to(&inner, &backend).await.expect("saved");
    assert_whole(&inner, &backend);
}

#[tokio::test]
async fn the_result_says_what_is_proven() {
    for (framing, proof) in [
        (Framing::Length, Proof::Length),
        (Framing::Chunked, Proof::End),
    ] {
        let folder = folder();
        let mut backend = Backend::new(noise(5000, 2));
        backend.framing = framing;
        let saved = save_to(folder.path(), &backend).await.expect("saved");
        assert_eq!(saved.proof, proof);
        let sum = backend.sha256().to_string();
        backend.headers.push(("x-checksum-sha256", sum));
        fs::remove_file(saved.path).expect("removed");
        let saved = save_to(folder.path(), &backend).await.expect("saved");
        assert_eq!(saved.proof, Proof::Checksum);
    }
}

#[tokio::test]
async fn an_existing_file_is_refused_before_anything_is_written() {
    let folder = folder();
    fs::write(folder.path().join("backup.zip"), "old").expect("written");
    let backend = Backend::new(noise(10, 1));
    let error = save_to(folder.path(), &backend).await.expect_err("refused");
    assert!(matches!(error, TransferError::Exists { .. }));
    assert_eq!(error.failure(), Failure::Conflict);
    assert_eq!(names(folder.path()), ["backup.zip".to_owned()].into());
    assert_eq!(lock(&backend.requests).len(), 0);
}

#[tokio::test]
async fn wrong_bytes_leave_nothing_behind() {
    for (headers, expectation) in [
        (
            vec![("x-checksum-sha256", "0".repeat(64))],
            Expectation::default(),
        ),
        (
            vec![],
            Expectation {
                sha256: Some("f".repeat(64)),
                ..Expectation::default()
            },
        ),
    ] {
        let folder = folder();
        let mut backend = Backend::new(noise(100_000, 3));
        backend.headers = headers;
        let observer = Observer::default();
        let mut download = backend.download(&observer);
        download.expectation = expectation;
        let error = save(download, &destination(folder.path(), false))
            .await
            .expect_err("wrong");
        assert!(
            matches!(error, TransferError::WrongChecksum { .. }),
            "{error}"
        );
        assert_eq!(error.failure(), Failure::Integrity);
        assert_nothing(folder.path());
    }
}

#[tokio::test]
async fn more_bytes_than_announced_are_refused() {
    let folder = folder();
    let mut backend = Backend::new(noise(5000, 3));
    backend.framing = Framing::Chunked;
    backend.headers.push(("x-size", "4999".into()));
    let error = save_to(folder.path(), &backend)
        .await
        .expect_err("too long");
    assert!(
        matches!(error, TransferError::WrongLength { .. }),
        "{error}"
    );
    assert_nothing(folder.path());
}

#[tokio::test]
async fn force_keeps_the_old_file_until_the_new_one_is_whole() {
    let folder = folder();
    let old = Backend::new(noise(1000, 4));
    save_to(folder.path(), &old).await.expect("saved");
    let new = Backend::new(noise(200_000, 5));
    for turn in [Turn::Cut(150_000), Turn::End(150_000)] {
        let cuts = std::iter::once(turn).chain((0..9).map(|_| Turn::Status(503)));
        *lock(&new.script) = cuts.collect();
        let observer = Observer::default();
        let error = save(new.download(&observer), &destination(folder.path(), true)).await;
        assert!(
            matches!(error, Err(TransferError::Interrupted { kept: 150_000, .. })),
            "{error:?}"
        );
        let found = fs::read(folder.path().join("backup.zip")).expect("the old file");
        assert!(found == *lock(&old.content));
        lock(&new.script).clear();
    }
    let observer = Observer::default();
    let saved = save(new.download(&observer), &destination(folder.path(), true))
        .await
        .expect("saved");
    assert_eq!(saved.resumed, 150_000);
    assert_whole(folder.path(), &new);
}

#[tokio::test]
async fn streams_cut_anywhere_are_taken_up_again() {
    let mut random = Random(6);
    for round in 0..60 {
        let folder = folder();
        let content = noise(1 + random.below(300_000), round);
        let mut backend = Backend::new(content);
        backend.piece = 1 + random.below(70_000);
        backend.framing = [Framing::Length, Framing::Chunked][random.below(2)];
        let length = lock(&backend.content).len();
        // A chunked stream that ends early but correctly can't be told from a complete one.
        let turns = (0..random.below(5)).map(|_| match random.below(3) {
            0 if backend.framing == Framing::Length => Turn::End(random.below(length)),
            _ => Turn::Cut(random.below(length)),
        });
        let turns: Vec<_> = turns.collect();
        backend = backend.script(turns.clone());
        let saved = save_to(folder.path(), &backend).await;
        assert!(saved.is_ok(), "{turns:?}: {saved:?}");
        assert_whole(folder.path(), &backend);
    }
}

#[tokio::test]
async fn a_cut_stream_goes_on_where_it_stopped() {
    let folder = folder();
    let backend = Backend::new(noise(100_000, 7)).script([
        Turn::Cut(30_000),
        Turn::Fail(true),
        Turn::Status(503),
        Turn::End(20_000),
    ]);
    let observer = Observer::default();
    save(
        backend.download(&observer),
        &destination(folder.path(), false),
    )
    .await
    .expect("saved");
    assert_whole(folder.path(), &backend);
    let ranges = [
        "bytes=30000-",
        "bytes=30000-",
        "bytes=30000-",
        "bytes=50000-",
    ];
    assert_eq!(
        backend.asked("range"),
        ranges.map(|range| Some(range.to_owned()))
    );
    assert_eq!(
        backend.asked("if-range"),
        [const { Some("\"v1\"") }; 4].map(|tag| tag.map(str::to_owned))
    );
    let waits: Vec<_> = lock(&observer.waits)
        .iter()
        .map(std::time::Duration::as_millis)
        .collect();
    assert_eq!(
        waits,
        [500, 1000, 2000, 500],
        "only progress begins the waits again"
    );
}

#[tokio::test]
async fn without_a_validator_a_cut_stream_begins_again() {
    let folder = folder();
    let mut backend =
        Backend::new(noise(100_000, 8)).script([Turn::Cut(70_000), Turn::Cut(90_000)]);
    backend.etag = None.into();
    save_to(folder.path(), &backend).await.expect("saved");
    assert_whole(folder.path(), &backend);
    assert_eq!(backend.asked("range"), [None, None]);

    // Nothing is left if the download finally fails.
    let folder = self::folder();
    let backend = backend.script((0..20).map(|_| Turn::Cut(70_000)));
    let error = save_to(folder.path(), &backend).await.expect_err("cut");
    assert!(matches!(error, TransferError::EndsThere { .. }), "{error}");
    assert_nothing(folder.path());
}

#[tokio::test]
async fn a_date_counts_within_a_run_and_not_across_runs() {
    let folder = folder();
    let mut backend = Backend::new(noise(100_000, 9)).script([Turn::Cut(70_000)]);
    backend.etag = Some("W/\"v1\"").into();
    backend.last_modified = Some("Wed, 06 May 2026 08:13:17 GMT");
    save_to(folder.path(), &backend).await.expect("saved");
    assert_whole(folder.path(), &backend);
    assert_eq!(
        backend.asked("if-range"),
        [backend.last_modified.map(str::to_owned)]
    );

    let folder = self::folder();
    let backend = backend.script([Turn::Cut(70_000), Turn::Status(404)]);
    let error = save_to(folder.path(), &backend).await.expect_err("gone");
    assert_eq!(error.failure(), Failure::NotFound);
    assert_nothing(folder.path());
}

#[tokio::test]
async fn a_backup_that_changes_begins_again() {
    let folder = folder();
    let backend = Backend::new(noise(100_000, 10)).script([Turn::Cut(70_000), Turn::Status(404)]);
    save_to(folder.path(), &backend).await.expect_err("gone");
    *lock(&backend.content) = noise(90_000, 11);
    *lock(&backend.etag) = Some("\"v2\"");
    // A new run notices the change in its first response, and a running one through `If-Range`.
    let backend = backend.script([Turn::Cut(60_000)]);
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    assert_eq!(saved.resumed, 0);
    assert_whole(folder.path(), &backend);

    let folder = self::folder();
    let backend = backend.script([Turn::Cut(60_000), Turn::Part("bytes 60000-89999/90000")]);
    *lock(&backend.requests) = Vec::new();
    let observer = Observer::default();
    let download = backend.download(&observer);
    *lock(&backend.etag) = Some("\"v3\"");
    save(download, &destination(folder.path(), false))
        .await
        .expect("saved");
    assert_whole(folder.path(), &backend);
    assert_eq!(
        backend.asked("range"),
        [Some("bytes=60000-".to_owned()), None]
    );
}

#[tokio::test]
async fn a_backend_that_answers_with_another_range_is_refused() {
    for range in [
        "bytes 0-99999/100000",
        "bytes 69999-99999/100000",
        "nonsense",
        "bytes */5",
    ] {
        let folder = folder();
        let backend =
            Backend::new(noise(100_000, 12)).script([Turn::Cut(70_000), Turn::Part(range)]);
        let error = save_to(folder.path(), &backend).await.expect_err("a lie");
        assert!(
            matches!(error, TransferError::WrongRange { asked: 70_000, .. }),
            "{error}"
        );
        assert_nothing(folder.path());
    }
}

#[tokio::test]
async fn a_backend_without_ranges_begins_again() {
    let folder = folder();
    let mut backend =
        Backend::new(noise(100_000, 13)).script([Turn::Cut(70_000), Turn::Status(404)]);
    backend.ranges = false;
    save_to(folder.path(), &backend).await.expect_err("gone");
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    assert_eq!(saved.resumed, 0);
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn an_unsatisfiable_range_is_the_end_or_a_change() {
    // The length is unknown, so only a request for more shows that all bytes arrived.
    let folder = folder();
    let mut backend = Backend::new(noise(100_000, 14)).script([Turn::Cut(100_000)]);
    backend.framing = Framing::Chunked;
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    assert_eq!(saved.proof, Proof::Length);
    assert_whole(folder.path(), &backend);

    let folder = self::folder();
    let backend = backend.script([Turn::Cut(90_000), Turn::Status(416)]);
    save_to(folder.path(), &backend).await.expect("saved");
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn a_hopeless_download_ends_and_keeps_what_came() {
    let folder = folder();
    let backend = Backend::new(noise(100_000, 15)).script(
        [Turn::Cut(70_000)]
            .into_iter()
            .chain((0..50).map(|_| Turn::Fail(true))),
    );
    let observer = Observer::default();
    let error = save(
        backend.download(&observer),
        &destination(folder.path(), false),
    )
    .await
    .expect_err("hopeless");
    assert_eq!(
        error.to_string(),
        "the download was interrupted after 70000 of 100000 bytes: nothing listens"
    );
    assert_eq!(
        error.advice().as_deref(),
        Some("run the same command again: it resumes after the 70000 bytes that are kept")
    );
    assert_eq!(lock(&observer.waits).len(), 6);
    lock(&backend.script).clear();
    lock(&backend.requests).clear();
    let observer = Observer::default();
    let saved = save(
        backend.download(&observer),
        &destination(folder.path(), false),
    )
    .await
    .expect("saved");
    assert_eq!(saved.resumed, 70_000);
    assert_eq!(
        *lock(&observer.events),
        ["rereading 70000", "resumed 70000"]
    );
    assert_eq!(backend.asked("range"), [Some("bytes=70000-".to_owned())]);
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn a_dropped_download_is_resumed() {
    let mut random = Random(16);
    for _ in 0..20 {
        let folder = folder();
        let stop = 1 + random.below(150_000);
        let backend = Backend::new(noise(200_000, 17)).script([Turn::Hang(stop)]);
        let observer = Observer {
            reached: Some((stop as u64, tokio::sync::Notify::new())),
            ..Observer::default()
        };
        let (_, reached) = observer.reached.as_ref().expect("given above");
        let to = destination(folder.path(), false);
        tokio::select! {
            _ = save(backend.download(&observer), &to) => panic!("the stream hangs"),
            () = reached.notified() => {}
        }
        assert!(!folder.path().join("backup.zip").exists());
        let saved = save_to(folder.path(), &backend).await.expect("saved");
        assert_eq!(saved.resumed, stop as u64);
        assert_whole(folder.path(), &backend);
    }
}

#[tokio::test]
async fn a_second_download_of_the_same_name_is_refused() {
    let folder = folder();
    let backend = Backend::new(noise(200_000, 18)).script([Turn::Hang(100_000)]);
    let observer = Observer {
        reached: Some((100_000, tokio::sync::Notify::new())),
        ..Observer::default()
    };
    let (_, reached) = observer.reached.as_ref().expect("given above");
    let to = destination(folder.path(), false);
    let other = Backend::new(noise(50, 19));
    tokio::select! {
        _ = save(backend.download(&observer), &to) => panic!("the stream hangs"),
        () = async {
            reached.notified().await;
            let error = save_to(folder.path(), &other).await.expect_err("refused");
            assert!(matches!(error, TransferError::Busy { .. }), "{error}");
            assert_eq!(error.failure(), Failure::Conflict);
        } => {}
    }
    save_to(folder.path(), &backend).await.expect("saved");
    assert_whole(folder.path(), &backend);
}
