//! Engines in one file for a machine without a network.

use std::fs;
use std::path::Path;

use host_base::Sha256;
use insta::assert_snapshot;
use regex::Regex;

use crate::support::{
    Bed, Component, Invocation, Machine, Run, Signer, Store, accepting, programs,
};

fn shown(run: &Run, signers: &[(&str, &Signer)]) -> String {
    let mut text = run.outcome();
    for (word, signer) in signers {
        text = text.replace(&signer.fingerprint(), word);
    }
    for (pattern, word) in [("[0-9a-f]{64}", "DIGEST"), (r"[0-9.]+[KM]iB", "SIZE")] {
        let pattern = Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, word).into_owned();
    }
    text
}

/// Copies a file from one machine to another.
fn carry(from: &Machine, to: &Machine, name: &str) {
    copy(from.folder.path(), to.folder.path(), name);
}

fn copy(from: &Path, to: &Path, name: &str) {
    fs::copy(from.join(name), to.join(name)).expect("a copy");
}

/// The small engine from a registry, signed like cosign, and the hostile one from a file.
struct Scene {
    author: Machine,
    store: Store,
    signer: Signer,
}

impl Scene {
    fn new() -> Self {
        let (author, store, signer) = (Machine::with_hostile(), Store::new(), Signer::new());
        let manifest = store.engine("0.1.0", Component::small().bytes());
        store.sign(&signer, &manifest);
        let host = store.registry.host();
        let run = author.accepting(&format!(
            "plugin install oci://{host}/acme/vault:0.1.0 --insecure-registry {host}"
        ));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let run = author.run("plugin bundle engines.tar small hostile");
        assert_eq!(run.code, 0, "{}", run.stderr);
        Self {
            author,
            store,
            signer,
        }
    }

    /// Returns a machine with the bundle.
    fn other(&self) -> Machine {
        let machine = Machine::new();
        carry(&self.author, &machine, "engines.tar");
        machine
    }
}

#[test]
fn engines_are_carried_to_a_machine_without_a_network() {
    let scene = Scene::new();
    let machine = scene.other();
    let host = scene.store.registry.host();
    let refused = machine.run("plugin install engines.tar --offline");
    assert_snapshot!(shown(&refused, &[]), @"
    Usage: acme/small
      `--engine acme/small`
      acme/hostile
      ! /v1/restore 8085 POST [writes]
      - /v1/backup/list-remote /v1/backup/{name} 8085 GET
      - 8085
      - {folder}
      - 
      `--engine acme/hostile`
    hint: `--accept-capabilities sha256:DIGEST --accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert!(!machine.lockfile().exists());
    let flag = accepting(&refused);
    let installed = machine.run(&format!("plugin install engines.tar --offline {flag}"));
    assert_snapshot!(shown(&installed, &[]), @"
    stdout:
    acme/small 0.1.0 is installed, unverified
    acme/hostile 0.1.0 is installed, unsigned
    exit 0
    ");
    let listed = machine.run("plugin list");
    assert_snapshot!(shown(&listed, &[]).replace(&host, "HOST"), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   SIZE   SOURCE
    kubectl-broker/aws   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/operator   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/sidecar   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/strategy   0.1.0   ok   bundled   -   SIZE   bundled
    acme/hostile   0.1.0   ok   unsigned   -   SIZE   $PWD/engines.tar
    acme/small   0.1.0   ok   unverified   -   SIZE   oci://127.0.0.1:PORT/acme/vault:0.1.0
    exit 0
    ");
    assert_eq!(machine.run("plugin verify").code, 0);
    let bed = Bed::start();
    let used = Invocation::new(&programs().kubectl_broker, &machine.folders)
        .kubeconfig(bed.kubeconfig())
        .run("backup list --engine hostile --misbehave not-at-all -o json -v");
    assert_eq!(used.ids(), ["harmless"]);
    let compiled = "0 engines compiled by this process";
    assert!(used.stderr.contains(compiled), "{}", used.stderr);
    let again = machine
        .run("plugin install engines.tar --offline -o json")
        .json();
    assert_eq!(again["items"][0]["change"], "unchanged");

    // The bundle contains the signatures, so that the next machine can verify them, too.
    let before = fs::read(machine.folder.path().join("engines.tar")).expect("a bundle");
    assert_eq!(machine.run("plugin bundle next.tar small").code, 0);
    let next = Machine::new();
    carry(&machine, &next, "next.tar");
    scene.signer.public_key(next.folder.path(), "acme.pub");
    let run = next.accepting("plugin install next.tar --offline --key acme.pub");
    assert_snapshot!(shown(&run, &[("FINGERPRINT", &scene.signer)]), @"
    stdout:
    acme/small 0.1.0 is installed, signed:FINGERPRINT
    Key acme of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    exit 0
    ");
    let after = fs::read(machine.folder.path().join("engines.tar")).expect("a bundle");
    assert!(before == after, "the bundle was changed");

    // If there is a network, an update asks the registry. For the other engine it uses the bundle.
    let next = Component::small().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"");
    scene.store.engine("0.1.0", next.bytes());
    let updated = machine.run(&format!("plugin update --insecure-registry {host}"));
    assert_snapshot!(shown(&updated, &[]), @"
    stdout:
    acme/hostile 0.1.0 is unchanged, unsigned
    acme/small 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
}

#[test]
fn what_is_in_a_bundle_must_be_signed_where_a_key_is_known() {
    let scene = Scene::new();
    let other = Signer::new();
    let signers = [("FINGERPRINT", &scene.signer), ("OTHER", &other)];
    for (signer, name) in [(&scene.signer, "acme.pub"), (&other, "other.pub")] {
        let machine = scene.other();
        signer.public_key(machine.folder.path(), name);
        assert_eq!(machine.run(&format!("plugin key add acme {name}")).code, 0);
        let install = "plugin install engines.tar --name acme/small --offline";
        let small = if name == "acme.pub" {
            machine.accepting(install)
        } else {
            machine.run(install)
        };
        let all = machine.run("plugin install engines.tar --offline");
        assert_eq!(all.code, 13, "one of them is not signed");
        if name == "acme.pub" {
            assert_snapshot!(shown(&small, &signers), @"
            stdout:
            acme/small 0.1.0 is installed, signed:FINGERPRINT
            exit 0
            ");
            assert_snapshot!(shown(&all, &signers), @"
            Integrity: 0.1.0 acme/hostile FINGERPRINT
            hint:
            exit 13
            ");
        } else {
            assert_snapshot!(shown(&small, &signers), @"
            Integrity: 0.1.0 acme/small engines.tar oci://127.0.0.1:PORT/acme/vault sha256:DIGEST OTHER
            hint:
            exit 13
            ");
            assert!(!machine.lockfile().exists());
        }
    }
}

#[test]
fn a_bundle_that_was_damaged_changes_nothing() {
    let scene = Scene::new();
    let machine = scene.other();
    machine.put("small.wasm", &Component::small());
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    let before = machine.content();
    let good = fs::read(machine.folder.path().join("engines.tar")).expect("a bundle");
    let digest = Sha256::digest(&good).to_string();
    let half = good.len() / 2;
    let mut flipped = good.clone();
    flipped[half] ^= 4;
    let mut in_index = good.clone();
    in_index[700] ^= 1;
    let mut all = String::new();
    for (what, bytes) in [
        ("half", &good[..half]),
        ("without its last byte", &good[..good.len() - 1]),
        ("a bit of a component", &flipped),
        ("a bit of the index", &in_index),
        ("its first bytes", &good[..30]),
        ("less", &good[..20]),
    ] {
        fs::write(machine.folder.path().join("engines.tar"), bytes).expect("written");
        let run = machine.run("plugin install engines.tar --offline");
        all += &format!("{what}: {}\n", run.reason());
        assert!(machine.content() == before, "{what}");
    }
    assert_snapshot!(all, @"
    half: Integrity: engines.tar: it ends too early
    hint: `kubectl broker plugin bundle`
    exit 13
    without its last byte: Integrity: engines.tar: it ends too early
    hint: `kubectl broker plugin bundle`
    exit 13
    a bit of a component: Integrity: engines.tar: it was changed after it was written
    hint: `kubectl broker plugin bundle`
    exit 13
    a bit of the index: Integrity: engines.tar: it was changed after it was written
    hint: `kubectl broker plugin bundle`
    exit 13
    its first bytes: Integrity: engines.tar: it ends too early
    hint: `kubectl broker plugin bundle`
    exit 13
    less: PluginFault: engines.tar: it does not begin like one
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
    fs::write(machine.folder.path().join("engines.tar"), &flipped).expect("written");
    let run = machine.run(&format!("plugin install engines.tar --sha256 {digest}"));
    assert_eq!(run.code, 13);
    assert!(run.stderr.contains(&digest[..]), "{}", run.stderr);
    fs::write(machine.folder.path().join("engines.tar"), &good).expect("written");
    let install = format!("plugin install engines.tar --name acme/small --sha256 {digest}");
    assert_eq!(machine.run(&install).code, 0);
}

#[test]
fn one_engine_of_a_bundle_is_named() {
    let scene = Scene::new();
    let machine = scene.other();
    let mut all = String::new();
    for arguments in [
        "inspect engines.tar",
        "install engines.tar --name acme/other",
        "install engines.tar --name acme/small",
    ] {
        let arguments = format!("plugin {arguments}");
        let run = machine.run(&arguments);
        let run = if run.stderr.contains("--accept-capabilities") {
            machine.accepting(&arguments)
        } else {
            run
        };
        all += &format!("{arguments}: {}\n", shown(&run, &[]));
    }
    assert_snapshot!(all, @"
    plugin inspect engines.tar: Usage: acme/hostile acme/small engines.tar
    hint: `--name PUBLISHER/NAME` `kubectl broker plugin install`
    exit 2
    plugin install engines.tar --name acme/other: NotFound: acme/other engines.tar
    hint: `kubectl broker plugin bundle`
    exit 10
    plugin install engines.tar --name acme/small: stdout:
    acme/small 0.1.0 is installed, unverified
    exit 0
    ");
}

#[test]
fn what_can_not_be_bundled_says_why() {
    let machine = Machine::with_small();
    let mut all = String::new();
    for arguments in [
        "engines.tar",
        "engines.tar other",
        "engines.tar sidecar",
        "engines.tar small acme/small",
        "engines.tar small",
        "nowhere/engines.tar small",
    ] {
        let run = machine.run(&format!("plugin bundle {arguments}"));
        all += &format!("{arguments}: {}\n", shown(&run, &[]));
    }
    assert_snapshot!(all, @"
    engines.tar: Usage:
      <NAME>
    exit 2
    engines.tar other: NotFound: `other`
    hint: acme/small
    exit 10
    engines.tar sidecar: Usage: kubectl-broker/sidecar
    hint:
    exit 2
    engines.tar small acme/small: stdout:
    engines.tar is written: SIZE, sha256:DIGEST
    - acme/small 0.1.0, unsigned
    exit 0
    engines.tar small: Conflict: 17 engines.tar
    hint:
    exit 11
    nowhere/engines.tar small: Failed: 2 nowhere/engines.tar «No such file or directory»
    hint:
    exit 1
    ");
    let blob = machine.stored("blobs");
    fs::write(&blob, b"something else").expect("written");
    assert_eq!(machine.run("plugin bundle more.tar small").code, 13);
    assert!(!machine.folder.path().join("more.tar").exists());
}

#[test]
fn without_a_network_the_error_names_the_bundle() {
    let machine = Machine::new();
    let run = machine.run("plugin install oci://127.0.0.1:1/acme/vault:1 --offline");
    assert_snapshot!(run.outcome(), @"
    Usage: `--offline` oci://127.0.0.1:1/acme/vault:1
    hint: `--offline` `kubectl broker plugin bundle`
    exit 2
    ");
}
