use broker_engine::mock::{Host, Ran};
use broker_engine::{OptionSetting, OptionValue};

use super::super::MANIFEST;
use super::*;

const ID: &str = "20250806-080853";
const FROM: &str = "/opt/hivemq/backup/20250806-080853";
const TO: &str = "/mnt/kept/20250806-080853";
const PRINTENV: &str = "printenv HIVEMQ_BACKUP_FOLDER";
const PROBE: &str = "/mnt/kept/.kubectl-broker-20250806-080853";
const OTHER_DISK: &str = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
    /dev/sdb 200 100 100 50% /opt/hivemq/backup\n\
    overlay on x 200 100 64 50% /\n";

/// Returns a host with two pods: the second has the backup, and every command succeeds.
fn host() -> Host {
    let there = |path: &str| format!("test -e {path}");
    Host::new(MANIFEST)
        .pods(&["broker-0", "broker-1"])
        .runs("broker-0", PRINTENV, Ran::exit(1, ""))
        .runs("broker-0", &there(FROM), Ran::exit(1, ""))
        .runs("broker-1", &there(FROM), Ran::ok(""))
        .runs("broker-1", &there(FROM), Ran::exit(1, ""))
        .runs("broker-1", &there(TO), Ran::exit(1, ""))
        .runs("broker-1", &there(TO), Ran::ok(""))
        .runs("broker-1", "mkdir -p /mnt/kept", Ran::ok(""))
        .runs("broker-1", &format!("touch {PROBE}"), Ran::ok(""))
        .runs("broker-1", &format!("rm -f {PROBE}"), Ran::ok(""))
        .runs("broker-1", SPACES, Ran::ok(OTHER_DISK))
        .runs(
            "broker-1",
            &format!("du -sk {FROM}"),
            Ran::ok(&format!("64\t{FROM}\n")),
        )
        .runs("broker-1", MOVE, Ran::ok(""))
}

const SPACES: &str = "df -Pk /opt/hivemq/backup /mnt/kept";
const MOVE: &str = "mv -n /opt/hivemq/backup/20250806-080853 /mnt/kept/";

fn finish_to(host: &Host, id: &str, destination: &str) -> Result<Vec<(String, String)>> {
    let request = FinishRequest {
        id: id.to_owned(),
        options: vec![OptionSetting {
            name: "destination".to_owned(),
            value: OptionValue::Text(destination.to_owned()),
        }],
    };
    let fields = host.run(|| HiveMq::finish(request))?;
    Ok(fields.into_iter().map(|it| (it.name, it.value)).collect())
}

fn finish(host: &Host) -> Result<Vec<(String, String)>> {
    finish_to(host, ID, "/mnt//./kept/")
}

fn moved(host: &Host) -> bool {
    host.ran().iter().any(|line| line.contains(": mv "))
}

#[test]
fn the_backup_is_found_on_its_pod_and_moved_when_all_was_checked() {
    let host = host();
    let fields = finish(&host).unwrap();
    let told = [("path", TO), ("pod", "broker-1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(fields, told);
    assert_eq!(
        host.ran(),
        [
            format!("broker-0: {PRINTENV}"),
            format!("broker-0: test -e {FROM}"),
            format!("broker-1: test -e {FROM}"),
            format!("broker-1: test -e {TO}"),
            "broker-1: mkdir -p /mnt/kept".to_owned(),
            format!("broker-1: touch {PROBE}"),
            format!("broker-1: rm -f {PROBE}"),
            format!("broker-1: {SPACES}"),
            format!("broker-1: du -sk {FROM}"),
            format!("broker-1: {MOVE}"),
            format!("broker-1: test -e {TO}"),
            format!("broker-1: test -e {FROM}"),
        ]
    );
}

#[test]
fn without_a_destination_nothing_is_run() {
    let host = Host::new(MANIFEST);
    let request = FinishRequest {
        id: ID.to_owned(),
        options: Vec::new(),
    };
    assert_eq!(host.run(|| HiveMq::finish(request)).unwrap(), []);
    assert!(host.ran().is_empty());
}

#[test]
fn on_the_same_disk_no_room_is_needed() {
    let table = "h\n/dev/sdb 9 9 0 100% /mnt\n/dev/sdb 9 9 0 100% /mnt\n";
    let host = Host::new(MANIFEST)
        .pods(&["broker-1"])
        .runs("broker-1", SPACES, Ran::ok(table));
    let place = Place {
        pod: "broker-1".to_owned(),
        folder: "/opt/hivemq/backup".to_owned(),
        path: FROM.to_owned(),
        id: ID.to_owned(),
    };
    host.run(|| place.check_room("/mnt/kept")).unwrap();
}

#[test]
fn what_stands_in_the_way_is_said_with_the_place_where_the_backup_is() {
    let there = |path: &str| format!("test -e {path}");
    let cases = [
        (
            there(TO),
            Ran::ok(""),
            ErrorKind::Conflict,
            "exists already in pod",
        ),
        (
            "mkdir -p /mnt/kept".to_owned(),
            Ran::exit(
                1,
                "mkdir: cannot create directory '/mnt': Permission denied\n",
            ),
            ErrorKind::Failed,
            "can't be created in pod broker-1: mkdir: cannot create",
        ),
        (
            format!("touch {PROBE}"),
            Ran::exit(1, "touch: Read-only file system\n"),
            ErrorKind::Failed,
            "can't be written to: touch: Read-only",
        ),
        (
            format!("du -sk {FROM}"),
            Ran::ok("65\tx"),
            ErrorKind::Failed,
            "the backup needs 65.0KiB, but only 64.0KiB are free",
        ),
        (
            SPACES.to_owned(),
            Ran::ok("nonsense\nmore"),
            ErrorKind::Protocol,
            "`df`",
        ),
    ];
    for (line, ran, kind, said) in cases {
        let host = host().runs_instead("broker-1", &line, ran);
        let error = finish(&host).unwrap_err();
        assert_eq!(error.kind, kind, "{line}: {}", error.message);
        assert!(error.message.contains(said), "{}", error.message);
        let hint = error.hint.unwrap();
        assert_eq!(hint, format!("The backup is at {FROM} in pod broker-1"));
        assert!(!moved(&host), "{line}");
    }
}

#[test]
fn a_move_that_fails_or_only_says_it_was_done_is_no_success() {
    let full = Ran::exit(1, "mv: error writing: No space left on device\n");
    let error = finish(&host().runs_instead("broker-1", MOVE, full)).unwrap_err();
    assert!(error.message.ends_with("No space left on device"));
    assert!(error.hint.unwrap().contains("may have been copied"));
    let stays = host().runs_instead("broker-1", &format!("test -e {FROM}"), Ran::ok(""));
    let error = finish(&stays).unwrap_err();
    assert!(
        error.message.contains("but it did not"),
        "{}",
        error.message
    );
}

#[test]
fn a_backup_that_is_nowhere_is_looked_for_in_every_pod() {
    let host = host().runs_instead("broker-1", &format!("test -e {FROM}"), Ran::exit(1, ""));
    let error = finish(&host).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(
        error.message.ends_with("broker-0, broker-1"),
        "{}",
        error.message
    );
}

#[test]
fn a_missing_right_ends_the_search_and_a_broken_pod_does_not() {
    let failing = |kind| Ran::Failure(Error::new(kind, "no"));
    let line = format!("test -e {FROM}");
    let forbidden = host().runs_instead("broker-0", &line, failing(ErrorKind::Forbidden));
    assert_eq!(finish(&forbidden).unwrap_err().kind, ErrorKind::Forbidden);
    let broken = host().runs_instead("broker-0", &line, failing(ErrorKind::Unavailable));
    assert!(finish(&broken).is_ok());
}

#[test]
fn without_df_or_du_mv_itself_has_to_find_out() {
    let missing = || Ran::Failure(Error::unsupported("no such program"));
    for line in [SPACES.to_owned(), format!("du -sk {FROM}")] {
        let host = host().runs_instead("broker-1", &line, missing());
        assert!(finish(&host).is_ok(), "{line}");
    }
}

#[test]
fn a_backup_is_not_moved_into_itself_and_an_id_stays_a_name() {
    let host = host();
    let error = finish_to(&host, ID, &format!("{FROM}/kept")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    for id in ["", ".", "..", "../data", "a/b"] {
        let error = finish_to(&host, id, "/mnt/kept").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{id}");
    }
    assert!(!moved(&host));
}
