//! Invalid command lines: exit code 2, before any request to the cluster.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

fn refused(arguments: &str) -> Run {
    let bed = Bed::start();
    let run = bed.run(arguments);
    assert_eq!(bed.requests().count("*", ""), 0);
    assert_eq!(run.code, 2, "{}", run.stderr);
    run
}

#[test]
fn an_engine_with_a_typing_error_gets_the_near_name() {
    assert_snapshot!(refused("backup list --engine sidcar").outcome(), @"
    Usage: `sidcar`
    hint: `--engine sidecar`
    exit 2
    ");
}

#[test]
fn an_engine_that_is_unlike_any_gets_the_list() {
    assert_snapshot!(refused("backup list --engine velero").outcome(), @"
    Usage: `velero`
    hint:
    exit 2
    ");
}

#[test]
fn a_format_that_is_not_supported_gets_the_list_of_those_that_are() {
    assert_snapshot!(refused("backup list -o jsonpath={.items}").outcome(), @"
    Usage: '--output <FORMAT>' 'jsonpath={.items}'
      [possible values: table, wide, json, yaml, name]
      'json'
    exit 2
    ");
}

#[test]
fn a_limit_is_a_number_above_zero() {
    assert_snapshot!(refused("backup list --limit 0").outcome(), @"
    Usage: '--limit <COUNT>' '0' 0 1..=4294967295
    exit 2
    ");
    assert_snapshot!(refused("backup list --limit many").outcome(), @"
    Usage: '--limit <COUNT>' 'many'
    exit 2
    ");
    assert_snapshot!(refused("backup list --limit -3").outcome(), @"
    Usage: '-3'
    exit 2
    ");
}

#[test]
fn a_port_is_a_number_from_1_to_65535() {
    assert_snapshot!(refused("backup list --engine sidecar --sidecar-port 0").outcome(), @"
    Usage: '--sidecar-port <PORT>' '0' 0 1..=65535
    exit 2
    ");
    assert_snapshot!(refused("backup list --engine sidecar --sidecar-port 65536").outcome(), @"
    Usage: '--sidecar-port <PORT>' '65536' 1..=65535 65536
    exit 2
    ");
    assert_snapshot!(refused("backup list --engine sidecar --sidecar-port http").outcome(), @"
    Usage: '--sidecar-port <PORT>' 'http'
    exit 2
    ");
}

#[test]
fn a_timeout_is_a_time() {
    assert_snapshot!(refused("backup list --request-timeout soon").outcome(), @"
    Usage: '--request-timeout <TIME>' 'soon' 1m30s 2 30
    exit 2
    ");
}

#[test]
fn a_command_with_a_typing_error_gets_the_near_name() {
    assert_snapshot!(refused("backup lst").outcome(), @"
    Usage: 'lst'
      'list' 'test'
    exit 2
    ");
    assert_snapshot!(refused("bakcup list").outcome(), @"
    Usage: 'bakcup'
      'backup'
    exit 2
    ");
}

#[test]
fn status_needs_to_know_which_backup() {
    assert_snapshot!(refused("backup status").outcome(), @"
    Usage: --id --latest
    hint:
    exit 2
    ");
    assert_snapshot!(refused("backup status --id x --latest").outcome(), @"
    Usage: '--id <ID>' '--latest'
    exit 2
    ");
}

#[test]
fn names_that_kubernetes_could_not_have_are_not_asked_for() {
    assert_snapshot!(refused("backup list -n ../../kube-system").outcome(), @"
    Usage: `../../kube-system`
    hint:
    exit 2
    ");
    assert_snapshot!(refused("backup list --pod a/portforward").outcome(), @"
    Usage: `a/portforward`
    hint:
    exit 2
    ");
    assert_snapshot!(refused("backup list --statefulset Broker?x=1").outcome(), @"
    Usage: `Broker?x=1`
    hint:
    exit 2
    ");
}

#[test]
fn a_time_that_no_clock_can_be_moved_by_is_refused_before_anything_is_begun() {
    for command in [
        "backup create --timeout",
        "backup restore --latest --yes --timeout",
        "backup download --latest --timeout",
        "backup status --latest --watch --timeout",
        "backup list --request-timeout",
        "engines --request-timeout",
    ] {
        for time in [
            "18446744073709551615",
            "99999999999999999999",
            "9223372036854775807s",
        ] {
            let run = refused(&format!("{command} {time}"));
            assert!(
                run.stderr.contains("longer than a hundred years"),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn the_longest_time_is_as_good_as_none() {
    let bed = Bed::start();
    let run = bed.run("backup create -o name --timeout 876000h --request-timeout 876000h");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = bed.run("backup restore --latest --yes -o name --timeout 876000h");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let folder = tempfile::tempdir().expect("a folder");
    let program = bed.program().in_folder(folder.path());
    let run = program.run("backup download --latest --timeout 876000h");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn an_empty_value_of_a_flag_of_kubectl_is_none() {
    let bed = Bed::start();
    let usual = bed.run("backup list --engine hivemq -o name");
    for flags in [
        &["--context="][..],
        &["--context", ""],
        &["-n", ""],
        &["--namespace="],
        &["--kubeconfig="],
        &["--cluster=", "--user="],
        &["--as=", "--as-group="],
        &["--tls-server-name=", "--request-timeout="],
    ] {
        let arguments = [
            &["backup", "list", "--engine", "hivemq", "-o", "name"],
            flags,
        ]
        .concat();
        let run = bed.program().run_with(&arguments);
        assert_eq!(
            (run.code, &run.stdout),
            (0, &usual.stdout),
            "{flags:?}: {}",
            run.stderr
        );
    }
}

#[test]
fn an_empty_value_of_a_flag_of_ours_is_refused() {
    let bed = Bed::start();
    for (arguments, argument) in [
        (&["backup", "list", "--engine="][..], "--engine <NAME>"),
        (&["backup", "-e", "", "list"], "--engine <NAME>"),
        (&["backup", "status", "--id="], "--id <ID>"),
        (&["backup", "delete", "--yes", "--id", ""], "--id <ID>"),
        (
            &["backup", "restore", "--yes", "--version="],
            "--version <KEY>",
        ),
        (&["backup", "restore", "--yes", "--file="], "--file <FILE>"),
        (
            &["backup", "list", "--statefulset="],
            "--statefulset <NAME>",
        ),
        (&["backup", "list", "--pod="], "--pod <NAME>"),
        (&["backup", "list", "--username="], "--username <NAME>"),
        (
            &["backup", "list", "--credentials-secret="],
            "--credentials-secret <NAME>",
        ),
        (
            &["backup", "download", "--latest", "--output-dir="],
            "--output-dir <FOLDER>",
        ),
        (
            &["backup", "download", "--latest", "--output-file", ""],
            "--output-file <FILE>",
        ),
        (&["backup", "verify", ""], "[FILE]"),
        (&["plugin", "install", ""], "<"),
    ] {
        let run = bed.program().run_with(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(argument) && run.stderr.contains("value is required"),
            "{arguments:?}: {}",
            run.stderr
        );
    }
    assert_eq!(bed.requests().count("*", ""), 0);
}
