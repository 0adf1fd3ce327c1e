//! Engine `strategy`: the backend answers with the backup, which is made and saved in one step.

mod credentials;
mod damage;
mod deferred;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
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

/// An application with a strategy sidecar, and a working folder.
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

    /// Returns the program without the token.
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

    /// Returns the number of backups that the sidecar has made.
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

    /// Checks that the file is the backup, and that its digest is next to it.
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

    /// Checks that the folder is empty, without even a partial file.
    fn assert_nothing(&self) {
        assert_eq!(names(&self.path("backups")), Vec::<String>::new());
    }
}

#[test]
fn a_backup_is_made_and_saved_in_one_go() {
    let app = App::start();
    assert_snapshot!(app.create("").outcome(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    note: 120 100.0
    note: 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
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
    assert_snapshot!(app.create("--output-file ./mine").outcome(), @"
    Conflict: /mine
    hint: `--force` `--output-file`
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
    let said = app.program().ended(&Output {
        stdout: Vec::new(),
        ..output
    });
    assert_snapshot!(said.outcome(), @"
    note: 120 100.0
    note: 1.4 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
    exit 0
    ");
    app.assert_nothing();
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
fn a_drive_folder_that_is_not_confirmed_is_a_warning() {
    let app = App::with(&["strategy-no-echo"]);
    assert_snapshot!(app.create("--drive-folder-id 1AbC").message(), @r#"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    note: 120 100.0
    warning: engine kubectl-broker/strategy: the sidecar does not confirm that it used the Drive folder "1AbC"
    note: 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
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
