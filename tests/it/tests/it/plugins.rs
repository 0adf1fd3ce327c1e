//! Installation of third-party engines by an operator.

use std::fs;

use insta::assert_snapshot;

use regex::Regex;

use crate::support::{Bed, Component, Invocation, Machine, Run, Verbatim, programs};

/// Returns the next version of the hostile engine, which may change a backup and no longer read it.
fn wants_more() -> Component {
    next().replace("\"GET /v1/backup/{name}\"", "\"PUT /v1/backup/{name}\"")
}

/// Returns the next version with the same capabilities.
fn next() -> Component {
    Component::hostile().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"")
}

/// Returns the output without the digests and sizes of engines, which change with the SDK.
fn shown(run: &Run) -> String {
    let digest = Regex::new("[0-9a-f]{64}").expect("a pattern");
    let size = Regex::new(r"[0-9.]+[KM]iB").expect("a pattern");
    let text = run.outcome();
    let text = digest.replace_all(&text, "DIGEST");
    size.replace_all(&text, "SIZE").into_owned()
}

#[test]
fn from_the_first_installation_over_an_update_and_back() {
    let machine = Machine::new();
    machine.put("hostile.wasm", &Component::hostile());

    let refused = machine.run("plugin install hostile.wasm");
    assert_snapshot!(shown(&refused), @"
    Usage: acme/hostile
      ! /v1/restore 8085 POST [writes]
      - /v1/backup/list-remote /v1/backup/{name} 8085 GET
      - 8085
      - {folder}
      - 
      `--engine acme/hostile`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert!(!machine.lockfile().exists());
    let installed = machine.accepting("plugin install hostile.wasm");
    assert_snapshot!(shown(&installed.telling(Verbatim::All)), @"
    stdout:
    acme/hostile 0.1.0 is installed, unsigned
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin list")), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   SIZE   SOURCE
    kubectl-broker/aws   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/operator   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/sidecar   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/strategy   0.1.0   ok   bundled   -   SIZE   bundled
    acme/hostile   0.1.0   ok   unsigned   -   SIZE   $PWD/hostile.wasm
    exit 0
    ");

    let bed = Bed::start();
    let use_it = || {
        Invocation::new(&programs().kubectl_broker, &machine.folders)
            .kubeconfig(bed.kubeconfig())
            .run("backup list --engine hostile --misbehave not-at-all -o json -v")
    };
    let used = use_it();
    assert_eq!(used.ids(), ["harmless"]);
    assert!(
        used.stderr.contains("0 engines compiled by this process"),
        "{}",
        used.stderr
    );

    machine.put("hostile.wasm", &wants_more());
    assert_snapshot!(shown(&machine.run("plugin outdated -o wide")), @"
    stdout:
    NAME   INSTALLED   AVAILABLE   OUTDATED   ASKS-FOR-MORE   DETAIL
    acme/hostile   0.1.0   0.2.0   yes   yes   -

    acme/hostile would also want to:
    ! [writes] talk to port 8085 of the pods of the StatefulSet you name: PUT /v1/backup/{name}
    exit 0
    ");
    let before = machine.content();
    let refused = machine.run("plugin update hostile");
    assert_snapshot!(shown(&refused), @"
    Usage: acme/hostile
      ! /v1/backup/{name} 8085 PUT [writes]
      `--engine acme/hostile`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert_eq!(machine.content(), before);
    assert_eq!(use_it().ids(), ["harmless"]);
    assert_snapshot!(shown(&machine.accepting("plugin update").telling(Verbatim::All)), @"
    stdout:
    acme/hostile 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
    assert_eq!(use_it().ids(), ["harmless"]);
    assert_snapshot!(shown(&machine.run("plugin update")), @"
    stdout:
    acme/hostile 0.2.0 is unchanged, unsigned
    exit 0
    ");

    // The rollback fetches nothing.
    fs::remove_file(machine.folder.path().join("hostile.wasm")).expect("removed");
    assert_snapshot!(shown(&machine.run("plugin rollback hostile").telling(Verbatim::All)), @"
    stdout:
    acme/hostile 0.1.0 (was 0.2.0) is rolled back, unsigned
    exit 0
    ");
    assert_eq!(use_it().ids(), ["harmless"]);
    let row = machine.run("plugin list -o json").item("acme/hostile");
    assert_eq!(
        (&row["version"], &row["previousVersion"]),
        (&"0.1.0".into(), &"0.2.0".into())
    );
}

#[test]
fn what_is_removed_leaves_no_trace() {
    let machine = Machine::with_hostile();
    assert_snapshot!(shown(&machine.run("plugin remove acme/hostile").telling(Verbatim::All)), @"
    stdout:
    acme/hostile 0.1.0 is removed, unsigned
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin list")), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   SIZE   SOURCE
    kubectl-broker/aws   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/operator   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/sidecar   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/strategy   0.1.0   ok   bundled   -   SIZE   bundled
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin remove acme/hostile")), @"
    NotFound: `acme/hostile`
    hint: `kubectl broker plugin install`
    exit 10
    ");
    assert_eq!(machine.run("backup list --engine hostile").code, 2);
    let left: Vec<_> = machine.content().into_keys().collect();
    assert_eq!(
        left,
        [".lock", "broker-plugins.lock"].map(std::path::PathBuf::from)
    );
}

#[test]
fn an_update_that_asks_for_nothing_new_does_not_ask() {
    let machine = Machine::with_hostile();
    machine.put("hostile.wasm", &next());
    assert_snapshot!(shown(&machine.run("plugin update acme/hostile")), @"
    stdout:
    acme/hostile 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
}

#[test]
fn the_digest_of_another_set_accepts_nothing() {
    let machine = Machine::new();
    machine.put("hostile.wasm", &Component::hostile());
    let other = "0".repeat(64);
    let run = machine.run(&format!(
        "plugin install hostile.wasm --accept-capabilities sha256:{other}"
    ));
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("accepts a different set"),
        "{}",
        run.stderr
    );
    assert_eq!(machine.run("plugin install hostile.wasm --yes").code, 2);
    assert!(!machine.lockfile().exists());
}

#[test]
fn an_engine_is_looked_at_without_being_run() {
    let machine = Machine::with_small();
    machine.put("hostile.wasm", &Component::hostile());
    machine.put("more.wasm", &wants_more());
    assert_snapshot!(shown(&machine.run("plugin inspect sidecar")), @"
    stdout:
    Name:   kubectl-broker/sidecar
    Version:   0.1.0
    Summary:   Backups that the broker-backup sidecar keeps in object storage
    State:   bundled
    SHA-256:   DIGEST
    Size:   SIZE
    Interface:  0.2.0
    Operations: detect, list, status, restore, delete, act
    Verbs:   metrics, purge, upload
    Imports:   kubectl-broker:engine/http@0.2.0, kubectl-broker:engine/types@0.2.0, wasi:cli/environment@0.2.6, wasi:cli/exit@0.2.6, wasi:cli/stderr@0.2.6, wasi:cli/stdin@0.2.6, wasi:cli/stdout@0.2.6, wasi:cli/terminal-input@0.2.6, wasi:cli/terminal-output@0.2.6, wasi:cli/terminal-stderr@0.2.6, wasi:cli/terminal-stdin@0.2.6, wasi:cli/terminal-stdout@0.2.6, wasi:io/error@0.2.6, wasi:io/poll@0.2.6, wasi:io/streams@0.2.6
    It may:
    ! [credentials] have your token added to its requests to port 8085 of the pods of the StatefulSet you name, without seeing it
    ! [writes] talk to port 8085 of the pods of the StatefulSet you name: POST /v1/backup/purge, POST /v1/backup/upload, POST /v1/restore
    - talk to port 8085 of the pods of the StatefulSet you name: GET /metrics, GET /v1/backup/list, GET /v1/backup/list-remote
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin inspect hostile.wasm --diff more.wasm")), @"
    stdout:
    acme/hostile 0.1.0 -> 0.2.0
    + [writes] talk to port 8085 of the pods of the StatefulSet you name: PUT /v1/backup/{name}
    - talk to port 8085 of the pods of the StatefulSet you name: GET /v1/backup/{name}
    The new set is accepted by --accept-capabilities sha256:DIGEST
    exit 0
    ");
    let document = machine.run("plugin inspect hostile.wasm -o json").json();
    assert_eq!(document["kind"], "Plugin");
    assert_eq!(document["state"], "not installed");
    assert_eq!(
        document["capabilities"].as_array().map(Vec::len),
        Some(6),
        "{document:#}"
    );
    let installed = machine.run("plugin inspect small -o json").json();
    assert_eq!(installed["state"], "installed");
    assert_eq!(installed["capabilities"].as_array().map(Vec::len), Some(0));
    assert_snapshot!(shown(&machine.run("plugin inspect smal")), @"
    NotFound: `smal`
    hint: acme/small
    exit 10
    ");
    assert_snapshot!(shown(&machine.run("plugin inspect smal.wasm")), @"
    NotFound: 2 smal.wasm «No such file or directory»
    hint:
    exit 10
    ");
}

#[test]
fn the_formats_of_the_list() {
    let machine = Machine::with_small();
    assert_snapshot!(shown(&machine.run("plugin list -o name")), @"
    stdout:
    kubectl-broker/aws
    kubectl-broker/backuprequest
    kubectl-broker/hivemq
    kubectl-broker/kafka
    kubectl-broker/operator
    kubectl-broker/sidecar
    kubectl-broker/strategy
    acme/small
    exit 0
    ");
    let yaml = machine.run("plugin list -o yaml");
    assert!(
        yaml.stdout.contains(
            "kind: PluginList
"
        ),
        "{}",
        yaml.stdout
    );
    let row = machine.run("plugin list -o json").item("acme/small");
    assert_eq!(row["signature"], "unsigned");
    assert_eq!(row["operations"], serde_json::json!(["detect", "list"]));
    assert_eq!(row["state"], "ok");
}

/// An invalid file never changes the store.
#[test]
fn files_that_are_no_engine_leave_the_store_as_it_was() {
    let machine = Machine::with_small();
    let before = machine.content();
    let hostile = Component::hostile;
    let half = hostile().bytes().len() / 2;
    let mut all = String::new();
    for (name, component) in [
        ("truncated", hostile().truncated(half)),
        ("damaged", hostile().with_bad_code()),
        ("newer", hostile().replace("@0.2.0", "@0.9.0")),
        ("older", hostile().replace("@0.2.0", "@0.0.9")),
        (
            "unknown",
            hostile().replace(
                "kubectl-broker:engine/http@0.2.0",
                "acme:secret/things-i-crave@1.0.0",
            ),
        ),
        ("less", hostile().blank_end_of_manifest(",\"endpoints\":")),
        ("none", Component::of(b"#!/bin/sh\n")),
    ] {
        machine.put("it.wasm", &component);
        let refused = machine.run("plugin install it.wasm");
        // The capabilities are granted if the installation gets that far.
        let run = if refused.stderr.contains("--accept-capabilities") {
            machine.accepting("plugin install it.wasm")
        } else {
            refused
        };
        let message = run.outcome();
        let message = message.lines().next().expect("an error");
        // Which function is damaged, and where, depends on the compiler of the engine.
        let message = message.split(" wasm[").next().unwrap_or_default();
        let message = match name {
            "damaged" => message.replace(|it: char| it.is_ascii_digit(), ""),
            _ => message.to_owned(),
        };
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        all += &format!("{name}: {message}\n");
        assert_eq!(machine.content(), before, "{name}");
    }
    assert_snapshot!(all, @"
    truncated: PluginFault: it.wasm
    damaged: PluginFault: acme/hostile
    newer: PluginFault: 0.1.0 0.2.0 0.9.0 it.wasm
    older: PluginFault: 0.0.9 0.1.0 0.2.0 it.wasm
    unknown: PluginFault: `acme:secret/things-i-crave@1.0.0` acme/hostile
    less: PluginFault: `kubectl-broker:engine/http@0.2.0` acme/hostile
    none: PluginFault: it.wasm
    ");
}

#[test]
fn a_file_with_another_digest_than_was_named_is_refused() {
    let machine = Machine::with_small();
    let before = machine.content();
    let digest = machine.run("plugin inspect small -o json").json()["sha256"].clone();
    let digest = digest.as_str().expect("a digest");
    let mut flipped = Component::small().bytes().to_vec();
    let last = flipped.last_mut().expect("bytes");
    *last ^= 1;
    machine.put("small.wasm", &Component::of(&flipped));
    let run = machine.run(&format!("plugin install small.wasm --sha256 {digest}"));
    assert_eq!(run.code, 13, "{}", run.stderr);
    assert_eq!(machine.content(), before);
    machine.put("small.wasm", &Component::small());
    let run = machine.run(&format!(
        "plugin install small.wasm --sha256 sha256:{digest}"
    ));
    assert_snapshot!(shown(&run), @"
    stdout:
    acme/small 0.1.0 is unchanged, unsigned
    exit 0
    ");
}

#[test]
fn what_can_not_be_got_says_why() {
    let machine = Machine::new();
    assert_snapshot!(shown(&machine.run("plugin install nothing.wasm")), @"
    NotFound: 2 nothing.wasm «No such file or directory»
    hint:
    exit 10
    ");
    assert_snapshot!(shown(&machine.run("plugin install ftp://example.com/x.wasm")), @"
    Usage: `ftp://example.com/x.wasm` https:// oci://
    hint: `https://…` `oci://HOST/REPOSITORY:TAG`
    exit 2
    ");
    assert_snapshot!(shown(&machine.run("plugin rollback sidecar")), @"
    Usage: kubectl-broker/sidecar
    hint:
    exit 2
    ");
    assert_snapshot!(shown(&machine.run("plugin rollback small")), @"
    NotFound: `small`
    hint: `kubectl broker plugin install`
    exit 10
    ");
}

#[test]
fn an_update_that_became_another_engine_or_an_older_one_is_refused() {
    let machine = Machine::new();
    machine.put(
        "small.wasm",
        &Component::small().replace("\"version\":\"0.1.0\"", "\"version\":\"0.3.0\""),
    );
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    let before = machine.content();
    machine.put("small.wasm", &Component::small());
    assert_snapshot!(shown(&machine.run("plugin update small")), @"
    Conflict: $PWD/small.wasm 0.1.0 0.3.0 acme/small
    hint: `kubectl broker plugin update NAME --version VERSION` `plugin install` `plugin rollback`
    exit 11
    ");
    machine.put(
        "small.wasm",
        &Component::small().replace("\"acme/small\"", "\"acme/other\""),
    );
    assert_snapshot!(shown(&machine.run("plugin update small")), @"
    PluginFault: $PWD/small.wasm acme/other acme/small
    hint: `kubectl broker plugin install`
    exit 14
    ");
    assert_eq!(machine.content(), before);
}

#[test]
fn no_other_engine_gets_the_short_name_of_a_bundled_one() {
    let machine = Machine::new();
    machine.put(
        "it.wasm",
        &Component::hostile().replace("\"acme/hostile\"", "\"acme/sidecar\""),
    );
    let refused = machine.run("plugin install it.wasm");
    assert_eq!(refused.code, 11, "{}", refused.stderr);
    assert!(!machine.lockfile().exists());
}

#[test]
fn a_file_that_says_it_is_a_bundled_engine_is_refused() {
    let machine = Machine::with_small();
    let before = machine.content();
    let bundled = machine.run("plugin list -o name");
    assert!(bundled.stdout.contains("kubectl-broker/sidecar"));
    // The lie has the same length: it changes the id, and shortens the summary.
    let lie = Component::small().replace(
        "\"acme/small\",\"version\":\"0.1.0\",\"summary\":\"Lists one backup without",
        "\"kubectl-broker/sidecar\",\"version\":\"0.1.0\",\"summary\":\"Lists one ba",
    );
    machine.put("lie.wasm", &lie);
    assert_snapshot!(shown(&machine.run("plugin install lie.wasm")), @"
    Conflict: kubectl-broker/sidecar
    hint:
    exit 11
    ");
    assert_eq!(machine.content(), before);
}

#[test]
fn a_machine_is_made_to_match_a_lockfile() {
    let author = Machine::with_hostile();
    let text = fs::read_to_string(author.lockfile()).expect("a lockfile");
    let text = text.replace(&author.folder.path().display().to_string(), ".");
    let other = Machine::with_small();
    other.put("hostile.wasm", &Component::hostile());
    let committed = other.folder.path().join("broker-plugins.lock");
    fs::write(&committed, &text).expect("written");

    assert_snapshot!(shown(&other.run("plugin sync --locked")), @"
    stdout:
    acme/hostile 0.1.0 is installed, unsigned
    acme/small 0.1.0 is removed, unsigned
    exit 0
    ");
    assert_snapshot!(shown(&other.run("plugin sync --locked")), @"
    stdout:
    Nothing to do
    exit 0
    ");
    assert_eq!(other.run("plugin sync").code, 2);

    let before = other.content();
    fs::write(
        &committed,
        text.replace("http pod:8085 POST", "http pod:8085 PUT"),
    )
    .expect("written");
    assert_snapshot!(shown(&other.run("plugin sync --locked")), @"
    Integrity: 20 acme/hostile broker-plugins.lock
    hint: `kubectl broker plugin default acme/hostile --remove`
    exit 13
    ");
    let empty = Machine::new();
    empty.put("hostile.wasm", &wants_more());
    fs::write(empty.folder.path().join("other.lock"), &text).expect("written");
    assert_eq!(empty.run("plugin sync --locked --file other.lock").code, 13);
    assert!(!empty.lockfile().exists());
    assert_eq!(other.content(), before);
}

/// The test takes as long as an engine may compute: ten seconds.
#[test]
fn an_engine_that_hangs_while_it_starts_is_not_installed() {
    let machine = Machine::with_small();
    let before = machine.content();
    machine.put("hang.wasm", &Component::hang());
    assert_snapshot!(machine.accepting("plugin install hang.wasm").outcome(), @"
    PluginFault: 10 acme/hang
    hint: `kubectl broker engines`
    exit 14
    ");
    assert!(machine.content() == before, "something was changed");
}

#[test]
fn an_engine_may_import_sockets_and_gets_none() {
    let machine = Machine::with_hostile();
    let imports = machine.run("plugin inspect hostile -o json").json()["imports"].clone();
    let imports = imports.as_array().expect("imports");
    let sockets = |name: &serde_json::Value| {
        let name = name.as_str();
        name.is_some_and(|name| name.starts_with("wasi:sockets/tcp@"))
    };
    assert!(imports.iter().any(sockets), "{imports:?}");
    let bed = Bed::start();
    let run = Invocation::new(&programs().kubectl_broker, &machine.folders)
        .kubeconfig(bed.kubeconfig())
        .run("backup list --engine hostile --misbehave look-around -o name");
    let lines = run.stdout.lines();
    let about: Vec<_> = lines
        .filter(|line| line.starts_with("socket") || line.starts_with("name"))
        .collect();
    assert_snapshot!(about.join("\n"), @"
    name: no (Uncategorized)
    socket: no (PermissionDenied)
    ");
}
