//! The program as kubectl's plugin.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Bed, Invocation, Run, programs, stock_kubectl};

/// Stock kubectl, with a PATH whose only plugin is the program.
struct Kubectl {
    path: PathBuf,
    folder: TempDir,
    bed: Bed,
}

impl Kubectl {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("kubectl-broker");
        std::os::unix::fs::symlink(&programs().kubectl_broker, link).expect("a link");
        Self {
            path: stock_kubectl(),
            folder,
            bed: Bed::start(),
        }
    }

    fn run(&self, arguments: &str) -> Run {
        Invocation::new(&self.path, &programs().folders)
            .path_with(self.folder.path())
            .kubeconfig(self.bed.kubeconfig())
            .run(arguments)
    }
}

#[test]
fn kubectl_runs_it_as_a_plugin() {
    let kubectl = Kubectl::new();
    let run = kubectl.run("broker backup --engine sidecar list");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let alone = kubectl.bed.run("backup --engine sidecar list");
    assert_eq!(run.stdout, alone.stdout);
}

#[test]
fn kubectl_hands_its_exit_code_and_its_messages_on() {
    let run = Kubectl::new().run("broker backup list --engine sidecar -n nowhere");
    assert_snapshot!(run.outcome(), @"
    NotFound: nowhere
    hint: `--namespace` `kubectl get namespaces`
    exit 10
    ");
}

#[test]
fn kubectl_lists_it_among_its_plugins() {
    let run = Kubectl::new().run("plugin list --name-only");
    let listed = run.stdout.lines().any(|line| line == "kubectl-broker");
    assert!(listed, "{}", run.stdout);
}

#[test]
fn stock_kubectl_gets_the_objects_of_the_kafka_operator() {
    let kubectl = Kubectl::new();
    let backups = kubectl.run("get kb -n kafka");
    assert_eq!(backups.code, 0, "{}", backups.stderr);
    let header = backups.stdout.lines().next().expect("a header");
    let header: Vec<_> = header.split_whitespace().collect();
    let columns = [
        "NAME",
        "PHASE",
        "LAST",
        "BACKUP",
        "RECORDS",
        "RESUMABLE",
        "AGE",
    ];
    assert_eq!(header, columns);
    let names = backups
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next());
    let expected = ["before-upgrade", "clickstream", "nightly", "weekly"].map(Some);
    assert_eq!(names.collect::<Vec<_>>(), expected);
    assert_eq!(kubectl.run("get kr,kbv,kor,korb -n kafka").code, 0);
}

#[test]
fn help_says_how_kubectl_calls_it() {
    let run = Kubectl::new().run("broker backup --help");
    assert!(
        run.stdout.contains("Usage: kubectl broker backup"),
        "{}",
        run.stdout
    );
}

#[test]
fn kubectl_completes_ids_by_the_script_that_is_shipped() {
    let kubectl = Kubectl::new();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../completion/kubectl_complete-broker");
    let link = kubectl.folder.path().join("kubectl_complete-broker");
    std::os::unix::fs::symlink(script.canonicalize().expect("the script"), link).expect("a link");
    let invocation = Invocation::new(&kubectl.path, &programs().folders)
        .path_with(kubectl.folder.path())
        .kubeconfig(kubectl.bed.kubeconfig());
    let completed = |words: &[&str]| {
        let run = invocation.run_with(&[&["__complete", "broker"], words].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let timeout = "--request-timeout=2m";
    assert_snapshot!(completed(&["backup", "status", timeout, "--id", ""]), @"
    20250906-114000	FAILED, 2025-09-06T11:40:00Z
    20250905-130215	COMPLETED, 21.0MiB, 2025-09-05T13:02:15Z
    20250826-020000	RESTORE_FAILED, 12.0MiB, 2025-08-26T02:00:00Z
    20250819-143025	COMPLETED, 48.0MiB, 2025-08-19T14:30:25Z
    20250812-020000	RESTORE_COMPLETED, 7.0MiB, 2025-08-12T02:00:00Z
    20250806-080853	COMPLETED, 1.1MiB, 2025-08-06T08:08:53Z
    :36
    ");
    assert_snapshot!(completed(&["backup", "--engine", "s"]), @"
    sidecar	Backups that the broker-backup sidecar keeps in object storage
    strategy	Backups that an application's strategy sidecar makes and hands out when asked
    :36
    ");
    assert_snapshot!(completed(&["backup", "verify", ""]), @"
    :0
    ");
}
