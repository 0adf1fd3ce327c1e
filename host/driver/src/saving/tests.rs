//! Interrupted downloads: the driver asks again, and another pod if need be.

use std::fs;
use std::time::Duration;

use host_base::Secret;
use host_transfer::Entry;
use sha2::Digest as _;

use super::*;
use crate::testing::hivemq::{FILE, STATUS, state};
use crate::testing::{End, Fault, Opened, Reply, Script, Setup, faults};
use crate::{CreateRequest, DownloadRequest, Downloaded, OpsError, Waiting, Which};
use crate::{create, download};

/// A backup of 100 bytes.
fn content() -> Vec<u8> {
    (0..100).collect()
}

fn whole(content: &[u8], etag: &str) -> Reply {
    ended(content, content.len(), etag, End::Whole)
}

/// Sends only this many bytes of a backup, and then ends in this way.
fn ended(content: &[u8], length: usize, etag: &str, end: End) -> Reply {
    Reply::bytes(200, &content[..length], end)
        .with("content-length", content.len())
        .with("etag", etag)
}

fn cut(length: usize, fault: Fault) -> Reply {
    ended(&content(), length, V1, End::Breaks(fault))
}

/// Sends a part of the backup from this byte on.
fn part(range: std::ops::Range<usize>, end: End) -> Reply {
    let content = content();
    Reply::bytes(206, &content[range.clone()], end)
        .with("content-range", format!("bytes {}-99/100", range.start))
        .with("etag", V1)
}

const V1: &str = "\"v1\"";
const V2: &str = "\"v2\"";

fn script<const N: usize>(replies: [Reply; N]) -> Script {
    Script::default()
        .answers(STATUS, [state("COMPLETED")])
        .answers(FILE, replies)
}

fn setup() -> Setup {
    let mut setup = Setup::new("hivemq");
    setup.request.credentials.username = Some("ann".to_owned());
    setup.request.credentials.password = Some(Secret::from("secret".to_owned()));
    setup
}

fn request(setup: &Setup) -> DownloadRequest {
    DownloadRequest {
        which: Which::Id("b".to_owned()),
        place: Place::File {
            folder: setup.home.path().to_owned(),
            is_default: false,
            name: Some(FileName::given("b.backup").expect("a name")),
            replace: false,
        },
        timeout: None,
        retries: 3,
        accept_unproven: false,
    }
}

/// Downloads backup `b`.
async fn get(setup: &Setup, script: Script) -> (Result<Downloaded, OpsError>, Opened) {
    let opened = setup.open(script).await;
    let downloaded = Box::pin(download(&opened.session, request(setup))).await;
    (downloaded, opened)
}

/// Asserts that the file is this backup, and that the digest in the result is the file's.
fn assert_saved(setup: &Setup, downloaded: Result<Downloaded, OpsError>, content: &[u8]) {
    let Downloaded::Files(downloaded) = downloaded.expect("a download") else {
        panic!("the bytes went to stdout");
    };
    let saved = downloaded.saved.single().expect("one file");
    let read = fs::read(setup.home.path().join("b.backup"));
    assert_eq!(read.expect("a file"), content);
    let digest = Sha256::of(sha2::Sha256::new().chain_update(content));
    assert_eq!(saved.sha256, digest.to_string());
    assert_eq!(saved.verified_by, "length");
}

/// Returns the values of a header in the requests for the file. They are empty where it was not sent.
fn sent(opened: &Opened, name: &str) -> Vec<String> {
    let asked = opened.script.asked_for(FILE);
    let value = |headers: &HeaderMap| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let values = asked.iter().map(|asked| value(&asked.headers));
    values.map(Option::unwrap_or_default).collect()
}

/// Returns the pods that were asked for the file.
fn pods(opened: &Opened) -> Vec<String> {
    let asked = opened.script.asked_for(FILE);
    asked.into_iter().map(|asked| asked.pod).collect()
}

/// Returns the latest entry of the history.
fn last_entry(opened: &Opened) -> Entry {
    let history = opened.session.host.history().expect("a home folder");
    let past = history.read().expect("a history");
    past.entries.into_iter().last().expect("an entry")
}

/// Returns how many bytes the next run can resume after.
fn kept(setup: &Setup) -> Option<u64> {
    kept_bytes(&request(setup).place.destination(None).expect("a file"))
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_asked_for_after_the_last_byte_that_came() {
    for fault in [
        faults::tunnel_lost as Fault,
        faults::incomplete,
        faults::timed_out,
    ] {
        let setup = setup();
        let script = script([cut(70, fault), part(70..100, End::Whole)]);
        let (downloaded, opened) = get(&setup, script).await;
        assert_saved(&setup, downloaded, &content());
        assert_eq!(sent(&opened, "range"), ["", "bytes=70-"]);
        assert_eq!(sent(&opened, "if-range"), ["", V1]);
        // The engine never had the credentials, so the driver adds them to each request.
        let credentials = "Basic YW5uOnNlY3JldA==";
        assert_eq!(sent(&opened, "authorization"), [credentials, credentials]);
        assert_eq!(kept(&setup), None, "nothing is left over");
        let entry = last_entry(&opened);
        assert_eq!((&*entry.outcome, entry.bytes), ("Succeeded", Some(100)));
    }
}

#[tokio::test(start_paused = true)]
async fn if_the_pod_is_gone_another_one_is_asked_from_then_on() {
    // A StatefulSet makes the pod again, and the new one has no node at first.
    for gone in [faults::pod_gone as Fault, faults::pod_unscheduled] {
        let setup = setup();
        let script = script([
            cut(70, faults::tunnel_lost),
            Reply::Fails(gone),
            part(70..90, End::Breaks(faults::tunnel_lost)),
            part(90..100, End::Whole),
        ]);
        let script = script.finds(8081, [Ok("broker-0"), Ok("broker-1")]);
        let (downloaded, opened) = get(&setup, script).await;
        assert_saved(&setup, downloaded, &content());
        assert_eq!(
            pods(&opened),
            ["broker-0", "broker-0", "broker-1", "broker-1"]
        );
        let again = "bytes=70-";
        assert_eq!(sent(&opened, "range"), ["", again, again, "bytes=90-"]);
    }
}

#[tokio::test(start_paused = true)]
async fn while_no_pod_is_ready_the_download_waits() {
    let setup = setup();
    let script = script([
        cut(70, faults::tunnel_lost),
        Reply::Fails(faults::pod_gone),
        Reply::Fails(faults::pod_gone),
        part(70..100, End::Whole),
    ]);
    let none = Err(faults::no_ready_pod as Fault);
    let script = script.finds(8081, [Ok("broker-0"), none, Ok("broker-1")]);
    let (downloaded, opened) = get(&setup, script).await;
    assert_saved(&setup, downloaded, &content());
    assert_eq!(
        pods(&opened),
        ["broker-0", "broker-0", "broker-0", "broker-1"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_that_stays_ends_the_download_and_keeps_the_part() {
    let refused = script([
        cut(70, faults::tunnel_lost),
        Reply::Fails(faults::unauthorized),
    ]);
    let not_found = script([cut(70, faults::tunnel_lost), Reply::Fails(faults::pod_gone)]);
    let not_found = not_found.finds(8081, [Ok("broker-0"), Err(faults::unauthorized)]);
    for (script, searches) in [(refused, 1), (not_found, 2)] {
        let setup = setup();
        let (downloaded, opened) = get(&setup, script).await;
        let error = downloaded.expect_err("the rest does not come");
        assert!(
            matches!(&error, OpsError::Transfer(error)
                if matches!(**error, TransferError::Interrupted { received: 70, kept: 70, .. })),
            "{error:?}"
        );
        assert_eq!(kept(&setup), Some(70));
        assert_eq!(pods(&opened).len(), 2);
        assert_eq!(opened.script.searches(8081), searches);
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_is_given_up_after_the_retries_of_the_user() {
    let setup = setup();
    let script = script([
        cut(70, faults::tunnel_lost),
        Reply::Fails(faults::port_closed),
    ]);
    let (downloaded, opened) = get(&setup, script).await;
    downloaded.expect_err("the rest does not come");
    // Each retry asks the pod of before, and then the one that was found anew.
    assert_eq!(pods(&opened).len(), 1 + 3 * 2);
    assert_eq!(kept(&setup), Some(70));
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_ranges_sends_everything_again() {
    let setup = setup();
    let script = script([cut(70, faults::tunnel_lost), whole(&content(), V1)]);
    let (downloaded, opened) = get(&setup, script).await;
    assert_saved(&setup, downloaded, &content());
    assert_eq!(sent(&opened, "range"), ["", "bytes=70-"]);
}

#[tokio::test(start_paused = true)]
async fn another_backup_under_the_same_id_is_not_mixed_with_the_first() {
    let other: Vec<u8> = content().into_iter().rev().collect();
    let setup_ = setup();
    let replies = script([cut(70, faults::tunnel_lost), whole(&other, V2)]);
    let (downloaded, _) = get(&setup_, replies).await;
    assert_saved(&setup_, downloaded, &other);

    // The engine gets the error of the transfer, and the user the original of it.
    let setup = setup();
    let replies = script([
        cut(70, faults::tunnel_lost),
        ended(&other, 50, V2, End::Breaks(faults::tunnel_lost)),
        whole(&content(), "\"v3\""),
    ]);
    let (downloaded, _) = get(&setup, replies).await;
    let error = downloaded.expect_err("it changes each time");
    assert!(
        matches!(&error, OpsError::Transfer(error)
            if matches!(**error, TransferError::KeepsChanging { .. })),
        "{error:?}"
    );
    assert!(!setup.home.path().join("b.backup").exists());
}

/// Stops a download after it has received this number of bytes.
async fn stop_after(bytes: u64, setup: &Setup, script: Script) -> Opened {
    let opened = setup.open(script).await;
    tokio::select! {
        ended = Box::pin(download(&opened.session, request(setup))) => panic!("it ended: {ended:?}"),
        () = opened.told.until_received(bytes) => {}
    }
    opened
}

#[tokio::test]
async fn bytes_from_before_a_stop_are_not_asked_for_again() {
    let setup = setup();
    let hanging = script([ended(&content(), 70, V1, End::Hangs)]);
    let opened = stop_after(70, &setup, hanging).await;
    assert_eq!(kept(&setup), Some(70));
    let entry = last_entry(&opened);
    assert_eq!((&*entry.outcome, entry.bytes), ("Interrupted", Some(70)));

    let hanging = script([whole(&content(), V1), part(70..80, End::Hangs)]);
    stop_after(80, &setup, hanging).await;
    assert_eq!(kept(&setup), Some(80));

    let replies = script([whole(&content(), V1), part(80..100, End::Whole)]);
    let (downloaded, opened) = get(&setup, replies).await;
    assert!(
        matches!(&downloaded, Ok(Downloaded::Files(it)) if it.saved.files[0].resumed == 80),
        "{downloaded:?}"
    );
    assert_saved(&setup, downloaded, &content());
    assert_eq!(sent(&opened, "range"), ["", "bytes=80-"]);
}

#[tokio::test]
async fn bytes_that_came_within_the_time_of_the_user_are_kept() {
    let setup = setup();
    let hanging = script([ended(&content(), 70, V1, End::Hangs)]);
    let opened = setup.open(hanging).await;
    let request = DownloadRequest {
        timeout: Some(Duration::from_hours(1)),
        ..request(&setup)
    };
    // From then on, the clock jumps to the end of the time.
    let pause = async {
        opened.told.until_received(70).await;
        tokio::time::pause();
    };
    let downloading = Box::pin(download(&opened.session, request));
    let (downloaded, ()) = tokio::join!(downloading, pause);
    let error = downloaded.expect_err("it hangs until the time is up");
    assert!(
        matches!(error, OpsError::TooSlow { seconds: 3600, .. }),
        "{error:?}"
    );
    assert_eq!(kept(&setup), Some(70));
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_is_made_while_it_is_sent_is_never_asked_for_again() {
    const EXPORT: &str = "POST /backup/export";
    let setup = Setup::new("strategy");
    let capable = Reply::text(200, &r#"{"version": "v1", "types": ["db"]}"#);
    let script = Script::default()
        .answers("GET /backup/capabilities", [capable])
        .answers(
            EXPORT,
            [ended(&content(), 70, V1, End::Breaks(faults::tunnel_lost))],
        );
    let opened = setup.open(script).await;
    let place = request(&setup).place;
    let request = CreateRequest {
        waiting: Waiting {
            wait: true,
            timeout: Duration::from_mins(5),
        },
        limit: None,
        place,
        accept_unproven: false,
        place_flag: None,
    };
    let created = Box::pin(create(&opened.session, request)).await;
    let error = created.expect_err("the rest does not come");
    assert!(
        matches!(
            error,
            OpsError::ExportLost {
                broke_off: true,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(opened.script.asked_for(EXPORT).len(), 1);
    assert_eq!(kept(&setup), None, "nothing could be resumed");
}

#[test]
fn several_files_have_a_folder_below_the_default_one_only() {
    let folder = |is_default, id: &str| {
        let place = Place::File {
            folder: "backups".into(),
            is_default,
            name: None,
            replace: false,
        };
        let placed = place.of(Saves::Many, id);
        assert_eq!(place.of(Saves::One, id), place);
        let folder = placed.folder().expect("a folder");
        folder.to_string_lossy().into_owned()
    };
    assert_eq!(folder(true, "b"), "backups/b");
    assert_eq!(folder(false, "b"), "backups");
    // Hostile ids neither leave the folder nor share one.
    assert_eq!(folder(true, "../../etc"), "backups/etc");
    assert_eq!(folder(true, "a/b"), "backups/a-b");
    assert_eq!(folder(true, "c/b"), "backups/c-b");
    assert!(folder(true, "..").starts_with("backups/backup-unknown-"));
}
