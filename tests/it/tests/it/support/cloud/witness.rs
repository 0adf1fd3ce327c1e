//! Python processes that look into buckets with the vendors' own libraries.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::azurite;
use crate::support::s3;

/// A process for all tests, because the import of a library takes half a second. It ends when its stdin is
/// closed, at the latest with the test process.
struct Witness {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

/// Sends a request about a bucket. The error is the HTTP status of a refusal, or 0 if no whole answer came.
pub fn ask(place: &Value, mut request: Value) -> Result<Value, u16> {
    static S3: OnceLock<Mutex<Witness>> = OnceLock::new();
    static AZURE: OnceLock<Mutex<Witness>> = OnceLock::new();
    let (one, packages): (_, fn() -> _) = match place["kind"].as_str() {
        Some("s3") => (&S3, s3::packages),
        _ => (&AZURE, azurite::packages),
    };
    let one = one.get_or_init(|| Mutex::new(Witness::start(&packages())));
    request["place"] = place.clone();
    one.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .ask(&request)
}

impl Witness {
    fn start(packages: &Path) -> Self {
        let mut process = Command::new(packages.join("bin/python"))
            .args(["-u", "-c", include_str!("witness.py")])
            // Neither proxies nor credentials of the machine.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        Self {
            requests: process.stdin.take().expect("a pipe"),
            answers: BufReader::new(process.stdout.take().expect("a pipe")),
            _process: process,
        }
    }

    fn ask(&mut self, request: &Value) -> Result<Value, u16> {
        writeln!(self.requests, "{request}").expect("Python listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let mut answer: Value = serde_json::from_str(&line).expect("an answer from Python");
        if let Some(status) = answer["status"].as_u64() {
            return Err(u16::try_from(status).expect("an HTTP status"));
        }
        assert!(answer["error"].is_null(), "{request}: {answer}");
        Ok(answer["ok"].take())
    }
}
