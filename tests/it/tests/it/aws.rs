//! Engine aws against simulated S3 and RDS: the whole life of a backup, and its bad moments.

use std::process::{Child, Stdio};

use serde_json::{Value, json};
use testbed::aws::{Aws, AwsFault, Bucket, Data, Database, Denial, Object, On};
use tokio::runtime::Runtime;

use crate::support::{Bed, Invocation, Run, sha256};

/// The id of the backup that most tests make.
const ID: &str = "backups/retail/prd/20251109-143000";
const CREATE: &str = "backup create --engine aws --project retail --environment prd --destination-bucket backups --at 20251109-143000";
const BOTH: &str = "--db-instance retail-db --source-bucket documents";

/// A cloud with a database and a bucket of documents, and a cluster that is not needed.
struct Cloud {
    aws: Aws,
    bed: Bed,
    // The servers must be dropped before their runtime.
    _runtime: Runtime,
}

impl Cloud {
    fn with(documents: Bucket) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let aws = runtime.block_on(Aws::start()).expect("a cloud");
        aws.add_database(Database::instance("retail-db").full_snapshot_size(48_586_496_000));
        aws.add_bucket(documents);
        aws.add_bucket(Bucket::new("backups"));
        Self {
            aws,
            bed: Bed::start(),
            _runtime: runtime,
        }
    }

    fn program(&self) -> Invocation {
        self.bed
            .program()
            .env("AWS_ENDPOINT_URL", self.aws.url())
            .env("AWS_REGION", testbed::aws::REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIATEST")
            .env("AWS_SECRET_ACCESS_KEY", "s3cr3t")
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

    fn spawn(&self, arguments: &str) -> Child {
        let mut command = self.program().command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program")
    }

    fn text(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let object = self.aws.object(bucket, key)?;
        Some(object.data().to_bytes().to_vec())
    }

    fn manifest(&self) -> Value {
        let text = self.text("backups", "retail/prd/20251109-143000/manifest.json");
        serde_json::from_slice(&text.expect("a manifest")).expect("JSON")
    }

    /// Returns how often each document was copied.
    fn copies(&self) -> usize {
        let requests = self.aws.requests();
        requests.of("CopyObject").len()
    }
}

fn documents(count: usize) -> Bucket {
    let objects = (0..count).map(|at| {
        (
            format!("document_library/{at:05}"),
            Object::new(format!("{at}")),
        )
    });
    Bucket::new("documents").objects(objects)
}

/// Returns the checksum that the document must have, by the rule of docs/engines/aws.md.
fn checksum(manifest: &Value) -> String {
    let mut manifest = manifest.clone();
    manifest
        .as_object_mut()
        .expect("an object")
        .remove("checksum");
    // serde_json sorts keys, writes no white space, and escapes what the keys of these tests have as jq does.
    let digest = sha256(manifest.to_string().as_bytes());
    format!("sha256:{digest}")
}

#[test]
fn a_backup_is_made_listed_verified_restored_and_deleted() {
    let large = Data::sparse(6 << 30, 7);
    let long = "k".repeat(900);
    let strange = ["a b/ü+&<>?#%.pdf", "//x", "folder/", &long];
    let bucket = strange.iter().fold(documents(1_100), |bucket, key| {
        bucket.object(key, Object::new((*key).to_owned()))
    });
    let cloud = Cloud::with(bucket.object("large", Object::new(large)));
    cloud.aws.snapshots_take(3);

    let made = cloud.json(&format!("{CREATE} {BOTH} --retention 7d --tag team=web"));
    let item = &made["item"];
    assert_eq!(
        (&item["id"], &item["state"]),
        (&json!(ID), &json!("Succeeded")),
        "{made:#}"
    );
    let snapshot = cloud.aws.requests().of("CreateDBSnapshot");
    assert_eq!(snapshot.len(), 1);
    let manifest = cloud.manifest();
    assert_eq!(manifest["checksum"], checksum(&manifest));
    assert_eq!(manifest["version"], "1.0");
    assert_eq!(manifest["database"]["instance_id"], "retail-db");
    assert_eq!(manifest["database"]["size_bytes"], 48_586_496_000_u64);
    let library = &manifest["document_library"];
    assert_eq!(library["object_count"], 1_105);
    assert_eq!(library["files"].as_array().map(Vec::len), Some(1_105));
    for key in strange {
        let place = format!("retail/prd/20251109-143000/dl/{key}");
        assert_eq!(
            cloud.text("backups", &place).as_deref(),
            Some(key.as_bytes()),
            "{key}"
        );
    }
    let ranges = cloud.aws.requests().of("UploadPartCopy").len();
    assert!(ranges >= 2, "6 GiB are copied by ranges, not {ranges}");

    let listed = cloud.json("backup list --engine aws --destination-bucket backups");
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "{listed:#}"
    );
    assert_eq!(listed["items"][0]["id"], ID);
    let verified = cloud.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 0, "{}", verified.shown());

    cloud.aws.add_bucket(Bucket::new("copy"));
    let restore = format!(
        "backup restore --engine aws --id {ID} --db-instance retail-new --target-bucket copy --yes"
    );
    let dry = cloud.run(&format!("{restore} --dry-run"));
    assert_eq!(dry.code, 0, "{}", dry.shown());
    assert!(cloud.aws.database("retail-new").is_none() && cloud.aws.keys("copy").is_empty());
    let restored = cloud.run(&restore);
    assert_eq!(restored.code, 0, "{}", restored.shown());
    assert!(cloud.aws.database("retail-new").is_some());
    assert_eq!(cloud.aws.keys("copy").len(), 1_105);
    // Never over an instance that exists.
    let again = cloud.run(&restore);
    assert_eq!(again.code, 11, "{}", again.shown());

    let pin = cloud.run(&format!("backup pin {ID} --engine aws"));
    assert_eq!(pin.code, 0, "{}", pin.shown());
    let delete = format!("backup delete --engine aws --id {ID} --yes");
    assert_eq!(cloud.run(&delete).code, 11);
    assert_eq!(
        cloud.run(&format!("backup unpin {ID} --engine aws")).code,
        0
    );
    let deleted = cloud.run(&delete);
    assert_eq!(deleted.code, 0, "{}", deleted.shown());
    assert_eq!(cloud.aws.keys("backups"), Vec::<String>::new());
    assert_eq!(cloud.aws.snapshots().len(), 0);
    assert_eq!(cloud.aws.open_uploads("backups").len(), 0);
}

/// In CI there may be no kubeconfig.
#[test]
fn a_backup_and_its_restore_need_no_cluster() {
    let cloud = Cloud::with(documents(3));
    cloud.aws.add_bucket(Bucket::new("copy"));
    let home = tempfile::tempdir().expect("a folder");
    let program = cloud.program().env("KUBECONFIG", home.path().join("none"));
    let run = |arguments: &str| {
        let run = program.run(arguments);
        assert_eq!(run.code, 0, "{}", run.shown());
        run
    };
    run(&format!(
        "{CREATE} --source-bucket documents --documents-only"
    ));
    run("backup list --engine aws --destination-bucket backups");
    run(&format!("backup verify --engine aws --id {ID}"));
    run(&format!(
        "backup restore --engine aws --id {ID} --target-bucket copy --yes"
    ));
    assert_eq!(cloud.aws.keys("copy").len(), 3);
    run(&format!("backup delete --engine aws --id {ID} --yes"));
    // The other engines need one.
    let refused = program.run("backup list --engine hivemq");
    assert_ne!(refused.code, 0, "{}", refused.shown());
}

#[test]
fn a_damaged_copy_is_found() {
    let cloud = Cloud::with(documents(3));
    cloud.json(&format!(
        "{CREATE} --source-bucket documents --documents-only"
    ));
    let place = "retail/prd/20251109-143000/dl/document_library/00001";
    cloud.aws.put("backups", place, Object::new("other"));
    let program = cloud.program().data_although_failed();
    let verified = program.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 13, "{}", verified.shown());
}

/// The program is killed while it copies. The next one goes on with the same backup.
#[test]
fn a_killed_command_goes_on_where_it_was() {
    let cloud = Cloud::with(documents(2_500));
    let create = format!("{CREATE} {BOTH}");
    let mut child = cloud.spawn(&create);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while cloud.copies() < 1_200 {
        assert!(std::time::Instant::now() < deadline, "it copies nothing");
        std::thread::yield_now();
    }
    child.kill().expect("it runs");
    child.wait().expect("its end");
    let before = cloud.copies();
    let listed = cloud.json("backup list --engine aws --destination-bucket backups");
    assert_eq!(listed["items"][0]["state"], "Running", "{listed:#}");

    cloud.json(&create);
    assert_eq!(cloud.manifest()["document_library"]["object_count"], 2_500);
    // Copies that were under way when the program died may be made again: 32 at a time.
    let copies = cloud.copies();
    assert!(
        copies <= 2_500 + 64,
        "{before} copies before, {copies} in all"
    );
    assert_eq!(cloud.aws.snapshots().len(), 1);
    let verified = cloud.run(&format!("backup verify --engine aws --id {ID}"));
    assert_eq!(verified.code, 0, "{}", verified.shown());
}

#[test]
fn a_busy_cloud_and_lost_answers_change_nothing() {
    let cloud = Cloud::with(documents(150));
    cloud
        .aws
        .fault(On::operation("CopyObject").every(3), AwsFault::Throttle);
    cloud
        .aws
        .fault(On::operation("CopyObject").nth(50), AwsFault::CutAfter);
    cloud.aws.fault(
        On::operation("DescribeDBSnapshots").first(2),
        AwsFault::Throttle,
    );
    cloud.json(&format!("{CREATE} {BOTH}"));
    assert_eq!(cloud.manifest()["document_library"]["object_count"], 150);
}

/// Each fault with the exit code, a part of the message, and the number of objects that are left behind.
#[test]
fn a_fault_is_told_and_leaves_nothing_that_looks_whole() {
    type Break = fn(&Aws);
    let cases: &[(Break, &str, i32, &str)] = &[
        (
            |_| {},
            "--db-instance other --source-bucket documents",
            10,
            "other",
        ),
        (
            |_| {},
            "--db-instance retail-db --source-bucket nowhere",
            10,
            "nowhere",
        ),
        (
            |aws| aws.set_status("retail-db", "modifying"),
            BOTH,
            11,
            "modifying",
        ),
        (|aws| aws.snapshots_end("failed"), BOTH, 1, "failed"),
        (|aws| aws.snapshot_quota(0), BOTH, 1, "Quota"),
        (
            |aws| aws.deny(Denial::new("s3:PutObject", "arn:aws:s3:::backups/*")),
            BOTH,
            12,
            "backups",
        ),
        (
            |aws| aws.deny(Denial::new("rds:CreateDBSnapshot", "*")),
            BOTH,
            12,
            "CreateDBSnapshot",
        ),
    ];
    for (at, (wrong, options, code, part)) in cases.iter().enumerate() {
        let cloud = Cloud::with(documents(5));
        wrong(&cloud.aws);
        let run = cloud.run(&format!("{CREATE} {options}"));
        assert_eq!(run.code, *code, "{at}: {}", run.shown());
        assert!(run.stderr.contains(part), "{at}: {}", run.shown());
        let keys = cloud.aws.keys("backups");
        assert!(
            keys.iter().all(|key| !key.contains("manifest")),
            "{at}: {keys:?}"
        );
    }
}

#[test]
fn nothing_is_sent_without_credentials() {
    let cloud = Cloud::with(documents(1));
    let program = cloud
        .bed
        .program()
        .env("AWS_ENDPOINT_URL", cloud.aws.url())
        .env("AWS_REGION", testbed::aws::REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let run = program.run(&format!("{CREATE} {BOTH}"));
    assert_eq!(run.code, 12, "{}", run.shown());
    assert_eq!(cloud.aws.served(), 0);
}

#[test]
fn an_object_that_vanishes_meanwhile_is_told() {
    let cloud = Cloud::with(documents(20));
    let gone = testbed::aws::Change::Remove {
        bucket: "documents".to_owned(),
        key: "document_library/00007".to_owned(),
    };
    cloud.aws.fault(
        On::operation("ListObjectsV2").resource("documents*").nth(2),
        AwsFault::Afterwards(gone),
    );
    let run = cloud.run(&format!(
        "{CREATE} --source-bucket documents --documents-only -o json"
    ));
    let manifest = cloud.manifest();
    let library = &manifest["document_library"];
    assert_eq!(library["object_count"], 19, "{}", run.shown());
    let skipped = library["skipped"].to_string();
    assert!(skipped.contains("00007"), "{skipped}");
}

#[test]
fn a_command_that_does_not_wait_is_refused() {
    let cloud = Cloud::with(documents(1));
    let run = cloud.run(&format!("{CREATE} {BOTH} --wait=false"));
    assert_eq!(run.code, 2, "{}", run.shown());
    assert_eq!(cloud.aws.served(), 0);
}
