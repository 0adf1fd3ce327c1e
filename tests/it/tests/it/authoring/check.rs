//! `plugin check`: all problems of a manifest at once, and those of a component.

use insta::assert_snapshot;
use serde_json::Value;

use super::{shown, write};
use crate::support::{Component, Machine, Run};

const GOOD: &str = r#"id = "acme/vault"
version = "1.2.3"
summary = "Backups of the vault"

[operations.detect]
[operations.download]
[operations.act]

[verbs.seal]
help = "Seal it"

[exec.look]
argv = ["ls", "{folder}"]

[endpoints.api]
select = "pod"
port = { flag = "vault-port", numbers = [8200] }
allow = ["GET /v1/backups", "POST /v1/restore"]
auth = "bearer"
"#;

/// Runs `plugin check`, which writes its result to stdout even if there are problems.
fn check(machine: &Machine, arguments: &str) -> Run {
    let program = machine.program().data_although_failed();
    program.run(&format!("plugin check {arguments}"))
}

fn machine(manifest: &str) -> Machine {
    let machine = Machine::new();
    write(&machine, "engine.toml", manifest);
    machine
}

#[test]
fn a_valid_manifest_is_shown_with_all_that_it_asks_for() {
    let machine = machine(GOOD);
    assert_snapshot!(check(&machine, "").shown(), @"
    stdout:
    Name:   acme/vault
    Version:   1.2.3
    Operations: detect, download, act
    Verbs:   seal
    A user who installs it is asked whether it may:
    ! [credentials] have your token added to its requests to port 8200 of the pods of the StatefulSet you name, without seeing it
    ! [writes] talk to port 8200 of the pods of the StatefulSet you name: POST /v1/restore
    - talk to port 8200 of the pods of the StatefulSet you name: GET /v1/backups
    - run in a pod of the StatefulSet you name: ls {folder}
    - write received data to the file that you name
    stderr:
    engine.toml has no problem
    exit 0
    ");
    let document = check(&machine, "engine.toml -o json").json();
    assert_eq!(document["kind"], "ManifestCheck");
    assert_eq!(document["engine"]["id"], "acme/vault");
    assert_eq!(document["problems"], serde_json::json!([]));
}

#[test]
fn all_problems_of_a_manifest_are_shown_with_their_positions() {
    // Keys and values that are not valid in themselves.
    let machine = machine(
        &GOOD
            .replace("summary", "sumary")
            .replace("1.2.3", "1.2")
            .replace("[operations.detect]", "[operations.dtect]")
            .replace("POST /v1/restore", "SEND /v1/restore"),
    );
    assert_snapshot!(check(&machine, "").shown(), @"
    stdout:
    engine.toml:1:1: missing field `summary`
    engine.toml:2:11: `1.2` is not a version; write `MAJOR.MINOR.PATCH`, such as `1.0.0`: unexpected end of input while parsing minor version number
    engine.toml:3:1: unknown field `sumary`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `credentials`, `storage`, `aws`, `resources`
    engine.toml:5:13: unknown variant `dtect`, expected one of `detect`, `health`, `list`, `status`, `prepare`, `create`, `finish`, `download`, `verify`, `restore`, `delete`, `act`
    engine.toml:18:29: `SEND /v1/restore` has no known method; use GET, HEAD, POST, PUT, PATCH or DELETE
    stderr:
    engine.toml has 5 problems
    exit 2
    ");

    // Rules, with names that the host has or keeps for itself.
    let options = "[[options]]\nname = \"namespace\"\ntype = \"text\"\noperations = [\"list\"]\nhelp = \"x\"\n";
    let manifest = GOOD
        .replace("acme/vault", "kubectl-broker/vault")
        .replace("[operations.detect]\n", "")
        .replace("verbs.seal", "verbs.delete")
        .replace("vault-port", "output")
        + options;
    write(&machine, "rules.toml", &manifest);
    assert_snapshot!(check(&machine, "rules.toml").shown(), @"
    stdout:
    rules.toml:1:6: kubectl-broker/vault can't be used: its publisher `kubectl-broker` is reserved
    rules.toml:5:2: the operation `detect` is required; add `[operations.detect]`
    rules.toml:8:8: verb `delete` is a command of kubectl-broker itself; choose another name
    rules.toml:16:17: option `--output` is a flag of kubectl-broker itself; choose another name
    rules.toml:20:8: option `--namespace` is a flag of kubectl-broker itself; choose another name
    stderr:
    rules.toml has 5 problems
    exit 2
    ");
    let run = check(&machine, "rules.toml -o json");
    assert_eq!(run.code, 2);
    let document: Value = serde_json::from_str(&run.stdout).expect("a document");
    assert_eq!(document["problems"][0]["line"], 1);
    assert_eq!(document["engine"], Value::Null);
}

#[test]
fn a_reserved_name_alone_is_refused_as_by_pack() {
    let machine = machine(&GOOD.replace("acme/vault", "acme/hivemq"));
    machine.put("bare.wasm", &Component::hostile());
    let checked = check(&machine, "");
    let packed = machine.run("plugin pack bare.wasm --replace --out packed.wasm");
    assert_eq!((checked.code, packed.code), (11, 11));
}

#[test]
fn a_component_is_checked_as_at_its_installation_and_started() {
    let machine = Machine::new();
    machine.put("good.wasm", &Component::hostile());
    let good = check(&machine, "good.wasm -o json");
    assert_eq!(good.code, 0, "{}", good.stderr);
    assert_eq!(good.json()["engine"]["id"], "acme/hostile");

    // It can be read, but not linked.
    let other = Component::hostile().replace("[method]response.status", "[method]response.statuz");
    machine.put("other.wasm", &other);
    assert_snapshot!(shown(&check(&machine, "other.wasm")), @"
    stdout:
    other.wasm: engine acme/hostile can't be started: component imports instance `kubectl-broker:engine/types@0.2.0`, but a matching implementation was not found in the linker: instance export `[method]response.statuz` has the wrong type: function implementation is missing
    note: other.wasm
    exit 14
    ");

    machine.put("text.wasm", &Component::of(b"hello"));
    assert_eq!(check(&machine, "text.wasm").code, 2);
    let core = Component::of(b"\0asm\x01\0\0\0");
    machine.put("core.wasm", &core);
    assert_eq!(check(&machine, "core.wasm").code, 2);
    assert_eq!(check(&machine, "nothing.wasm").code, 10);
}

#[test]
fn a_component_with_a_bad_manifest_shows_all_its_problems() {
    let machine = Machine::new();
    let bad = Component::hostile()
        .replace("\"name\":\"misbehave\"", "\"name\":\"Misbehave\"")
        .replace("\"default\":\"not-at-all\"", r#""default":"a\u0007bcd""#);
    machine.put("bad.wasm", &bad);
    let run = check(&machine, "bad.wasm");
    assert_snapshot!(run.shown(), @r#"
    stdout:
    bad.wasm: `Misbehave` is not a valid name (option): use lower-case letters, digits and dashes
    bad.wasm: default `a\u{7}bcd` of option `--Misbehave` does not fit its type
    stderr:
    bad.wasm has 2 problems
    exit 14
    "#);
}
