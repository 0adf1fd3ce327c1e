//! An engine that works with Kubernetes objects, installed and used against the simulated API server.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::aws::{Aws, Bucket, Object};
use testbed::{ResourceType, Testbed};
use tokio::runtime::Runtime;

use crate::authoring::shown;
use crate::support::{AccessKey, Bed, Cloud, Component, Invocation, Machine, Run, S3, programs};

const VAULTS: &str = "vaults.acme.example";

/// A cluster that has the kind `Vault`, and a machine with an engine for it.
struct Place {
    bed: Bed,
    machine: Machine,
}

impl Place {
    fn new() -> Self {
        Self::with(&Component::objects())
    }

    fn with(component: &Component) -> Self {
        let machine = Machine::new();
        machine.put("objects.wasm", component);
        let run = machine.accepting("plugin install objects.wasm");
        assert_eq!(run.code, 0, "{}", run.stderr);
        let bed = Bed::of(Testbed::builder());
        let ty = ResourceType::custom("acme.example", "v1", "Vault", "vaults");
        bed.objects().register(ty);
        Self { bed, machine }
    }

    fn run(&self, arguments: &str) -> Run {
        self.program()
            .run(&format!("backup --engine objects {arguments}"))
    }

    /// The same, of a command whose result tells what failed.
    fn run_with_result(&self, arguments: &str) -> Run {
        self.program()
            .data_although_failed()
            .run(&format!("backup --engine objects {arguments}"))
    }

    fn program(&self) -> Invocation {
        Invocation::new(&programs().kubectl_broker, &self.machine.folders)
            .in_folder(self.machine.folder.path())
            .kubeconfig(self.bed.kubeconfig())
    }

    fn put(&self, namespace: &str, name: &str) {
        let vault = json!({
            "apiVersion": "acme.example/v1", "kind": "Vault",
            "metadata": {"name": name, "namespace": namespace, "labels": {"kind": "backup"}},
            "status": {"phase": "Done"},
        });
        self.bed.objects().put(vault).expect("it is put");
    }

    /// Returns the vaults in the namespace of the commands.
    fn names(&self) -> Vec<String> {
        let vaults = self.bed.objects().list(VAULTS, Some("messaging"));
        let name = |vault: &Value| vault["metadata"]["name"].as_str().map(str::to_owned);
        vaults.iter().filter_map(name).collect()
    }
}

#[test]
fn what_it_may_do_with_objects_is_said_before_it_is_installed() {
    let machine = Machine::new();
    machine.put("objects.wasm", &Component::objects());
    assert_snapshot!(shown(&machine.run("plugin install objects.wasm")), @"
    Usage: acme/objects
      ! [credentials]
      ! archive/
      ! DescribeDBSnapshots [credentials]
      ! [writes] acme.example/v1/Vault
      - 
      `--engine acme/objects`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
}

#[test]
fn objects_of_the_namespace_are_listed_changed_and_deleted() {
    let place = Place::new();
    place.put("messaging", "b");
    place.put("messaging", "a");
    place.put("default", "of-others");
    assert_snapshot!(place.run("list").outcome(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    a   Done   -   AGE   2025-09-06T12:00:00Z
    b   Done   -   AGE   2025-09-06T12:00:00Z
    note: 2
    exit 0
    ");
    assert_snapshot!(place.run("keep a").outcome(), @"
    stdout:
    a is kept
    exit 0
    ");
    let kept = place.bed.objects().get(VAULTS, "messaging", "a");
    assert_eq!(kept.expect("it is there")["spec"], json!({"keep": true}));
    assert_snapshot!(place.run("delete --id a --yes").message(), @"
    note: a testbed https://127.0.0.1:PORT messaging acme/objects
    Conflict: engine acme/objects says: a is kept
    exit 11
    ");
    assert_snapshot!(place.run("delete --id a --yes --force").outcome(), @"
    stdout:
    a is deleted
    note: a testbed https://127.0.0.1:PORT messaging acme/objects
    exit 0
    ");
    assert_snapshot!(place.run("delete --id a --yes --force").message(), @r#"
    note: a testbed https://127.0.0.1:PORT messaging acme/objects
    NotFound: https://127.0.0.1:PORT answered 404 when asked to get vaults a in namespace messaging: vaults.acme.example "a" not found
    hint: `kubectl get vaults.acme.example -n messaging` objects
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
    assert_snapshot!(place.run("follow").outcome(), @"
    stdout:
    a is there
    exit 0
    ");
}

#[test]
fn a_kind_that_the_manifest_does_not_name_is_denied_and_never_asked_for() {
    let place = Place::new();
    assert_snapshot!(place.run("peek").reason(), @"
    PluginFault: acme/objects: the manifest does not allow `get` of objects v1/Secret
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_eq!(place.bed.requests().count("*", "secrets"), 0);
}

#[test]
fn the_bytes_of_a_backup_are_read_from_s3_into_a_file() {
    let place = Place::new();
    place.put("messaging", "a");
    let s3 = S3::with_bucket("acme-vaults");
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    s3.put("a", &bytes);
    let reader: AccessKey = s3.user("reader", &["s3:GetObject"]);
    s3.close();
    let program = reader.known_to(s3.without_key(place.program()));
    let run = program.run("backup --engine objects download --id a --output-file a.bin");
    assert_snapshot!(run.outcome(), @"
    stdout:
    FILE   SIZE   VERIFIED-BY
    ./backups/a.bin   11.4MiB   length
    note: 97744d1688b4cf9e48d5ed2d296784ca7eb01ec2330ecbfee10659d872a50a96
    exit 0
    ");
    let saved = fs::read(place.machine.folder.path().join("backups/a.bin")).expect("the file");
    assert!(saved == bytes, "{} bytes", saved.len());
    let gone = program.run("backup --engine objects download --id b --output-file b.bin");
    assert_eq!(gone.code, 10, "{}", gone.stderr);
    assert!(!place.machine.folder.path().join("backups/b.bin").exists());
}

#[test]
fn objects_are_copied_written_listed_and_deleted() {
    let place = Place::new();
    let s3 = S3::with_bucket("acme-vaults");
    s3.put("a", b"some bytes");
    s3.put("b", b"others");
    let rights = [
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "s3:DeleteObject",
    ];
    let writer = s3.user("writer", &rights);
    let reader = s3.user("reader", &["s3:GetObject"]);
    let program = |key: &AccessKey| key.known_to(s3.without_key(place.program()));
    let run =
        |key: &AccessKey, verb: &str| program(key).run(&format!("backup --engine objects {verb}"));
    // From here on, every request needs a signature.
    s3.close();
    assert_snapshot!(run(&reader, "archive a").message().replace(&reader.id, "KEY"), @"
    NotAllowed: engine acme/objects says: S3 answered 403 for s3://acme-vaults/archive/a with access key KEY: AccessDenied (Access Denied)
    hint from engine acme/objects: AWS_PROFILE s3:GetObject s3:PutObject
    exit 12
    ");
    assert_snapshot!(run(&writer, "archive a").outcome(), @"
    stdout:
    archive/a 10
    archive/a.json 21
    exit 0
    ");
    // The note exists already.
    assert_eq!(run(&writer, "archive a").code, 11);
    assert_eq!(run(&writer, "archive none").code, 10);
    assert_eq!(run(&writer, "archive b").code, 0);
    let cleared = run(&writer, "clear -o json").json();
    assert_eq!(
        cleared["items"].as_array().map(Vec::len),
        Some(4),
        "{cleared:#}"
    );
    let left = run(&writer, "archive b");
    assert_eq!(left.stdout.lines().count(), 2, "{}", left.stdout);
}

#[test]
fn an_action_of_aws_is_called_with_the_rights_of_the_user() {
    let place = Place::new();
    let s3 = S3::with_bucket("acme-vaults");
    s3.snapshot("nightly");
    let reader = s3.user("reader", &["rds:DescribeDBSnapshots"]);
    let stranger = s3.user("stranger", &[]);
    s3.close();
    let run = |key: &AccessKey| {
        let program = key.known_to(s3.without_key(place.program()));
        program
            .env("AWS_REGION", "us-east-1")
            .run("backup --engine objects snapshots")
    };
    let listed = run(&reader);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    // The database has an automatic snapshot too.
    assert!(listed.stdout.ends_with(" nightly\n"), "{}", listed.stdout);
    assert_eq!(run(&stranger).code, 12);
}

/// A cloud with the bucket `acme-vaults` and another one, and an engine that reaches for them.
struct Reach {
    place: Place,
    aws: Aws,
    // The servers must be dropped before their runtime.
    _runtime: Runtime,
}

impl Reach {
    fn of(place: Place) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let aws = runtime.block_on(Aws::start()).expect("a cloud");
        for bucket in ["acme-vaults", "other"] {
            let bucket = Bucket::new(bucket)
                .object("a", Object::new("text"))
                .object("archive/a", Object::new("text"));
            aws.add_bucket(bucket);
        }
        Self {
            place,
            aws,
            _runtime: runtime,
        }
    }

    /// Returns the reach of an engine with this rule about stores, and no other one.
    fn with_store(rule: &str) -> Self {
        let store = format!("[storage.vaults]\nkind = \"s3\"\nallow = [\"{rule}\"]\n");
        let manifest = format!("{REACHING}{SNAPSHOTS}{store}");
        let component = Component::objects().with_manifest(&manifest);
        Self::of(Place::with(&component))
    }

    /// Makes the calls, and compares their ends.
    fn check(&self, calls: &[(&str, &str)]) {
        let program = self.place.program();
        let program = program
            .env("AWS_ENDPOINT_URL", self.aws.url())
            .env("AWS_REGION", testbed::aws::REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIATEST")
            .env("AWS_SECRET_ACCESS_KEY", "s3cr3t");
        let all: Vec<_> = calls.iter().map(|(call, _)| *call).collect();
        let arguments = ["backup", "--engine", "objects", "reach", &all.join(";")];
        let run = program.run_with(&arguments);
        assert_eq!(run.code, 0, "{}", run.shown());
        let ends = run
            .stdout
            .lines()
            .map(|line| line.trim_start_matches("ErrorKind::"));
        let found: Vec<_> = all.into_iter().zip(ends).collect();
        assert_eq!(found, calls);
    }
}

/// A manifest for the component, without a store. Each import of a component needs an operation or a capability.
const REACHING: &str = r#"
id = "acme/objects"
version = "0.1.0"
summary = "Reaches for what is outside the cluster"

[operations.detect]

[operations.download]

[operations.act]

[verbs.reach]
help = "Make calls"

[[verbs.reach.options]]
name = "calls"
type = "text"
positional = true
help = "The calls"

[resources]
allow = ["acme.example/v1/Vault: get"]
"#;
const SNAPSHOTS: &str = r#"
[aws.rds]
version = "2014-10-31"
allow = ["DescribeDBSnapshots"]
"#;

#[test]
fn what_is_not_accepted_outside_the_cluster_is_not_asked_for() {
    let reach = Reach::of(Place::new());
    reach.check(&[
        ("put vaults acme-vaults a 1", "Denied"),
        ("put vaults acme-vaults archive/../a 1", "InvalidArgument"),
        (
            "put vaults acme-vaults archive/b 2000000",
            "InvalidArgument",
        ),
        ("copy vaults acme-vaults a acme-vaults b", "Denied"),
        ("copy vaults other a acme-vaults archive/b", "Denied"),
        ("delete vaults acme-vaults a 1", "Denied"),
        (
            "delete vaults acme-vaults archive/a 100000",
            "InvalidArgument",
        ),
        ("call rds DeleteDBSnapshot X -", "Denied"),
        ("call iam DescribeDBSnapshots X -", "Denied"),
        ("call rds DescribeDBSnapshots Action -", "Denied"),
        (
            "call rds DescribeDBSnapshots X evil.example/",
            "InvalidArgument",
        ),
    ]);
    assert_eq!(reach.aws.served(), 0);
}

#[test]
fn an_engine_that_may_read_one_bucket_can_do_nothing_else() {
    let reach = Reach::with_store("get in acme-vaults");
    let long = format!("get vaults acme-vaults {}", "k".repeat(1025));
    reach.check(&[
        // The other verbs, and writing or copying to the bucket that it reads.
        ("list vaults acme-vaults -", "Denied"),
        ("list vaults acme-vaults a", "Denied"),
        ("put vaults acme-vaults b 1", "Denied"),
        ("begin vaults acme-vaults b", "Denied"),
        ("copy vaults acme-vaults a acme-vaults b", "Denied"),
        ("copy vaults acme-vaults a other b", "Denied"),
        ("delete vaults acme-vaults a 1", "Denied"),
        // Other buckets, also by names that are none.
        ("get vaults other a", "Denied"),
        ("head vaults other a", "Denied"),
        ("list vaults other -", "Denied"),
        ("put vaults other b 1", "Denied"),
        ("begin vaults other b", "Denied"),
        ("copy vaults other a acme-vaults b", "Denied"),
        ("copy vaults other a other b", "Denied"),
        ("delete vaults other a 1", "Denied"),
        ("get vaults acme-vaults2 a", "Denied"),
        ("get vaults acme-vault a", "Denied"),
        ("get vaults acme-vaults/../other a", "InvalidArgument"),
        ("get vaults acme-vaults@evil.example a", "InvalidArgument"),
        ("get vaults ACME-VAULTS a", "InvalidArgument"),
        ("get vaults .. a", "InvalidArgument"),
        ("get vaults - acme-vaults/a", "InvalidArgument"),
        // Keys that a server may take for others.
        ("get vaults acme-vaults -", "InvalidArgument"),
        ("get vaults acme-vaults .", "InvalidArgument"),
        ("get vaults acme-vaults ..", "InvalidArgument"),
        ("get vaults acme-vaults ../other/a", "InvalidArgument"),
        ("get vaults acme-vaults x/../../other/a", "InvalidArgument"),
        ("head vaults acme-vaults x/./a", "InvalidArgument"),
        ("head vaults acme-vaults /..", "InvalidArgument"),
        (&long, "InvalidArgument"),
        // Stores that the manifest does not name.
        ("get other acme-vaults a", "Denied"),
        ("head Vaults acme-vaults a", "Denied"),
        ("list - acme-vaults -", "Denied"),
        ("put other acme-vaults b 1", "Denied"),
        ("begin other acme-vaults b", "Denied"),
        ("copy other acme-vaults a acme-vaults b", "Denied"),
        ("delete other acme-vaults a 1", "Denied"),
        // Services.
        ("call rds DescribeDBInstances X -", "Denied"),
        ("call sts GetCallerIdentity X -", "Denied"),
        ("call s3 GetObject X -", "Denied"),
    ]);
    assert_eq!(reach.aws.served(), 0);
    // The same calls reach the bucket where they are allowed.
    reach.check(&[
        ("get vaults acme-vaults a", "done"),
        ("head vaults acme-vaults archive/a", "done"),
    ]);
    assert_eq!(reach.aws.served(), 2);
}

/// The import alone would let it call. So it is not installed, and never runs.
#[test]
fn an_engine_that_calls_aws_without_a_service_in_its_manifest_is_refused() {
    let store = "[storage.vaults]\nkind = \"s3\"\nallow = [\"get in acme-vaults\"]\n";
    let machine = Machine::new();
    let component = Component::objects().with_manifest(&format!("{REACHING}{store}"));
    machine.put("objects.wasm", &component);
    assert_snapshot!(machine.run("plugin install objects.wasm").reason(), @"
    PluginFault: `kubectl-broker:engine/aws@0.2.0` acme/objects: it names no service of AWS
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_that_may_read_one_folder_can_do_nothing_outside_of_it() {
    let reach = Reach::with_store("get list copy in acme-vaults/archive/");
    reach.check(&[
        ("get vaults acme-vaults a", "Denied"),
        ("head vaults acme-vaults archive", "Denied"),
        ("get vaults acme-vaults archive2/a", "Denied"),
        ("get vaults acme-vaults Archive/a", "Denied"),
        ("get vaults acme-vaults /archive/a", "Denied"),
        ("get vaults acme-vaults archive/../a", "InvalidArgument"),
        ("get vaults acme-vaults archive/..", "InvalidArgument"),
        ("get vaults other archive/a", "Denied"),
        ("list vaults acme-vaults -", "Denied"),
        ("list vaults acme-vaults arch", "Denied"),
        ("list vaults acme-vaults archive", "Denied"),
        ("copy vaults acme-vaults archive/a acme-vaults b", "Denied"),
        ("copy vaults acme-vaults a acme-vaults archive/b", "Denied"),
        (
            "copy vaults acme-vaults archive/a other archive/b",
            "Denied",
        ),
    ]);
    assert_eq!(reach.aws.served(), 0);
    reach.check(&[
        ("list vaults acme-vaults archive/", "done"),
        (
            "copy vaults acme-vaults archive/a acme-vaults archive/b",
            "done",
        ),
    ]);
    assert_eq!(
        reach.aws.keys("acme-vaults"),
        ["a", "archive/a", "archive/b"]
    );
}

#[test]
fn a_backend_checks_a_backup_and_a_failed_check_is_damage() {
    let place = Place::new();
    place.put("messaging", "a");
    let run = place.run("verify --id a -o json");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let checks = &run.json()["checks"];
    assert_eq!(checks[0]["outcome"], "passed", "{checks:#}");
    for (name, status, code) in [("b", json!({"phase": "Damaged"}), 13), ("c", json!({}), 3)] {
        let vault = json!({
            "apiVersion": "acme.example/v1", "kind": "Vault",
            "metadata": {"name": name, "namespace": "messaging", "labels": {"kind": "backup"}},
            "status": status,
        });
        place.bed.objects().put(vault).expect("it is put");
        let run = place.run_with_result(&format!("verify --id {name}"));
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
    }
    assert_eq!(place.run("verify --id nothing").code, 10);
    let run = place.run("verify --id a file.zip");
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = place.bed.run("backup verify --id a --engine hivemq");
    assert_eq!(run.code, 2, "{}", run.stderr);
}

/// Returns a document of each kind that no bundled engine has.
pub fn documents() -> Vec<Value> {
    let place = Place::new();
    place.put("messaging", "a");
    let checks = place.run("verify --id a -o json").json();
    let swept = place.run("sweep -o json").json();
    vec![checks, swept]
}

#[test]
fn a_verb_that_does_some_of_its_work_is_partly_done() {
    let place = Place::new();
    place.put("messaging", "a");
    place.put("messaging", "b");
    assert_eq!(place.run("keep b").code, 0);
    let run = place.run_with_result("sweep --dry-run");
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(place.names(), ["a", "b"]);
    let run = place.run_with_result("sweep -o json");
    assert_eq!(run.code, 3, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let items = &report["items"];
    assert_eq!(items[0]["outcome"], "passed", "{items:#}");
    assert_eq!(items[1]["message"], "it is kept", "{items:#}");
    assert_eq!(place.names(), ["b"]);
    let run = place.run_with_result("sweep");
    assert_eq!(run.code, 1, "{}", run.stderr);
}
