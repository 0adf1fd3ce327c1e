//! `plugin new`: from an empty folder to an engine that lists backups.

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use super::{INTERFACE, shown, write};
use crate::support::{Invocation, Machine, Project, Vault, Verbatim, programs, workspace};

#[test]
fn a_new_project_builds_passes_its_tests_and_lists_backups() {
    let machine = Machine::new();
    let (project, run) = Project::begin(&machine, "acme/vault");
    assert_snapshot!(shown(&run), @"
    stdout:
    acme/vault is begun in vault:
      .gitignore
      Cargo.toml
      README.md
      cases/backups.toml
      engine.toml
      src/lib.rs
      src/tests.rs
      sdk/
    Its README.md says what is in them. Next:
      cd vault
      cargo test
      cargo build --release --target wasm32-wasip2
      kubectl broker plugin test target/wasm32-wasip2/release/engine_vault.wasm --cases cases
    exit 0
    ");
    project.test();
    machine.put("vault.wasm", &project.build());
    let cases = project.file("cases");
    let run = machine.run(&format!(
        "plugin test vault.wasm --cases {}",
        cases.display()
    ));
    assert_snapshot!(shown(&run), @"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/detect/*   detect   passed   in 10 situations
    built-in/list/*   list   passed   in 10 situations
    built-in/status/*   status   passed   in 10 situations
    built-in/create/*   create   passed   in 10 situations
    backups/what answers   detect   passed   -
    backups/backups, the newest first   list   passed   -
    backups/a backup is begun   create   passed   -
    backups/a backup that is not there   status   passed   -
    note: 44
    exit 0
    ");

    let run = machine.accepting("plugin install vault.wasm");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let bed = Vault::bed();
    let program =
        Invocation::new(&programs().kubectl_broker, &machine.folders).kubeconfig(bed.kubeconfig());
    assert_snapshot!(shown(&program.run("backup list --engine vault")), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    b   failed   -   AGE   2025-09-06T03:04:05Z
    a   done   SIZE   AGE   2025-09-05T03:04:05Z
    note: 2 1.0 broker-0
    exit 0
    ");
    assert_snapshot!(shown(&program.run("backup status --engine vault --id b")), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED   FAILURE
    b   failed   -   AGE   2025-09-06T03:04:05Z   disk full
    note: broker-0
    exit 0
    ");
    assert_snapshot!(shown(&program.run("backup restore --engine vault --id a --yes").telling(Verbatim::Reason)), @"
    Usage: `restore` acme/vault: engine acme/vault says: vault restores backups with its own command line
    hint:
    exit 2
    ");
}

#[test]
fn a_project_has_the_whole_sdk_of_this_program() {
    let machine = Machine::new();
    let run = machine.run("plugin new my-vault --publisher acme -o json");
    let document = run.json();
    assert_eq!(document["id"], "acme/my-vault");
    assert_eq!(
        document["component"],
        "target/wasm32-wasip2/release/engine_my_vault.wasm"
    );
    let project = machine.folder.path().join("my-vault");
    let interface = format!("sdk/{INTERFACE}");
    for (ours, theirs) in [
        ("sdk/rust", "sdk/crates/rust"),
        ("sdk/rust-macros", "sdk/crates/rust-macros"),
        ("sdk/manifest", "sdk/crates/manifest"),
        (INTERFACE, interface.as_str()),
    ] {
        same(&workspace().join(ours), &project.join(theirs));
    }
    let versions = fs::read_dir(project.join("sdk/wit")).expect("a folder");
    assert_eq!(versions.count(), 1, "no other version of the interface");
    let left = Command::new("grep")
        .args(["--recursive", "{{"])
        .args(["Cargo.toml", "README.md", "engine.toml", "cases"])
        .current_dir(&project)
        .output()
        .expect("grep");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

/// Checks that both folders have the same files, at every depth.
fn same(ours: &Path, theirs: &Path) {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(ours), names(theirs), "{}", ours.display());
    for name in names(ours) {
        let (ours, theirs) = (ours.join(&name), theirs.join(&name));
        if ours.is_dir() {
            same(&ours, &theirs);
        } else {
            let [ours, theirs] = [ours, theirs].map(|path| fs::read(path).expect("a file"));
            assert_eq!(ours, theirs, "{}", name.display());
        }
    }
}

#[test]
fn nothing_is_written_where_something_is() {
    let machine = Machine::new();
    let folder = machine.folder.path();
    fs::create_dir(folder.join("vault")).expect("a folder");
    assert_eq!(machine.run("plugin new vault").code, 0);
    assert_snapshot!(shown(&machine.run("plugin new vault")), @"
    Conflict: vault
    hint:
    exit 11
    ");
    write(&machine, "file", "x");
    assert_snapshot!(shown(&machine.run("plugin new file")), @"
    Conflict: file
    hint:
    exit 11
    ");
}

#[test]
fn a_name_that_can_not_be_is_refused_with_the_rule() {
    let machine = Machine::new();
    assert_snapshot!(shown(&machine.run("plugin new Vault")), @r#"
    Usage: "Vault"
    hint: 35 `name` `publisher/name`
    exit 2
    "#);
    for name in ["a/b/c", "../vault", "vault-", "7up", "/", "a/", "größe"] {
        assert_eq!(machine.run(&format!("plugin new {name}")).code, 2, "{name}");
    }
    let long = "x".repeat(36);
    assert_eq!(machine.run(&format!("plugin new {long}")).code, 2);
    assert_eq!(machine.run(&format!("plugin new {}", &long[1..])).code, 0);
    let run = machine.run("plugin new acme/vault --publisher other");
    assert_snapshot!(shown(&run), @"
    Usage: `--publisher other` acme/vault
    hint:
    exit 2
    ");
    assert_eq!(
        machine.run("plugin new acme/vault --publisher acme").code,
        0
    );
    assert_snapshot!(shown(&machine.run("plugin new vault --lang cobol")), @"
    Usage: '--lang <LANG>' 'cobol'
      [possible values: rust, python]
    exit 2
    ");
}
