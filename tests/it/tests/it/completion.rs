//! The candidates of shell completion.

use std::path::Path;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::store::Place;
use crate::support::{Bed, Invocation, Run, programs};

/// The timeout for the cluster: other tests may slow down the machine.
const PATIENT: &str = "--request-timeout=2m";

fn program() -> Invocation {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders)
}

/// Runs the completion of a line whose last word is `word`, as kubectl does.
fn completed(program: &Invocation, line: &str, word: &str) -> Run {
    let words = line.split_whitespace().chain([word]);
    let arguments: Vec<_> = ["__complete", "--"].into_iter().chain(words).collect();
    let run = program.run_with(&arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line}");
    run
}

/// Returns the candidates without their descriptions.
fn candidates(run: &Run) -> Vec<&str> {
    let lines = run.stdout.lines().filter(|line| !line.starts_with(':'));
    lines
        .map(|line| line.split('\t').next().unwrap_or_default())
        .collect()
}

#[test]
fn ids_are_those_of_the_cluster_newest_first() {
    let bed = Bed::start();
    let line = format!("backup status --engine hivemq {PATIENT} --id");
    let run = completed(&bed.program(), &line, "");
    assert_snapshot!(run.stdout, @"
    20250906-114000	FAILED, 2025-09-06T11:40:00Z
    20250905-130215	COMPLETED, 21.0MiB, 2025-09-05T13:02:15Z
    20250826-020000	RESTORE_FAILED, 12.0MiB, 2025-08-26T02:00:00Z
    20250819-143025	COMPLETED, 48.0MiB, 2025-08-19T14:30:25Z
    20250812-020000	RESTORE_COMPLETED, 7.0MiB, 2025-08-12T02:00:00Z
    20250806-080853	COMPLETED, 1.1MiB, 2025-08-06T08:08:53Z
    :36
    ");
    let run = completed(&bed.program(), &line, "202508");
    let begin = candidates(&run);
    assert_eq!(begin.len(), 4, "{begin:?}");
    assert!(begin.iter().all(|id| id.starts_with("202508")), "{begin:?}");
}

#[test]
fn ids_are_of_the_engine_that_the_command_would_use() {
    let bed = Bed::start();
    let first = |line: &str| {
        let run = completed(&bed.program(), &format!("backup {line} {PATIENT} --id"), "");
        candidates(&run).first().map(|id| (*id).to_owned())
    };
    let hivemq = Some("20250906-114000".to_owned());
    let remote = Some("backup/20250905-130215.backup".to_owned());
    assert_eq!(first("status"), hivemq);
    assert_eq!(first("status -e sidecar"), remote);
    assert_eq!(first("restore"), hivemq);
    assert_eq!(first("restore --source remote"), remote);
    // `delete` removes from the pod's disk.
    assert_eq!(first("delete"), Some("20250905-130215".to_owned()));
    let run = completed(
        &bed.program(),
        &format!("backup restore {PATIENT} --version"),
        "",
    );
    assert_eq!(candidates(&run).first(), remote.as_deref().as_ref());
}

#[test]
fn ids_are_of_the_target_that_the_line_names() {
    let bed = Bed::start();
    let line = format!("backup status {PATIENT} -n nowhere --id");
    assert_eq!(completed(&bed.program(), &line, "").stdout, ":36\n");
}

#[test]
fn a_name_that_a_shell_would_carry_out_is_not_offered() {
    for engine in ["hivemq", "sidecar"] {
        let bed = Bed::with(&[&format!("{engine}-hostile-names")]);
        let line = format!("backup status -e {engine} {PATIENT} --id");
        let run = completed(&bed.program(), &line, "");
        assert!(candidates(&run).len() > 3, "{}", run.stdout);
        for id in candidates(&run) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,%".contains(c);
            assert!(id.chars().all(plain), "{id:?}");
        }
    }
}

#[test]
fn without_a_cluster_nothing_is_offered_and_nothing_is_said() {
    let unreachable = program().unreachable_cluster();
    for line in ["backup status --id", "backup restore --version"] {
        assert_eq!(completed(&unreachable, line, "").stdout, ":36\n");
    }
    // This completion has no kubeconfig at all.
    assert_eq!(
        completed(&program(), "backup status --id", "").stdout,
        ":36\n"
    );
    // The completion does not wait for a password.
    let line = "backup status --username u --password-stdin --id";
    assert_eq!(completed(&unreachable, line, "").stdout, ":36\n");
}

#[test]
fn an_api_server_that_never_answers_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("config");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\nusers: [{{name: u}}]\n"
    );
    std::fs::write(&kubeconfig, text).expect("a kubeconfig");
    let run = completed(&program().kubeconfig(&kubeconfig), "backup status --id", "");
    assert_eq!(run.stdout, ":36\n");
}

#[test]
fn contexts_are_those_of_the_kubeconfig_without_a_request() {
    let bed = Bed::start();
    let run = completed(&bed.program(), "backup list --context", "");
    assert_eq!(run.stdout, "testbed\ntestbed-default\n:36\n");
    assert_eq!(bed.requests().all().len(), 0);
    let run = completed(&program().unreachable_cluster(), "engines --context", "g");
    assert_eq!(run.stdout, "gone\n:36\n");
}

#[test]
fn engines_are_offered_with_what_they_are() {
    let run = completed(&program(), "backup list --engine", "");
    assert_snapshot!(run.stdout, @"
    auto	The preferred engine that responds
    aws	Backups of an RDS database and of the documents in a bucket, with a manifest
    backuprequest	Backups that a backup-controller makes from BackupRequest objects, and LiferayBackups
    hivemq	Backups of HiveMQ Enterprise through its management REST API
    kafka	Kafka backups that kafka-backup-operator makes from KafkaBackup objects
    operator	Backups that broker-operator makes in the cluster, by schedule and by hand
    sidecar	Backups that the broker-backup sidecar keeps in object storage
    strategy	Backups that an application's strategy sidecar makes and hands out when asked
    :36
    ");
}

/// Runs a script in bash, with the program in PATH.
fn in_bash(bed: &Bed, folder: &TempDir, script: &str) -> Run {
    let link = folder.path().join("kubectl-broker");
    std::os::unix::fs::symlink(&programs().kubectl_broker, link).expect("a link");
    Invocation::new(Path::new("/bin/bash"), &programs().folders)
        .path_with(folder.path())
        .kubeconfig(bed.kubeconfig())
        .run_with(&["-c", script])
}

#[test]
fn bash_completes_ids_and_files_by_its_script() {
    let bed = Bed::start();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.backup"), "").expect("a file");
    std::fs::write(folder.path().join("a b.backup"), "").expect("a file");
    let script = r#"
        source <(kubectl-broker completion bash)
        complete -p kubectl-broker >/dev/null || exit 1
        tab() {
            COMP_WORDS=(kubectl-broker "$@")
            COMP_CWORD=$#
            COMP_TYPE=9
            _kubectl_broker kubectl-broker "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null
            echo "${COMPREPLY[*]}"
        }
        tab backup --eng
        tab backup list --engine ""
        tab backup status --request-timeout 2m --engine hivemq --id 20250905
        cd "${PATH%%:*}"
        tab backup verify a
        KUBECONFIG=/nothing tab backup status --id ""
    "#;
    assert_snapshot!(in_bash(&bed, &folder, script).outcome(), @"
    stdout:
    --engine --engine-memory --engine-timeout
    auto aws backuprequest hivemq kafka operator sidecar strategy
    20250905-130215
    a.backup
    exit 0
    ");
}

#[test]
fn bash_completes_names_with_a_colon_and_values_behind_an_equals_sign() {
    let bed = Bed::start();
    let folder = tempfile::tempdir().expect("a folder");
    let contexts = "contexts:
        - {name: 'arn:aws:eks:eu-1:7:cluster/one', context: {cluster: c}}
        - {name: 'arn:aws:eks:eu-1:7:cluster/two', context: {cluster: c}}
        - {name: 'other:x', context: {cluster: c}}";
    std::fs::write(folder.path().join("contexts"), contexts).expect("a kubeconfig");
    // The script passes the line, and the words as bash splits them at its word breaks.
    let script = r#"
        source <(kubectl-broker completion bash)
        export KUBECONFIG="${PATH%%:*}/contexts"
        tab() {
            COMP_LINE=$1
            shift
            COMP_WORDS=(kubectl-broker "$@")
            COMP_CWORD=$#
            COMP_TYPE=9
            local word=${COMP_WORDS[COMP_CWORD]}
            [[ $word == [:=] ]] && word=''
            _kubectl_broker kubectl-broker "$word" 2>/dev/null
            echo "${COMPREPLY[*]}"
        }
        tab 'kubectl-broker engines --context ' engines --context ''
        tab 'kubectl-broker engines --context arn:aws:e' engines --context arn : aws : e
        tab 'kubectl-broker engines --context other:' engines --context other :
        tab 'kubectl-broker engines --context=arn:aws:eks:eu-1:7:cluster/t'             engines --context = arn : aws : eks : eu-1 : 7 : cluster/t
        tab 'kubectl-broker engines --context=' engines --context =
        tab 'kubectl-broker backup --engine=h' backup --engine = h
        # Without the colon among the word breaks.
        tab 'kubectl-broker engines --context other:' engines --context other:
        # What stands before is put together as well.
        tab 'kubectl-broker --context other:x backup --engine hi'             --context other : x backup --engine hi
    "#;
    assert_snapshot!(in_bash(&bed, &folder, script).outcome(), @"
    stdout:
    arn:aws:eks:eu-1:7:cluster/one arn:aws:eks:eu-1:7:cluster/two other:x
    eks:eu-1:7:cluster/one eks:eu-1:7:cluster/two
    x
    cluster/two
    arn:aws:eks:eu-1:7:cluster/one arn:aws:eks:eu-1:7:cluster/two other:x
    hivemq
    other:x
    hivemq
    exit 0
    ");
}

#[test]
fn kubectl_is_given_names_with_a_colon_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("config");
    let text = "contexts: [{name: 'arn:aws:eks/x', context: {cluster: c}}, {name: b, context: {cluster: c}}]";
    std::fs::write(&kubeconfig, text).expect("a kubeconfig");
    let program = program().kubeconfig(&kubeconfig);
    for (line, word) in [
        ("engines --context", "arn:a"),
        ("engines", "--context=arn:a"),
        ("engines --context", "arn:"),
    ] {
        let run = completed(&program, line, word);
        assert_eq!(run.stdout, "arn:aws:eks/x\n:36\n", "{line} {word}");
    }
}

#[test]
fn an_unknown_shell_gets_nothing() {
    let run = program()
        .env("KUBECTL_BROKER_COMPLETE", "tcsh")
        .run("-- kubectl-broker b");
    assert_eq!((run.code, run.outcome().as_str()), (0, "exit 0"));
}

/// Returns a place with the store `nightly` and copies in it.
fn with_store(ids: &[(&str, &str)]) -> Place<'static> {
    let place = Place::in_folder();
    place.backup_file("a.backup", b"backup");
    place.ok("store add nightly URL");
    for (id, month) in ids {
        let command = place.copying_to("nightly", "a.backup", "ID");
        let command = command.replace("2026-01", month);
        let words: Vec<_> = command
            .split_whitespace()
            .map(|word| if word == "ID" { id } else { word })
            .collect();
        let run = place.program().run_with(&words);
        assert_eq!(run.code, 0, "{}", run.shown());
    }
    place
}

#[test]
fn stores_are_those_of_the_configuration_without_a_request() {
    let place = with_store(&[]);
    for line in [
        "backup create --to",
        "backup download --to",
        "backup restore --from",
        "store ls",
        "store remove",
        "store copy",
        "store copy nightly",
    ] {
        let run = completed(&place.program(), line, "");
        assert_eq!(candidates(&run), ["nightly"], "{line}");
    }
    // A new name is not completed.
    let run = completed(&place.program(), "store add", "");
    assert!(!candidates(&run).contains(&"nightly"), "{}", run.stdout);
    assert_eq!(place.desk.bed.requests().all().len(), 0);
}

#[test]
fn copies_are_those_of_the_store_newest_first_and_each_candidate_means_one() {
    let place = with_store(&[
        ("one", "2026-03"),
        ("two", "2026-02"),
        ("twice", "2026-01"),
        ("twice", "2025-12"),
        ("a;b", "2025-11"),
        ("$(x)", "2025-10"),
    ]);
    let digest = &crate::support::sha256(b"backup")[..8];
    for line in [
        "store get nightly",
        "store verify nightly one",
        "store rm nightly",
        "store copy nightly nightly",
        "backup restore --from nightly",
    ] {
        let run = completed(&place.program(), line, "");
        let found = candidates(&run);
        assert_eq!(found[..2], ["one", "two"], "{line}");
        let rest = &found[2..];
        assert!(
            rest.iter()
                .all(|it| it.contains("/twice@") && it.contains(digest)),
            "{rest:?}"
        );
    }
    let run = completed(&place.program(), "store get nightly", "o");
    assert_eq!(
        run.stdout,
        "one\tmessaging/broker, 6B, 2026-03-02T03:04:05Z\n:36\n"
    );
    let run = completed(&place.program(), "store get nightly", "c/messaging/broker/");
    assert!(
        candidates(&run).iter().all(|it| it.contains('@')),
        "{}",
        run.stdout
    );
    for line in ["store get other", "store get file:///nowhere", "store get"] {
        let run = completed(&place.program(), line, "x");
        assert_eq!(candidates(&run), [""; 0], "{line}");
    }
}

#[test]
fn a_store_that_never_answers_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let place = Place::in_folder();
    let program = place
        .program()
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-west-1");
    let added = program.run(&format!(
        "store add dead s3://bucket/x --endpoint http://127.0.0.1:{port} --region eu-west-1 --no-test"
    ));
    assert_eq!(added.code, 0, "{}", added.shown());
    assert_eq!(completed(&program, "store get dead", "x").stdout, ":36\n");
}
