//! Engine `strategy` against the project's own sidecar: the real broker-agent behind a port of a pod.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;
use tempfile::TempDir;
use testbed::{PodAddress, Testbed};

use crate::support::{AGENT_TOKEN, Agent, Bed, Run};

/// An application whose sidecar is the agent.
struct App {
    bed: Bed,
    folder: TempDir,
    _agent: Agent,
}

impl App {
    /// Starts the agent; `strategy` is that section of its configuration.
    fn with(strategy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let agent = Agent::start(folder.path(), strategy, &[]);
        let relay = agent.relay();
        let builder = Testbed::builder().namespace("apps").with(move |world| {
            let pod = PodAddress::new("apps", "app-0");
            world.backends.listen(&pod, 8000, "strategy", relay);
        });
        Self {
            bed: Bed::of(builder),
            folder,
            _agent: agent,
        }
    }

    fn run(&self, arguments: &str) -> Run {
        let program = self.bed.program().in_folder(self.folder.path());
        let arguments = format!("{arguments} --engine strategy --statefulset app");
        program.env("BROKER_TOKEN", AGENT_TOKEN).run(&arguments)
    }

    fn read(&self, file: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(file)).ok()
    }
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
