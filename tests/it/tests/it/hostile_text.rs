//! Names that attack the terminal or the table. Every run of every test also checks that the program writes
//! no control characters.

use std::collections::BTreeSet;

use testbed::{Backup, BackupState};

use crate::support::Bed;

#[test]
fn hostile_names_reach_json_whole_and_the_terminal_harmless() {
    for engine in ["sidecar", "hivemq"] {
        let bed = Bed::with(&[&format!("{engine}-hostile-names")]);
        let list = format!("backup list --engine {engine}");
        let ids = bed.run(&format!("{list} -o json")).ids();
        let hostile: BTreeSet<_> = ids
            .iter()
            .filter(|id| id.chars().any(char::is_control))
            .collect();
        assert!(hostile.len() >= 5, "{ids:?}");
        assert!(ids.iter().any(|id| id.contains('\u{202e}')), "{ids:?}");

        for format in ["table", "wide", "name"] {
            let run = bed.run(&format!("{list} -o {format}"));
            let header = usize::from(format != "name");
            assert_eq!(run.stdout.lines().count(), ids.len() + header, "{format}");
        }
        let yaml = bed.run(&format!("{list} -o yaml"));
        assert_eq!(yaml.code, 0);
        for id in ids.iter().filter(|id| !id.is_empty()) {
            let tail: String = id
                .chars()
                .rev()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            let tail: String = tail.chars().rev().collect();
            assert!(yaml.stdout.contains(&tail), "{id:?}");
        }
    }
}

#[test]
fn a_long_name_is_cut_in_the_table_and_whole_elsewhere() {
    let bed = Bed::with(&["sidecar-hostile-names"]);
    let table = bed.run("backup list --engine sidecar");
    let longest = table.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest.expect("lines") < 200, "{}", table.stdout);
    let long = |text: &str| text.contains(&"long".repeat(75));
    assert!(!long(&table.stdout) && table.stdout.contains('…'));
    assert!(long(
        &bed.run("backup list --engine sidecar -o json").stdout
    ));
    assert!(long(
        &bed.run("backup list --engine sidecar -o name").stdout
    ));
}

#[test]
fn a_hostile_name_can_be_asked_for_by_its_name() {
    let bed = Bed::with(&["sidecar-hostile-names"]);
    let ids = bed.run("backup list --engine sidecar -o json").ids();
    let id = ids
        .iter()
        .find(|id| id.contains('\u{1b}'))
        .expect("a hostile name");
    let run = bed.program().run_with(&[
        "backup", "status", "--engine", "sidecar", "--id", id, "-o", "json",
    ]);
    assert_eq!(run.json()["item"]["id"], id.as_str());
}

#[test]
fn hostile_arguments_come_back_harmless() {
    let bed = Bed::start();
    let evil = "a\u{1b}[2J\r\nerror: fake\u{202e}";
    for flag in [
        "--engine",
        "--statefulset",
        "--pod",
        "--namespace",
        "--context",
        "--limit",
        "-o",
    ] {
        let run = bed.program().run_with(&["backup", "list", flag, evil]);
        assert_ne!(run.code, 0, "{flag}");
    }
    let run = bed
        .program()
        .run_with(&["backup", "status", "--engine", "sidecar", "--id", evil]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let run = bed
        .program()
        .run_with(&["backup", "status", "--engine", "hivemq", "--id", evil]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn an_id_of_the_backend_that_can_not_be_used_is_no_fault_of_the_user() {
    let bed = Bed::start();
    let hivemq = bed.hivemq("messaging").expect("HiveMQ");
    for id in ["../x", "a\nb"] {
        let now = bed.clock().now();
        hivemq.put(Backup::new(id, now, Some(1), BackupState::Completed));
        for command in [
            "restore --latest --yes",
            "download --latest --output-file -",
        ] {
            let run = bed.run(&format!("backup --engine hivemq {command}"));
            assert_eq!(run.code, 1, "{command}: {}", run.stderr);
            let said = "named a backup with an unusable id: the backupId";
            assert!(run.stderr.contains(said), "{}", run.stderr);
        }
        hivemq.remove(id);
    }
    let run = bed.run("backup --engine hivemq restore --yes --id ../x");
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}
