//! An engine that saves several files: `many-files`, and verbs with `saves`.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::scripted::reply;

use crate::support::{Component, Depot, Machine, sha256, workspace};

/// Returns a backend with a set of three files.
fn trio() -> Depot {
    Depot::new()
        .set(
            "trio",
            &[
                ("a", Some("a.tar"), None),
                ("b", Some("b.tar"), None),
                ("c", None, None),
            ],
        )
        .file("a", b"first")
        .file("b", b"second file")
        .file("c", b"3")
}

/// Returns an answer that ends before its last byte.
fn cut(body: &[u8]) -> Vec<u8> {
    let mut answer = reply(200, "", body);
    answer.pop();
    answer
}

#[test]
fn several_files_lie_in_a_folder_of_their_own_each_with_its_digest() {
    let depot = trio();
    assert_snapshot!(depot.run("download --id trio").shown(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/trio/a.tar   5B   length
    ./backups/trio/b.tar   11B   length
    ./backups/trio/3-trio.backup   1B   length
    stderr:
    3 files, 17B in all, in ./backups/trio; each digest is kept beside its file
    exit 0
    ");
    assert_eq!(
        depot.names("backups/trio"),
        [
            "3-trio.backup",
            "3-trio.backup.sha256",
            "a.tar",
            "a.tar.sha256",
            "b.tar",
            "b.tar.sha256",
        ]
    );
    assert_eq!(
        fs::read(depot.path("backups/trio/b.tar")).expect("read"),
        b"second file"
    );
}

#[test]
fn the_document_of_a_download_and_the_history_have_each_file() {
    let depot = trio();
    assert_snapshot!(depot.run("download --id trio --output-dir set -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "item": {
        "files": [
          {
            "path": "set/a.tar",
            "resumedBytes": 0,
            "sha256": "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
            "sizeBytes": 5,
            "verifiedBy": "length"
          },
          {
            "path": "set/b.tar",
            "resumedBytes": 0,
            "sha256": "54811cbc6c86311729b0a33e26c89087881b36b9ca3217d15cb5196e35f9a7e3",
            "sizeBytes": 11,
            "verifiedBy": "length"
          },
          {
            "path": "set/3-trio.backup",
            "resumedBytes": 0,
            "sha256": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
            "sizeBytes": 1,
            "verifiedBy": "length"
          }
        ],
        "folder": "set",
        "id": "trio"
      },
      "kind": "Download",
      "scope": {
        "engine": "acme/depot",
        "engineVersion": "0.1.0",
        "namespace": "messaging",
        "pod": "broker-0",
        "statefulset": "broker"
      }
    }
    exit 0
    "#);
    let entry = depot.newest_entry();
    let folder = depot.path("set").canonicalize().expect("there");
    assert_eq!(entry["path"], json!(folder));
    assert_eq!(entry["sizeBytes"], 17);
    assert_eq!(entry["files"][1]["path"], json!(folder.join("b.tar")));
    assert_eq!(entry["files"][1]["sha256"], sha256(b"second file"));
    // Without the digests beside the files, `verify` has the history.
    for name in depot.names("set") {
        if name.ends_with(".sha256") {
            fs::remove_file(depot.path(&format!("set/{name}"))).expect("removed");
        }
    }
    assert_eq!(depot.run("verify set/a.tar set/b.tar").code, 0);
    fs::write(depot.path("set/b.tar"), "second filf").expect("written");
    assert_eq!(depot.run("verify set/a.tar set/b.tar").code, 13);
    let names = depot.run("download --id trio --output-dir other -o name");
    assert_eq!(names.stdout.lines().count(), 3, "{}", names.stdout);
}

#[test]
fn a_name_of_one_file_is_refused_before_anything_is_asked() {
    let depot = trio();
    for arguments in [
        "download --id trio --output-file one.tar",
        "download --id trio --output-file -",
        "create --output-file one.tar",
        "logs trio --output-file one.tar",
        "logs trio --output-file -",
        "dump --output-file -",
    ] {
        let run = depot.run(arguments);
        assert_eq!(run.code, 2, "{arguments}: {}", run.stderr);
    }
    assert_eq!(depot.asked_for(), Vec::<String>::new());
}

#[test]
fn two_files_of_one_name_are_an_error_and_the_first_one_stays() {
    let depot = trio().set(
        "twice",
        &[
            ("a", Some("a.tar"), None),
            ("b", Some("A.TAR"), None),
            ("c", Some("c.tar"), None),
        ],
    );
    assert_snapshot!(depot.run("download --id twice").message(), @"
    Partial: two files have the name A.TAR; the set is incomplete: 1 file is complete in ./backups/twice (a.tar)
    hint: `--force`
    exit 3
    ");
    assert_eq!(depot.names("backups/twice"), ["a.tar", "a.tar.sha256"]);
    assert_eq!(
        fs::read(depot.path("backups/twice/a.tar")).expect("read"),
        b"first"
    );
    assert_eq!(depot.asked_for(), ["/sets/twice", "/files/a", "/files/b"]);
}

#[test]
fn names_from_the_backend_never_leave_the_folder() {
    let depot = trio().set(
        "names",
        &[
            ("a", Some("../../above.tar"), None),
            ("b", Some("/etc/passwd"), None),
            ("c", Some("\u{1b}[2Jc\r\n.tar"), None),
        ],
    );
    let run = depot.run("download --id ../names -o name");
    assert_ne!(run.code, 0, "{}", run.stdout);
    let run = depot.run("download --id names -o name");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let names = depot.names("backups/names");
    assert_eq!(names.len(), 6, "{names:?}");
    for name in ["above.tar", "passwd", "[2Jc.tar"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    assert_eq!(depot.names("backups"), ["names"]);
}

#[test]
fn after_a_failed_file_complete_files_stay_and_nothing_more_is_saved() {
    let depot = trio();
    depot.answer("/files/b", cut(b"second file"));
    assert_snapshot!(depot.run("download --id trio --retries 0").message(), @"
    Partial: the download was interrupted after 10 of 11 bytes: port 8200 of pod broker-0 closed the connection in the middle of an answer after 10 of 11 bytes; the set is incomplete: 1 file is complete in ./backups/trio (a.tar)
    hint: `--force`
    exit 3
    ");
    assert_eq!(
        fs::read(depot.path("backups/trio/a.tar")).expect("read"),
        b"first"
    );
    assert!(!depot.path("backups/trio/b.tar").exists());
    assert!(!depot.asked_for().contains(&"/files/c".to_owned()));
    let entry = depot.newest_entry();
    assert_eq!(
        entry["files"].as_array().map(Vec::len),
        Some(1),
        "{entry:#}"
    );
    assert_ne!(entry["outcome"], "Succeeded");
    // Without `--force`, the complete file is not replaced.
    let again = depot.run("download --id trio");
    assert_eq!(again.code, 11, "{}", again.stderr);
    assert_snapshot!(again.hint(), @"
    Conflict: /backups/trio/a.tar
    hint: Choose another folder with `--output-dir`, or replace the file with `--force`: the old file stays until the new one is complete and verified
    exit 11
    ");

    depot.answer("/files/b", reply(200, "", b"second file"));
    let again = depot.run("download --id trio --force");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(
        fs::read(depot.path("backups/trio/b.tar")).expect("read"),
        b"second file"
    );
}

#[test]
fn an_engine_that_ignores_an_error_saves_nothing_more_and_can_t_hide_it() {
    let depot = trio().set(
        "stubborn",
        &[
            ("a", Some("a.tar"), None),
            ("b", Some("b.tar"), None),
            ("c", Some("c.tar"), None),
        ],
    );
    depot.answer("/files/b", cut(b"second file"));
    let run = depot.run("download --id stubborn --retries 0");
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(depot.path("backups/stubborn/a.tar").exists());
    assert!(!depot.path("backups/stubborn/c.tar").exists());
}

#[test]
fn a_complete_file_with_an_announced_digest_is_not_received_again() {
    let depot = trio();
    let digest = sha256(b"first");
    let members = [
        ("a", Some("a.tar"), Some(digest.as_str())),
        ("b", Some("b.tar"), None),
    ];
    let depot = depot.set("proven", &members);
    depot.answer("/files/b", cut(b"second file"));
    assert_eq!(depot.run("download --id proven --retries 0").code, 3);
    // Its body would be an error.
    depot.answer("/files/a", cut(b"first"));
    depot.answer("/files/b", reply(200, "", b"second file"));
    let run = depot.run("download --id proven --retries 0 -o json").json();
    let files = &run["item"]["files"];
    assert_eq!(files[0]["resumedBytes"], 5, "{run:#}");
    assert_eq!(files[0]["verifiedBy"], "checksum");
    assert_eq!(files[1]["sizeBytes"], 11);
}

#[test]
fn a_backup_that_is_created_as_several_files_gets_a_folder_with_its_time() {
    let depot = trio().set("new", &[("a", Some("a.tar"), None), ("b", None, None)]);
    let document = depot.run("create -o json").json();
    assert_eq!(document["file"], Value::Null, "{document:#}");
    assert_eq!(document["files"][0]["sha256"], sha256(b"first"));
    assert_eq!(document["item"]["sizeBytes"], 16);
    let folders = depot.names("backups");
    assert_eq!(folders.len(), 1, "{folders:?}");
    assert!(folders[0].starts_with("broker-2"), "{folders:?}");
    depot.answer("/files/b", cut(b"second file"));
    assert_snapshot!(depot.run("create --output-dir elsewhere").message(), @"
    note: 10 11 8200 broker-0 10 11 500
    Integrity: the backend ended the backup after 10 bytes each time, but the header Content-Length says 11: port 8200 of pod broker-0 closed the connection in the middle of an answer after 10 of 11 bytes; the set is incomplete: 1 file is complete in elsewhere (a.tar)
    hint:
    exit 13
    ");
    assert!(depot.path("elsewhere/a.tar").exists());
}

#[test]
fn a_verb_that_saves_has_the_flags_of_a_download_and_names_its_files() {
    let depot = trio();
    assert_snapshot!(depot.run("logs trio").shown(), @"
    stdout:
    3 logs
    file: ./backups/logs-trio/a.tar
    verified-by: length
    file: ./backups/logs-trio/b.tar
    verified-by: length
    file: ./backups/logs-trio/3-logs-trio.backup
    verified-by: length
    stderr:
    This is what pod broker-0 says (engine acme/depot); 3 files, 17B in all, in ./backups/logs-trio; each digest is kept beside its file
    exit 0
    ");
    assert_snapshot!(depot.run("logs trio --output-dir logs -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "files": [
        {
          "path": "logs/a.tar",
          "resumedBytes": 0,
          "sha256": "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
          "sizeBytes": 5,
          "verifiedBy": "length"
        },
        {
          "path": "logs/b.tar",
          "resumedBytes": 0,
          "sha256": "54811cbc6c86311729b0a33e26c89087881b36b9ca3217d15cb5196e35f9a7e3",
          "sizeBytes": 11,
          "verifiedBy": "length"
        },
        {
          "path": "logs/3-logs-trio.backup",
          "resumedBytes": 0,
          "sha256": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
          "sizeBytes": 1,
          "verifiedBy": "length"
        }
      ],
      "items": null,
      "kind": "Report",
      "scope": {
        "engine": "acme/depot",
        "engineVersion": "0.1.0",
        "namespace": "messaging",
        "pod": "broker-0",
        "statefulset": "broker"
      },
      "text": "3 logs",
      "verb": "logs"
    }
    exit 0
    "#);
    assert_eq!(depot.run("logs trio --output-dir logs").code, 11);
    assert_eq!(depot.run("logs trio --output-dir logs --force").code, 0);
    let entry = depot.newest_entry();
    assert_eq!(
        entry["files"].as_array().map(Vec::len),
        Some(3),
        "{entry:#}"
    );

    let run = depot.run("dump --output-file my.bin");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        fs::read(depot.path("backups/my.bin")).expect("read"),
        b"first"
    );
    let document = depot.run("dump -o json").json();
    assert_eq!(
        document["files"][0]["path"], "./backups/dump.bin",
        "{document:#}"
    );
    assert_eq!(
        depot.run("dump --times 0 --force -o json").json()["files"],
        json!([])
    );
}

#[test]
fn a_verb_that_may_save_one_file_saves_no_second_one() {
    let depot = trio();
    let run = depot.run("dump --times 2");
    assert_snapshot!(run.message(), @"
    warning: ./backups/dump.bin is complete and is kept, but the engine reported an error
    PluginFault: engine acme/depot requested a capability that it was not granted, and says: this command saves no file, has saved one already, or could not save one
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_eq!(depot.names("backups"), ["dump.bin", "dump.bin.sha256"]);
}

#[test]
fn a_verb_that_does_not_say_that_it_saves_has_no_flags_and_saves_nothing() {
    let depot = trio();
    assert_eq!(depot.run("sneak --output-dir x").code, 2);
    assert_snapshot!(depot.run("sneak").message(), @"
    PluginFault: engine acme/depot requested a capability that it was not granted, and says: this command saves no file, has saved one already, or could not save one
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_eq!(depot.names("backups"), Vec::<String>::new());
    let help = depot.run("logs --help").stdout;
    assert!(
        help.contains("--output-dir") && !help.contains("--output-file"),
        "{help}"
    );
    let help = depot.run("dump --help").stdout;
    assert!(help.contains("--output-file"), "{help}");
    assert!(!depot.run("sneak --help").stdout.contains("--force"));
}

#[test]
fn plugin_test_saves_no_more_files_than_the_host_would() {
    let machine = Machine::new();
    machine.put("depot.wasm", &Component::depot());
    let cases = workspace().join("tests/hostile/depot/cases");
    let run = machine.program().data_although_failed().run(&format!(
        "plugin test depot.wasm --cases {} --case depot/",
        cases.display()
    ));
    assert_snapshot!(run.outcome(), @"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    depot/two files of a backup   download   passed   -
    depot/two files of one name   download   passed   -
    depot/a verb with one file   act   passed   -
    depot/a verb that saves a second file   act   passed   -
    note: 4
    exit 0
    ");
}

#[test]
fn the_question_at_installation_says_that_the_engine_saves_files() {
    let machine = Machine::new();
    machine.put("depot.wasm", &Component::depot());
    let run = machine.run("plugin install depot.wasm");
    assert!(run.stderr.contains("write received data"), "{}", run.stderr);
}

/// Returns a document of each kind in the form of an engine that saves several files.
pub fn documents() -> Vec<Value> {
    let depot = trio().set("new", &[("a", Some("a.tar"), None)]);
    [
        "download --id trio -o json",
        "create -o json",
        "logs trio -o json",
        "history -o json",
    ]
    .map(|arguments| depot.run(arguments).json())
    .into()
}
