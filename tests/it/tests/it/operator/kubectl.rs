//! The operator with stock kubectl and no other client: installed, used by the words of its page, and removed.

use insta::assert_snapshot;
use jiff::SignedDuration;
use testbed::Testbed;

use super::plant::{BACKUPS, NAMESPACE, Plant, SCHEDULES, STORES, condition, phase};
use crate::support::{Cloud as _, Invocation, Run, S3, programs, stock_kubectl, workspace};

/// A cluster that only kubectl has changed.
struct Person {
    plant: Plant,
    kubectl: Invocation,
}

impl Person {
    fn new() -> Self {
        let plant = Plant::not_installed(Testbed::builder(), &[]);
        let kubectl = Invocation::new(&stock_kubectl(), &programs().folders)
            .kubeconfig(plant.bed().kubeconfig())
            .in_folder(plant.folder.path())
            // It goes on with the next object of a file.
            .data_although_failed();
        Self { plant, kubectl }
    }

    /// Runs kubectl. `FILES` is the folder of the manifests, and `NS` the namespace of the backups.
    fn try_kubectl(&self, arguments: &str) -> Run {
        let files = workspace().join("deploy/operator").display().to_string();
        let arguments = arguments.replace("FILES", &files).replace("NS", NAMESPACE);
        self.kubectl.run(&arguments)
    }

    /// Runs kubectl, which must succeed, and returns its output.
    fn kubectl(&self, arguments: &str) -> String {
        let run = self.try_kubectl(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.shown());
        run.stdout
    }

    /// Writes a file for kubectl.
    fn write(&self, name: &str, text: &str) {
        let path = self.plant.folder.path().join(name);
        std::fs::write(path, text).expect("a file");
    }

    /// Installs the operator by the three commands of its page.
    fn install(&mut self) {
        self.kubectl("apply --server-side -f FILES/crds.yaml");
        self.kubectl("apply -f FILES/operator.yaml");
        self.kubectl("apply -n NS -f FILES/runner.yaml");
        self.plant.add_operator();
    }
}

/// Returns the manifest of the page with the first objects of a kind.
fn of_page(kind: &str) -> String {
    let page = std::fs::read_to_string(workspace().join("docs/operator.md"));
    let page = page.expect("a page of this project");
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|it| it.contains(&format!("kind: {kind}\n")));
    let (block, _) = block
        .expect("a manifest")
        .split_once("```")
        .expect("its end");
    block.to_owned()
}

/// Returns the first line of a table, as words.
fn header(table: &str) -> Vec<&str> {
    let columns = table.lines().next().expect("a header").split("  ");
    columns.map(str::trim).filter(|it| !it.is_empty()).collect()
}

#[test]
fn the_page_is_enough_for_a_person_with_kubectl() {
    let s3 = S3::with_bucket("backups");
    s3.close();
    let mut person = Person::new();
    person.install();
    let explained = person.kubectl("explain backupschedule.spec.schedule");
    let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_snapshot!(explained, @"GROUP: kubectl-broker.io KIND: BackupSchedule VERSION: v1alpha1 FIELD: schedule <string> DESCRIPTION: When: five fields as for cron, with `H` for a value that spreads the load, or `@daily` and its like.");

    let key = s3.key();
    person.kubectl(&format!(
        "create secret generic nightly-s3 -n NS --from-literal=AWS_ACCESS_KEY_ID={} --from-literal=AWS_SECRET_ACCESS_KEY={} --from-literal=AWS_ENDPOINT_URL_S3=http://{}",
        key.id, key.secret, s3.address()
    ));
    person.write("schedule.yaml", &of_page("BackupStore"));
    person.kubectl("apply -n NS -f schedule.yaml");
    // Nothing changes the second time.
    assert_snapshot!(person.kubectl("apply -n NS -f schedule.yaml"), @"
    backupstore.kubectl-broker.io/nightly unchanged
    backupschedule.kubectl-broker.io/hivemq unchanged
    ");
    person
        .plant
        .until_object(STORES, "nightly", |it| !condition(it, "Ready").is_empty());
    let store = person.kubectl("get bks -n NS nightly -o jsonpath={.status}");
    assert!(!store.contains("failure"), "{store}");
    person.kubectl("wait -n NS --for=condition=Ready backupstore/nightly --timeout=2m");
    person.plant.until_object(SCHEDULES, "hivemq", |it| {
        condition(it, "Scheduled") == "True"
    });
    let all = person.kubectl("get broker -n NS");
    assert!(
        all.contains("backupstore.kubectl-broker.io/nightly"),
        "{all}"
    );
    assert!(
        all.contains("backupschedule.kubectl-broker.io/hivemq"),
        "{all}"
    );

    // The schedule names an hour of the night.
    person.plant.advance(SignedDuration::from_hours(24));
    let name = person.plant.until("a run", |bed| {
        let backups = bed.objects().list(BACKUPS, Some(NAMESPACE));
        let name = backups.first()?["metadata"]["name"].as_str()?;
        Some(name.to_owned())
    });
    assert!(name.starts_with("hivemq-"), "{name}");
    let backup = person.plant.until_ended(BACKUPS, &name);
    assert_eq!(phase(&backup), "Succeeded", "{}", backup["status"]);
    person.kubectl("wait backup -n NS --all --for=condition=Complete --timeout=2m");
    let log = person.kubectl(&format!("logs -n NS job/backup-{name}"));
    assert!(log.contains("Using namespace messaging"), "{log}");

    // A backup by hand has the same fields as a schedule but the times.
    person.write(
        "backup.yaml",
        "apiVersion: kubectl-broker.io/v1alpha1\nkind: Backup\nmetadata: {name: by-hand}\nspec: {engine: {name: hivemq}, target: {cluster: prod-1}, store: {name: nightly}}\n",
    );
    person.kubectl("create -n NS -f backup.yaml");
    person.kubectl("wait -n NS --for=condition=Complete backup/by-hand --timeout=2m");
    let backup = person.plant.until_ended(BACKUPS, "by-hand");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    person.kubectl("logs -n NS job/backup-by-hand");
    let restore = of_page("Restore").replace("hivemq-29412345", "by-hand");
    person.write("restore.yaml", &restore);
    let created = person.kubectl("create -n NS -f restore.yaml -o name");
    let created = created.trim();
    assert!(
        created.starts_with("restore.kubectl-broker.io/hivemq-"),
        "{created}"
    );
    person.kubectl(&format!(
        "wait -n NS --for=condition=Complete {created} --timeout=2m"
    ));

    assert_objects_are_shown(&person);
    assert_words_of_the_schema(&person);

    person.kubectl(&format!("delete -n NS {created}"));
    person.kubectl("delete -n NS backup by-hand");
    person.kubectl("delete -n NS -f schedule.yaml");
    assert!(
        person
            .plant
            .bed()
            .objects()
            .get(STORES, NAMESPACE, "nightly")
            .is_none()
    );
    let copies = s3.list("prod/v1/data/");
    assert_eq!(copies.len(), 2, "{copies:?}");
    person.kubectl("delete --ignore-not-found -f FILES/operator.yaml");
    person.kubectl("delete -f FILES/crds.yaml");
    let gone = person.try_kubectl("get backups -n NS");
    assert_ne!(gone.code, 0, "{}", gone.shown());
}

/// Tables and descriptions of two backups.
fn assert_objects_are_shown(person: &Person) {
    let table = person.kubectl("get backups -n NS -o wide");
    assert_eq!(
        header(&table),
        [
            "NAME", "SCHEDULE", "ENGINE", "PHASE", "ID", "BYTES", "STARTED", "FINISHED", "REASON",
            "AGE"
        ],
        "{table}"
    );
    let succeeded = table.lines().filter(|it| it.contains("Succeeded")).count();
    assert_eq!(succeeded, 2, "{table}");
    for column in ["URL", "READY", "COPIES"] {
        let table = person.kubectl("get bks -n NS");
        assert!(header(&table).contains(&column), "{table}");
    }
    let described = person.kubectl("describe backup -n NS by-hand");
    assert!(described.contains("Backup Id:"), "{described}");
    let described = person.kubectl("describe backupschedule -n NS hivemq");
    assert!(described.contains("RunCreated"), "{described}");
}

/// A refusal by the schema.
fn assert_words_of_the_schema(person: &Person) {
    // The schema refuses in its own words.
    let bad = of_page("BackupStore").replace("\"H 2 * * *\"", "nightly");
    person.write("bad.yaml", &bad);
    let refused = person.try_kubectl("apply -n NS -f bad.yaml");
    assert_ne!(refused.code, 0, "{}", refused.shown());
    assert!(
        refused.stderr.contains("must have five fields"),
        "{}",
        refused.stderr
    );
}
