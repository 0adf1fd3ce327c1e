//! The speed and the memory of the worker, beside the library alone and beside a bare consumer. All in one run, so that the
//! ratios hold on a busy machine, too.
//!
//! `cargo test --release --locked --test it -- bench::beside --ignored --nocapture`
//!
//! - `KAFKA_WORKER_RECORDS`: the number of records [default: 1000000]
//! - `KAFKA_WORKER_TURNS`: how often everything is measured; the median counts [default: 3]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kafka_backup_core::Config;
use kafka_backup_core::backup::BackupEngine;
use kafka_backup_core::config::Mode;
use kafka_backup_core::metrics::PrometheusMetrics;
use kafka_backup_core::restore::RestoreEngine;
use serde_json::{Value, json};

use super::kafka::{Kafka, jars};
use super::witness::Witness;
use super::worker::{Desk, into_volume};

const PARTITIONS: u32 = 12;
const TOPIC: &str = "measured";
/// The file with the configuration of the library, for the process that has only the library.
const CONFIG: &str = "KAFKA_WORKER_BENCH_CONFIG";

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// The cost of a process.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    time: Duration,
    /// The most memory that was in RAM, in KiB.
    memory: u64,
}

/// Runs a process, which must succeed.
fn measure(mut command: Command) -> Cost {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a process");
    let mut cost = Cost::default();
    loop {
        // The highest value so far. It is gone together with the process.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let memory = memory.and_then(|memory| memory.trim().strip_suffix(" kB")?.parse().ok());
        cost.memory = cost.memory.max(memory.unwrap_or_default());
        if let Some(status) = child.try_wait().expect("a state") {
            cost.time = begun.elapsed();
            assert!(status.success(), "{command:?}: {status}");
            return cost;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Returns this program as a process that has only the library.
fn library(desk: &Desk, config: &Value) -> Command {
    let file = desk.folder.path().join("library.json");
    fs::write(&file, config.to_string()).expect("a configuration");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["bench::library_alone", "--exact", "--ignored"])
        .env(CONFIG, file);
    command
}

/// Calls the library as its own command line does.
#[test]
#[ignore = "a process of the benchmark"]
fn library_alone() {
    let Ok(file) = std::env::var(CONFIG) else {
        return;
    };
    let config = fs::read_to_string(file).expect("a configuration");
    let config: Config = serde_json::from_str(&config).expect("a configuration");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if config.mode == Mode::Backup {
            let metrics = PrometheusMetrics::with_max_labels(100).into();
            let engine = BackupEngine::new_with_metrics(config, Some(metrics)).await;
            engine.expect("an engine").run().await.expect("a backup");
        } else {
            let engine = RestoreEngine::new(config).expect("an engine");
            engine.run().await.expect("a restore");
        }
    });
}

/// One thing that is measured.
struct Row {
    name: &'static str,
    costs: Vec<Cost>,
}

impl Row {
    fn median(&self) -> Cost {
        let mut times: Vec<_> = self.costs.iter().map(|cost| cost.time).collect();
        times.sort();
        Cost {
            time: times[times.len() / 2],
            memory: self.costs.iter().map(|cost| cost.memory).max().unwrap_or(0),
        }
    }
}

struct Bench {
    desk: Desk,
    kafka: Kafka,
    witness: Witness,
    rows: Vec<Row>,
}

impl Bench {
    fn note(&mut self, name: &'static str, cost: Cost) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.costs.push(cost),
            None => self.rows.push(Row {
                name,
                costs: vec![cost],
            }),
        }
    }

    fn storage(&self) -> Value {
        json!({ "backend": "filesystem", "path": self.desk.volume().join("kafka") })
    }

    fn turn(&mut self, turn: u64) {
        let file = self.desk.folder.path().join("dump");
        let dump = self
            .witness
            .command(&["dump", TOPIC, &file.display().to_string()]);
        let cost = measure(dump);
        self.note("bare consumer into a file", cost);
        fs::remove_file(&file).expect("the records");

        let id = format!("library-{turn}");
        let backup = json!({
            "mode": "backup", "backup_id": id, "storage": self.storage(),
            "source": { "bootstrap_servers": [self.kafka.address], "topics": { "include": [TOPIC] } },
            "backup": { "stop_at_current_offsets": true, "max_concurrent_partitions": 4, "compression": "zstd" },
        });
        let cost = measure(library(&self.desk, &backup));
        self.note("backup by the library", cost);

        let own = format!("worker-{turn}");
        let object = self.desk.object(
            "KafkaBackup",
            "worker",
            &into_volume(&self.kafka.cluster(), &[TOPIC]),
        );
        let backup = self.desk.command("backup", &object, &["--backup-id", &own]);
        let cost = measure(backup);
        self.note("backup by the worker", cost);

        let target = format!("{TOPIC}-library-{turn}");
        let restore = json!({
            "mode": "restore", "backup_id": own, "storage": self.storage(),
            "target": { "bootstrap_servers": [self.kafka.address], "topics": { "include": [TOPIC] } },
            "restore": {
                "topic_mapping": { TOPIC: target }, "create_topics": true, "strip_offset_headers": true,
                "max_concurrent_partitions": 4,
            },
        });
        let cost = measure(library(&self.desk, &restore));
        self.note("restore by the library", cost);

        let spec = json!({
            "backupRef": { "name": "worker", "backupId": own }, "kafkaCluster": self.kafka.cluster(),
            "topics": [TOPIC], "topicMapping": { TOPIC: format!("{TOPIC}-worker-{turn}") }, "createTopics": true,
        });
        let restore = self
            .desk
            .object("KafkaRestore", &format!("worker-{turn}"), &spec);
        let object = object.display().to_string();
        let restore = self
            .desk
            .command("restore", &restore, &["--backup", &object]);
        let cost = measure(restore);
        self.note("restore by the worker", cost);
    }

    #[expect(clippy::print_stdout, reason = "the figures are the result")]
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures for people have three digits"
    )]
    fn print(&self, records: u64, bytes: u64) {
        let time = |name: &str| {
            let row = self.rows.iter().find(|row| row.name == name);
            row.map_or(1.0, |row| row.median().time.as_secs_f64())
        };
        println!(
            "{records} records, {} MB before compression",
            bytes / 1_000_000
        );
        for row in &self.rows {
            let cost = row.median();
            let seconds = cost.time.as_secs_f64();
            let beside = match row.name {
                "backup by the worker" => time("backup by the library") / seconds,
                "restore by the worker" => time("restore by the library") / seconds,
                _ => 1.0,
            };
            println!(
                "{:26} {seconds:6.2} s {:9.0} records/s {:6} MiB; {beside:.2} × the library, {:.2} × the consumer",
                row.name,
                records as f64 / seconds,
                cost.memory / 1024,
                time("bare consumer into a file") / seconds,
            );
        }
    }
}

/// Returns the number of bytes of the segments of a set before compression.
fn bytes_of(folder: &Path, id: &str) -> u64 {
    let manifest = fs::read_to_string(folder.join("kafka").join(id).join("manifest.json"));
    let manifest: Value = serde_json::from_str(&manifest.expect("a manifest")).expect("JSON");
    let topics = manifest["topics"].as_array().expect("topics");
    let partitions = topics
        .iter()
        .flat_map(|topic| topic["partitions"].as_array().expect("partitions"));
    let segments =
        partitions.flat_map(|partition| partition["segments"].as_array().expect("segments"));
    segments
        .filter_map(|segment| segment["uncompressed_size"].as_u64())
        .sum()
}

#[test]
#[ignore = "a benchmark, which takes minutes"]
fn beside_the_library_and_a_bare_consumer() {
    let Some(jars) = jars() else { return };
    let records = number("KAFKA_WORKER_RECORDS", 1_000_000);
    let kafka = Kafka::start(&jars, None);
    let mut bench = Bench {
        desk: Desk::new(),
        witness: Witness::of(&kafka),
        kafka,
        rows: Vec::new(),
    };
    bench
        .witness
        .produce(TOPIC, PARTITIONS, records, 300, false);
    let turns = number("KAFKA_WORKER_TURNS", 3);
    for turn in 0..turns {
        bench.turn(turn);
    }
    // Records that come fast must be right, too.
    for name in ["library", "worker"] {
        let target = format!("{TOPIC}-{name}-0");
        assert_eq!(bench.witness.same(TOPIC, &target, "-"), records);
    }
    bench.print(records, bytes_of(&bench.desk.volume(), "worker-0"));
}
