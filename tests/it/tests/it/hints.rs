//! Commands in hints: in the same shell they reach the same cluster and target.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Output;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testbed::{Pace, Testbed};

use crate::support::{Bed, Invocation, Run, programs};

/// The target of the commands. The namespace differs from that of the context.
const TARGET: &str = "--context testbed-default -n messaging --statefulset broker";

/// A shell with both programs in PATH. Only the flags name the cluster.
struct Shell {
    bed: Bed,
    folder: TempDir,
}

impl Shell {
    fn of(bed: Bed) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shell = Self { bed, folder };
        let link = shell.folder.path().join("kubectl-broker");
        std::os::unix::fs::symlink(&programs().kubectl_broker, link).expect("a link");
        let kubeconfig = shell.kubeconfig();
        fs::create_dir(kubeconfig.parent().expect("a folder")).expect("a folder");
        fs::copy(shell.bed.kubeconfig(), kubeconfig).expect("the kubeconfig");
        shell
    }

    /// Returns a path that must be quoted.
    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("it's mine/config")
    }

    fn bash(&self) -> Invocation {
        Invocation::new(Path::new("/bin/bash"), &programs().folders).path_with(self.folder.path())
    }

    /// Returns the command line of the program with the flags of the target.
    fn line(&self, verb: &str) -> String {
        let kubeconfig = self.kubeconfig().display().to_string();
        format!("kubectl broker {verb} {TARGET} --kubeconfig \"{kubeconfig}\"")
    }

    fn run(&self, line: &str) -> Run {
        self.bash().run_with(&["-c", line])
    }

    /// Runs each command in the hints of `run`.
    fn follow(&self, run: &Run) -> Vec<Run> {
        let commands = commands(&run.stderr);
        assert!(!commands.is_empty(), "no command in {}", run.stderr);
        commands
            .iter()
            .map(|command| {
                let followed = self.run(command);
                assert_eq!(followed.code, 0, "{command}: {}", followed.stderr);
                followed
            })
            .collect()
    }
}

/// Returns the commands in backticks that begin with a program in PATH.
fn commands(stderr: &str) -> Vec<String> {
    let pattern = Regex::new("`((?:KUBECONFIG=[^`]+ )?kubectl [^`]+)`").expect("a pattern");
    let hints: Vec<_> = stderr
        .lines()
        .filter(|line| line.contains("hint: "))
        .collect();
    let hints = hints.join("\n");
    let found = pattern.captures_iter(&hints);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn what_has_not_ended_is_followed_by_the_command_of_the_hint() {
    let shell = Shell::of(Bed::of(Testbed::builder().pace(Pace::Polls(1000))));
    let run = shell.run(&shell.line("backup create --timeout 1s"));
    assert_eq!(run.code, 124, "{}", run.stderr);
    let [followed] = &shell.follow(&run)[..] else {
        panic!("one command: {}", run.stderr)
    };
    assert!(
        followed.stdout.contains("IN_PROGRESS"),
        "{}",
        followed.stdout
    );
}

#[test]
fn what_is_stopped_after_it_has_begun_is_followed_by_the_command_of_the_hint() {
    for signal in [Signal::INT, Signal::TERM] {
        let shell = Shell::of(Bed::of(Testbed::builder().pace(Pace::Polls(1000))));
        let program = shell.bash();
        let line = format!("exec {}", shell.line("backup create"));
        let mut command = program.command("-c");
        let mut child = command.arg(line).spawn().expect("bash");
        let mut reader = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        while !said.contains("has begun") {
            assert_ne!(reader.read_line(&mut said).expect("a line"), 0, "{said}");
        }
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        reader.read_to_string(&mut said).expect("the rest");
        let output = child.wait_with_output().expect("the end");
        let run = program.ended(&Output {
            stderr: said.into_bytes(),
            ..output
        });
        assert_eq!(run.code, 130, "{}", run.stderr);
        let [followed] = &shell.follow(&run)[..] else {
            panic!("one command: {}", run.stderr)
        };
        assert!(
            followed.stdout.contains("20250906-120000"),
            "{}",
            followed.stdout
        );
    }
}

#[test]
fn commands_of_every_kind_of_hint_reach_the_same_place() {
    for (faults, verb, what) in [
        // The hint is from this program.
        (
            &["hivemq-restore-fails=x"][..],
            "backup restore --id 20250905-130215 --yes",
            "backup list --engine hivemq",
        ),
        (
            &["hivemq-create-fails=x"],
            "backup create --engine hivemq",
            "backup list --engine hivemq",
        ),
        // The hint is from a bundled engine.
        (
            &[],
            "backup status --engine hivemq --id nothing",
            "backup list --engine hivemq",
        ),
        // The hint names kubectl.
        (&[], "backup list --pod nothing-like-it", "get pods"),
    ] {
        let shell = Shell::of(Bed::with(faults));
        let run = shell.run(&shell.line(verb));
        assert_ne!(run.code, 0, "{verb}");
        let commands = commands(&run.stderr);
        assert!(
            commands.iter().any(|command| command.contains(what)),
            "{verb}: {}",
            run.stderr
        );
        shell.bed.faults().clear();
        for command in commands {
            let followed = shell.run(&command);
            assert_eq!(followed.code, 0, "{command}: {}", followed.stderr);
            assert_ne!(followed.stdout, "", "{command}");
        }
    }
}

#[test]
fn a_hint_in_a_document_has_the_flags_as_well() {
    let bed = Bed::with(&["hivemq-restore-fails=x"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -n messaging -o json");
    assert_eq!(
        run.error()["hint"],
        "`kubectl broker backup list --engine hivemq -n messaging` shows the state of all backups"
    );
}

#[test]
fn the_program_is_called_in_hints_as_the_user_called_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("kb");
    std::os::unix::fs::symlink(&programs().kubectl_broker, &link).expect("a link");
    let bed = Bed::with(&["hivemq-restore-fails=x"]);
    let program = Invocation::new(&link, &programs().folders).kubeconfig(bed.kubeconfig());
    let run = program.run("backup restore --id 20250905-130215 --yes");
    assert!(
        run.stderr.contains("`kb backup list --engine hivemq`"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_password_that_was_given_stands_in_no_hint() {
    let bed = Bed::with(&["hivemq-auth=a:canary", "hivemq-restore-fails=x"]);
    let run = bed.run(
        "backup restore --id 20250905-130215 --yes --username a --password canary --color never",
    );
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("`kubectl broker backup list --engine hivemq --username a --password-stdin`"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_an_engine_writes_is_never_taken_for_ours() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .run("backup list --engine hostile --misbehave hint -n messaging");
    assert!(
        run.stderr.contains("`kubectl broker backup list`"),
        "{}",
        run.stderr
    );
}
