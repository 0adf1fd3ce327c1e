//! All that the command line says by itself.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one item for each error")]
fn what_the_command_line_says_by_itself() {
    let errors = [
        CliError::Output(io::ErrorKind::StorageFull.into()),
        CliError::Runtime(io::ErrorKind::WouldBlock.into()),
        CliError::Conflict {
            problem: text("`--a` and `--b` exclude each other"),
            choices: vec![text("leave out `--a`"), text("leave out `--b`")],
        },
        CliError::Which {
            flags: "`--id` or `--latest`",
        },
        CliError::WhichStore { known: Vec::new() },
        CliError::WhichStore {
            known: vec![text("nightly"), text("weekly")],
        },
        CliError::Unconfirmed {
            doing: text("deleting 7 from store nightly"),
        },
        CliError::NoHome,
        CliError::Password {
            from: text("standard input"),
            source: io::ErrorKind::InvalidData.into(),
        },
        CliError::TextFile {
            flag: text("manifest"),
            path: "a.yaml".into(),
            source: io::ErrorKind::NotFound.into(),
        },
        CliError::Audit {
            path: "audit.jsonl".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        },
        CliError::Line {
            problem: text("unexpected argument '--x' found"),
            usage: text("Usage: kubectl-broker store ls [OPTIONS] [STORE]"),
        },
        CliError::BadObject {
            object: text("backups.kubectl-broker.io/a"),
            reason: text("missing field `spec`"),
        },
        CliError::RunTimedOut {
            timeout: text("1h"),
        },
        CliError::RestoreUnknown,
        CliError::BadCopy {
            reference: text("a/b"),
            store: text("nightly"),
            problem: text("size: 5 bytes, not 7"),
        },
        CliError::BadCopies {
            store: text("nightly"),
            count: 2,
            first: text("a/b: size: 5 bytes, not 7"),
        },
        CliError::BadStore {
            store: text("nightly"),
            step: text("write"),
            problem: text("access denied"),
            failure: Failure::NotAllowed,
            hint: Some(text("Allow it")),
        },
        CliError::Said(Failure::Partial),
        CliError::Interrupted { next: None },
        CliError::Interrupted {
            next: Some(text("The backup goes on")),
        },
        CliError::Bug {
            message: text("index out of bounds"),
            place: text("src/a.rs:1"),
            during: text("backup list"),
            has_backtrace: false,
        },
        CliError::Bug {
            message: text("index out of bounds"),
            place: text("src/a.rs:1"),
            during: text("backup list"),
            has_backtrace: true,
        },
    ];
    let table = messages!(
        CliError {
            Output,
            Runtime,
            Conflict,
            Line,
            Which,
            WhichStore,
            Unconfirmed,
            NoHome,
            Password,
            TextFile,
            Audit,
            BadObject,
            RunTimedOut,
            RestoreUnknown,
            BadCopy,
            BadCopies,
            BadStore,
            Said,
            Interrupted,
            Bug,
        } passes on { Ops, Plugin, Authoring, Store },
        errors
    );
    assert_snapshot!(table, @"
    Output, exit 1
      the result can't be written: {source}
      hint: Check where stdout goes: is its disk full, or is it closed?
    Runtime, exit 1
      the process can't start its workers: operation would block
      hint: Check the limits of the system (`ulimit -a`)
    Conflict, exit 2
      `--a` and `--b` exclude each other. Please either:
      - leave out `--a`
      - leave out `--b`
    Which, exit 2
      which backup? Give `--id` or `--latest`
      hint: On a terminal there is a menu of backups
    WhichStore, exit 2
      which store? There is none
      hint: Add one with `kubectl broker store add NAME ADDRESS`, or give its address
    WhichStore, exit 2
      which store? The stores are nightly, weekly
      hint: Give the name of one of them
    Unconfirmed, exit 2
      nothing was done: deleting 7 from store nightly needs a confirmation
      hint: Confirm with `--yes`
    NoHome, exit 2
      this user has no home folder, so there is no place for the configuration
      hint: Set HOME
    Password, exit 2
      no password can be read from standard input: {source}
      hint: Check the file, or the input of the pipe
    TextFile, exit 2
      --manifest: a.yaml can't be read: {source}
      hint: Give a text file of at most 1 MiB, or `-` for standard input
    Audit, exit 1
      audit.jsonl can't be written: {source}
      hint: Give `--audit` a writable file
    Line, exit 2
      unexpected argument '--x' found
      hint: Usage: kubectl-broker store ls [OPTIONS] [STORE]
    BadObject, exit 2
      backups.kubectl-broker.io/a is no object that this version understands: missing field `spec`
      hint: Install the definitions of this version: kubectl apply -f deploy/operator/crds.yaml
    RunTimedOut, exit 124
      the attempt took longer than spec.timeout (1h)
      hint: Raise spec.timeout; the next attempt goes on with what the backend does
    RestoreUnknown, exit 11
      an earlier attempt sent the restore, and did not learn whether it began; it is never sent twice
      hint: Look at the target; if nothing was restored, create another Restore
    BadCopy, exit 13
      copy a/b in store nightly is not good: size: 5 bytes, not 7
      hint: Keep the copy for a look, and make another backup; see it with `kubectl broker store verify backupstore/nightly a/b`
    BadCopies, exit 13
      2 copies in store nightly are not good. The first: a/b: size: 5 bytes, not 7
      hint: See all with `kubectl broker store ls backupstore/nightly --all`
    BadStore, exit 12
      the test of store nightly failed at step write: access denied
      hint: Allow it
    Said, exit 3
      the result was shown
    Interrupted, exit 130
      stopped
    Interrupted, exit 130
      stopped
      hint: The backup goes on
    Bug, exit 1
      this is a bug of kubectl-broker 0.1.0: `backup list` crashed at src/a.rs:1: index out of bounds
      hint: Report it with this text and the command (in the issues of kubectl-broker). Run the same command with `RUST_BACKTRACE=1` before it, and add the backtrace
    Bug, exit 1
      this is a bug of kubectl-broker 0.1.0: `backup list` crashed at src/a.rs:1: index out of bounds
      hint: Report it with this text and the command (in the issues of kubectl-broker)
    ");
}
