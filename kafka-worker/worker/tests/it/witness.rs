//! librdkafka as a second client, in Python.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::WORKSPACE;
use super::kafka::Kafka;
use super::python::python_with;

pub struct Witness {
    config: Value,
}

impl Witness {
    pub fn of(kafka: &Kafka) -> Self {
        Self {
            config: json!({ "bootstrap.servers": kafka.address }),
        }
    }

    /// Returns a command of the witness as a process.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let python = python_with("witness", &["confluent-kafka==2.16.1"]).join("bin/python");
        let mut command = Command::new(python);
        command
            .arg(Path::new(WORKSPACE).join("worker/tests/it/witness.py"))
            .arg(self.config.to_string())
            .args(arguments);
        command
    }

    /// Runs a command of the witness, and returns its answer.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).output().expect("python");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        let answer = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(answer.lines().last().unwrap_or_default()).expect("an answer")
    }

    /// Makes a topic with different records.
    pub fn produce(
        &self,
        topic: &str,
        partitions: u32,
        records: u64,
        size: u32,
        transactions: bool,
    ) {
        let transactions = if transactions { "yes" } else { "no" };
        self.ask(&[
            "produce",
            topic,
            &partitions.to_string(),
            &records.to_string(),
            &size.to_string(),
            transactions,
        ]);
    }

    /// Asserts that two topics have the same records in the same order, and returns their number.
    pub fn same(&self, source: &str, target: &str, window: &str) -> u64 {
        let answer = self.ask(&["compare", source, target, window]);
        assert_eq!(answer["different"], 0, "{source} and {target}: {answer}");
        answer["same"].as_u64().expect("a number")
    }

    pub fn records(&self, topic: &str) -> u64 {
        self.ask(&["count", topic])["records"]
            .as_u64()
            .expect("a number")
    }

    pub fn committed(&self, group: &str, topic: &str, partitions: u32) -> Value {
        self.ask(&["committed", group, topic, &partitions.to_string()])["offsets"].clone()
    }

    pub fn has_topic(&self, topic: &str) -> bool {
        let topics = self.ask(&["topics"]);
        topics["topics"]
            .as_array()
            .expect("topics")
            .contains(&json!(topic))
    }

    /// Joins a group. The member leaves when it is dropped.
    pub fn join(&self, group: &str, topic: &str, protocol: &str) -> Member {
        self.stay(&["join", group, topic, protocol])
    }

    /// Opens a transaction, which is committed when the answer is dropped.
    pub fn open_transaction(&self, topic: &str, records: u32) -> Member {
        self.stay(&["open_transaction", topic, &records.to_string()])
    }

    pub fn at(addresses: &[String]) -> Self {
        Self {
            config: json!({ "bootstrap.servers": addresses.join(",") }),
        }
    }

    fn stay(&self, arguments: &[&str]) -> Member {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        assert!(line.contains("joined"), "{line}");
        Member { child, stdout }
    }
}

/// A member of a group, or an open transaction.
pub struct Member {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.stdout.read_to_string(&mut String::new());
        let _ = self.child.wait();
    }
}
