//! Engine `strategy` against the project's own sidecar: the real broker-agent behind a port of a pod.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use insta::assert_snapshot;
use tempfile::TempDir;
use testbed::{Backend, PodAddress, Testbed};
use tokio::io::{DuplexStream, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::{Bed, Run, programs};

const TOKEN: &str = "a-token-of-a-test";

/// A port of a pod that relays to the agent.
struct Relay(SocketAddr);

impl Backend for Relay {
    fn accept(&self, mut connection: DuplexStream, _: &PodAddress) {
        let address = self.0;
        tokio::spawn(async move {
            // If the agent is gone, the connection ends, as in a real pod.
            if let Ok(mut agent) = TcpStream::connect(address).await {
                let _ = copy_bidirectional(&mut connection, &mut agent).await;
            }
        });
    }
}

/// An application whose sidecar is the agent.
struct App {
    bed: Bed,
    folder: TempDir,
    agent: Child,
}

impl App {
    /// Starts the agent; `strategy` is that section of its configuration.
    fn with(strategy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (agent, address) = start(folder.path(), strategy);
        let builder = Testbed::builder().namespace("apps").with(move |world| {
            let pod = PodAddress::new("apps", "app-0");
            let relay = Arc::new(Relay(address));
            world.backends.listen(&pod, 8000, "strategy", relay);
        });
        Self {
            bed: Bed::of(builder),
            folder,
            agent,
        }
    }

    fn run(&self, arguments: &str) -> Run {
        let program = self.bed.program().in_folder(self.folder.path());
        let arguments = format!("{arguments} --engine strategy --statefulset app");
        program.env("BROKER_TOKEN", TOKEN).run(&arguments)
    }

    fn read(&self, file: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(file)).ok()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // The agent may have ended already.
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn start(folder: &Path, strategy: &str) -> (Child, SocketAddr) {
    let root = folder.display();
    let config = format!(
        "app: {{host: 127.0.0.1, port: 0}}\n\
         capabilities: {{version: v1, types: [files], est_seconds: 3, est_size: 20}}\n\
         strategy: {strategy}\n\
         paths: {{workdir: {root}, artifacts: {root}/artifacts, temp_dump: {root}/temp/dump}}\n\
         secrets: {{api_token: {TOKEN}}}\n"
    );
    let path = folder.join("config.yaml");
    fs::write(&path, config).expect("written");
    let mut agent = Command::new(&programs().agent)
        .arg("--config")
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut log = BufReader::new(agent.stderr.take().expect("it is piped")).lines();
    let listens = log.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, address) = line.split_once(" listens on ")?;
        address.parse().ok()
    });
    // An agent whose log is not read would block.
    std::thread::spawn(move || log.count());
    (agent, listens.expect("it says where it listens"))
}

const WHOLE: &str = "{type: custom, artifact: {filename: app.txt, format: text}, config: {command: [[sh, -c, 'printf whole > \"$SIDE_CAR_TEMP_DUMP\"']]}}";

#[test]
fn an_export_of_the_agent_becomes_a_verified_file() {
    let app = App::with(
        "{type: file_archive, artifact: {filename: files.tar, format: tar}, config: {paths: [config.yaml], compression: store}}",
    );
    let run = app.run("backup create --output-file ./files.tar -o json");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let document = run.json();
    assert_eq!(document["file"]["verifiedBy"], "checksum", "{document}");
    let listed = Command::new("tar")
        .arg("--list")
        .arg("--file")
        .arg(app.folder.path().join("files.tar"))
        .output()
        .expect("tar runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("config.yaml"), "{listed}");
}

#[test]
fn what_the_agent_can_is_what_a_test_says() {
    let app = App::with(WHOLE);
    let run = app.run("backup test");
    assert_eq!(run.code, 0, "{}", run.stdout);
    let detected = run.stdout.lines().find(|line| line.contains("detect"));
    assert_snapshot!(detected.expect("a check"), @"detect                   strategy   passed    strategy sidecar v1 (files; about 3 s and 20B)");
}

#[test]
fn a_command_that_fails_leaves_no_file_and_its_reason() {
    let app = App::with(
        "{type: custom, config: {command: [[sh, -c, 'echo the disk is on fire >&2; exit 3']]}}",
    );
    let run = app.run("backup create --output-file ./app.txt");
    assert_snapshot!(run.message(), @"
    note: 3 20B
    Failed: POST /backup/export answered 500: Command failed with exit code 3: sh -c echo the disk is on fire >&2; exit 3
      the disk is on fire
    hint: `kubectl logs POD --container CONTAINER`
    exit 1
    ");
    assert_eq!(app.read("app.txt"), None);
}

#[test]
fn a_stream_that_the_agent_breaks_off_leaves_no_file() {
    let app = App::with(
        "{type: custom, config: {capture_stdout: true, stream: true, command: [[sh, -c, 'head -c 3000000 /dev/zero; exit 3']]}}",
    );
    let run = app.run("backup create --output-file ./app.bin");
    assert_ne!(run.code, 0);
    assert_eq!(app.read("app.bin"), None);
}

#[test]
fn a_stream_that_ends_well_is_whole() {
    let app = App::with(
        "{type: custom, config: {capture_stdout: true, stream: true, command: [[head, -c, '3000000', /dev/zero]]}}",
    );
    let run = app.run("backup create --output-file ./app.bin");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(app.read("app.bin").expect("a file"), vec![0; 3_000_000]);
}
