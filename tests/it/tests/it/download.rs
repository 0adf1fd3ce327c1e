//! `backup download`: a whole file or none, whatever happens to the stream.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Backup, BackupState, Fault};

use crate::support::{Bed, Run};

const ID: &str = "20250905-130215";
const NAME: &str = "backup-20250905-130215-20250905-130215.backup";
/// A little more than the testbed's content repeats after.
const SIZE: &str = "download-size=1500000";

/// A cluster, and a folder to work in.
struct Desk {
    bed: Bed,
    folder: TempDir,
}

impl Desk {
    fn with(faults: &[&str]) -> Self {
        let faults: Vec<_> = faults.iter().copied().chain([SIZE]).collect();
        Self {
            bed: Bed::with(&faults),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn run(&self, arguments: &str) -> Run {
        self.bed
            .program()
            .in_folder(self.folder.path())
            .run(arguments)
    }

    fn download(&self, more: &str) -> Run {
        self.run(&format!("backup download --id {ID} {more}"))
    }

    fn heal(&self) {
        self.bed.faults().clear();
        self.set(SIZE);
    }

    fn set(&self, fault: &str) {
        let fault: Fault = fault.parse().expect("a fault of the testbed");
        self.bed.faults().set(fault);
    }

    fn sha256(&self) -> String {
        let hivemq = self.bed.hivemq("messaging").expect("HiveMQ");
        hivemq.content(ID).expect("a content").sha256()
    }

    /// The file is the backup, and its digest lies beside it.
    fn assert_whole(&self, file: &str) {
        let path = self.folder.path().join(file);
        let folder = path.parent().expect("a folder");
        let sum = fs::read_to_string(format!("{}.sha256", path.display())).expect("the digest");
        assert!(sum.starts_with(&self.sha256()), "{sum}");
        let checked = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet"])
            .arg(format!("{}.sha256", path.display()))
            .current_dir(folder)
            .stdout(Stdio::null())
            .status()
            .expect("sha256sum runs");
        assert!(checked.success());
        assert_eq!(hidden(folder), Vec::<String>::new());
    }

    /// Nothing that could be taken for a backup.
    fn assert_no_file(&self) {
        let visible: Vec<_> = names(&self.folder.path().join("backups"))
            .into_iter()
            .filter(|name| !name.starts_with('.'))
            .collect();
        assert_eq!(visible, Vec::<String>::new());
    }

    fn parts(&self) -> Vec<String> {
        hidden(&self.folder.path().join("backups"))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

fn hidden(folder: &Path) -> Vec<String> {
    let hidden = |name: &String| name.starts_with('.');
    names(folder).into_iter().filter(hidden).collect()
}

#[test]
fn a_backup_lies_in_the_folder_with_its_digest() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.download("").shown(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    SHA-256 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d, kept beside it
    exit 0
    ");
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn the_newest_that_ended_well_says_which_newer_did_not() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.run("backup download --latest -o json").shown(), @r#"
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
        "namespace": "messaging",
        "statefulset": "broker"
      }
    }
    exit 0
    "#);
    assert_snapshot!(desk.run("backup download --latest -o wide --force").shown(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY   ID   SHA256
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length   20250905-130215   935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    20250906-114000 is newer, but FAILED
    SHA-256 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d, kept beside it
    exit 0
    ");
    assert_snapshot!(desk.run("backup download --latest -o name --force").shown(), @"
    stdout:
    ./backups/backup-20250905-130215-20250905-130215.backup
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    20250906-114000 is newer, but FAILED
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
    assert_snapshot!(desk.download("--output-file ./my.backup").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: ./my.backup exists already
    hint: Give another name with `--output-file`, or replace it with `--force`: the old file stays until the new one is whole and checked
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
fn the_user_names_the_file() {
    let desk = Desk::with(&[]);
    desk.download("--output-file a.backup --output-dir there");
    desk.assert_whole("there/a.backup");
    desk.download("--output-file deep/er/b.backup");
    desk.assert_whole("deep/er/b.backup");
    // As the older plugin had it.
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
    assert_snapshot!(desk.download("--output-file a/b --output-dir c").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: --output-dir and --output-file both name a folder. Please either:
      - Leave --output-dir out
      - Give --output-file a name without a folder
    exit 2
    ");
    assert_snapshot!(desk.download("--output-file nul.sha256").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: `nul.sha256` can't be the name of a backup file
    hint: Choose another name, for example `_nul.sha256.backup`
    exit 2
    ");
    assert_snapshot!(desk.run("backup list --output c.backup").shown(), @"
    stderr:
    error: invalid value 'c.backup' for '--output <FORMAT>'
      [possible values: table, wide, json, yaml, name]

    For more information, try '--help'.
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
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Interrupted: the download broke off after 750000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; going on in 500 ms
    1.4MiB written, SHA-256 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
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
fn a_stream_that_is_cut_once_is_mended() {
    for framing in ["length", "chunked", "close"] {
        for percent in [0, 1, 50, 99] {
            for resume in ["on", "off"] {
                let desk = Desk::with(&[
                    &format!("download-framing={framing}"),
                    &format!("download-cut={percent}:1"),
                    &format!("download-resume={resume}"),
                ]);
                let run = desk.download("");
                let how = format!("{framing}, {percent} %, resume {resume}: {}", run.stderr);
                if framing == "close" {
                    // The end of the connection is the end of the body: only the length of the
                    // list shows that it came too early, and it may be another's.
                    assert!([0, 13].contains(&run.code), "{how}");
                } else {
                    assert_eq!(run.code, 0, "{how}");
                }
                if run.code == 0 {
                    desk.assert_whole(&format!("backups/{NAME}"));
                } else {
                    desk.assert_no_file();
                }
            }
        }
    }
}

#[test]
fn a_stream_that_is_always_cut_leaves_no_file_and_is_resumed_later() {
    for framing in ["length", "chunked", "close"] {
        for percent in [1, 50, 99] {
            let desk = Desk::with(&[
                &format!("download-framing={framing}"),
                &format!("download-cut={percent}"),
                "download-resume=on",
            ]);
            let run = desk.download("--retries 0");
            let how = format!("{framing}, {percent} %: {}", run.stderr);
            assert!([1, 13].contains(&run.code), "{how}");
            desk.assert_no_file();
            let kept = desk.parts().len();
            desk.heal();
            desk.set("download-resume=on");
            let document = desk.download("-o json").json();
            let resumed = document["item"]["resumedBytes"].as_u64().expect("a number");
            assert_eq!(resumed > 0, kept > 0, "{how}");
            desk.assert_whole(&format!("backups/{NAME}"));
        }
    }
}

#[test]
fn what_broke_off_says_how_to_go_on() {
    let desk = Desk::with(&["download-cut=50", "download-resume=on"]);
    assert_snapshot!(desk.download("--retries 1").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    Interrupted: the download broke off after 750000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; going on in 500 ms
    Interrupted: the download broke off after 1125000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 375000 of 750000 bytes; going on in 500 ms
    error: the download broke off after 1312500 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 187500 of 375000 bytes
    hint: Run the same command again: it goes on after the 1312500 bytes that are kept
    exit 1
    ");
    desk.heal();
    desk.set("download-resume=on");
    assert_snapshot!(desk.download("").shown(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    Going on after 1.2MiB of an earlier download
    SHA-256 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d, kept beside it
    exit 0
    ");
    desk.assert_whole(&format!("backups/{NAME}"));
    let ranges = desk.bed.backend_requests().all();
    assert!(!ranges.is_empty());

    let desk = Desk::with(&["download-cut=50"]);
    assert_snapshot!(desk.download("--retries 0").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: the download broke off after 750000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes
    hint: Look at `kubectl logs broker-0 -n messaging --all-containers`
    exit 1
    ");
    assert_eq!(desk.parts(), Vec::<String>::new());
}

#[test]
fn another_backup_under_the_same_id_is_not_mixed_with_the_first() {
    let desk = Desk::with(&["download-cut=50", "download-resume=on"]);
    assert_eq!(desk.download("--retries 0").code, 1);
    desk.heal();
    desk.set("download-resume=on");
    desk.set("download-etag-changes");
    let document = desk.download("-o json").json();
    assert_eq!(document["item"]["resumedBytes"], 0);
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn what_is_no_backup_is_refused() {
    let desk = Desk::with(&["download-html"]);
    assert_snapshot!(desk.download("").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: the backend answered with a web page (text/html; charset=utf-8) instead of the backup
    hint: This is what a login page or a proxy sends: check the port and the credentials with `kubectl broker backup test`
    exit 13
    ");
    assert_eq!(
        names(&desk.folder.path().join("backups")),
        Vec::<String>::new()
    );

    let desk = Desk::with(&["download-corrupt", "download-checksum=on"]);
    let run = desk.download("");
    assert_snapshot!(run.shown().replace(&desk.sha256(), "SHA256"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: the bytes have the SHA-256 0f96b8f79024e8a73093a64cbf0c600cef21bb2162f0387873fd372795fbd973, and the header X-Checksum-Sha256 says SHA256
    hint: Nothing was kept: run the same command again, and look at the log of the backend if it happens twice
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
    assert_snapshot!(desk.run("backup download --id 20250906-115900").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: backup 20250906-115900 can't be downloaded: it is IN_PROGRESS
    hint: Wait for its end: `kubectl broker backup status --engine hivemq --id 20250906-115900`
    exit 11
    ");
    assert_snapshot!(desk.run("backup download --id 20250906-114000").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: backup 20250906-114000 can't be downloaded: it is FAILED (Not enough disk space on node broker-1.)
    hint: `kubectl broker backup list --engine hivemq` shows which backups are whole
    exit 1
    ");
    assert_snapshot!(desk.run("backup download --id nothing").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: GET /api/v1/management/backups/{backupId} answered 404: Resource not found: Resource with id 'nothing' not found
    hint: `kubectl broker backup list --engine hivemq` shows the backups; HiveMQ forgets a failed one after an hour
    exit 10
    ");
    assert_snapshot!(desk.run("backup download --engine sidecar --latest").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: engine kubectl-broker/sidecar can't `download`: the sidecar's API has no download; the backups lie in the object storage that it uploads to
    hint: Engines that can: hivemq
    exit 2
    ");
    assert_snapshot!(desk.run("backup download").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: which backup? Give --id ID or --latest
    hint: On a terminal there is a menu to choose from
    exit 2
    ");
}

#[test]
fn older_servers_have_the_file_elsewhere() {
    let desk = Desk::with(&["hivemq-old-routes"]);
    assert_eq!(desk.download("").code, 0);
    desk.assert_whole(&format!("backups/{NAME}"));
}

/// Starts a download that drips, and waits until some of it is on the disk.
fn dripping(desk: &Desk) -> std::process::Child {
    let program = desk.bed.program().in_folder(desk.folder.path());
    let child = program.spawn(&format!("backup download --id {ID}"));
    let part = desk.folder.path().join(format!("backups/.{NAME}.part"));
    while fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        std::thread::yield_now();
    }
    child
}

#[test]
fn ctrl_c_keeps_what_has_come() {
    let desk = Desk::with(&["download-drip=200000", "download-resume=on"]);
    let child = dripping(&desk);
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let program = desk.bed.program().in_folder(desk.folder.path());
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: stopped
    hint: Run the same command again: it goes on after what has come, where the backend allows that
    exit 130
    ");
    desk.assert_no_file();
    desk.heal();
    desk.set("download-resume=on");
    let document = desk.download("-o json").json();
    assert_ne!(document["item"]["resumedBytes"], 0);
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn a_backend_that_drips_has_only_so_much_time() {
    let desk = Desk::with(&["download-drip=1000", "download-resume=on"]);
    assert_snapshot!(desk.download("--timeout 1s").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: backup 20250905-130215 did not come within 1 s
    hint: Run the same command again, with a longer `--timeout` or none: it goes on after what has come, where the backend allows that
    exit 124
    ");
    desk.assert_no_file();
    desk.heal();
    desk.set("download-resume=on");
    let document = desk.download("-o json").json();
    assert_ne!(document["item"]["resumedBytes"], 0);
}

#[test]
fn a_second_download_of_the_same_file_is_refused() {
    let desk = Desk::with(&["download-drip=200000"]);
    let mut child = dripping(&desk);
    assert_snapshot!(desk.download("").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: another process is downloading to ./backups/.backup-20250905-130215-20250905-130215.backup.part
    hint: Wait until it is done, or give another name with `--output-file`
    exit 11
    ");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// Deletes the pod that the first port-forward goes to.
fn delete_pod(desk: &Desk) {
    let requests = desk.bed.requests().all();
    let pod = requests.iter().find_map(|request| {
        let path = &request.path;
        let pod = path.strip_prefix("/api/v1/namespaces/messaging/pods/")?;
        Some(pod.strip_suffix("/portforward")?.to_owned())
    });
    let objects = desk.bed.objects();
    let pod = pod.expect("a port-forward");
    objects
        .remove("pods", "messaging", &pod)
        .expect("the pod is there");
}

#[test]
fn a_pod_that_goes_away_is_replaced_by_another() {
    let desk = Desk::with(&["download-drip=400000", "download-resume=on"]);
    let child = dripping(&desk);
    desk.heal();
    desk.set("download-resume=on");
    delete_pod(&desk);
    let program = desk.bed.program().in_folder(desk.folder.path());
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("Interrupted: "), "{}", run.stderr);
    desk.assert_whole(&format!("backups/{NAME}"));
}

#[test]
fn credentials_that_expire_in_the_middle_cost_nothing_that_has_come() {
    let desk = Desk::with(&["download-drip=400000", "download-resume=on"]);
    let child = dripping(&desk);
    desk.heal();
    desk.set("hivemq-auth=somebody:else");
    delete_pod(&desk);
    let program = desk.bed.program().in_folder(desk.folder.path());
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("error: the backend answered 401 Unauthorized"),
        "{}",
        run.stderr
    );
    desk.assert_no_file();
    assert!(!desk.parts().is_empty());
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
    // It would have to wait for longer than anybody wants to.
    let desk = Desk::with(&["hivemq-retry-after=503:3600:1"]);
    assert_snapshot!(desk.download("").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using folder ./backups
    error: GET /api/v1/management/backups/{backupId} answered 503: The endpoint is temporarily not available: come back later
    hint: The cluster may be starting, or its nodes run different versions; try again
    exit 1
    ");
}

#[test]
fn killed_at_any_step_there_is_a_whole_file_or_none() {
    for (step, old) in [
        "part-opened",
        "bytes-written",
        "checkpoint-synced",
        "checkpoint-recorded",
        "data-synced",
        "verified",
        "old-digest-removed",
        "digest-staged",
        "digest-written",
        "renamed",
        "folder-synced",
        "record-removed",
    ]
    .into_iter()
    .flat_map(|step| [(step, false), (step, true)])
    {
        let desk = Desk::with(&["download-resume=on"]);
        let path = desk.folder.path().join("my.backup");
        if old {
            fs::write(&path, "precious").expect("written");
        }
        let program = desk.bed.program().in_folder(desk.folder.path());
        let run = program.env("KUBECTL_BROKER_FAIL_POINT", step).run(&format!(
            "backup download --id {ID} --output-file ./my.backup --force"
        ));
        let never = step == "old-digest-removed" && !old;
        assert_eq!(
            run.code,
            if never { 0 } else { 128 + 6 },
            "{step}: {}",
            run.stderr
        );
        match fs::read(&path) {
            Ok(bytes) if old && bytes == b"precious" => {}
            Ok(_) => {
                let verified = desk.run("backup verify my.backup");
                assert_eq!(verified.code, 0, "{step}: {}", verified.stderr);
            }
            Err(_) => assert!(!old, "{step}: the old file is gone"),
        }
        assert_eq!(desk.download("--output-file ./my.backup --force").code, 0);
        desk.assert_whole("my.backup");
    }
}

#[test]
fn what_was_done_is_recorded() {
    let desk = Desk::with(&[]);
    assert_snapshot!(desk.run("backup history").shown(), @"
    stdout:
    AGE   OPERATION   OUTCOME   SCOPE   ID   SIZE   FILE
    exit 0
    ");
    desk.download("");
    desk.run(&format!("backup verify backups/{NAME}"));
    desk.download("");
    desk.run("backup create --wait=false");
    let run = desk.run("backup history");
    assert_snapshot!(run.shown(), @"
    stdout:
    AGE   OPERATION   OUTCOME   SCOPE   ID   SIZE   FILE
    AGE   create   Succeeded   testbed/messaging/broker   20250906-120000   -   -
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
