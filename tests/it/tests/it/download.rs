//! `backup download`: a whole file or none, whatever happens to the stream.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use testbed::{Backup, BackupState};

use crate::support::{Desk, ID, NAME, names};

#[test]
fn a_backup_lies_in_the_folder_with_its_digest() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.download("").shown(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length
    stderr:
    SHA-256 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d, kept beside it
    exit 0
    ");
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn the_newest_that_ended_well_says_which_newer_did_not() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.run("backup download --latest -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "item": {
        "id": "20250905-130215",
        "path": "./backups/backup-20250905-130215-20250905-130215.backup",
        "resumedBytes": 0,
        "sha256": "935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d",
        "sizeBytes": 1500000,
        "verifiedBy": "length"
      },
      "kind": "Download",
      "scope": {
        "engine": "kubectl-broker/hivemq",
        "engineVersion": "0.1.0",
        "namespace": "messaging",
        "pod": null,
        "statefulset": "broker"
      }
    }
    exit 0
    "#);
    assert_snapshot!(desk.run("backup download --latest -o wide --force").outcome(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY   ID   SHA256
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length   20250905-130215   935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
    note: 20250906-114000 FAILED
    note: 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
    exit 0
    ");
    assert_snapshot!(desk.run("backup download --latest -o name --force").outcome(), @"
    stdout:
    ./backups/backup-20250905-130215-20250905-130215.backup
    note: 20250906-114000 FAILED
    exit 0
    ");
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn a_checksum_of_the_backend_is_checked_and_told() {
    let desk = Desk::with(&["download-checksum=on"]);
    let document = desk.download("-o json").json();
    assert_eq!(document["item"]["verifiedBy"], "checksum");
    assert_eq!(document["item"]["sha256"], desk.sha256());
}

#[test]
fn an_older_file_stays_unless_it_may_be_replaced() {
    let desk = Desk::with(&[]);
    let path = desk.folder.path().join("my.backup");
    fs::write(&path, "precious").expect("written");
    assert_snapshot!(desk.download("--output-file ./my.backup").outcome(), @"
    Conflict: /my.backup
    hint: `--force` `--output-file`
    exit 11
    ");
    assert_eq!(fs::read(&path).expect("there"), b"precious");
    assert_eq!(desk.bed.requests().count("*", ""), 0, "nobody was bothered");

    desk.set("download-corrupt");
    desk.set("download-checksum=on");
    let run = desk.download("--output-file ./my.backup --force");
    assert_eq!(run.code, 13, "{}", run.stderr);
    assert_eq!(fs::read(&path).expect("there"), b"precious");

    desk.heal();
    assert_eq!(desk.download("--output-file ./my.backup --force").code, 0);
    desk.assert_whole("my.backup");
}

#[test]
fn what_is_no_plain_file_stays_as_it_is() {
    let desk = Desk::with(&[]);
    let at = |name: &str| desk.folder.path().join(name);
    let made = Command::new("mkfifo").arg(at("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    symlink("/dev/null", at("null")).expect("linked");
    symlink("/proc/self/fd/1", at("stdout")).expect("linked");
    fs::create_dir(at("folder")).expect("made");
    assert_snapshot!(desk.download("--output-file ./pipe --force").outcome(), @"
    Usage: /pipe
    hint: `--output-file - > ./pipe` `--output-file -`
    exit 2
    ");
    for name in ["pipe", "null", "stdout", "folder"] {
        for force in ["", "--force"] {
            let run = desk.download(&format!("--output-file ./{name} {force}"));
            assert_eq!(run.code, 2, "{name}: {}", run.stderr);
            assert!(!run.stderr.contains("--force"), "{}", run.stderr);
        }
        assert!(!at(name).symlink_metadata().expect("there").is_file());
    }
    assert_eq!(desk.bed.requests().count("*", ""), 0, "nobody was bothered");
    // The digest file must not replace another kind of file either.
    let made = Command::new("mkfifo").arg(at("a.sha256")).status();
    assert!(made.expect("mkfifo runs").success());
    assert_eq!(desk.download("--output-file ./a --force").code, 2);
    assert!(!at("a.sha256").symlink_metadata().expect("there").is_file());
}

#[test]
fn a_link_stays_and_the_file_that_it_leads_to_is_written() {
    let desk = Desk::with(&[]);
    let at = |name: &str| desk.folder.path().join(name);
    fs::create_dir(at("there")).expect("made");
    fs::write(at("there/real.backup"), "old").expect("written");
    symlink("there/real.backup", at("latest")).expect("linked");
    assert_eq!(desk.download("--output-file ./latest").code, 11);
    let run = desk.download("--output-file ./latest --force -o name");
    assert_eq!((run.code, &*run.stdout), (0, "./there/real.backup\n"));
    desk.assert_whole("there/real.backup");
    assert!(at("latest").is_symlink());
    assert_eq!(desk.run("backup verify latest").code, 0);
}

#[test]
fn the_user_names_the_file() {
    let desk = Desk::with(&[]);
    desk.download("--output-file a.backup --output-dir there");
    desk.assert_whole("there/a.backup");
    desk.download("--output-file deep/er/b.backup");
    desk.assert_whole("deep/er/b.backup");
    // The older plugin had this flag.
    desk.download("--output c.backup");
    desk.assert_whole("backups/c.backup");
    for arguments in [
        "--output-file a/b --output-dir c",
        "--output-file a --output b",
        "--output-file a.sha256",
        "--output-file ..",
        "--output-file - -o json",
    ] {
        let run = desk.download(arguments);
        assert_eq!(run.code, 2, "{arguments}: {}", run.stderr);
    }
    assert_snapshot!(desk.download("--output-file a/b --output-dir c").message(), @"
    Usage: --output-dir and --output-file both name a folder. Please either:
      - Leave --output-dir out
      - Give --output-file a name without a folder
    exit 2
    ");
    assert_snapshot!(desk.download("--output-file nul.sha256").outcome(), @"
    Usage: `nul.sha256`
    hint: `_nul.sha256.backup`
    exit 2
    ");
    assert_snapshot!(desk.run("backup list --output c.backup").outcome(), @"
    Usage: '--output <FORMAT>' 'c.backup'
      [possible values: table, wide, json, yaml, name]
    exit 2
    ");
}

#[test]
fn stdout_gets_the_bytes_and_nothing_else() {
    let desk = Desk::with(&["download-resume=on", "download-cut=50:1"]);
    let program = desk.bed.program().in_folder(desk.folder.path());
    let output = program.output(&["backup", "download", "--id", ID, "--output-file", "-"]);
    assert_eq!(output.status.code(), Some(0));
    fs::write(desk.folder.path().join("out"), &output.stdout).expect("written");
    let sum = Command::new("sha256sum")
        .arg(desk.folder.path().join("out"))
        .output()
        .expect("sha256sum runs");
    assert!(sum.stdout.starts_with(desk.sha256().as_bytes()));
    let run = program.ended(&std::process::Output {
        stdout: Vec::new(),
        ..output
    });
    assert_snapshot!(run.outcome(), @"
    note: 750000 1500000 8081 broker-0 750000 1500000 500
    note: 1.4 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
    exit 0
    ");
}

#[test]
fn a_name_from_the_backend_cannot_leave_the_folder() {
    for (disposition, name) in [
        ("attachment; filename=\"../../../evil.sh\"", "evil.sh"),
        ("attachment; filename*=UTF-8''..%2f..%2f.bashrc", "bashrc"),
        ("attachment; filename=\"/etc/passwd\"", "passwd"),
        ("attachment; filename=\"a\u{202e}b.backup\"", "ab.backup"),
        ("attachment; filename=\"..\"", NAME),
    ] {
        let desk = Desk::with(&[&format!("download-disposition={disposition}")]);
        let run = desk.download("");
        assert_eq!(run.code, 0, "{}", run.stderr);
        desk.assert_whole(&format!("backups/{name}"));
        assert_eq!(names(&desk.folder.path().join("backups")).len(), 2);
    }
}

#[test]
fn what_is_no_backup_is_refused() {
    let desk = Desk::with(&["download-html"]);
    assert_snapshot!(desk.download("").outcome(), @"
    Integrity: charset=utf-8 text/html
    hint: `kubectl broker backup test`
    exit 13
    ");
    assert_eq!(
        names(&desk.folder.path().join("backups")),
        Vec::<String>::new()
    );

    let desk = Desk::with(&["download-corrupt", "download-checksum=on"]);
    let run = desk.download("");
    assert_snapshot!(run.outcome().replace(&desk.sha256(), "SHA256"), @"
    Integrity: X-Checksum-Sha256 0f96b8f79024e8a73093a64cbf0c600cef21bb2162f0387873fd372795fbd973 SHA256
    hint:
    exit 13
    ");
    assert_eq!(
        names(&desk.folder.path().join("backups")),
        Vec::<String>::new()
    );
    assert_eq!(desk.download("-o json").error()["code"], "Integrity");
}

#[test]
fn a_backup_that_is_not_whole_is_not_downloaded() {
    let desk = Desk::with(&[]);
    let hivemq = desk.bed.hivemq("messaging").expect("HiveMQ");
    let now = "2025-09-06T12:00:00Z".parse().expect("a time");
    hivemq.set_pace(testbed::Pace::Polls(1000));
    hivemq.put(Backup::new(
        "20250906-115900",
        now,
        None,
        BackupState::InProgress,
    ));
    assert_snapshot!(desk.run("backup download --id 20250906-115900").outcome(), @"
    Conflict: 20250906-115900 IN_PROGRESS
    hint: `kubectl broker backup status --engine hivemq --id 20250906-115900`
    exit 11
    ");
    assert_snapshot!(desk.run("backup download --id 20250906-114000").reason(), @"
    Failed: 20250906-114000: it is FAILED (Not enough disk space on node broker-1.)
    hint: `kubectl broker backup list --engine hivemq`
    exit 1
    ");
    assert_snapshot!(desk.run("backup download --id nothing").shown(), @"
    stderr:
    error: GET /api/v1/management/backups/nothing answered 404: Resource not found: Resource with id 'nothing' not found
    hint: `kubectl broker backup list --engine hivemq` shows the backups; HiveMQ forgets a failed one after an hour
    exit 10
    ");
    assert_snapshot!(desk.run("backup download --engine sidecar --latest").reason(), @"
    Usage: `download` kubectl-broker/sidecar: the sidecar's API has no download; the backups lie in the object storage that it uploads to
    hint:
    exit 2
    ");
    assert_snapshot!(desk.run("backup download").outcome(), @"
    Usage: --id --latest
    hint:
    exit 2
    ");
}

#[test]
fn older_servers_have_the_file_elsewhere() {
    let desk = Desk::with(&["hivemq-old-routes"]);
    assert_eq!(desk.download("").code, 0);
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn a_backend_in_trouble_is_an_error_with_its_status() {
    for (status, code) in [(500, 1), (503, 1), (429, 1), (403, 12), (504, 124)] {
        let desk = Desk::with(&[&format!("hivemq-status={status}")]);
        let run = desk.download("");
        assert_eq!(run.code, code, "{status}: {}", run.stderr);
        assert!(run.stderr.contains(&status.to_string()), "{}", run.stderr);
        assert_eq!(
            names(&desk.folder.path().join("backups")),
            Vec::<String>::new()
        );
    }
    for retry_after in ["429:0:2", "503:0:3"] {
        let desk = Desk::with(&[&format!("hivemq-retry-after={retry_after}")]);
        let run = desk.download("");
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stderr.contains("asking again"), "{}", run.stderr);
        desk.assert_whole(&format!("backups/{NAME}"));
    }
    // The wait would be too long for any user.
    let desk = Desk::with(&["hivemq-retry-after=503:3600:1"]);
    assert_snapshot!(desk.download("").message(), @"
    Failed: GET /api/v1/management/backups/20250905-130215 answered 503: The endpoint is temporarily not available: come back later
    hint:
    exit 1
    ");
}

#[test]
fn what_was_done_is_recorded() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.run("backup history").outcome(), @"
    stdout:
    AGE   OPERATION   OUTCOME   SCOPE   ID   SIZE   FILE
    exit 0
    ");
    desk.download("");
    desk.run(&format!("backup verify backups/{NAME}"));
    desk.download("");
    desk.run("backup create --wait=false");
    let run = desk.run("backup history");
    assert_snapshot!(run.outcome(), @"
    stdout:
    AGE   OPERATION   OUTCOME   SCOPE   ID   SIZE   FILE
    AGE   create   Accepted   testbed/messaging/broker   20250906-120000   -   -
    AGE   download   Conflict   testbed/messaging/broker   20250905-130215   -   -
    AGE   verify   Succeeded   -   -   1.4MiB   $PWD/backups/backup-20250905-130215-20250905-130215.backup
    AGE   download   Succeeded   testbed/messaging/broker   20250905-130215   1.4MiB   $PWD/backups/backup-20250905-130215-20250905-130215.backup
    exit 0
    ");
    let document: Value = desk.run("backup history --limit 1 -o json").json();
    let item = &document["items"][0];
    assert_eq!(item["operation"], "create");
    assert_eq!(item["scope"], "testbed/messaging/broker");
}
