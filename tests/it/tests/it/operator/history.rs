//! Requests and their rows in a real PostgreSQL, while the operator, pods, the cloud and the database fail at random.
//!
//! The same seed makes the same decisions; processes still race. Variables choose another course:
//!
//! - `BROKER_CHAOS_SEED`: the seed of all decisions [default: 17]
//! - `BROKER_CHAOS_REQUESTS`: the number of requests [default: 12]
//!
//! Run more of them after changes of the history:
//! `BROKER_CHAOS_REQUESTS=200 cargo test --workspace --test it -- operator::history`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testbed::aws::{AwsFault, On};
use testbed::postgres::{PASSWORD, Postgres};

use super::chaos::model::Random;
use super::chaos::{Seed, setting};
use super::plant::NAMESPACE;
use super::requests::{REQUESTS, Site, state};

/// The limit for requests to end. It is only reached by a failing test.
const PATIENCE: Duration = Duration::from_mins(3);
/// The database of the history. Another one controls it.
const DATABASE: &str = "history";

struct Course {
    site: Site,
    database: Postgres,
    random: Random,
    /// The uid of each request, and whether it was deleted.
    made: BTreeMap<String, (String, bool)>,
    done: BTreeMap<&'static str, usize>,
}

impl Course {
    fn begin(seed: u64) -> Self {
        let database = Postgres::start().expect("a database");
        let made = database.sql("postgres", "create database history");
        made.expect("SQL");
        let site = Site::with_history(Some(&database.url(PASSWORD, DATABASE)));
        site.aws.snapshots_take(2);
        Self {
            site,
            database,
            random: Random(seed),
            made: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    fn object(&self, name: &str) -> Option<Value> {
        let objects = self.site.plant.bed().objects();
        objects.get(REQUESTS, NAMESPACE, name)
    }

    fn request(&mut self, number: u64) {
        let name = format!("request-{number}");
        let project = self.random.pick(&["retail", "travel"]);
        // There is no dump, so some requests fail.
        let database = match self.random.between(0, 4) {
            0 => json!({"instanceId": "none", "type": "dump"}),
            1 | 2 => json!({"instanceId": format!("{project}-db")}),
            _ => json!({"instanceId": format!("{project}-db-2")}),
        };
        self.site.request_of(&name, project, &database);
        let object = self.object(&name).expect("the request");
        let uid = object["metadata"]["uid"].as_str().expect("a uid");
        self.made.insert(name, (uid.to_owned(), false));
    }

    fn disturb(&mut self) {
        let plant = &mut self.site.plant;
        let what = match self.random.between(0, 5) {
            0 => {
                plant.operators[0].kill();
                plant.restart_operator(0);
                "operators killed"
            }
            1 => {
                let pods = plant.bed().objects().list("pods", Some(NAMESPACE));
                let mut running = pods.iter().filter(|it| it["status"]["phase"] == "Running");
                let Some(pod) = running.find_map(|it| {
                    let name = it["metadata"]["name"].as_str()?;
                    name.starts_with("backup-").then_some(name)
                }) else {
                    return;
                };
                plant.bed().run_out_of_memory(NAMESPACE, pod);
                "pods killed"
            }
            2 => {
                let lost = On::any().nth(self.site.aws.served() + 20);
                self.site.aws.fault(lost, AwsFault::CutAfter);
                "answers of the cloud lost"
            }
            3 => {
                plant.bed().break_connections();
                "connections broken"
            }
            4 => {
                self.site.aws.clear_faults();
                self.site.aws.fault(On::any().every(9), AwsFault::Throttle);
                "times of a busy cloud"
            }
            _ => {
                self.allow_connections(false);
                "times without a database"
            }
        };
        *self.done.entry(what).or_default() += 1;
    }

    fn allow_connections(&self, allowed: bool) {
        let order = format!("alter database {DATABASE} allow_connections {allowed}");
        self.database.sql("postgres", &order).expect("SQL");
        let end =
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'history'";
        self.database.sql("postgres", end).expect("SQL");
    }

    /// Deletes a request that the operator knows, wherever it is.
    fn delete(&mut self) {
        let names: Vec<_> = self.made.keys().cloned().collect();
        let name = self.random.pick(&names);
        let is_held = self
            .object(&name)
            .is_some_and(|it| it["metadata"]["finalizers"].is_array());
        if !is_held {
            return;
        }
        // Without the database, the deletion would not wait long enough for the row.
        self.allow_connections(true);
        self.site.plant.delete(REQUESTS, &name);
        self.site.until_gone(REQUESTS, &name);
        self.made.get_mut(&name).expect("the request").1 = true;
        *self.done.entry("requests deleted").or_default() += 1;
    }

    /// Waits until only a few requests are open, so that something fails during each of them.
    fn work_off(&self) {
        let objects = self.site.plant.bed().objects();
        let open = || {
            let requests = objects.list(REQUESTS, Some(NAMESPACE));
            let open = requests.iter().filter(|it| !has_ended(it));
            open.count()
        };
        let end = Instant::now() + PATIENCE;
        while open() > 6 {
            assert!(Instant::now() < end, "requests don't end");
            self.site.plant.look_again();
            self.site.plant.advance(SignedDuration::from_secs(5));
        }
    }

    fn come_to_rest(&mut self) {
        self.site.aws.clear_faults();
        self.allow_connections(true);
        for (name, (_, is_deleted)) in &self.made {
            if !is_deleted {
                let step = SignedDuration::from_secs(5);
                self.site
                    .plant
                    .until_stepping(step, REQUESTS, name, has_ended);
            }
        }
    }

    /// Waits until each request that has ended has its row, and returns the rows by name.
    fn rows(&self) -> BTreeMap<String, Value> {
        self.site.plant.until("a row of each request", |_| {
            let order = "select coalesce(json_agg(it), '[]') from backup_requests it";
            let rows = self.database.sql(DATABASE, order).ok()?;
            let rows: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
            let rows: BTreeMap<_, _> = rows
                .into_iter()
                .map(|row| (row["cr_name"].as_str().expect("a name").to_owned(), row))
                .collect();
            let is_there = |(name, (_, is_deleted)): (&String, &(String, bool))| {
                let state = &rows.get(name)?["state"];
                let object = self.object(name);
                (*is_deleted || object?["status"]["state"] == *state).then_some(())
            };
            self.made.iter().map(is_there).collect::<Option<Vec<_>>>()?;
            Some(rows)
        })
    }
}

fn has_ended(request: &Value) -> bool {
    matches!(state(request), "Succeeded" | "Failed")
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().expect("a time"))
}

#[test]
fn each_request_has_its_row_whatever_fails() {
    let seed = Seed(setting("BROKER_CHAOS_SEED", 17));
    let count = setting("BROKER_CHAOS_REQUESTS", 12);
    let mut course = Course::begin(seed.0);
    for number in 0..count {
        course.request(number);
        if course.random.one_in(2) {
            course.disturb();
        }
        if course.random.one_in(8) {
            course.delete();
        }
        course.work_off();
    }
    course.come_to_rest();
    let rows = course.rows();
    println!("seed {}: {:?}", seed.0, course.done);

    assert_eq!(rows.len(), course.made.len());
    let mut succeeded = 0;
    for (name, (uid, is_deleted)) in &course.made {
        let row = &rows[name];
        assert_eq!(row["cr_uid"], json!(uid), "{row:#}");
        if *is_deleted {
            let states = ["Succeeded", "Failed", "Deleted"].map(|it| json!(it));
            assert!(states.contains(&row["state"]), "{row:#}");
            continue;
        }
        let object = course.object(name).expect("the request");
        let (spec, status) = (&object["spec"], &object["status"]);
        for (column, field) in [
            ("project_id", &spec["projectId"]),
            ("db_instance_id", &spec["database"]["instanceId"]),
            ("state", &status["state"]),
            ("db_snapshot_id", &status["database"]["snapshotId"]),
            ("db_snapshot_size_bytes", &status["database"]["sizeBytes"]),
            ("dl_object_count", &status["documentLibrary"]["objectCount"]),
            (
                "dl_manifest_path",
                &status["documentLibrary"]["manifestPath"],
            ),
        ] {
            assert_eq!(&row[column], field, "{column} of {row:#}\n{object:#}");
        }
        for (column, field) in [
            ("start_time", &status["startTime"]),
            ("completion_time", &status["completionTime"]),
            ("created_at", &object["metadata"]["creationTimestamp"]),
        ] {
            assert_eq!(time(&row[column]), time(field), "{column} of {row:#}");
        }
        if status["state"] == "Succeeded" {
            let manifest = status["documentLibrary"]["manifestPath"].as_str();
            let key = manifest.and_then(|it| it.strip_prefix("s3://backups/"));
            let found = course.site.aws.object("backups", key.expect("a manifest"));
            assert!(found.is_some(), "{object:#}");
            succeeded += 1;
        }
    }
    assert!(succeeded > 0, "a course without a success tests nothing");
    // An attempt that goes on takes the snapshot of the one before.
    let of_databases = rows.values().filter(|row| row["db_instance_id"] != "none");
    assert!(course.site.aws.snapshots().len() <= of_databases.count());
}
