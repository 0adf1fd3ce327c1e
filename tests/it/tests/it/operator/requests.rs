//! Requests of projects: the kinds of the backup-controller plan, worked on by the operator with engine aws.

use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::Testbed;
use testbed::aws::{Aws, Bucket, Database, Object};
use testbed::google::Google;
use tokio::runtime::Runtime;

use super::permissions::{Granted, OPERATOR, in_file, seen};
use super::plant::{BACKUPS, NAMESPACE, Plant, condition, phase, reason};

pub const REQUESTS: &str = "backuprequests.backup.liferay.cloud";
const RESTORES: &str = "restorerequests.backup.liferay.cloud";

/// A cluster with the operator, a cloud with two databases of two projects and their documents, and one with documents alone.
pub struct Site {
    pub plant: Plant,
    pub aws: Aws,
    google: Google,
    // The server must be dropped before its runtime.
    _runtime: Runtime,
}

impl Site {
    fn start() -> Self {
        Self::with_history(None)
    }

    /// The history goes to a database with this address.
    pub fn with_history(history: Option<&str>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let aws = runtime.block_on(Aws::start()).expect("a cloud");
        for project in ["retail", "travel"] {
            for number in ["", "-2"] {
                aws.add_database(Database::instance(&format!("{project}-db{number}")));
            }
        }
        let objects = (0..20).map(|at| (format!("{at}.pdf"), Object::new(format!("{at}"))));
        aws.add_bucket(Bucket::new("documents").objects(objects));
        aws.add_bucket(Bucket::new("backups"));
        aws.add_bucket(Bucket::new("restored"));
        let google = runtime.block_on(Google::start()).expect("a cloud");
        for at in 0..20 {
            google.put("documents", &format!("{at}.pdf"), format!("{at}"));
        }
        google.add_bucket("backups");
        google.add_bucket("restored");
        let env = [
            ("AWS_ENDPOINT_URL", aws.url()),
            ("AWS_REGION", testbed::aws::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIATEST".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s3cr3t".to_owned()),
        ];
        let env = env.into_iter().chain(google.variables());
        let env: Value = env
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let job = format!("--request-job={}", json!({ "env": env }));
        let arguments = ["--controllers=backup,liferay", &job];
        let builder = Testbed::builder().without_operators();
        let mut plant = Plant::without_operator(builder, &arguments);
        for definition in operator_api::request_definitions() {
            plant.put(serde_json::to_value(definition).expect("JSON"));
        }
        plant.install("operator-liferay.yaml");
        if let Some(history) = history {
            plant.set_env("BROKER_OPERATOR_HISTORY", history);
        }
        plant.add_operator();
        Self {
            plant,
            aws,
            google,
            _runtime: runtime,
        }
    }

    fn request(&self, name: &str, project: &str) {
        let database = json!({"instanceId": format!("{project}-db")});
        self.request_of(name, project, &database);
    }

    pub fn request_of(&self, name: &str, project: &str, database: &Value) {
        self.add(
            "BackupRequest",
            name,
            &json!({
                "projectId": project, "environment": "prd", "database": database,
                "documentLibrary": {
                    "sourceBucket": "documents", "destinationBucket": "backups",
                    "destinationPrefix": format!("{project}/{name}"),
                    "excludeGeneratedFiles": true,
                },
            }),
        );
    }

    fn add(&self, kind: &str, name: &str, spec: &Value) {
        self.plant.add(&json!({
            "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
        }));
    }

    /// Waits until a request is in a state.
    fn until(&self, resource: &str, name: &str, wanted: &str) -> Value {
        let step = SignedDuration::from_secs(5);
        let found = self.plant.until_stepping(step, resource, name, |it| {
            state(it) == wanted || matches!(state(it), "Succeeded" | "Failed")
        });
        assert_eq!(state(&found), wanted, "{found:#}");
        found
    }

    pub fn until_gone(&self, resource: &str, name: &str) {
        self.plant.until(&format!("no {resource} {name}"), |bed| {
            let found = bed.objects().get(resource, NAMESPACE, name);
            found.is_none().then_some(())
        });
    }

    fn states(&self) -> Vec<String> {
        let all = self.plant.bed().objects().list(REQUESTS, Some(NAMESPACE));
        all.iter().map(|it| state(it).to_owned()).collect()
    }
}

pub fn state(object: &Value) -> &str {
    object["status"]["state"].as_str().unwrap_or_default()
}

#[test]
fn a_request_is_fulfilled_and_restored_when_somebody_agrees() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = format!("sqlite:{}/history.db", folder.path().display());
    let site = Site::with_history(Some(&history));
    site.request("first", "retail");
    let request = site.until(REQUESTS, "first", "Succeeded");
    let status = &request["status"];
    let manifest = status["documentLibrary"]["manifestPath"].as_str();
    let manifest = manifest.expect("a manifest").strip_prefix("s3://backups/");
    assert!(
        site.aws
            .object("backups", manifest.expect("a key"))
            .is_some()
    );
    assert_eq!(status["documentLibrary"]["objectCount"], 20);
    let snapshot = status["database"]["snapshotId"]
        .as_str()
        .expect("a snapshot");
    assert!(site.aws.snapshot(snapshot).is_some());
    for type_ in ["Ready", "DatabaseBackupReady", "DocumentLibraryBackupReady"] {
        assert_eq!(condition(&request, type_), "True", "{type_}: {request:#}");
    }
    site.plant.until_event("first", "BackupCompleted");

    site.add(
        "RestoreRequest",
        "uat",
        &json!({
            "targetEnvironment": "uat", "backupId": "first",
            "database": {"targetInstanceId": "retail-uat"},
            "documentLibrary": {"targetBucket": "restored"},
            "approvals": {"required": true},
        }),
    );
    let waiting = site.until(RESTORES, "uat", "Pending");
    assert_eq!(reason(&waiting, "Ready"), "WaitingForApproval");
    let mut approved = site
        .plant
        .bed()
        .objects()
        .get(RESTORES, NAMESPACE, "uat")
        .expect("it");
    approved["spec"]["approvals"]["approvedBy"] = json!("ann");
    approved["metadata"]["generation"] = json!(2);
    site.plant.put(approved);
    site.until(RESTORES, "uat", "Succeeded");
    assert!(site.aws.database("retail-uat").is_some());
    assert_eq!(site.aws.keys("restored").len(), 20);

    for (resource, name) in [(RESTORES, "uat"), (REQUESTS, "first")] {
        site.plant.delete(resource, name);
        site.until_gone(resource, name);
    }
    // This group needs the permissions that its file adds, and no others.
    let (used, refused) = seen(site.plant.bed(), OPERATOR);
    assert_eq!(refused, Granted::new());
    let base = in_file("operator.yaml");
    let more: Granted = in_file("operator-liferay.yaml")
        .difference(&base)
        .cloned()
        .collect();
    let lacking: Vec<_> = more.difference(&used).collect();
    assert!(!more.is_empty() && lacking.is_empty(), "{lacking:?}");
}

#[test]
fn a_history_that_is_away_holds_up_a_deletion_for_a_minute_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = format!("sqlite:{}/nowhere/history.db", folder.path().display());
    let site = Site::with_history(Some(&history));
    site.request("first", "retail");
    site.until(REQUESTS, "first", "Succeeded");
    site.plant.delete(REQUESTS, "first");
    site.plant.advance(SignedDuration::from_secs(59));
    // Another request shows that the operator has had the time to look.
    site.request("second", "travel");
    site.plant
        .until_object(REQUESTS, "second", |it| !state(it).is_empty());
    let held = site.plant.bed().objects().get(REQUESTS, NAMESPACE, "first");
    assert!(held.is_some(), "the history does not have it");
    site.plant.advance(SignedDuration::from_secs(1));
    site.until_gone(REQUESTS, "first");
    site.plant.until_event("first", "NotInHistory");
}

/// The request asked for a database, too, and so is no success.
#[test]
fn a_request_in_google_cloud_backs_up_the_documents_and_says_what_is_missing() {
    let site = Site::start();
    let documents = json!({"sourceBucket": "documents", "destinationBucket": "backups"});
    site.add(
        "BackupRequest",
        "cloud",
        &json!({
            "projectId": "retail", "environment": "prd", "provider": "gcp",
            "database": {"instanceId": "retail-sql"}, "documentLibrary": documents,
        }),
    );
    let request = site.until(REQUESTS, "cloud", "Failed");
    for (type_, status) in [
        ("Ready", "False"),
        ("DatabaseBackupReady", "False"),
        ("DocumentLibraryBackupReady", "True"),
    ] {
        assert_eq!(condition(&request, type_), status, "{type_}: {request:#}");
    }
    for type_ in ["Ready", "DatabaseBackupReady"] {
        assert_eq!(reason(&request, type_), "CloudSQLNotSupported");
    }
    let library = &request["status"]["documentLibrary"];
    assert_eq!(library["objectCount"], 20);
    let manifest = library["manifestPath"].as_str().expect("a manifest");
    let key = manifest.strip_prefix("gs://backups/").expect(manifest);
    assert!(site.google.object("backups", key).is_some());
    let said = request["status"]["conditions"].to_string();
    assert!(
        said.contains(manifest) && said.contains("retail-sql"),
        "{said}"
    );
    assert_eq!(request["status"]["database"], Value::Null);
    site.plant.until_event("cloud", "CloudSQLNotSupported");
    let backup = site.plant.bed().objects().get(BACKUPS, NAMESPACE, "cloud");
    assert_eq!(phase(&backup.expect("it")), "Succeeded");
    assert_eq!(site.aws.served(), 0);

    let target = json!({"targetBucket": "restored"});
    site.add(
        "RestoreRequest",
        "both",
        &json!({
            "targetEnvironment": "uat", "backupId": "cloud",
            "database": {"targetInstanceId": "retail-uat"}, "documentLibrary": target,
        }),
    );
    let refused = site.until(RESTORES, "both", "Failed");
    assert_eq!(reason(&refused, "Ready"), "CloudSQLNotSupported");
    assert!(site.google.keys("restored").is_empty());
    site.add(
        "RestoreRequest",
        "documents",
        &json!({"targetEnvironment": "uat", "backupId": "cloud", "documentLibrary": target}),
    );
    let restored = site.until(RESTORES, "documents", "Succeeded");
    let said = restored["status"]["conditions"].to_string();
    assert!(said.contains("only documents"), "{said}");
    assert_eq!(site.google.keys("restored"), site.google.keys("documents"));
}

#[test]
fn two_backups_of_a_project_run_at_a_time_also_after_a_restart() {
    let mut site = Site::start();
    // They stay as they are until the test ends them.
    site.aws.snapshots_take(1_000_000);
    site.request("a", "retail");
    site.until(REQUESTS, "a", "InProgress");
    // RDS makes one snapshot of a database at a time.
    site.request("b", "retail");
    let waiting = site.until(REQUESTS, "b", "Pending");
    assert_eq!(reason(&waiting, "Ready"), "Queued");
    let other = json!({"instanceId": "retail-db-2"});
    for (name, state) in [("c", "InProgress"), ("e", "Pending")] {
        site.request_of(name, "retail", &other);
        site.until(REQUESTS, name, state);
    }
    site.request("other", "travel");
    site.until(REQUESTS, "other", "InProgress");
    site.plant.operators[0].kill();
    site.plant.operators.clear();
    site.plant.add_operator();
    site.request("d", "retail");
    let waiting = site.until(REQUESTS, "d", "Pending");
    assert_eq!(reason(&waiting, "Ready"), "Queued");
    let count = |wanted: &str| site.states().iter().filter(|it| *it == wanted).count();
    assert_eq!((count("InProgress"), count("Pending")), (3, 3));
    let backups = site.plant.bed().objects().list(BACKUPS, Some(NAMESPACE));
    assert_eq!(backups.len(), 3, "a request without a place has no Backup");

    for name in ["a", "b", "other", "c", "d", "e"] {
        let step = SignedDuration::from_secs(5);
        site.plant.until_stepping(step, REQUESTS, name, |it| {
            for snapshot in site.aws.snapshots() {
                site.aws.set_status(&snapshot, "available");
            }
            state(it) == "Succeeded"
        });
    }
    assert_eq!(site.aws.snapshots().len(), 6);
}

#[test]
fn a_request_that_can_not_be_fulfilled_says_why() {
    let site = Site::start();
    let spec = |provider: &str, kind: &str| {
        json!({
            "projectId": "retail", "environment": "prd", "provider": provider,
            "database": {"instanceId": "nowhere", "type": kind},
            "documentLibrary": {"sourceBucket": "documents", "destinationBucket": "backups"},
        })
    };
    for (name, provider, kind, why) in [
        ("cloud", "gcp", "dump", "DumpNotSupported"),
        ("dump", "aws", "dump", "DumpNotSupported"),
    ] {
        site.add("BackupRequest", name, &spec(provider, kind));
        let failed = site.until(REQUESTS, name, "Failed");
        assert_eq!(reason(&failed, "Ready"), why);
        assert_eq!(reason(&failed, "DatabaseBackupReady"), why);
    }
    assert_eq!(site.plant.bed().objects().list(BACKUPS, None).len(), 0);
    site.add("BackupRequest", "missing", &spec("aws", "snapshot"));
    let failed = site.until(REQUESTS, "missing", "Failed");
    assert_eq!(reason(&failed, "Ready"), "NotFound", "{failed:#}");
    let backup = site
        .plant
        .bed()
        .objects()
        .get(BACKUPS, NAMESPACE, "missing")
        .expect("it");
    assert_eq!(phase(&backup), "Failed");
}
