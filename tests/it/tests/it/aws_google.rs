//! Engine aws against simulated Google Cloud Storage: the whole life of a backup of documents, and its bad moments.
//!
//! No command here has credentials for AWS.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testbed::google::{Google, GoogleFault, Turn};
use tokio::runtime::Runtime;

use crate::support::{Bed, Invocation, Run, python_with, sha256};

const ID: &str = "gs://backups/retail/prd/20251109-143000";
const FOLDER: &str = "retail/prd/20251109-143000";
const CREATE: &str = "backup create --engine aws --project retail --environment prd --destination-bucket gs://backups --at 20251109-143000";
const DOCUMENTS: &str = "--documents-only --source-bucket gs://documents";

/// A cloud with a bucket of documents, and a cluster that is not needed.
struct Cloud {
    google: Google,
    bed: Bed,
    // The server must be dropped before its runtime.
    _runtime: Runtime,
}

impl Cloud {
    fn with(documents: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let google = runtime.block_on(Google::start()).expect("a cloud");
        for bucket in ["documents", "backups", "copy"] {
            google.add_bucket(bucket);
        }
        for at in 0..documents {
            let key = format!("document_library/{at:05}");
            google.put("documents", &key, format!("{at}"));
        }
        Self {
            google,
            bed: Bed::start(),
            _runtime: runtime,
        }
    }

    fn program(&self) -> Invocation {
        let variables = self.google.variables();
        variables
            .into_iter()
            .fold(self.bed.program(), |program, (name, value)| {
                program.env(name, value)
            })
    }

    fn run(&self, arguments: &str) -> Run {
        self.program().run(arguments)
    }

    /// Runs a command that must succeed, and returns its JSON.
    fn json(&self, arguments: &str) -> Value {
        let run = self.run(&format!("{arguments} -o json"));
        assert_eq!(run.code, 0, "{arguments}: {}", run.shown());
        run.json()
    }

    fn create(&self) -> Value {
        self.json(&format!("{CREATE} {DOCUMENTS}"))
    }

    fn manifest(&self) -> Value {
        let found = self
            .google
            .object("backups", &format!("{FOLDER}/manifest.json"));
        serde_json::from_slice(&found.expect("a manifest").bytes).expect("JSON")
    }
}

/// Returns the checksum that the document must have, by the rule of docs/engines/aws.md.
fn checksum(manifest: &Value) -> String {
    let mut manifest = manifest.clone();
    let members = manifest.as_object_mut().expect("an object");
    members.remove("checksum");
    // serde_json sorts keys, writes no white space, and escapes what the keys of these tests have as jq does.
    format!("sha256:{}", sha256(manifest.to_string().as_bytes()))
}

#[test]
fn a_backup_is_made_listed_verified_restored_and_deleted() {
    let cloud = Cloud::with(1_100);
    let long = "k".repeat(1_000);
    let strange = ["a b/ü+&<>?#%.pdf", "//x", "folder/", &long];
    for key in strange {
        cloud.google.put("documents", key, key.to_owned());
    }
    cloud.google.put("documents", "composite", "of two");
    cloud.google.make_composite("documents", "composite");
    // Copies of more bytes take several requests.
    cloud.google.rewrites_at_once(500);

    let made = cloud.json(&format!("{CREATE} {DOCUMENTS} --retention 7d"));
    let item = &made["item"];
    assert_eq!(
        (&item["id"], &item["state"]),
        (&json!(ID), &json!("Succeeded")),
        "{made:#}"
    );
    let manifest = cloud.manifest();
    assert_eq!(manifest["checksum"], checksum(&manifest));
    assert_eq!(manifest["database"], Value::Null);
    let library = &manifest["document_library"];
    assert_eq!(library["source_bucket"], "gs://documents");
    let files = library["files"].as_array().expect("files");
    assert_eq!(files.len(), 1_105);
    assert!(files.iter().all(|it| it["checksum_type"] == "none"));
    for key in ["a b/ü+&<>?#%.pdf", "//x", "folder/"] {
        let copy = cloud
            .google
            .object("backups", &format!("{FOLDER}/dl/{key}"));
        assert_eq!(copy.expect(key).bytes, key);
    }
    let names = cloud.google.keys("backups");
    let in_long = format!("{FOLDER}/long/");
    assert_eq!(
        names.iter().filter(|it| it.starts_with(&in_long)).count(),
        1
    );

    let listed = cloud.json("backup list --engine aws --destination-bucket gs://backups");
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "{listed:#}"
    );
    assert_eq!(listed["items"][0]["id"], ID);
    let status = cloud.json(&format!("backup status --engine aws --id {ID}"));
    assert_eq!(status["item"]["state"], "Succeeded", "{status:#}");
    let verified = cloud.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 0, "{}", verified.shown());
    let place = cloud.run(&format!("backup manifest {ID} --engine aws --location"));
    assert_eq!(place.stdout.trim(), format!("{ID}/manifest.json"));

    let restore = format!("backup restore --engine aws --id {ID} --target-bucket gs://copy --yes");
    let dry = cloud.run(&format!("{restore} --dry-run"));
    assert_eq!(dry.code, 0, "{}", dry.shown());
    assert!(cloud.google.keys("copy").is_empty());
    let restored = cloud.run(&restore);
    assert_eq!(restored.code, 0, "{}", restored.shown());
    assert_eq!(cloud.google.keys("copy"), cloud.google.keys("documents"));
    // All documents are there and equal, so that nothing is copied again.
    let copies = cloud.google.count("rewrite");
    let again = cloud.run(&format!("{restore} --restore-name again"));
    assert_eq!(again.code, 0, "{}", again.shown());
    assert_eq!(cloud.google.count("rewrite"), copies);
    cloud.google.put("copy", "//x", "of somebody else");
    let other = cloud.run(&format!("{restore} --restore-name other"));
    assert_eq!(other.code, 11, "{}", other.shown());

    let pin = cloud.run(&format!("backup pin {ID} --engine aws"));
    assert_eq!(pin.code, 0, "{}", pin.shown());
    let delete = format!("backup delete --engine aws --id {ID} --yes");
    assert_eq!(cloud.run(&delete).code, 11);
    assert_eq!(
        cloud.run(&format!("backup unpin {ID} --engine aws")).code,
        0
    );
    let expired = cloud.run(
        "backup expire --engine aws --destination-bucket gs://backups --retention 1m --dry-run --yes",
    );
    assert_eq!(expired.code, 0, "{}", expired.shown());
    let deleted = cloud.run(&delete);
    assert_eq!(deleted.code, 0, "{}", deleted.shown());
    assert_eq!(cloud.google.keys("backups"), Vec::<String>::new());
    assert_eq!(cloud.google.open_uploads(), 0);
    assert_eq!(cloud.google.count("unauthorized"), 0);
}

/// The simulation is not only what this program expects.
#[test]
fn the_simulation_is_as_the_client_of_google_expects_it() {
    let cloud = Cloud::with(0);
    cloud.google.rewrites_at_once(300_000);
    let [_, (_, token)] = cloud.google.variables();
    let packages = python_with("google", &["google-cloud-storage>=3.17,<4"]);
    let output = Command::new(packages.join("bin/python"))
        .args(["-c", include_str!("support/cloud/google.py")])
        .args([cloud.google.url(), token])
        // Neither proxies nor credentials of the machine.
        .env_clear()
        .output()
        .expect("Python");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "as expected", "{errors}");
}

/// Small pages, refusals and lost answers change nothing.
#[test]
fn a_busy_cloud_and_lost_answers_change_nothing() {
    let cloud = Cloud::with(150);
    let google = &cloud.google;
    google.page_size(40);
    google.fault("rewrite", Turn::Every(7), GoogleFault::Status(429));
    google.fault("rewrite", Turn::Nth(50), GoogleFault::CutAfter);
    google.fault("list", Turn::Nth(4), GoogleFault::Status(503));
    google.fault("get", Turn::Nth(20), GoogleFault::CutBefore);
    cloud.create();
    assert_eq!(cloud.manifest()["document_library"]["object_count"], 150);
    google.fault("rewrite", Turn::Every(1), GoogleFault::Status(403));
    let refused = cloud.run(&format!("{CREATE} {DOCUMENTS} --destination-prefix other"));
    assert_eq!(refused.code, 12, "{}", refused.shown());
}

/// A manifest of many documents is written in pieces, and is compressed.
#[test]
fn a_long_manifest_is_read_back() {
    let cloud = Cloud::with(0);
    for at in 0..2_000 {
        let key = format!("{at:05}/{}", "n".repeat(500));
        cloud.google.put("documents", &key, "");
    }
    cloud.create();
    let found = cloud
        .google
        .object("backups", &format!("{FOLDER}/manifest.json.gz"));
    let media = found.expect("a manifest").content_type;
    assert_eq!(media.as_deref(), Some("application/gzip"));
    let verified = cloud.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 0, "{}", verified.shown());
    let place = format!("{FOLDER}/dl/00007/{}", "n".repeat(500));
    cloud.google.put("backups", &place, "damaged");
    let program = cloud.program().data_although_failed();
    let verified = program.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 13, "{}", verified.shown());
}

/// The program is killed while it copies. The next one goes on with the same backup.
#[test]
fn a_killed_command_goes_on_where_it_was() {
    let cloud = Cloud::with(2_500);
    let mut command = cloud.program().command(&format!("{CREATE} {DOCUMENTS}"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program");
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while cloud.google.count("rewrite") < 1_200 {
        assert!(std::time::Instant::now() < deadline, "it copies nothing");
        std::thread::yield_now();
    }
    child.kill().expect("it runs");
    child.wait().expect("its end");
    cloud.create();
    assert_eq!(cloud.manifest()["document_library"]["object_count"], 2_500);
    // Copies that were under way when the program died may be made again: 32 at a time.
    let copies = cloud.google.count("rewrite");
    assert!(copies <= 2_500 + 64, "{copies}");
}

/// Each fault with the exit code and a part of the message.
#[test]
fn a_fault_is_told_and_leaves_nothing_that_looks_whole() {
    type Break = fn(&Google);
    let cases: &[(Break, &str, i32, &str)] = &[
        (
            |_| {},
            "--documents-only --source-bucket gs://nowhere",
            10,
            "gs://nowhere",
        ),
        (
            |_| {},
            "--documents-only --source-bucket documents",
            2,
            "another cloud",
        ),
        (
            |_| {},
            "--db-instance retail-db --source-bucket gs://documents",
            2,
            "Cloud SQL is not supported",
        ),
        (
            |google| google.deny("storage.objects.create", "backups"),
            DOCUMENTS,
            12,
            "storage.objects.create",
        ),
        (
            |google| google.deny("storage.objects.list", "documents"),
            DOCUMENTS,
            12,
            "storage.objects.list",
        ),
        (
            |google| google.deny("storage.objects.get", "documents"),
            DOCUMENTS,
            12,
            "storage.objects.get",
        ),
    ];
    for (at, (wrong, options, code, part)) in cases.iter().enumerate() {
        let cloud = Cloud::with(5);
        wrong(&cloud.google);
        let run = cloud.run(&format!("{CREATE} {options}"));
        assert_eq!(run.code, *code, "{at}: {}", run.shown());
        assert!(run.stderr.contains(part), "{at}: {}", run.shown());
        let keys = cloud.google.keys("backups");
        let has_manifest = keys.iter().any(|key| key.contains("manifest"));
        assert!(!has_manifest, "{at}: {keys:?}");
    }
}

/// The permissions of docs/engines/aws.md: without any of them, the command fails.
#[test]
fn each_permission_is_needed() {
    let verify = format!("backup verify --engine aws --id {ID}");
    let restore = format!("backup restore --engine aws --id {ID} --target-bucket gs://copy --yes");
    let delete = format!("backup delete --engine aws --id {ID} --yes");
    let create = format!("{CREATE} {DOCUMENTS}");
    let all = ["list", "get", "create", "delete"];
    let needed: [(&str, &str, &[&str]); 6] = [
        (&create, "documents", &all[..2]),
        (&create, "backups", &all),
        (&verify, "backups", &all[..2]),
        (&restore, "backups", &all[..3]),
        (&restore, "copy", &["list", "create"]),
        (&delete, "backups", &all),
    ];
    for (command, bucket, permissions) in needed {
        for permission in permissions {
            let cloud = Cloud::with(3);
            if command != create {
                cloud.create();
            }
            let permission = format!("storage.objects.{permission}");
            cloud.google.deny(&permission, bucket);
            let run = cloud.program().data_although_failed().run(command);
            let what = format!("{command} without {permission} in {bucket}");
            assert_eq!(run.code, 12, "{what}: {}", run.shown());
            assert!(run.stderr.contains(&permission), "{what}: {}", run.shown());
        }
    }
}

#[test]
fn wrong_credentials_are_told_and_never_shown() {
    let cloud = Cloud::with(1);
    let program = cloud.program().env("GOOGLE_BEARER_TOKEN", "ya29.other");
    let refused = program.run(&format!("{CREATE} {DOCUMENTS}"));
    assert_eq!(refused.code, 12, "{}", refused.shown());
    assert!(
        refused.stderr.contains("gcloud auth"),
        "{}",
        refused.shown()
    );
    assert!(!refused.stderr.contains("ya29"), "{}", refused.shown());
    let program = cloud
        .bed
        .program()
        .env("GOOGLE_BASE_URL", cloud.google.url())
        .env("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/none.json");
    let none = program.run(&format!("{CREATE} {DOCUMENTS}"));
    assert_eq!(none.code, 12, "{}", none.shown());
    assert!(
        none.stderr.contains("/nowhere/none.json"),
        "{}",
        none.shown()
    );
    assert!(cloud.google.keys("backups").is_empty());
}
