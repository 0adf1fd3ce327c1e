//! A backend with sets of files, and a folder on the machine of its user.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::scripted::reply;
use testbed::{Backend, Builder, PodAddress, Testbed};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use super::{Bed, Invocation, Run, programs};

/// The port of the backend, and its container.
const PORT: u16 = 8200;
const CONTAINER: &str = "hivemq";

/// A cluster with the backend, a program with the engine `acme/depot`, and a working folder.
pub struct Depot {
    pub bed: Bed,
    pub folder: TempDir,
    served: Arc<Served>,
}

/// The answers of the backend by path, and the paths of the requests.
#[derive(Default)]
pub struct Served {
    answers: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: Mutex<Vec<String>>,
}

impl Depot {
    pub fn new() -> Self {
        let served = Arc::<Served>::default();
        Self {
            bed: Bed::of(served.builder()),
            folder: tempfile::tempdir().expect("a folder"),
            served,
        }
    }

    /// Adds a set. Each member has the path of its file, its name for the user, and perhaps its digest.
    pub fn set(self, id: &str, members: &[(&str, Option<&str>, Option<&str>)]) -> Self {
        self.served.set(id, members);
        self
    }

    /// Adds a file of these bytes.
    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.answer(&format!("/files/{name}"), reply(200, "", bytes));
        self
    }

    /// Answers requests for a path with these bytes.
    pub fn answer(&self, path: &str, answer: Vec<u8>) {
        self.served.answer(path, answer);
    }

    /// Returns the paths of all requests.
    pub fn asked_for(&self) -> Vec<String> {
        self.served.requests.lock().expect("the requests").clone()
    }

    pub fn run(&self, arguments: &str) -> Run {
        let programs = programs();
        Invocation::new(&programs.with_engines, &programs.folders)
            .kubeconfig(self.bed.kubeconfig())
            .engines([&programs.depot])
            .in_folder(self.folder.path())
            .run(&format!("backup --engine depot {arguments}"))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Returns the names in a folder. It is empty if there is no such folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name in UTF-8")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Returns the newest entry of the history.
    pub fn newest_entry(&self) -> Value {
        let history = self.run("history --limit 1 -o json").json();
        history["items"][0].clone()
    }
}

impl Served {
    /// Returns a cluster with the backend in its pods.
    pub fn builder(self: &Arc<Self>) -> Builder {
        let backend = Arc::clone(self);
        Testbed::builder().with(move |world| {
            for pod in ["broker-0", "broker-1", "broker-2"] {
                let pod = PodAddress::new("messaging", pod);
                let backend = Arc::new(ToPod(Arc::clone(&backend)));
                world.backends.listen(&pod, PORT, CONTAINER, backend);
            }
        })
    }

    /// Adds a set. Each member has the path of its file, its name for the user, and perhaps its digest.
    pub fn set(&self, id: &str, members: &[(&str, Option<&str>, Option<&str>)]) {
        let body = json!(members).to_string();
        self.answer(&format!("/sets/{id}"), reply(200, "", body.as_bytes()));
    }

    /// Answers requests for a path with these bytes.
    pub fn answer(&self, path: &str, answer: Vec<u8>) {
        let mut answers = self.answers.lock().expect("the answers");
        answers.insert(path.to_owned(), answer);
    }
}

struct ToPod(Arc<Served>);

impl Backend for ToPod {
    fn accept(&self, connection: DuplexStream, _: &PodAddress) {
        let served = Arc::clone(&self.0);
        tokio::spawn(answer(connection, served));
    }
}

/// Answers one request per connection.
async fn answer(connection: DuplexStream, served: Arc<Served>) {
    let mut connection = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(connection.read_line(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let path = testbed::scripted::path(&head).to_owned();
    let answer = served
        .answers
        .lock()
        .expect("the answers")
        .get(&path)
        .cloned();
    served.requests.lock().expect("the requests").push(path);
    let answer = answer.unwrap_or_else(|| reply(404, "", b"there is no such thing"));
    // A client that has disconnected needs no answer.
    let _ = connection.write_all(&answer).await;
    let _ = connection.shutdown().await;
}
