//! `plugin pack`: adding the manifest to a component in any language.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use super::{shown, write};
use crate::support::{Component, Machine};

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
    Interface:  0.1.0
    Operations: detect, list, download, act
    Verbs:   seal
    Whoever installs it is asked whether it may:
    ! [credentials] have a token of yours added to what it sends to port 8200 of the pods of the StatefulSet you name, without seeing that
    ! [writes] talk to port 8200 of the pods of the StatefulSet you name: POST /v1/restore
    - talk to port 8200 of the pods of the StatefulSet you name: GET /v1/backups
    - run in a pod of the StatefulSet you name: ls {folder}
    - write what it is sent to the file that you name
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
    stderr:
    error: engine.wasm has another manifest already
    hint: Nothing was written. `--replace` puts the new manifest in the place of the old one
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
    stderr:
    error: core.wasm is a core module, and an engine is a component
    hint: Build it for `wasm32-wasip2`, or make a component of it with `wasm-tools component embed wit --world engine core.wasm -o embedded.wasm` and `wasm-tools component new embedded.wasm -o engine.wasm`
    exit 2
    ");
    machine.put("text.wasm", &Component::of(b"hello"));
    assert_snapshot!(shown(&machine.run("plugin pack text.wasm")), @"
    stderr:
    error: text.wasm is not a WebAssembly component: it does not begin as one
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    exit 14
    ");
    let whole = Component::hostile().bytes().len();
    machine.put("cut.wasm", &bare(Component::hostile()).truncated(whole - 9));
    assert_snapshot!(shown(&machine.run("plugin pack cut.wasm --out cut-packed.wasm")), @"
    stderr:
    error: cut.wasm is not a WebAssembly component: unexpected end-of-file
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
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
        shown(&run)
    };
    let flag =
        "[[options]]\nname = \"context\"\ntype = \"text\"\noperations = [\"list\"]\nhelp = \"x\"\n";
    assert_snapshot!(with(&format!("{MANIFEST}{flag}")), @"
    stderr:
    error: other.toml can't be used: option `--context` is a flag of kubectl-broker itself; choose another name
    hint: Nothing was written. Mend the manifest and pack again
    exit 2
    ");
    assert_snapshot!(with(&format!("{MANIFEST}\n[endpoint.api]\n")), @"
    stderr:
    error: other.toml can't be used: the manifest is not valid TOML: TOML parse error at line 19, column 2
         |
      19 | [endpoint.api]
         |  ^^^^^^^^
      unknown field `endpoint`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `resources`
    hint: Nothing was written. Mend the manifest and pack again
    exit 2
    ");
    assert_snapshot!(with(&MANIFEST.replace("[operations.detect]", "")), @"
    stderr:
    error: other.toml can't be used: every engine has the operation `detect`; add `[operations.detect]`
    hint: Nothing was written. Mend the manifest and pack again
    exit 2
    ");
    // The component imports interfaces that this manifest does not ask for.
    let endpoint = MANIFEST.find("[endpoints.api]").expect("an endpoint");
    assert_snapshot!(with(&MANIFEST[..endpoint]), @"
    stderr:
    error: engine acme/vault imports `kubectl-broker:engine/http@0.1.0`, but its manifest does not ask for it: it names no endpoint
    hint: Let the manifest ask for what the component imports, or build the component without it
    exit 14
    ");
}

#[test]
fn what_this_host_can_not_run_is_not_packed() {
    let machine = machine();
    let newer = bare(Component::hostile()).replace("@0.1.0", "@0.9.0");
    machine.put("newer.wasm", &newer);
    assert_snapshot!(shown(&machine.run("plugin pack newer.wasm")), @"
    stderr:
    error: newer.wasm is built for version 0.9.0 of the engine interface; this kubectl-broker has 0.1.0
    hint: Update kubectl-broker, or use an older version of the engine
    exit 14
    ");
    let other = bare(Component::hostile())
        .replace("kubectl-broker:engine/log", "kubectl-broker:engine/lag");
    machine.put("other.wasm", &other);
    assert_snapshot!(shown(&machine.run("plugin pack other.wasm")), @"
    stderr:
    error: engine acme/vault imports `kubectl-broker:engine/lag@0.1.0`, which no version of kubectl-broker provides
    hint: An engine may import WASI 0.2 without `wasi:http`, and `kubectl-broker:engine`; it can't be run
    exit 14
    ");
}

#[test]
fn files_that_are_not_there_are_named() {
    let machine = machine();
    assert_snapshot!(shown(&machine.run("plugin pack nothing.wasm")), @"
    stderr:
    error: nothing.wasm can't be read: No such file or directory (os error 2)
    hint: Check the path, and whether you may read it
    exit 10
    ");
    let run = machine.run("plugin pack bare.wasm --manifest nothing.toml");
    assert_snapshot!(shown(&run), @"
    stderr:
    error: nothing.toml can't be read: No such file or directory (os error 2)
    hint: Check the path, and whether you may read it
    exit 10
    ");
    let run = machine.run("plugin pack bare.wasm --out no/such/folder.wasm");
    assert_snapshot!(shown(&run), @"
    stderr:
    error: no/such/folder.wasm can't be written: No such file or directory (os error 2)
    hint: Check that the folder is there, and that you may write to it
    exit 1
    ");
}
