//! Credentials of the backend: their sources, and their secrecy.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

const PASSWORD: &str = "testbed-password";
const LIST: &str = "backup --engine hivemq list -o name --limit 1";

fn bed() -> Bed {
    Bed::with(&["hivemq-auth=backup:testbed-password"])
}

fn secret(run: &Run) -> &Run {
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    run
}

#[test]
fn they_are_read_from_a_secret_of_the_namespace() {
    let run = bed().run(&format!("{LIST} -v --credentials-secret hivemq-api"));
    assert_eq!(secret(&run).code, 0, "{}", run.shown());
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    let run = bed().run(&format!("{LIST} --credentials-secret hivemq-apis"));
    assert_snapshot!(run.outcome(), @"
    NotFound: hivemq-apis messaging
    hint: `--credentials-secret hivemq-api`
    exit 10
    ");
}

#[test]
fn they_are_read_from_a_file_or_the_environment() {
    let bed = bed();
    let file = bed.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a file");
    let run = bed.run(&format!(
        "{LIST} --username backup --password-file {}",
        file.display()
    ));
    assert_eq!(secret(&run).code, 0, "{}", run.shown());
    let run = bed
        .program()
        .env("BROKER_PASSWORD", PASSWORD)
        .run(&format!("{LIST} --username backup"));
    assert_eq!(secret(&run).code, 0, "{}", run.shown());
}

#[test]
fn on_the_command_line_they_work_with_a_warning() {
    let run = bed().run(&format!("{LIST} --username backup --password {PASSWORD}"));
    assert_snapshot!(secret(&run).message(), @"
    stdout:
    20250906-114000
    warning: --password shows the password to everybody on this machine; use --password-stdin, --password-file or $BROKER_PASSWORD
    exit 0
    ");
}

#[test]
fn half_of_them_is_not_sent() {
    assert_snapshot!(bed().run(&format!("{LIST} --username backup")).outcome(), @"
    Usage:
    hint: $BROKER_PASSWORD `--credentials-secret` `--password-file` `--password-stdin` `--username`
    exit 2
    ");
}

#[test]
fn wrong_ones_and_missing_rights_are_told_apart() {
    let run = bed().run(&format!("{LIST} --username backup --password wrong"));
    assert_snapshot!(run.outcome(), @"
    warning: $BROKER_PASSWORD --password --password-file --password-stdin
    NotAllowed: /api/v1/management/backups 401 GET
    hint: `--credentials-secret` `--password-stdin` `--username`
    exit 12
    ");
    let run = Bed::with(&["hivemq-auth=backup:testbed-password:HIVEMQ_MQTT_CLIENTS_GET"])
        .run(&format!("{LIST} --credentials-secret hivemq-api"));
    assert_snapshot!(run.outcome(), @"
    NotAllowed: /api/v1/management/backups 403 GET
    hint: HIVEMQ_MANAGEMENT_BACKUPS_GET
    exit 12
    ");
}

#[test]
fn a_token_is_for_backends_that_take_one() {
    let run = Bed::with(&["sidecar-auth=testbed-password"])
        .program()
        .env("BROKER_TOKEN", PASSWORD)
        .run("backup --engine sidecar list -o name --limit 1");
    assert_eq!(secret(&run).code, 0, "{}", run.shown());
}

#[test]
fn a_password_comes_from_a_file_with_an_end() {
    let bed = bed();
    let pipe = bed.folder().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    for (file, why) in [
        ("/dev/zero", "it is a device, not a file"),
        ("/dev/null", "it is empty"),
        ("/", "it is a folder"),
        (pipe.to_str().expect("a path"), "nobody writes to it"),
    ] {
        let run = bed.run(&format!("{LIST} --username backup --password-file {file}"));
        assert_eq!(run.code, 2, "{}", run.shown());
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
    let (run, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| std::fs::write(&pipe, format!("{PASSWORD}\n")));
        let run = bed.run(&format!(
            "{LIST} --username backup --password-file {}",
            pipe.display()
        ));
        (run, writer.join().expect("a writer"))
    });
    assert_eq!(secret(&run).code, 0, "{}", run.shown());
    written.expect("written");
}
