//! An engine that works with Kubernetes objects, installed and used against the simulated API server.

use insta::assert_snapshot;
use serde_json::json;
use testbed::{ResourceType, Testbed};

use crate::authoring::shown;
use crate::support::{Bed, Component, Invocation, Machine, Run, programs};

const VAULTS: &str = "vaults.acme.example";

/// A cluster that knows vaults, and a machine with the engine that works with them.
struct Place {
    bed: Bed,
    machine: Machine,
}

impl Place {
    fn new() -> Self {
        let machine = Machine::new();
        machine.put("objects.wasm", &Component::objects());
        let run = machine.accepting("plugin install objects.wasm");
        assert_eq!(run.code, 0, "{}", run.stderr);
        let bed = Bed::of(Testbed::builder());
        let ty = ResourceType::custom("acme.example", "v1", "Vault", "vaults");
        bed.objects().register(ty);
        Self { bed, machine }
    }

    fn run(&self, arguments: &str) -> Run {
        Invocation::new(&programs().kubectl_broker, &self.machine.folders)
            .in_folder(self.machine.folder.path())
            .kubeconfig(self.bed.kubeconfig())
            .run(&format!("backup --engine objects {arguments}"))
    }

    fn put(&self, namespace: &str, name: &str) {
        let vault = json!({
            "apiVersion": "acme.example/v1", "kind": "Vault",
            "metadata": {"name": name, "namespace": namespace, "labels": {"kind": "backup"}},
            "status": {"phase": "Done"},
        });
        self.bed.objects().put(vault).expect("it is put");
    }

    /// The vaults of the namespace of the commands.
    fn names(&self) -> Vec<String> {
        let vaults = self.bed.objects().list(VAULTS, Some("messaging"));
        let name =
            |vault: &serde_json::Value| vault["metadata"]["name"].as_str().map(str::to_owned);
        vaults.iter().filter_map(name).collect()
    }
}

#[test]
fn what_it_may_do_with_objects_is_said_before_it_is_installed() {
    let machine = Machine::new();
    machine.put("objects.wasm", &Component::objects());
    assert_snapshot!(shown(&machine.run("plugin install objects.wasm")), @"
    stderr:
    error: acme/objects wants to do what nobody has accepted:
      - work with Kubernetes objects acme.example/v1/Vault in the namespace of the command: get, list, watch, create, patch, delete
    hint: If you want that, give `--accept-capabilities sha256:DIGEST`; it accepts this set and no other. On a terminal you are asked
    exit 2
    ");
}

#[test]
fn objects_of_the_namespace_are_listed_changed_and_deleted() {
    let place = Place::new();
    place.put("messaging", "b");
    place.put("messaging", "a");
    place.put("default", "of-others");
    assert_snapshot!(place.run("list").shown(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    a   Done   -   AGE   2025-09-06T12:00:00Z
    b   Done   -   AGE   2025-09-06T12:00:00Z
    stderr:
    Using namespace messaging of context testbed
    2 backups
    exit 0
    ");
    assert_snapshot!(place.run("keep a").shown(), @"
    stdout:
    a is kept
    stderr:
    Using namespace messaging of context testbed
    exit 0
    ");
    let kept = place.bed.objects().get(VAULTS, "messaging", "a");
    assert_eq!(kept.expect("it is there")["spec"], json!({"keep": true}));
    assert_snapshot!(place.run("delete --id a --yes").shown(), @"
    stderr:
    Using namespace messaging of context testbed
    Removing backup a for good (engine objects)
    error: a is kept
    exit 11
    ");
    assert_snapshot!(place.run("delete --id a --yes --force").shown(), @"
    stdout:
    a is deleted
    stderr:
    Using namespace messaging of context testbed
    Removing backup a for good (engine objects)
    exit 0
    ");
    assert_snapshot!(place.run("delete --id a --yes --force").shown(), @r#"
    stderr:
    Using namespace messaging of context testbed
    Removing backup a for good (engine objects)
    error: https://127.0.0.1:PORT answered 404 when asked to get vaults a in namespace messaging: vaults.acme.example "a" not found
    hint: `kubectl get vaults.acme.example -n messaging` lists what is there
    exit 10
    "#);
    assert_eq!(place.names(), ["b"]);
}

#[test]
fn an_object_is_created_with_the_name_that_the_cluster_gives_it() {
    let place = Place::new();
    let run = place.run("create --wait=false -o name");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let names = place.names();
    assert_eq!(names.len(), 1);
    assert_eq!(run.stdout.trim(), names[0]);
    let made = place.bed.objects().get(VAULTS, "messaging", &names[0]);
    assert_eq!(made.expect("it is there")["spec"], json!({"keep": false}));
}

#[test]
fn a_watch_begins_with_what_is_there() {
    let place = Place::new();
    place.put("messaging", "a");
    assert_snapshot!(place.run("follow").shown(), @"
    stdout:
    a is there
    stderr:
    Using namespace messaging of context testbed
    exit 0
    ");
}

#[test]
fn a_kind_that_the_manifest_does_not_name_is_denied_and_never_asked_for() {
    let place = Place::new();
    assert_snapshot!(place.run("peek").shown(), @"
    stderr:
    Using namespace messaging of context testbed
    error: engine acme/objects asked for what it was not granted: the manifest does not allow `get` of objects v1/Secret
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_eq!(place.bed.requests().count("*", "secrets"), 0);
}
