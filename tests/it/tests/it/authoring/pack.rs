//! `plugin pack`: adding the manifest to a component in any language.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use super::{shown, write};
use crate::support::{Component, Machine, Verbatim};

const MANIFEST: &str = r#"
id = "acme/vault"
version = "1.2.3"
summary = "Backups of the vault"
[operations.detect]
[operations.list]
[operations.download]
[operations.act]
[verbs.seal]
help = "Seal it"
[exec.look]
argv = ["ls", "{folder}"]
[endpoints.api]
select = "pod"
port = { numbers = [8200] }
allow = ["GET /v1/backups", "POST /v1/restore"]
auth = "bearer"
"#;

/// Returns a component without a manifest: its section has another name.
fn bare(component: Component) -> Component {
    component.replace("kubectl-broker:manifest", "kubectl-broker:manifesT")
}

/// Returns a machine with a component that uses many capabilities, and its manifest.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("bare.wasm", &bare(Component::hostile()));
    write(&machine, "engine.toml", MANIFEST);
    machine
}

#[test]
fn a_component_gets_its_manifest_and_can_be_installed() {
    let machine = machine();
    let run = machine.run("plugin pack bare.wasm --out vault.wasm");
    assert_snapshot!(shown(&run), @"
    stdout:
    Name:   acme/vault
    Version:   1.2.3
    File:   vault.wasm
    Manifest:   added
    SHA-256:   DIGEST
    Size:   SIZE
    Interface:  0.2.0
    Operations: detect, list, download, act
    Verbs:   seal
    Whoever installs it is asked whether it may:
    ! [credentials] have your token added to its requests to port 8200 of the pods of the StatefulSet you name, without seeing it
    ! [writes] talk to port 8200 of the pods of the StatefulSet you name: POST /v1/restore
    - talk to port 8200 of the pods of the StatefulSet you name: GET /v1/backups
    - run in a pod of the StatefulSet you name: ls {folder}
    exit 0
    ");
    let inspected = machine.run("plugin inspect vault.wasm -o json").json();
    assert_eq!(inspected["id"], "acme/vault");
    let run = machine.accepting("plugin install vault.wasm");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let bare = fs::read(machine.folder.path().join("bare.wasm")).expect("the component");
    assert!(
        !bare
            .windows(23)
            .any(|part| part == b"kubectl-broker:manifest")
    );
}

#[test]
fn what_has_a_manifest_is_changed_only_when_that_is_said() {
    let machine = machine();
    machine.put("engine.wasm", &Component::hostile());
    let path = machine.folder.path().join("engine.wasm");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
    let bytes = || fs::read(&path).expect("the component");

    let before = bytes();
    assert_snapshot!(shown(&machine.run("plugin pack engine.wasm")), @"
    Conflict: engine.wasm
    hint: `--replace`
    exit 11
    ");
    assert_eq!(bytes(), before);
    let run = machine.run("plugin pack engine.wasm --replace -o json");
    assert_eq!(run.json()["manifest"], "replaced");
    assert_ne!(bytes(), before);
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);

    // Packing the same manifest again changes nothing, even in another order.
    let packed = bytes();
    let reordered = MANIFEST.replace("summary = \"Backups of the vault\"\n", "");
    let reordered = format!("summary = \"Backups of the vault\"\n{reordered}");
    write(&machine, "engine.toml", &reordered);
    let run = machine.run("plugin pack engine.wasm -o json").json();
    assert_eq!(run["manifest"], "unchanged");
    assert_eq!(bytes(), packed);
    let left = fs::read_dir(machine.folder.path()).expect("the folder");
    let left = left.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with(".tmp")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_core_module_is_told_how_to_become_a_component() {
    let machine = machine();
    machine.put("core.wasm", &Component::of(b"\0asm\x01\0\0\0"));
    assert_snapshot!(shown(&machine.run("plugin pack core.wasm")), @"
    Usage: core.wasm
    hint: `wasm-tools component embed wit --world engine core.wasm -o embedded.wasm` `wasm-tools component new embedded.wasm -o engine.wasm` `wasm32-wasip2`
    exit 2
    ");
    machine.put("text.wasm", &Component::of(b"hello"));
    assert_snapshot!(shown(&machine.run("plugin pack text.wasm").telling(Verbatim::Reason)), @"
    PluginFault: text.wasm: it does not begin like one
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
    let whole = Component::hostile().bytes().len();
    machine.put("cut.wasm", &bare(Component::hostile()).truncated(whole - 9));
    assert_snapshot!(shown(&machine.run("plugin pack cut.wasm --out cut-packed.wasm").telling(Verbatim::Reason)), @"
    PluginFault: cut.wasm: unexpected end-of-file
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
    assert!(!machine.folder.path().join("cut-packed.wasm").exists());
}

#[test]
fn a_manifest_is_held_to_the_rules_of_the_host_before_anything_is_written() {
    let machine = machine();
    let with = |text: &str| {
        write(&machine, "other.toml", text);
        let run = machine.run("plugin pack bare.wasm --manifest other.toml --out x.wasm");
        assert!(!machine.folder.path().join("x.wasm").exists());
        shown(&run.telling(Verbatim::Reason))
    };
    let flag =
        "[[options]]\nname = \"context\"\ntype = \"text\"\noperations = [\"list\"]\nhelp = \"x\"\n";
    assert_snapshot!(with(&format!("{MANIFEST}{flag}")), @"
    Usage: other.toml: option `--context` is a flag of kubectl-broker itself; choose another name
    hint: `kubectl broker plugin check other.toml`
    exit 2
    ");
    assert_snapshot!(with(&format!("{MANIFEST}\n[endpoint.api]\n")), @"
    Usage: other.toml: the manifest is not valid TOML: TOML parse error at line 19, column 2
         |
      19 | [endpoint.api]
         |  ^^^^^^^^
      unknown field `endpoint`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `credentials`, `storage`, `aws`, `resources`
    hint: `kubectl broker plugin check other.toml`
    exit 2
    ");
    assert_snapshot!(with(&MANIFEST.replace("[operations.detect]", "")), @"
    Usage: other.toml: the operation `detect` is required; add `[operations.detect]`
    hint: `kubectl broker plugin check other.toml`
    exit 2
    ");
    // The component imports interfaces that this manifest does not ask for.
    let endpoint = MANIFEST.find("[endpoints.api]").expect("an endpoint");
    assert_snapshot!(with(&MANIFEST[..endpoint]), @"
    PluginFault: `kubectl-broker:engine/http@0.2.0` acme/vault: it names no endpoint
    hint:
    exit 14
    ");
}

#[test]
fn what_this_host_can_not_run_is_not_packed() {
    let machine = machine();
    let newer = bare(Component::hostile()).replace("@0.2.0", "@0.9.0");
    machine.put("newer.wasm", &newer);
    assert_snapshot!(shown(&machine.run("plugin pack newer.wasm")), @"
    PluginFault: 0.1.0 0.2.0 0.9.0 newer.wasm
    hint:
    exit 14
    ");
    let other = bare(Component::hostile())
        .replace("kubectl-broker:engine/log", "kubectl-broker:engine/lag");
    machine.put("other.wasm", &other);
    assert_snapshot!(shown(&machine.run("plugin pack other.wasm")), @"
    PluginFault: `kubectl-broker:engine/lag@0.2.0` acme/vault
    hint: 0.2 `kubectl-broker:engine` `wasi:http`
    exit 14
    ");
    // It can be read, but not linked.
    let unlinked =
        bare(Component::hostile()).replace("[method]response.status", "[method]response.statuz");
    machine.put("unlinked.wasm", &unlinked);
    assert_snapshot!(shown(&machine.run("plugin pack unlinked.wasm --out packed.wasm")), @"
    PluginFault: `[method]response.statuz` `kubectl-broker:engine/types@0.2.0` acme/vault
    hint: `kubectl broker plugin new NAME`
    exit 14
    ");
    assert!(!machine.folder.path().join("packed.wasm").exists());
}

#[test]
fn files_that_are_not_there_are_named() {
    let machine = machine();
    assert_snapshot!(shown(&machine.run("plugin pack nothing.wasm")), @"
    NotFound: 2 nothing.wasm «No such file or directory»
    hint:
    exit 10
    ");
    let run = machine.run("plugin pack bare.wasm --manifest nothing.toml");
    assert_snapshot!(shown(&run), @"
    NotFound: 2 nothing.toml «No such file or directory»
    hint:
    exit 10
    ");
    let run = machine.run("plugin pack bare.wasm --out no/such/folder.wasm");
    assert_snapshot!(shown(&run), @"
    Failed: 2 no/such/folder.wasm «No such file or directory»
    hint:
    exit 1
    ");
}
