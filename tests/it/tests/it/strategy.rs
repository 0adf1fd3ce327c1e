//! Engine `strategy`: a backup that its backend answers with, made and saved in one go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Fault, STRATEGY_TOKEN, Testbed};

use crate::support::{Bed, Invocation, Run, names};

const TO_STDOUT: [&str; 8] = [
    "backup",
    "create",
    "--engine",
    "strategy",
    "--statefulset",
    "app",
    "--output-file",
    "-",
];

/// An application with a strategy sidecar, and a folder to work in.
struct App {
    bed: Bed,
    folder: TempDir,
}

impl App {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(faults: &[&str]) -> Self {
        let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
            builder.fault(fault.parse().expect("a fault of the testbed"))
        });
        Self {
            bed: Bed::of(builder.namespace("apps")),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Without the token.
    fn stranger(&self) -> Invocation {
        self.bed.program().in_folder(self.folder.path())
    }

    fn program(&self) -> Invocation {
        self.stranger().env("BROKER_TOKEN", STRATEGY_TOKEN)
    }

    fn run(&self, arguments: &str) -> Run {
        let arguments = format!("{arguments} --statefulset app");
        self.program().run(&arguments)
    }

    fn create(&self, more: &str) -> Run {
        self.run(&format!("backup create --engine strategy {more}"))
    }

    fn set(&self, fault: &str) {
        let fault: Fault = fault.parse().expect("a fault of the testbed");
        self.bed.faults().set(fault);
    }

    /// How many backups the sidecar has made.
    fn exports(&self) -> usize {
        self.bed.strategy("apps").expect("a sidecar").exports()
    }

    fn sha256(&self) -> String {
        let sidecar = self.bed.strategy("apps").expect("a sidecar");
        sidecar.content().sha256()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The file is the backup, and its digest lies beside it.
    fn assert_whole(&self, file: &Path) {
        let sum = fs::read_to_string(format!("{}.sha256", file.display())).expect("the digest");
        assert!(sum.starts_with(&self.sha256()), "{sum}");
        let checked = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet"])
            .arg(format!("{}.sha256", file.display()))
            .current_dir(file.parent().expect("a folder"))
            .stdout(Stdio::null())
            .status();
        assert!(checked.expect("sha256sum runs").success());
    }

    /// Not even an unfinished one.
    fn assert_nothing(&self) {
        assert_eq!(names(&self.path("backups")), Vec::<String>::new());
    }
}

#[test]
fn a_backup_is_made_and_saved_in_one_go() {
    let app = App::start();
    assert_snapshot!(app.create("").shown(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, kept beside it
    exit 0
    ");
    let mut files = names(&app.path("backups"));
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    app.assert_whole(&app.path("backups").join(&files[0]));
    assert_eq!(app.exports(), 1);
}

#[test]
fn the_document_says_where_it_is_and_how_sure_that_is() {
    let app = App::start();
    let document = app.create("-o json --drive-folder-id 1AbC").json();
    let file = &document["file"];
    let path = file["path"].as_str().expect("a path");
    app.assert_whole(&app.path(path));
    assert_eq!(file["sha256"], app.sha256());
    assert_eq!(file["sizeBytes"], 1_500_000);
    assert_eq!(file["verifiedBy"], "checksum");
    let item = &document["item"];
    assert_eq!(item["state"], "Succeeded");
    assert_eq!(item["sizeBytes"], 1_500_000);
    assert!(item["created"].is_string());
    assert_eq!(
        item["fields"],
        json!({"format": "postgres-custom", "drive-folder-id": "1AbC"})
    );
    let requests = app.bed.backend_requests().all();
    let export = requests.last().expect("a request");
    assert_eq!(export.query, "drive_folder_id=1AbC");
    assert_eq!((export.method.as_str(), export.body.len()), ("POST", 0));
}

#[test]
fn the_name_is_that_of_the_file() {
    let app = App::start();
    let run = app.create("-o name --output-file mine.sql.gz");
    assert_eq!(run.stdout, "./backups/mine.sql.gz\n");
    app.assert_whole(&app.path("backups/mine.sql.gz"));
}

#[test]
fn the_user_says_where_it_goes() {
    let app = App::start();
    assert_eq!(app.create("--output-file kept/mine.dump").code, 0);
    app.assert_whole(&app.path("kept/mine.dump"));
    assert_eq!(app.create("--output-dir other --output-file a").code, 0);
    app.assert_whole(&app.path("other/a"));
}

#[test]
fn a_file_that_is_there_is_refused_before_the_sidecar_has_any_work() {
    let app = App::start();
    let old = app.path("mine");
    fs::write(&old, "precious").expect("written");
    assert_snapshot!(app.create("--output-file ./mine").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: ./mine exists already
    hint: Give another name with `--output-file`, or replace it with `--force`: the old file stays until the new one is whole and checked
    exit 11
    ");
    assert_eq!(app.exports(), 0);
    assert_eq!(fs::read(&old).expect("the old file"), b"precious");
    app.set("download-cut=50");
    assert_eq!(app.create("--output-file ./mine --force").code, 1);
    assert_eq!(fs::read(&old).expect("the old file"), b"precious");
    app.bed.faults().clear();
    assert_eq!(app.create("--output-file ./mine --force").code, 0);
    app.assert_whole(&old);
}

#[test]
fn it_may_go_to_stdout() {
    let app = App::start();
    let output = app.program().output(&TO_STDOUT);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), 1_500_000);
    let copy = app.path("copy");
    fs::write(&copy, &output.stdout).expect("written");
    let sum = Command::new("sha256sum").arg(&copy).output();
    let sum = sum.expect("sha256sum runs").stdout;
    assert!(sum.starts_with(app.sha256().as_bytes()));
    assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"
    Using namespace apps of context testbed
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    1.4MiB written, SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
    ");
    app.assert_nothing();
}

#[test]
fn what_broke_off_on_stdout_is_said_to_be_no_backup() {
    let app = App::with(&["download-cut=50"]);
    let output = app.program().output(&TO_STDOUT);
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"
    Using namespace apps of context testbed
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the download broke off after 750000 of 1500000 bytes: port 8000 of pod app-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; what was written is not a whole backup
    hint: Look at `kubectl logs app-0 -n apps --all-containers`. The same command makes a new backup
    ");
}

#[test]
fn both_families_of_headers_are_read_and_checked() {
    for (family, verified_by, format) in [
        ("source", "checksum", json!("postgres-custom")),
        ("documents", "checksum", json!("postgres-custom")),
        ("none", "length", Value::Null),
    ] {
        let app = App::with(&[&format!("strategy-headers={family}")]);
        let document = app.create("-o json").json();
        assert_eq!(document["file"]["verifiedBy"], verified_by, "{family}");
        assert_eq!(document["item"]["fields"]["format"], format, "{family}");
    }
    let app = App::with(&["strategy-headers=documents", "download-framing=chunked"]);
    let document = app.create("-o json").json();
    assert_eq!(document["file"]["verifiedBy"], "checksum");
}

#[test]
fn a_checksum_that_does_not_hold_leaves_no_file() {
    let app = App::with(&["strategy-bad-checksum"]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the bytes have the SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, and the header X-Checksum-Sha256 says 82577dbb103fadea57ad6c56895ff3f4f97520c94370c71aede7ea75afeff551
    hint: Nothing was kept: run the same command again, and look at the log of the backend if it happens twice
    exit 13
    ");
    app.assert_nothing();
    for faults in [
        &["download-corrupt"][..],
        &["download-corrupt", "strategy-headers=documents"],
    ] {
        let app = App::with(faults);
        let run = app.create("");
        assert_eq!(run.code, 13, "{faults:?}: {}", run.stderr);
        app.assert_nothing();
        assert_eq!(app.exports(), 1);
    }
}

#[test]
fn a_length_that_does_not_hold_leaves_no_file() {
    let app = App::with(&["strategy-headers=documents", "strategy-size-header=1499999"]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the backend contradicts itself: the header Content-Length says 1500000, and the header X-Size says 1499999
    hint: Nothing was written; look at the log of the backend
    exit 13
    ");
    app.assert_nothing();
    // Without a Content-Length there is nothing that it contradicts before the bytes have come.
    for size in ["1499999", "1500001"] {
        let app = App::with(&[
            "download-framing=chunked",
            "strategy-headers=documents",
            &format!("strategy-size-header={size}"),
        ]);
        let run = app.create("");
        assert_ne!(run.code, 0, "{size}: {}", run.stderr);
        app.assert_nothing();
        assert_eq!(app.exports(), 1);
    }
}

#[test]
fn a_stream_that_is_cut_leaves_no_file_and_is_not_asked_for_again() {
    for framing in ["length", "chunked", "close"] {
        for percent in [0, 1, 50, 99] {
            let app = App::with(&[
                &format!("download-framing={framing}"),
                &format!("download-cut={percent}:1"),
                "download-resume=on",
            ]);
            let run = app.create("");
            let how = format!("{framing}, {percent} %: {}", run.stderr);
            assert_ne!(run.code, 0, "{how}");
            app.assert_nothing();
            assert_eq!(app.exports(), 1, "{how}");
        }
    }
    let app = App::with(&["download-cut=50"]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the download broke off after 750000 of 1500000 bytes: port 8000 of pod app-0 closed the connection in the middle of an answer after 750000 of 1500000 bytes; nothing of it is kept, because this backend can't go on where it broke off
    hint: Look at `kubectl logs app-0 -n apps --all-containers`. The same command makes a new backup
    exit 1
    ");
}

#[test]
fn a_lost_answer_is_said_to_be_lost_and_the_backup_not_made_twice() {
    let app = App::with(&["strategy-lost-answer"]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: port 8000 of pod app-0 closed the connection without an answer; whether the backup was made is not known, and nothing of it came
    hint: Look at `kubectl logs app-0 -n apps --all-containers`. The same command makes a new backup
    exit 1
    ");
    app.assert_nothing();
    assert_eq!(app.exports(), 1);
}

#[test]
fn a_strategy_that_fails_says_why() {
    let app = App::with(&["strategy-fails=Command failed with exit code 1: pg_dump\nno password"]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: POST /backup/export answered 500: Command failed with exit code 1: pg_dump
      no password
    hint: The sidecar's log says more: `kubectl logs POD --container CONTAINER`
    exit 1
    ");
    app.assert_nothing();
    let error = app.create("-o json").error();
    assert_eq!(error["code"], "Failed");
}

#[test]
fn an_html_page_is_a_clear_error() {
    assert_snapshot!(App::with(&["strategy-broken"]).create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: POST /backup/export answered 500: an HTML page titled "500 Internal Server Error"
    hint: The sidecar's log says more: `kubectl logs POD --container CONTAINER`
    exit 1
    "#);
    assert_snapshot!(App::with(&["download-html"]).create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the backend answered with a web page (text/html; charset=utf-8) instead of the backup
    hint: This is what a login page or a proxy sends: check the port and the credentials with `kubectl broker backup test`
    exit 13
    ");
    assert_snapshot!(App::with(&["strategy-html=502"]).create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: GET /backup/capabilities answered 502: an HTML page titled "502 Bad Gateway"
    hint: The sidecar's log says more: `kubectl logs POD --container CONTAINER`
    exit 1
    "#);
    // As any other program on that port says it.
    assert_snapshot!(App::with(&["strategy-html=404"]).create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: GET /backup/capabilities answered 404: an HTML page titled "404 Not Found"
    hint: Another program may be listening on that port; name the sidecar's with `--strategy-port`
    exit 1
    "#);
}

#[test]
fn the_token_is_asked_for_and_told_from_a_wrong_one() {
    let app = App::start();
    let command = "backup create --engine strategy --statefulset app";
    assert_snapshot!(app.stranger().run(command).shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: GET /backup/capabilities answered 401: Missing Bearer token
    hint: The sidecar wants the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    exit 12
    ");
    let wrong = app.stranger().env("BROKER_TOKEN", "wrong");
    assert_snapshot!(wrong.run(command).shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: GET /backup/capabilities answered 401: Invalid authorization token
    hint: The sidecar wants the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    exit 12
    ");
    assert_eq!(app.exports(), 0);
}

#[test]
fn the_token_may_come_from_a_secret() {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "strategy-token", "namespace": "apps"},
        // The token that the testbed is given below.
        "data": {"token": "Y2FuYXJ5LXRva2Vu"},
    });
    let builder = Testbed::builder()
        .namespace("apps")
        .with(move |world| world.put([secret]))
        .fault("strategy-auth=canary-token".parse().expect("a fault"));
    let app = App {
        bed: Bed::of(builder),
        folder: tempfile::tempdir().expect("a folder"),
    };
    let run = app.stranger().run(
        "backup create --engine strategy --statefulset app --credentials-secret strategy-token --verbose",
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    assert_eq!(app.exports(), 1);
}

#[test]
fn a_deferred_backup_is_waited_for_and_downloaded() {
    let app = App::with(&["strategy-deferred=/backup/jobs/7", "strategy-job-looks=1"]);
    assert_snapshot!(app.create("").shown(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    /backup/jobs/7   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    Backup /backup/jobs/7 has begun; waiting up to 300 s for its end
    SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, kept beside it
    exit 0
    ");
    assert_eq!(app.exports(), 1);
    assert_eq!(names(&app.path("backups")).len(), 2);
    assert_eq!(app.bed.backend_requests().count("HEAD", "/jobs/7"), 2);
    assert_eq!(app.bed.backend_requests().count("GET", "/jobs/7"), 1);
}

#[test]
fn a_status_url_is_followed_in_each_form_on_the_same_sidecar() {
    for url in [
        "jobs/7",
        "../api/jobs/7",
        "http://localhost:8000/backup/status/7",
    ] {
        let app = App::with(&[&format!("strategy-deferred={url}")]);
        let run = app.create("");
        assert_eq!(run.code, 0, "{url}: {}", run.stderr);
        assert_eq!(names(&app.path("backups")).len(), 2, "{url}");
    }
}

#[test]
fn a_status_url_that_leads_elsewhere_is_refused() {
    let app = App::with(&["strategy-deferred=http://169.254.169.254/backup/jobs/7"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the sidecar makes the backup in the background, and its status URL "http://169.254.169.254/backup/jobs/7" names another server: it is not followed
    exit 1
    "#);
    let app = App::with(&["strategy-deferred=/admin/reset"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the sidecar makes the backup in the background, and its status URL "/admin/reset" leads to none of the routes that this engine may ask for: it is not followed
    hint: They are /api/jobs/ID, /backup/export/ID, /backup/jobs/ID and /backup/status/ID
    exit 1
    "#);
    let last = app.bed.backend_requests().all().pop().expect("a request");
    assert_eq!(last.path, "/backup/export");
    app.assert_nothing();
}

#[test]
fn a_deferred_backup_that_fails_says_why() {
    let app = App::with(&[
        "strategy-deferred=/backup/jobs/7",
        "strategy-job-fails=disk full",
    ]);
    assert_snapshot!(app.create("").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    Backup /backup/jobs/7 has begun; waiting up to 300 s for its end
    error: the backup /backup/jobs/7 ended badly: failed (disk full)
    exit 1
    ");
    app.assert_nothing();
}

#[test]
fn a_deferred_backup_that_does_not_end_in_time_can_be_got_later() {
    let app = App::with(&["strategy-deferred=/backup/jobs/7", "strategy-job-looks=2"]);
    assert_snapshot!(app.create("--timeout 1s").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    Backup /backup/jobs/7 has begun; waiting up to 1 s for its end
    error: /backup/jobs/7 has not ended within 1 s; it goes on in the backend
    hint: Follow it with `kubectl broker backup status --engine strategy --id /backup/jobs/7`, or give a longer `--timeout`
    exit 124
    ");
    let status = app.run("backup status --engine strategy --id /backup/jobs/7 -o json");
    assert_eq!(status.json()["item"]["state"], "Running");
    let run = app.run("backup download --engine strategy --id /backup/jobs/7");
    assert_eq!(run.code, 11, "{}", run.stderr);
    let run = app.run("backup download --engine strategy --id /backup/jobs/7");
    assert_eq!(run.code, 0, "{}", run.stderr);
    app.assert_whole(&app.path("backups/app.sql.gz"));
}

#[test]
fn a_sidecar_that_drips_has_only_so_much_time() {
    let app = App::with(&["download-drip=1000"]);
    assert_snapshot!(app.create("--timeout 1s").shown(), @"
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: the backup did not come within 1 s; nothing of it is kept, because this backend can't go on where it broke off
    hint: Give a longer `--timeout`, or none; each try makes a new backup
    exit 124
    ");
    app.assert_nothing();
    assert_eq!(app.exports(), 1);
}

/// Starts a backup that drips, and waits until some of it is on the disk.
fn dripping(app: &App) -> Child {
    let child = app
        .program()
        .spawn("backup create --engine strategy --statefulset app --output-file ./backups/mine");
    let part = app.path("backups/.mine.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        std::thread::yield_now();
    }
    child
}

#[test]
fn ctrl_c_leaves_no_file_and_says_that_it_is_made_anew() {
    let app = App::with(&["download-drip=200000"]);
    let child = dripping(&app);
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let run = app
        .program()
        .ended(&child.wait_with_output().expect("it ends"));
    assert_snapshot!(run.shown(), @"
    stderr:
    Using namespace apps of context testbed
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    error: stopped
    hint: Nothing of the backup was kept: the same command makes a new one
    exit 130
    ");
    app.assert_nothing();
}

#[test]
fn flags_that_make_no_sense_for_the_engine_are_refused_before_any_work() {
    let app = App::start();
    assert_snapshot!(app.create("--wait=false").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine strategy saves the backup that it makes: there is nothing to begin and leave
    hint: Leave `--wait=false` out; `--timeout` says how long all of it may take
    exit 2
    ");
    assert_snapshot!(app.create("--destination /mnt/kept").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy has no `--destination`
    hint: Leave it out, or choose another engine
    exit 2
    ");
    assert_snapshot!(app.create("--output-file - -o json").shown(), @r#"
    stderr:
    {
      "apiVersion": "kubectl-broker/v1",
      "code": "Usage",
      "exitCode": 2,
      "hint": null,
      "kind": "Error",
      "message": "stdout can't carry the backup and a result. Please either:\n- Leave --output out\n- Give --output-file a name"
    }
    exit 2
    "#);
    assert_eq!(app.exports(), 0);
    let bed = Bed::start();
    for flag in [
        "--output-dir kept",
        "--output-file a",
        "--force",
        "--drive-folder-id x",
    ] {
        let run = bed.run(&format!("backup create {flag}"));
        assert_eq!(run.code, 2, "{flag}: {}", run.stderr);
    }
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
    assert_snapshot!(bed.run("backup create --output-file a").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine kubectl-broker/hivemq has no `--output-file`
    hint: Leave it out, or choose another engine
    exit 2
    ");
}

#[test]
fn auto_takes_it_only_where_no_other_backend_is_there() {
    let app = App::start();
    assert_snapshot!(app.run("backup create").shown(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    stderr:
    Using namespace apps of context testbed
    engine hivemq can't be used here (nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081); using strategy
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, kept beside it
    exit 0
    ");
    let stranger = app.stranger().run("backup create --statefulset app");
    assert_snapshot!(stranger.shown(), @"
    stderr:
    Using namespace apps of context testbed
    engine hivemq can't be used here (nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081); using strategy
    error: GET /backup/capabilities answered 401: Missing Bearer token
    hint: The sidecar wants the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    exit 12
    ");
    // A backend that is there, and refuses, is the one that is meant.
    let bed = Bed::with(&["hivemq-auth=somebody:else"]);
    assert_snapshot!(bed.run("backup create").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    A backup takes disk space on the broker's nodes, and is not removed by itself
    error: GET /api/v1/management/backups answered 401
    hint: HiveMQ's REST API wants a user name and password of its own: give `--username` with `--password-stdin`, or `--credentials-secret`
    exit 12
    ");
    // Nothing is there: the preferred one says so.
    let app = App::with(&["strategy-off"]);
    assert_snapshot!(app.run("backup create").shown(), @"
    stderr:
    Using namespace apps of context testbed
    A backup takes disk space on the broker's nodes, and is not removed by itself
    error: nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081
    hint: Is it switched on in the backend? Name its port with `--api-port`
    exit 1
    ");
}

#[test]
fn a_drive_folder_that_is_not_confirmed_is_a_warning() {
    let app = App::with(&["strategy-no-echo"]);
    assert_snapshot!(app.create("--drive-folder-id 1AbC").shown(), @r#"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    stderr:
    Using namespace apps of context testbed
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    warning: engine kubectl-broker/strategy: the sidecar does not confirm that it took the Drive folder "1AbC"
    SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, kept beside it
    exit 0
    "#);
}

#[test]
fn the_name_that_the_sidecar_gives_can_not_leave_the_folder() {
    let app = App::with(&["strategy-filename=../../app"]);
    assert_eq!(app.create("").code, 0);
    let names = names(&app.path("backups"));
    assert!(
        names.iter().all(|name| name.starts_with("app-")),
        "{names:?}"
    );
    assert_eq!(names.len(), 2);
}

#[test]
fn another_version_of_the_contract_is_refused_before_any_work() {
    let app = App::with(&["strategy-version=v2"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: the sidecar speaks version "v2" of its contract, and this engine "v1"
    hint: Look for a newer version of kubectl-broker, or of the sidecar
    exit 2
    "#);
    assert_eq!(app.exports(), 0);
}

#[test]
fn what_it_keeps_none_of_can_not_be_listed_or_removed() {
    let app = App::start();
    assert_snapshot!(app.run("backup list --engine strategy").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy can't `list`: the sidecar keeps no backups: it makes each when it is asked for it, and hands it out at once
    hint: Engines that can: backuprequest, hivemq, kafka, sidecar
    exit 2
    ");
    let run = app.run("backup delete --engine strategy --id x --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy can't `delete`: the sidecar keeps no backups: it removes each when it has handed it out
    hint: Engines that can: backuprequest, sidecar
    exit 2
    ");
    let run = app.run("backup status --engine strategy --id x");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: the sidecar has no backup "x"
    hint: The sidecar keeps no backups. Only one that it makes in the background has an id, which `backup create` shows: `/backup/jobs/ID`
    exit 10
    "#);
}

#[test]
fn its_capabilities_are_shown_where_engines_are_looked_at() {
    let app = App::start();
    let run = app.run("backup test --engine strategy -o json");
    let checks = run.json()["items"].as_array().expect("checks").clone();
    let detect = checks.iter().find(|check| check["check"] == "detect");
    assert_eq!(
        detect.expect("it is detected")["message"],
        "strategy sidecar v1 (database; about 120 s and 100.0MiB)"
    );
    let engines = app.run("engines -o wide").stdout;
    let engine = engines.lines().find(|line| line.contains("/strategy"));
    let engine = engine.expect("the engine");
    assert!(
        engine.contains("strategy sidecar v1 (database; about 120 s and 100.0MiB)"),
        "{engine}"
    );
}

#[test]
fn it_is_in_the_history_and_can_be_verified_by_it() {
    let app = App::start();
    assert_eq!(app.create("--output-file ./mine").code, 0);
    let history = app.program().run("backup history -o json").json();
    let entry = &history["items"][0];
    assert_eq!(entry["operation"], "create");
    assert_eq!(entry["outcome"], "Succeeded");
    assert_eq!(entry["sha256"], app.sha256());
    let file = entry["path"].as_str().expect("a file");
    assert!(file.ends_with("/mine"), "{file}");
    fs::remove_file(app.path("mine.sha256")).expect("removed");
    assert_eq!(app.program().run("backup verify mine").code, 0);
    fs::write(app.path("mine"), "other").expect("written");
    assert_eq!(app.program().run("backup verify mine").code, 13);
    app.set("strategy-broken");
    app.create("");
    let history = app.program().run("backup history -o json").json();
    assert_eq!(history["items"][0]["operation"], "create");
    assert_eq!(history["items"][0]["outcome"], "Failed");
}
