use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Saves the bytes of a backend that does not announce their length.
async fn save_without_length(
    folder: &Path,
    content: Vec<u8>,
    accept_unproven: bool,
) -> Result<Saved, TransferError> {
    let mut backend = Backend::new(content);
    backend.framing = Framing::Close;
    let observer = Observer::default();
    let download = Download {
        accept_unproven,
        ..backend.download(&observer)
    };
    save(download, &destination(folder, false)).await
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

#[tokio::test]
async fn what_nothing_proves_does_not_get_its_name() {
    let folder = folder();
    let bytes = noise(5000, 2);
    let error = save_without_length(folder.path(), bytes.clone(), false)
        .await
        .expect_err("unproven");
    assert_eq!(error.failure(), Failure::Partial);
    let kept = folder.path().join("backup.zip.unproven");
    assert_eq!(error.kept_file(), Some(&*kept));
    assert_eq!(names(folder.path()), ["backup.zip.unproven".into()].into());
    assert!(fs::read(&kept).expect("kept") == bytes);
    // The next download must not replace the kept file.
    for number in [2, 3] {
        let other = noise(400, number);
        let error = save_without_length(folder.path(), other.clone(), false)
            .await
            .expect_err("unproven");
        let next = folder.path().join(format!("backup.zip.unproven.{number}"));
        assert_eq!(error.kept_file(), Some(&*next));
        assert!(fs::read(next).expect("kept") == other);
    }
    assert!(fs::read(&kept).expect("kept") == bytes);
}

#[tokio::test]
async fn the_end_of_a_part_does_not_prove_the_end_of_the_whole() {
    let folder = folder();
    let turns = [Turn::Cut(70_000), Turn::Part("bytes 70000-99999/*")];
    let mut backend = Backend::new(noise(100_000, 34)).script(turns);
    backend.framing = Framing::Chunked;
    let error = save_to(folder.path(), &backend)
        .await
        .expect_err("unproven");
    assert!(matches!(error, TransferError::Unproven { .. }), "{error}");
    assert_eq!(names(folder.path()), ["backup.zip.unproven".into()].into());
}

#[tokio::test]
async fn a_part_that_ends_before_its_last_byte_is_taken_up_again() {
    let folder = folder();
    let turns = [Turn::Cut(70_000), Turn::Part("bytes 70000-109999/*")];
    let mut backend = Backend::new(noise(100_000, 35)).script(turns);
    backend.framing = Framing::Chunked;
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    // The backend then says that nothing follows the last byte.
    assert_eq!(saved.proof, Proof::Length);
    assert_eq!(backend.asked("range").len(), 2);
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn it_gets_its_name_where_the_user_accepts_that() {
    let folder = folder();
    let saved = save_without_length(folder.path(), noise(5000, 2), true).await;
    assert_eq!(saved.expect("saved").proof, Proof::Nothing);
    assert_eq!(
        names(folder.path()),
        ["backup.zip", "backup.zip.sha256"].map(Into::into).into()
    );
}

#[tokio::test]
async fn an_archive_that_ends_as_it_should_is_proven_by_that() {
    let folder = folder();
    let saved = save_without_length(folder.path(), gzip(&noise(5000, 4)), false).await;
    assert_eq!(saved.expect("saved").proof, Proof::Structure);
    // After the end of one of several members, another member could have followed.
    let folder = self::folder();
    let members = [gzip(b"one"), gzip(b"two")].concat();
    let error = save_without_length(folder.path(), members, false).await;
    assert!(
        matches!(error, Err(TransferError::Unproven { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_archive_that_was_cut_gets_its_name_only_where_the_user_accepts_that() {
    let mut cut = gzip(&noise(5000, 5));
    cut.truncate(3000);
    let folder = folder();
    let error = save_without_length(folder.path(), cut.clone(), false)
        .await
        .expect_err("cut");
    assert!(matches!(error, TransferError::CutShort { .. }), "{error}");
    assert_eq!(error.failure(), Failure::Partial);
    assert_eq!(names(folder.path()), ["backup.zip.unproven".into()].into());

    let folder = self::folder();
    let saved = save_without_length(folder.path(), cut, true)
        .await
        .expect("accepted");
    assert_eq!(saved.proof, Proof::Nothing);
    assert!(saved.damage.is_some());
    assert_eq!(
        names(folder.path()),
        ["backup.zip", "backup.zip.sha256"].map(Into::into).into()
    );
}

/// Saves with a script, and returns the error and the number of waits.
async fn hopeless(folder: &Path, backend: &Backend) -> (TransferError, usize) {
    let observer = Observer::default();
    let download = backend.download(&observer);
    let error = save(download, &destination(folder, false)).await;
    let waits = lock(&observer.waits).len();
    (error.expect_err("hopeless"), waits)
}

#[tokio::test]
async fn a_length_that_is_never_reached_is_given_up_at_once() {
    // The transfer is tried with and without a validator for resuming.
    for etag in [Some("\"v1\""), None] {
        let folder = folder();
        let turns = match etag {
            Some(_) => vec![Turn::End(70_000), Turn::End(0), Turn::End(0), Turn::End(0)],
            None => vec![Turn::End(70_000); 9],
        };
        let mut backend = Backend::new(noise(100_000, 30)).script(turns);
        backend.etag = etag.into();
        let (error, waits) = hopeless(folder.path(), &backend).await;
        assert_eq!(
            error.to_string(),
            "the backend ended the backup after 70000 bytes each time, but the header Content-Length \
             says 100000: the backend ended the stream early"
        );
        assert_eq!(error.failure(), Failure::Integrity);
        assert!(waits <= 3, "{waits}");
        let hint = error.advice().expect("a hint");
        assert!(!hint.contains("goes on"), "{hint}");
        let is_kept = hint.ends_with("; the 70000 received bytes are kept");
        assert_eq!(is_kept, etag.is_some(), "{hint}");
    }
}

#[tokio::test]
async fn a_backend_that_names_two_lengths_under_one_etag_contradicts_itself() {
    let folder = folder();
    let turns = [Turn::End(70_000), Turn::Part("bytes 70000-70009/70010")];
    let backend = Backend::new(noise(100_000, 31)).script(turns);
    let (error, waits) = hopeless(folder.path(), &backend).await;
    assert!(
        matches!(error, TransferError::Contradiction { .. }),
        "{error}"
    );
    assert_eq!(waits, 1);
    assert_nothing(folder.path());
}

#[tokio::test]
async fn an_etag_that_changes_in_each_answer_is_given_up_at_once() {
    for cuts in [[70_000, 70_000, 70_000], [70_000, 60_000, 50_000]] {
        let folder = folder();
        let tags = ["\"a\"", "\"b\"", "\"c\""];
        let turns = cuts.into_iter().zip(tags);
        let turns = turns.map(|(at, etag)| Turn::CutWith(at, etag));
        let backend = Backend::new(noise(100_000, 32)).script(turns);
        let (error, waits) = hopeless(folder.path(), &backend).await;
        assert!(
            matches!(error, TransferError::KeepsChanging { .. }),
            "{error}"
        );
        assert!(waits <= 2, "{waits}");
        assert_nothing(folder.path());
    }
}

#[tokio::test]
async fn a_backup_that_changed_once_is_said_to_have_changed() {
    let folder = folder();
    let backend = Backend::new(noise(100_000, 33)).script([Turn::CutWith(70_000, "\"old\"")]);
    let observer = Observer::default();
    let download = backend.download(&observer);
    save(download, &destination(folder.path(), false))
        .await
        .expect("saved");
    assert_whole(folder.path(), &backend);
    let events = lock(&observer.events).join("\n");
    assert!(
        events.contains("restarted: the backup has changed (its ETag is different)"),
        "{events}"
    );
}
