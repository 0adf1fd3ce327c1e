//! Rounds of backup, restore and offset reset, in which workers, brokers and the storage die at random.
//!
//! The same seed makes the same decisions; processes still race. Variables choose other rounds:
//!
//! - `BROKER_CHAOS_SEED`: the seed of all decisions [default: 18]
//! - `BROKER_CHAOS_KILLS`: how often something dies [default: 8]
//!
//! A hundred take about half an hour. Run them after changes of the worker:
//! `BROKER_CHAOS_KILLS=100 cargo test --test it -- at_random --nocapture`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::gate::{Gate, State};
use super::kafka::Nodes;
use super::s3::S3;
use super::until;
use super::witness::Witness;
use super::worker::{Desk, Report, Running};

const PARTITIONS: u32 = 3;
const GROUPS: usize = 8;
/// The most attempts at one piece of work in which something may die.
const TRIES: usize = 4;
/// The most attempts at one piece of work after that, as those of a Job.
const CALM: usize = 2;

/// The source of all decisions.
struct Dice(u64);

impl Dice {
    /// Returns a number below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64: also neighbouring seeds differ from the first number on.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        let at = self.below(things.len() as u64);
        things[usize::try_from(at).expect("an index")]
    }

    fn time(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).expect("a time");
        Duration::from_millis(self.below(most.max(1)))
    }
}

/// Names the seed if the test fails, wherever that is.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a test that fails must name its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it failed with BROKER_CHAOS_SEED={}", self.0);
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// The ways to disturb a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Kill,
    Terminate,
    Broker,
    StorageGone,
    StorageSilent,
}

const FAULTS: [Fault; 5] = [
    Fault::Kill,
    Fault::Terminate,
    Fault::Broker,
    Fault::StorageGone,
    Fault::StorageSilent,
];

/// One piece of work that is tried until it is done.
struct Job<'a> {
    name: &'static str,
    command: &'static str,
    object: &'a Path,
    more: &'a [&'a str],
    uses_storage: bool,
}

struct Course {
    dice: Dice,
    left: u64,
    nodes: Nodes,
    gate: Gate,
    desk: Desk,
    witness: Witness,
    begun: Instant,
    /// How often each fault came during each piece of work.
    faults: BTreeMap<(&'static str, Fault), u64>,
    /// How often each piece of work ended with each exit code.
    ends: BTreeMap<(&'static str, Option<i32>), u64>,
    /// How long each piece of work took at last when nothing died, from its begin and after an interruption.
    spans: BTreeMap<(&'static str, bool), Duration>,
    /// The messages of failures.
    told: BTreeMap<String, u64>,
    _s3: S3,
}

impl Course {
    fn begin(seed: u64, kills: u64) -> Option<Self> {
        let nodes = Nodes::start(3)?;
        let s3 = S3::with_bucket("chaos");
        let desk = Desk::new();
        desk.secret(
            "keys",
            &[
                ("AWS_ACCESS_KEY_ID", "tests"),
                ("AWS_SECRET_ACCESS_KEY", "canary-of-s3"),
            ],
        );
        Some(Self {
            dice: Dice(seed),
            left: kills,
            witness: Witness::at(&nodes.addresses()),
            gate: Gate::before(s3.address),
            nodes,
            desk,
            begun: Instant::now(),
            faults: BTreeMap::new(),
            ends: BTreeMap::new(),
            spans: BTreeMap::new(),
            told: BTreeMap::new(),
            _s3: s3,
        })
    }

    fn cluster(&self) -> Value {
        json!({ "bootstrapServers": self.nodes.addresses() })
    }

    fn storage(&self) -> Value {
        json!({ "storageType": "s3", "s3": {
            "bucket": "chaos", "region": "us-east-1", "endpoint": format!("http://{}", self.gate.address),
            "pathStyle": true, "allowHttp": true, "credentialsSecret": { "name": "keys" },
        }})
    }

    /// Waits for a moment, or for the end of the run. Returns whether the run goes on.
    fn moment(running: &Running, moment: Duration) -> bool {
        let begun = Instant::now();
        until("the moment", || {
            (begun.elapsed() >= moment || running.is_over()).then_some(())
        });
        !running.is_over()
    }

    /// Does work, and notes how long it took.
    fn calm(&mut self, job: &Job, is_resumed: bool) -> Report {
        let begun = Instant::now();
        let report = self.desk.run(job.command, job.object, job.more);
        self.spans.insert((job.name, is_resumed), begun.elapsed());
        self.note(job, report)
    }

    /// Does work while things die at random.
    fn disturbed(&mut self, job: &Job, is_resumed: bool) -> Report {
        let span = self.spans.get(&(job.name, is_resumed));
        let span = span.copied().unwrap_or(Duration::from_secs(3));
        let running = self.desk.begin(job.command, job.object, job.more);
        while self.left > 0 && Self::moment(&running, self.dice.time(span)) {
            let fault = self.dice.one_of(&FAULTS);
            if !job.uses_storage && matches!(fault, Fault::StorageGone | Fault::StorageSilent) {
                continue;
            }
            self.left -= 1;
            *self.faults.entry((job.name, fault)).or_default() += 1;
            let away = self.dice.time(Duration::from_secs(20));
            match fault {
                Fault::Kill => running.signal("KILL"),
                Fault::Terminate => running.signal("TERM"),
                Fault::Broker => {
                    let number = usize::try_from(self.dice.below(3)).expect("a number");
                    self.nodes.kill(number);
                    Self::moment(&running, away);
                    self.nodes.revive(number);
                }
                Fault::StorageGone | Fault::StorageSilent => {
                    let is_gone = fault == Fault::StorageGone;
                    let state = if is_gone {
                        State::Closed
                    } else {
                        State::Silent
                    };
                    self.gate.set(state);
                    Self::moment(&running, away);
                    self.gate.set(State::Open);
                }
            }
            if matches!(fault, Fault::Kill | Fault::Terminate) {
                break;
            }
        }
        self.note(job, running.ended())
    }

    /// Notes how a run ended. One that failed must say why.
    fn note(&mut self, job: &Job, report: Report) -> Report {
        *self.ends.entry((job.name, report.code)).or_default() += 1;
        let Some(code) = report.code else {
            return report;
        };
        let result = report.result();
        let message = report.message().to_owned();
        let state = result["state"].as_str().expect("a state");
        match code {
            0 => assert_eq!(state, "complete", "{report:#?}"),
            130 => assert_eq!(state, "interrupted", "{report:#?}"),
            3 => assert_eq!(state, "partial", "{report:#?}"),
            _ => assert_eq!(state, "failed", "{report:#?}"),
        }
        assert!(!message.is_empty(), "{report:#?}");
        if code != 0 {
            let text: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
            *self
                .told
                .entry(format!("{}: {text}", job.name))
                .or_default() += 1;
        }
        report
    }

    /// Does work until it is done. `check` sees every report, and returns whether the work is done.
    fn done(&mut self, job: &Job, mut check: impl FnMut(&mut Self, &Report) -> bool) {
        // The first round shows how long things take.
        let tries = if self.spans.contains_key(&(job.name, false)) {
            TRIES
        } else {
            0
        };
        for turn in 0..tries {
            if self.left == 0 {
                break;
            }
            let report = self.disturbed(job, turn > 0);
            if check(self, &report) {
                return;
            }
        }
        for turn in 0..CALM {
            let report = self.calm(job, tries + turn > 0);
            if check(self, &report) {
                return;
            }
            assert!(turn + 1 < CALM, "{report:#?}");
        }
    }

    /// Backs a topic up. Returns the file of the object.
    fn back_up(&mut self, topic: &str, id: &str) -> PathBuf {
        let spec = json!({
            "kafkaCluster": self.cluster(), "topics": [topic], "storage": self.storage(),
            "segmentMaxBytes": 1500 + self.dice.below(4000),
            "rateLimiting": { "maxConcurrentPartitions": 1 + self.dice.below(2) },
        });
        let object = self.desk.object("KafkaBackup", topic, &spec);
        let spec = json!({
            "backupRef": { "name": topic, "backupId": id }, "kafkaCluster": self.cluster(),
            "checks": { "offsetRange": {} },
        });
        let validation = self.desk.object("KafkaBackupValidation", topic, &spec);
        let object_text = object.display().to_string();
        let job = Job {
            name: "backup",
            command: "backup",
            object: &object,
            more: &["--backup-id", id],
            uses_storage: true,
        };
        self.done(&job, |course, report| {
            let is_complete = report.code == Some(0);
            let more = ["--backup", object_text.as_str()];
            // A cluster may need a moment after a broker has come back.
            let validated = until("a validation", || {
                let report = course.desk.run("validate", &validation, &more);
                (report.code != Some(1)).then_some(report)
            });
            // A set that is called complete is restored as it is, and compared: also one of a run that was killed.
            match validated.code {
                Some(0) => true,
                Some(10 | 13) if !is_complete => {
                    let message = validated.message();
                    let says_why = ["has no backup", "reaches offset", "no segment"];
                    assert!(
                        says_why.iter().any(|why| message.contains(why)),
                        "{validated:#?}"
                    );
                    false
                }
                _ => panic!("{report:#?} {validated:#?}"),
            }
        });
        object
    }

    fn restore(&mut self, topic: &str, target: &str, id: &str, backup: &Path) {
        let spec = json!({
            "backupRef": { "name": topic, "backupId": id }, "kafkaCluster": self.cluster(), "topics": [topic],
            "topicMapping": { topic: target }, "createTopics": true,
            "produceTimeoutMs": self.dice.one_of(&[1000, 3000]), "produceBatchSize": self.dice.one_of(&[10, 50, 1000]),
            "rateLimiting": { "recordsPerSec": self.dice.one_of(&[500, 1500]) },
        });
        let object = self.desk.object("KafkaRestore", target, &spec);
        let job = Job {
            name: "restore",
            command: "restore",
            object: &object,
            more: &["--backup", &backup.display().to_string()],
            uses_storage: true,
        };
        self.done(&job, |_, report| report.code == Some(0));
    }

    /// Returns the offsets of the groups: all partitions of the first one, then those of the second.
    fn offsets(&self, topic: &str, groups: &[String]) -> Vec<i64> {
        let partitions = PARTITIONS.to_string();
        let answer = self
            .witness
            .ask(&["committed_all", topic, &groups.join(","), &partitions]);
        let offsets = answer["offsets"].as_array().expect("offsets");
        offsets.iter().filter_map(Value::as_i64).collect()
    }

    /// Asserts that each group that a report calls done has its offsets.
    fn check_groups(&self, topic: &str, groups: &[String], wanted: &[i64], report: &Report) {
        if report.code.is_none() {
            return;
        }
        let results = report.result()["status"]["groupResults"].as_array();
        let called = results.into_iter().flatten();
        let called: Vec<_> = called
            .filter(|result| result["success"] == true)
            .map(|result| result["groupId"].as_str().expect("a group").to_owned())
            .collect();
        if report.code == Some(0) {
            assert_eq!(called.len(), groups.len(), "{report:#?}");
        }
        if !called.is_empty() {
            let found = self.offsets(topic, &called);
            assert_eq!(found, wanted.repeat(called.len()), "{report:#?}");
        }
    }

    /// Resets groups, and gives them their offsets back.
    fn reset(&mut self, topic: &str) {
        let groups: Vec<_> = (0..GROUPS).map(|it| format!("{topic}-{it}")).collect();
        let before = i64::try_from(1 + self.dice.below(400)).expect("an offset");
        let offsets: Vec<_> = (0..PARTITIONS).map(|it| format!("{it}:{before}")).collect();
        self.witness
            .ask(&["commit_all", topic, &offsets.join(","), &groups.join(",")]);
        let ends = self.witness.ask(&["ends", topic, &PARTITIONS.to_string()]);
        let ends = |name: &str| -> Vec<i64> {
            let ends = ends[name].as_array().expect("ends").iter();
            ends.filter_map(Value::as_i64).collect()
        };
        let strategy = self.dice.one_of(&["to-earliest", "to-latest", "to-offset"]);
        let wanted = match strategy {
            "to-earliest" => ends("low"),
            "to-latest" => ends("high"),
            _ => vec![77; PARTITIONS as usize],
        };
        let spec = json!({
            "kafkaCluster": self.cluster(), "consumerGroups": groups, "topics": [topic],
            "resetStrategy": strategy, "resetOffset": 77, "continueOnError": self.dice.below(2) == 0,
        });
        let object = self.desk.object("KafkaOffsetReset", topic, &spec);
        let mut snapshot = Value::Null;
        let job = Job {
            name: "reset",
            command: "offset-reset",
            object: &object,
            more: &[],
            uses_storage: false,
        };
        self.done(&job, |course, report| {
            course.check_groups(topic, &groups, &wanted, report);
            if report.code == Some(0) {
                snapshot = report.result()["status"]["snapshotPath"].clone();
            }
            report.code == Some(0)
        });
        let spec = json!({
            "kafkaCluster": self.cluster(), "snapshotRef": { "name": topic, "path": snapshot },
        });
        let object = self.desk.object("KafkaOffsetRollback", topic, &spec);
        let job = Job {
            name: "rollback",
            command: "offset-rollback",
            object: &object,
            ..job
        };
        let wanted = vec![before; PARTITIONS as usize];
        self.done(&job, |course, report| {
            course.check_groups(topic, &groups, &wanted, report);
            report.code == Some(0)
        });
    }

    fn round(&mut self, number: u64) {
        let (topic, target) = (format!("random-{number}"), format!("random-{number}-back"));
        let id = format!("{topic}-20250906-120000");
        // The notes of a restore are in a folder, or in the storage.
        let records = 1500 + self.dice.below(2500);
        let transactions = self.dice.below(2) == 0;
        self.witness
            .produce(&topic, PARTITIONS, records, 120, transactions);
        let backup = self.back_up(&topic, &id);
        self.desk.state = (self.dice.below(2) == 0).then_some("state");
        self.restore(&topic, &target, &id, &backup);
        let same = self.witness.same(&topic, &target, "-");
        assert!(same > records / 2, "{same} of {records}");
        self.desk.state = Some("state");
        self.reset(&target);
    }

    #[expect(
        clippy::print_stdout,
        reason = "the counts of a good test are of interest, too"
    )]
    fn print(&self, rounds: u64) {
        println!("{rounds} rounds in {} s", self.begun.elapsed().as_secs());
        for ((job, fault), count) in &self.faults {
            println!("{job}: {count} × {fault:?}");
        }
        for ((job, code), count) in &self.ends {
            let code = code.map_or("killed".to_owned(), |code| format!("exit code {code}"));
            println!("{job}: {count} × {code}");
        }
        for (message, count) in &self.told {
            println!("{count} × {message}");
        }
    }
}

#[test]
fn work_ends_right_or_says_what_is_wrong_whatever_dies() {
    let seed = Seed(setting("BROKER_CHAOS_SEED", 18));
    let kills = setting("BROKER_CHAOS_KILLS", 8);
    let Some(mut course) = Course::begin(seed.0, kills) else {
        return;
    };
    let mut rounds = 0;
    while course.left > 0 {
        rounds += 1;
        course.round(rounds);
    }
    course.print(rounds);
    assert_eq!(course.faults.values().sum::<u64>(), kills);
}
