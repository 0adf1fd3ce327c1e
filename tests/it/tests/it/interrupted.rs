//! `backup download` with disturbances: interrupted streams, deleted pods, and a killed process.

use std::fs;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Desk, ID, NAME};

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
                assert_eq!(run.code, 0, "{how}");
                desk.assert_whole(&format!("backups/{NAME}"));
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
            assert_eq!(run.code, 1, "{how}");
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
    assert_snapshot!(desk.download("--retries 1").outcome(), @"
    note: 750000 1500000 8081 broker-0 750000 1500000 500
    note: 1125000 1500000 8081 broker-0 375000 750000 500
    Failed: 1312500 1500000 187500 375000 8081 broker-0
    hint: 1312500
    exit 1
    ");
    let entry = newest_entry(&desk);
    assert_eq!(entry["outcome"], "Interrupted");
    assert_eq!(entry["sizeBytes"], 1_312_500);
    let message = entry["message"].as_str().expect("a message");
    assert!(message.contains("1312500"), "{message}");
    desk.heal();
    desk.set("download-resume=on");
    assert_snapshot!(desk.download("").outcome(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/backup-20250905-130215-20250905-130215.backup   1.4MiB   length
    note: 1.3
    note: 935dba4086ab715f9c9b1078bef1b43efd848a5236bdbe52cc233f99c657605d
    exit 0
    ");
    desk.assert_whole(&format!("backups/{NAME}"));
    let requests = desk.bed.backend_requests().all();
    let last = requests.last().expect("a request");
    assert_eq!(last.headers["range"], "bytes=1312500-");

    let desk = Desk::with(&["download-cut=50"]);
    assert_snapshot!(desk.download("--retries 0").outcome(), @"
    Failed: 1500000 750000 8081 broker-0
    hint: `kubectl logs broker-0 -n messaging --all-containers`
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
fn a_length_that_is_never_reached_is_given_up_at_once() {
    let desk = Desk::with(&["download-cut=50"]);
    assert_snapshot!(desk.download("").shown(), @"
    stderr:
    Interrupted: the download was interrupted after 750000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; resuming in 500 ms
    Restarting at the first byte: the backend gives nothing to resume by
    error: the backend ended the backup after 750000 bytes each time, but the header Content-Length says 1500000: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes
    hint: Another attempt ends at the same byte until the backend is repaired: look at `kubectl logs broker-0 -n messaging --all-containers`
    exit 13
    ");
    let requests = desk.bed.backend_requests().all();
    let asked = requests
        .iter()
        .filter(|it| it.path.contains("/files/"))
        .count();
    assert_eq!(asked, 2);
    assert_eq!(desk.parts(), Vec::<String>::new());
}

#[test]
fn an_etag_that_changes_in_each_answer_is_given_up_at_once() {
    let desk = Desk::with(&[
        "download-cut=50",
        "download-resume=on",
        "download-etag-changes",
    ]);
    assert_snapshot!(desk.download("").shown(), @"
    stderr:
    Interrupted: the download was interrupted after 750000 of 1500000 bytes: port 8081 of pod broker-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; resuming in 500 ms
    Restarting at the first byte: the backup has changed (its ETag is different)
    error: the backup has another ETag in each answer, so no download can resume; the last was interrupted after 750000 bytes
    hint: Wait until nothing writes to the backup, or reach one pod directly with `--pod`: several pods behind one port may give different ETags
    exit 1
    ");
    assert_eq!(desk.parts(), Vec::<String>::new());
}

/// Starts a slow download, and waits until a part of it is on the disk.
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
    assert_snapshot!(run.outcome(), @"
    Interrupted:
    hint:
    exit 130
    ");
    desk.assert_no_file();
    let entry = newest_entry(&desk);
    assert_eq!(entry["operation"], "download");
    assert_eq!(entry["id"], ID);
    assert_eq!(entry["outcome"], "Interrupted");
    let received = entry["sizeBytes"].as_u64().expect("a number");
    desk.heal();
    desk.set("download-resume=on");
    let document = desk.download("-o json").json();
    let resumed = document["item"]["resumedBytes"].as_u64().expect("a number");
    assert!(
        0 < resumed && resumed <= received,
        "{resumed} of {received}"
    );
    assert_eq!(
        entry["message"],
        format!("stopped; the same command resumes after the {resumed} bytes that are kept")
    );
    desk.assert_whole(&format!("backups/{NAME}"));
}

fn newest_entry(desk: &Desk) -> Value {
    desk.run("backup history --limit 1 -o json").json()["items"][0].clone()
}

#[test]
fn a_backend_that_drips_has_only_so_much_time() {
    let desk = Desk::with(&["download-drip=1000", "download-resume=on"]);
    assert_snapshot!(desk.download("--timeout 1s").outcome(), @"
    TimedOut: 1 20250905-130215
    hint: `--timeout`
    exit 124
    ");
    desk.assert_no_file();
    let entry = newest_entry(&desk);
    assert_eq!(entry["outcome"], "TimedOut");
    assert!(entry["sizeBytes"].as_u64() > Some(0), "{entry}");
    desk.heal();
    desk.set("download-resume=on");
    let document = desk.download("-o json").json();
    assert_ne!(document["item"]["resumedBytes"], 0);
}

#[test]
fn a_second_download_of_the_same_file_is_refused() {
    let desk = Desk::with(&["download-drip=200000"]);
    let mut child = dripping(&desk);
    assert_snapshot!(desk.download("").outcome(), @"
    Conflict: /backups/.backup-20250905-130215-20250905-130215.backup.part
    hint: `--output-file`
    exit 11
    ");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// Deletes the pod of the first port-forward.
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
    assert!(run.stderr.contains("401"), "{}", run.stderr);
    desk.assert_no_file();
    assert!(!desk.parts().is_empty());
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
                // Without a digest the file can't be verified.
                let program = desk.bed.program().in_folder(desk.folder.path());
                let verified = program
                    .data_although_failed()
                    .run("backup verify my.backup");
                assert!(
                    [0, 3].contains(&verified.code),
                    "{step}: {}",
                    verified.stderr
                );
            }
            Err(_) => assert!(!old, "{step}: the old file is gone"),
        }
        assert_eq!(desk.download("--output-file ./my.backup --force").code, 0);
        desk.assert_whole("my.backup");
    }
}
