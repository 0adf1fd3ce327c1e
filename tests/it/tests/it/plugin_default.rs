//! Installed engines as defaults: `auto` chooses them for the operations that the user allows.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Bed, Component, Invocation, Machine, programs};

/// Returns the small engine with the highest preference.
fn greedy() -> Component {
    Component::small().replace(
        "asking anybody\",\"operations\":{\"detect\":{\"preference\":0},\"list\":{\"preference\":0}",
        "asking any\",\"operations\":{\"detect\":{\"preference\":0},\"list\":{\"preference\":255  }",
    )
}

fn next() -> Component {
    greedy().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"")
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("small.wasm", &greedy());
    let run = machine.accepting("plugin install small.wasm");
    assert_eq!(run.code, 0, "{}", run.stderr);
    machine
}

fn in_cluster(machine: &Machine, bed: &Bed) -> Invocation {
    Invocation::new(&programs().kubectl_broker, &machine.folders)
        .in_folder(machine.folder.path())
        .kubeconfig(bed.kubeconfig())
}

/// Returns the engine whose list `auto` shows.
fn lists(program: &Invocation) -> String {
    let document = program.run("backup list --limit 1 -o json").json();
    let engine = document["scope"]["engine"].as_str();
    engine.expect("an engine").to_owned()
}

#[test]
fn auto_chooses_an_installed_engine_only_where_the_user_says_so() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    assert_eq!(lists(&program), "kubectl-broker/sidecar");
    let before = machine.run("plugin inspect small -o json").json()["acceptCapabilities"].clone();

    assert_snapshot!(machine.run("plugin default small --operations list").outcome(), @"
    stdout:
    `auto` chooses acme/small, before the bundled engines, for: list
    exit 0
    ");
    assert_eq!(lists(&program), "acme/small");
    let used = program.run("backup list");
    assert_snapshot!(used.outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    one   Succeeded   -   -   -
    note: 1
    exit 0
    ");
    let document = program.run("backup list -o json").json();
    assert_eq!(document["scope"]["engineVersion"], "0.1.0");
    for (command, id) in [("plugin list", "acme/small"), ("engines", "acme/small")] {
        let row = program.run(&format!("{command} -o json")).item(id);
        assert_eq!(row["defaultFor"], json!(["list"]), "{command}");
    }
    let shown = machine.run("plugin inspect small");
    let default = "! [default] be chosen by `auto`, before the bundled engines, for: list";
    assert!(shown.stdout.contains(default), "{}", shown.stdout);
    // The default is a part of the consent.
    let after = machine.run("plugin inspect small -o json").json()["acceptCapabilities"].clone();
    assert_ne!(before, after);
    let lockfile = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    assert!(lockfile.contains("defaults = [\"list\"]"), "{lockfile}");

    let removed = machine.run("plugin default small --remove");
    assert_snapshot!(removed.outcome(), @"
    stdout:
    `auto` does not choose acme/small: `--engine acme/small` names it
    exit 0
    ");
    assert_eq!(lists(&program), "kubectl-broker/sidecar");
}

#[test]
fn another_version_stays_the_default_and_for_nothing_more() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    assert_eq!(machine.run("plugin default small").code, 0);
    let default_for =
        || machine.run("plugin list -o json").item("acme/small")["defaultFor"].clone();

    machine.put("small.wasm", &next());
    assert_eq!(machine.run("plugin update small").code, 0);
    assert_eq!(default_for(), json!(["list"]));
    assert_eq!(machine.run("plugin rollback small").code, 0);
    assert_eq!(default_for(), json!(["list"]));
    assert_eq!(lists(&program), "acme/small");

    // An engine from another source may have another author.
    machine.put("other.wasm", &next());
    let run = machine.accepting("plugin install other.wasm");
    assert!(
        run.stderr
            .contains("acme/small is no longer the default for list"),
        "{}",
        run.stderr
    );
    assert_eq!(default_for(), json!([]));

    assert_eq!(machine.run("plugin default small").code, 0);
    assert_eq!(machine.run("plugin remove small").code, 0);
    assert_eq!(lists(&program), "kubectl-broker/sidecar");
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    assert_eq!(default_for(), json!([]));
}

#[test]
fn what_cannot_be_a_default_says_why() {
    let machine = machine();
    assert_snapshot!(machine.run("plugin default small --operations create").outcome(), @"
    Usage: `create` acme/small
    hint:
    exit 2
    ");
    assert_eq!(machine.run("plugin default hivemq").code, 2);
    assert_eq!(machine.run("plugin default vault").code, 10);
    assert_eq!(
        machine.run("plugin default small --operations detect").code,
        2
    );
}

#[test]
fn a_default_that_was_written_by_hand_is_not_believed() {
    let (machine, bed) = (machine(), Bed::start());
    let text = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    let edited = text.replace("consent = ", "defaults = [\"list\"]\nconsent = ");
    fs::write(machine.lockfile(), &edited).expect("written");
    let program = in_cluster(&machine, &bed);
    assert_eq!(lists(&program), "kubectl-broker/sidecar");
    let named = program.run("backup list --engine acme/small");
    assert_eq!(named.code, 2, "{}", named.stderr);
    assert_eq!(machine.run("plugin verify").code, 13);
    fs::write(machine.folder.path().join("by-hand.lock"), &edited).expect("written");
    let synced = machine.run("plugin sync --locked --file by-hand.lock");
    assert_eq!(synced.code, 13, "{}", synced.stderr);
    assert_eq!(machine.run("plugin default small --remove").code, 0);
    assert_eq!(machine.run("plugin verify").code, 0);
    assert_eq!(lists(&program), "kubectl-broker/sidecar");
}

#[test]
fn lockfiles_and_bundles_carry_it() {
    let author = machine();
    assert_eq!(author.run("plugin default small").code, 0);
    let text = fs::read_to_string(author.lockfile()).expect("a lockfile");
    let text = text.replace(&author.folder.path().display().to_string(), ".");
    let default_for = |machine: &Machine| {
        machine.run("plugin list -o json").item("acme/small")["defaultFor"].clone()
    };

    let synced = machine();
    fs::write(synced.folder.path().join("broker-plugins.lock"), text).expect("written");
    assert_eq!(synced.run("plugin sync --locked").code, 0);
    assert_eq!(default_for(&synced), json!(["list"]));

    assert_eq!(author.run("plugin bundle engines.tar small").code, 0);
    let install = |with_it: bool| {
        let other = Machine::new();
        let bundle = other.folder.path().join("engines.tar");
        fs::copy(author.folder.path().join("engines.tar"), bundle).expect("a copy");
        let run = if with_it {
            let refused = other.run("plugin install engines.tar");
            assert!(
                refused.stderr.contains("! [default] be chosen"),
                "{}",
                refused.stderr
            );
            other.accepting("plugin install engines.tar")
        } else {
            // This flag accepts only the engine's capabilities, not the default.
            other.put("small.wasm", &greedy());
            let flag = crate::support::accepting(&other.run("plugin install small.wasm"));
            other.run(&format!("plugin install engines.tar {flag}"))
        };
        assert_eq!(run.code, 0, "{}", run.stderr);
        default_for(&other)
    };
    assert_eq!(install(true), json!(["list"]));
    assert_eq!(install(false), json!([]));
}
