//! Engines from a real registry, from installation to removal.

use host_base::Sha256;
use insta::assert_snapshot;
use regex::Regex;

use crate::support::{
    Bed, Component, Invocation, Machine, Run, Signer, Store, accepting, programs,
};

/// A machine, a registry, and the flag that allows plain HTTP between them.
struct Scene {
    machine: Machine,
    store: Store,
}

impl Scene {
    fn new() -> Self {
        Self {
            machine: Machine::new(),
            store: Store::new(),
        }
    }

    fn host(&self) -> String {
        self.store.registry.host()
    }

    /// Runs the program. `REF` stands for the repository.
    fn run(&self, arguments: &str) -> Run {
        let host = self.host();
        let arguments = arguments.replace("REF", &format!("oci://{host}/acme/vault"));
        self.machine
            .run(&format!("plugin {arguments} --insecure-registry {host}"))
    }

    /// Runs a command that is first denied, and then grants exactly the capabilities that the error lists.
    fn accepting(&self, arguments: &str) -> Run {
        let refused = self.run(arguments);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        self.run(&format!("{arguments} {}", accepting(&refused)))
    }

    fn shown(&self, run: &Run) -> String {
        let digest = Regex::new("[0-9a-f]{64}").expect("a pattern");
        let size = Regex::new(r"[0-9.]+[KM]iB").expect("a pattern");
        let text = run.outcome().replace(&self.host(), "HOST");
        let text = digest.replace_all(&text, "DIGEST");
        size.replace_all(&text, "SIZE").into_owned()
    }
}

fn version(number: &str) -> Component {
    Component::hostile().replace(
        "\"version\":\"0.1.0\"",
        &format!("\"version\":\"{number}\""),
    )
}

/// Returns the next version, which has more capabilities.
fn more() -> Component {
    version("0.2.0").replace("\"GET /v1/backup/{name}\"", "\"PUT /v1/backup/{name}\"")
}

#[test]
fn from_the_first_installation_by_tag_over_an_update_to_the_end() {
    let scene = Scene::new();
    scene.store.engine("0.1.0", Component::hostile().bytes());
    scene.store.engine("latest", Component::hostile().bytes());
    let installed = scene.accepting("install REF");
    assert_snapshot!(scene.shown(&installed), @"
    stdout:
    acme/hostile 0.1.0 is installed, unsigned
    exit 0
    ");
    assert_snapshot!(scene.shown(&scene.run("list")), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   SIZE   SOURCE
    kubectl-broker/aws   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/operator   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/sidecar   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/strategy   0.1.0   ok   bundled   -   SIZE   bundled
    acme/hostile   0.1.0   ok   unsigned   -   SIZE   oci://127.0.0.1:PORT/acme/vault:latest
    exit 0
    ");
    assert_snapshot!(scene.shown(&scene.run("inspect REF:0.1.0 --diff hostile")), @"
    stdout:
    acme/hostile 0.1.0 -> 0.1.0
    It may do the same.
    exit 0
    ");
    let bed = Bed::start();
    let use_it = || {
        Invocation::new(&programs().kubectl_broker, &scene.machine.folders)
            .kubeconfig(bed.kubeconfig())
            .run("backup list --engine hostile --misbehave not-at-all -o json -v")
    };
    // The use of an engine needs no registry, and compiles nothing again.
    for _ in 0..2 {
        let used = use_it();
        assert_eq!(used.ids(), ["harmless"]);
        let compiled = "0 engines compiled by this process";
        assert!(used.stderr.contains(compiled), "{}", used.stderr);
    }

    scene.store.engine("latest", more().bytes());
    scene.store.engine("v0.2.0", more().bytes());
    assert_snapshot!(scene.shown(&scene.run("outdated hostile -o wide")), @"
    stdout:
    NAME   INSTALLED   AVAILABLE   OUTDATED   ASKS-FOR-MORE   DETAIL
    acme/hostile   0.1.0   0.2.0   yes   yes   -

    acme/hostile would also want to:
    ! [writes] talk to port 8085 of the pods of the StatefulSet you name: PUT /v1/backup/{name}
    exit 0
    ");
    let before = scene.machine.content();
    let refused = scene.run("update hostile");
    assert_snapshot!(scene.shown(&refused), @"
    Usage: acme/hostile
      ! /v1/backup/{name} 8085 PUT [writes]
      `--engine acme/hostile`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert!(scene.machine.content() == before);
    let set = scene.run("inspect REF -o json").json()["acceptCapabilities"].clone();
    let set = set.as_str().expect("a digest");
    assert_eq!(accepting(&refused), format!("--accept-capabilities {set}"));
    let updated = scene.run(&format!("update hostile --accept-capabilities {set}"));
    assert_snapshot!(scene.shown(&updated), @"
    stdout:
    acme/hostile 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
    assert_eq!(use_it().ids(), ["harmless"]);

    drop(scene.store);
    let machine = scene.machine;
    let digest = Sha256::digest(Component::hostile().bytes()).to_string();
    let back = machine
        .run("plugin rollback hostile --offline -o json")
        .json();
    assert_eq!(back["items"][0]["change"], "rolled back");
    assert_eq!(back["items"][0]["sha256"], digest);
    let run = Invocation::new(&programs().kubectl_broker, &machine.folders)
        .kubeconfig(bed.kubeconfig())
        .run("backup list --engine hostile --misbehave not-at-all -o json");
    assert_eq!(run.ids(), ["harmless"]);
    assert_eq!(machine.run("plugin remove hostile --offline").code, 0);
    assert_eq!(machine.content().len(), 2);
}

#[test]
fn a_digest_names_one_engine_for_ever() {
    let scene = Scene::new();
    let manifest = scene.store.engine("0.1.0", Component::small().bytes());
    scene.store.engine("0.1.0", version("0.9.0").bytes());
    let installed = scene.accepting(&format!("install REF@sha256:{manifest}"));
    assert_snapshot!(scene.shown(&installed), @"
    stdout:
    acme/small 0.1.0 is installed, unsigned
    exit 0
    ");
    let listed = scene.run("list -o json").item("acme/small");
    let source = listed["source"].as_str().expect("a source");
    assert!(source.ends_with(&format!("@sha256:{manifest}")), "{source}");
    assert_snapshot!(scene.shown(&scene.run("update small")), @"
    stdout:
    acme/small 0.1.0 is unchanged, unsigned
    exit 0
    ");
    let other = "0".repeat(64);
    assert_snapshot!(scene.shown(&scene.run(&format!("install REF@sha256:{other}"))), @"
    NotFound: oci://127.0.0.1:PORT/acme/vault@sha256:DIGEST
    hint:
    exit 10
    ");
}

#[test]
fn a_version_is_asked_for_by_its_tag_and_may_be_older() {
    let scene = Scene::new();
    scene.store.engine("latest", version("0.3.0").bytes());
    scene.store.engine("0.1.0", Component::hostile().bytes());
    scene.store.engine("v0.2.0", version("0.2.0").bytes());
    scene.store.engine("0.4.0", version("0.3.0").bytes());
    scene.store.engine("0.5.0", Component::small().bytes());
    assert_eq!(scene.accepting("install REF").code, 0);
    assert_snapshot!(scene.shown(&scene.run("update hostile --version 0.1.0")), @"
    stdout:
    acme/hostile 0.1.0 (was 0.3.0) is downgraded, unsigned
    exit 0
    ");
    assert_snapshot!(scene.shown(&scene.run("update hostile --version 0.2.0")), @"
    stdout:
    acme/hostile 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
    let listed = scene.run("list -o json").item("acme/hostile");
    let source = listed["source"].as_str().expect("a source");
    assert!(source.ends_with("/acme/vault:v0.2.0"), "{source}");
    let before = scene.machine.content();
    let mut all = String::new();
    for arguments in [
        "hostile --version 0.4.0",
        "hostile --version 0.5.0",
        "hostile --version 0.6.0",
        "hostile --version newest",
        "--version 0.1.0",
    ] {
        let run = scene.run(&format!("update {arguments}"));
        all += &format!("{arguments}: {}\n", scene.shown(&run));
        assert!(scene.machine.content() == before, "{arguments}");
    }
    assert_snapshot!(all, @"
    hostile --version 0.4.0: PluginFault: 0.3.0 0.4.0 oci://127.0.0.1:PORT/acme/vault:0.4.0
    hint:
    exit 14
    hostile --version 0.5.0: PluginFault: acme/hostile acme/small oci://127.0.0.1:PORT/acme/vault:0.5.0
    hint: `kubectl broker plugin install`
    exit 14
    hostile --version 0.6.0: NotFound: oci://127.0.0.1:PORT/acme/vault:0.6.0
    hint:
    exit 10
    hostile --version newest: Usage: '--version <VERSION>' 'n' 'newest'
    exit 2
    --version 0.1.0: Usage:
      <NAME>
    exit 2
    ");
}

#[test]
fn a_file_has_one_version() {
    let machine = Machine::with_small();
    let before = machine.content();
    assert_snapshot!(machine.run("plugin update small --version 0.1.0").outcome(), @"
    Usage: $PWD/small.wasm
    hint: `kubectl broker plugin install`
    exit 2
    ");
    assert!(machine.content() == before);
}

#[test]
fn what_cosign_signed_is_known_by_its_key() {
    let scene = Scene::new();
    let (acme, other) = (Signer::new(), Signer::new());
    let fingerprints = |text: String| {
        text.replace(&acme.fingerprint(), "FINGERPRINT")
            .replace(&other.fingerprint(), "OTHER")
    };
    let shown = |run: &Run| {
        let host = scene.host();
        let text = fingerprints(run.outcome().replace(&host, "HOST"));
        let digest = Regex::new("[0-9a-f]{64}").expect("a pattern");
        digest.replace_all(&text, "DIGEST").into_owned()
    };
    acme.public_key(scene.machine.folder.path(), "acme.pub");
    let key = scene.machine.folder.path().join("acme.pub");
    let key = key.display();
    let small = |number: &str| {
        Component::small().replace(
            "\"version\":\"0.1.0\"",
            &format!("\"version\":\"{number}\""),
        )
    };

    let manifest = scene.store.engine("latest", small("0.1.0").bytes());
    let unsigned = scene.run(&format!("install REF --key {key}"));
    assert_snapshot!(shown(&unsigned), @"
    Integrity: 0.1.0 acme/small FINGERPRINT
    hint:
    exit 13
    ");
    assert!(!scene.machine.lockfile().exists());
    scene.store.sign(&acme, &manifest);
    let signed = scene.accepting(&format!("install REF --key {key}"));
    assert_snapshot!(shown(&signed), @"
    stdout:
    acme/small 0.1.0 is installed, signed:FINGERPRINT
    Key acme of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    exit 0
    ");
    let before = scene.machine.content();

    let mut all = String::new();
    for (what, number, signer) in [
        ("unsigned", "0.2.0", None),
        ("signed by another", "0.3.0", Some(&other)),
    ] {
        let manifest = scene.store.engine("latest", small(number).bytes());
        if let Some(signer) = signer {
            scene.store.sign(signer, &manifest);
        }
        all += &format!("{what}: {}\n", shown(&scene.run("update small")));
        assert!(scene.machine.content() == before, "{what}");
    }
    assert_snapshot!(all, @"
    unsigned: Integrity: 0.2.0 acme/small FINGERPRINT
    hint:
    exit 13
    signed by another: Integrity: 0.3.0 acme/small oci://127.0.0.1:PORT/acme/vault sha256:DIGEST FINGERPRINT
    hint:
    exit 13
    ");
    let manifest = scene.store.engine("latest", small("0.4.0").bytes());
    scene.store.sign(&acme, &manifest);
    assert_snapshot!(shown(&scene.run("update small")), @"
    stdout:
    acme/small 0.4.0 (was 0.1.0) is updated, signed:FINGERPRINT
    exit 0
    ");
}

#[test]
fn a_signature_that_can_not_be_read_matters_only_where_one_is_demanded() {
    let machine = Machine::new();
    machine.put("small.wasm", &Component::small());
    let beside = machine.folder.path().join("small.wasm.sig");
    std::fs::write(beside, "<html>").expect("a file");
    let run = machine.run("plugin inspect ./small.wasm");
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in [
        "small.wasm can't be looked up, so it counts as unsigned: ",
        "small.wasm.sig is not a valid signature: it is neither DER nor base64",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }

    Signer::new().public_key(machine.folder.path(), "acme.pub");
    assert_eq!(machine.run("plugin key add acme acme.pub").code, 0);
    let refused = machine.run("plugin inspect ./small.wasm");
    assert_eq!(refused.code, 13, "{}", refused.stderr);
    let reason = "its signatures can't be looked up";
    assert!(refused.stderr.contains(reason), "{}", refused.stderr);
}
