//! An application whose sidecar, the real broker-agent, dumps the database beside it: scheduled, checked, and kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{PodAddress, Testbed};

use super::plant::{BACKUPS, NAMESPACE, Plant, SCHEDULES, condition, of_kind, phase};
use crate::support::{AGENT_TOKEN, Agent};
use testbed::postgres::{CONTENT, PASSWORD, Postgres};

/// The minute of the run of 11:00. Each test begins at 10:30.
const FIRST: i64 = 29_540_820;

/// The dump is sent while it is made.
const STREAMED: &str = "{type: postgres, config: {command: [[pg_dump, '--dbname=${DATABASE_URL}', --format=custom]], stream: true}}";

/// A cluster with an application, its database, and a schedule that keeps three copies.
struct Shop {
    plant: Plant,
    database: Postgres,
    _agent: Agent,
    _folder: TempDir,
}

impl Shop {
    fn start() -> Self {
        let database = Postgres::start().expect("a database");
        database
            .sql("postgres", "create database shop")
            .expect("SQL");
        database.sql("shop", CONTENT).expect("SQL");
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::env::var("PATH").expect("there is a PATH");
        let path = format!("{}:{path}", database.programs().display());
        let url = database.url(PASSWORD, "shop");
        let variables = [("PATH", &*path), ("DATABASE_URL", &*url)];
        let agent = Agent::start(folder.path(), STREAMED, &variables);
        let relay = agent.relay();
        let builder = Testbed::builder().with(move |world| {
            let stored = |resource: &str, name: &str| {
                let mut object = world
                    .objects
                    .get(resource, "apps", name)
                    .expect("an application");
                let metadata = object["metadata"].as_object_mut().expect("metadata");
                metadata.remove("uid");
                metadata.insert("namespace".to_owned(), json!(NAMESPACE));
                object
            };
            let set = stored("statefulsets.apps", "app");
            let set = world.objects.put(set).expect("a StatefulSet");
            let mut pod = stored("pods", "app-0");
            pod["metadata"]["ownerReferences"][0]["uid"] = set["metadata"]["uid"].clone();
            world.put([pod]);
            let pod = PodAddress::new(NAMESPACE, "app-0");
            world.backends.listen(&pod, 8000, "strategy", relay);
        });
        let mut plant = Plant::without_operator(builder, &[]);
        plant.add_operator();
        plant.add_store();
        plant.put(json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "agent", "namespace": NAMESPACE},
            "data": {"token": BASE64_STANDARD.encode(AGENT_TOKEN)},
        }));
        let spec = json!({
            "engine": {"name": "strategy"},
            "target": {"statefulSet": "app"},
            "credentials": {"secret": {"name": "agent"}},
            "schedule": "0 * * * *",
            "store": {"name": "nightly"},
            "retention": {"keepLast": 3},
            "verify": "Deep",
            "retries": 0,
        });
        plant.add(&of_kind("BackupSchedule", "shop", &spec));
        plant.until_object(SCHEDULES, "shop", |it| {
            !condition(it, "Scheduled").is_empty()
        });
        Self {
            plant,
            database,
            _agent: agent,
            _folder: folder,
        }
    }

    /// Moves the clock to the next time of the schedule, and returns the run after its end.
    fn next(&self, hour: i64) -> Value {
        let minutes = if hour == 0 { 30 } else { 60 };
        self.plant.advance(SignedDuration::from_mins(minutes));
        let name = format!("shop-{}", FIRST + 60 * hour);
        self.plant.until_ended(BACKUPS, &name)
    }

    /// Waits until the retention after a run is done.
    fn until_retained(&self, run: &Value) {
        let ended = &run["status"]["run"]["finishedAt"];
        self.plant.until_object(SCHEDULES, "shop", |it| {
            let done = &it["status"]["retention"];
            done["tickTime"] == *ended && done["succeeded"] == true
        });
    }

    /// Returns the references of the copies that a person sees, the newest first, each with its state.
    fn copies(&self) -> Vec<(String, String)> {
        let listed = self.plant.run("store ls URL --all -o json").json();
        assert_eq!(listed["findings"], json!([]), "{listed:#}");
        let items = listed["items"].as_array().expect("a list");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let item = |it: &Value| (text(&it["reference"]), text(&it["state"]));
        items.iter().map(item).collect()
    }

    /// Returns the files of the store.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.plant.folder.path().join("store"), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = fs::read(&path).expect("a file");
            files.insert(path.display().to_string(), bytes);
        }
    }
}

#[test]
fn a_database_is_dumped_on_schedule_and_three_copies_stay() {
    let shop = Shop::start();
    let mut made = Vec::new();
    for hour in 0..5 {
        let order = format!("insert into people (name) values ('customer {hour}')");
        shop.database.sql("shop", &order).expect("SQL");
        let run = shop.next(hour);
        assert_eq!(phase(&run), "Succeeded", "{run:#}");
        let copy = &run["status"]["copy"];
        assert!(copy["verifiedAt"].is_string(), "{run:#}");
        let reference = copy["reference"].as_str().expect("a reference");
        made.insert(0, (reference.to_owned(), "verified".to_owned()));
        shop.until_retained(&run);
        made.truncate(3);
        assert_eq!(shop.copies(), made, "after {}", hour + 1);
    }
    let before = shop.database.content("shop").expect("content");
    let (newest, _) = &made[0];
    let got = shop.plant.run(&format!("store get URL {newest} -o json"));
    assert_eq!(got.code, 0, "{}", got.shown());
    let files = &got.json()["files"];
    let path = files[0]["path"].as_str().expect("a file").to_owned();
    shop.database
        .sql("postgres", "create database restored")
        .expect("SQL");
    let dump = shop.plant.folder.path().join(path);
    shop.database
        .restore(&dump, "restored", false)
        .expect("a dump");
    assert_eq!(shop.database.content("restored").expect("content"), before);
}

#[test]
fn a_stream_that_is_cut_fails_its_run_and_leaves_the_older_copies_as_they_are() {
    let shop = Shop::start();
    for hour in 0..2 {
        let run = shop.next(hour);
        assert_eq!(phase(&run), "Succeeded", "{run:#}");
        shop.until_retained(&run);
    }
    let (copies, files) = (shop.copies(), shop.files());
    assert_eq!(copies.len(), 2);

    let faults = shop.plant.bed().faults();
    faults.set("tunnel-cut=60000".parse().expect("a fault"));
    let run = shop.next(2);
    assert_eq!(phase(&run), "Failed", "{run:#}");
    assert_eq!(condition(&run, "Failed"), "True");
    assert_eq!(run["status"]["copy"], Value::Null, "{run:#}");
    let failure = &run["status"]["run"]["failure"];
    assert_eq!(failure["code"], "Failed");
    let message = failure["message"].as_str().expect("a message");
    for part in ["the download was interrupted after", "nothing is kept"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let hint = failure["hint"].as_str().expect("a hint");
    assert!(hint.contains("makes a new backup"), "{hint}");
    shop.plant
        .until_event(run["metadata"]["name"].as_str().expect("a name"), "Failed");
    assert_eq!(shop.copies(), copies);
    assert_eq!(shop.files(), files);

    // The next run is as good as before.
    faults.clear();
    let run = shop.next(3);
    assert_eq!(phase(&run), "Succeeded", "{run:#}");
    shop.until_retained(&run);
    assert_eq!(shop.copies()[1..], copies);
}
