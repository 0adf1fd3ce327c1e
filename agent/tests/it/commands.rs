use std::fs;

use crate::support::{Bench, artifact, until};

#[test]
fn commands_run_in_order_with_the_helper_variables() {
    let bench = Bench::new()
        .env("INHERITED", "from outside")
        .env("SECRET_VALUE", "a \"b\" 'c' $(d)");
    bench.configure(
        "type: custom
artifact: {filename: out.txt}
config:
  pre: [pwd > trace, 'echo pre >> trace']
  commands:
    - echo main >> trace
    - cat trace > \"$SIDE_CAR_TEMP_DUMP\"
    - printf '%s|' \"$SIDE_CAR_STRATEGY\" \"$SIDE_CAR_WORKDIR\" \"$SIDE_CAR_ARTIFACTS_DIR\" \"${SIDE_CAR_TEMP_DUMP}\" \"$INHERITED\" \"$GIVEN\" >> $SIDE_CAR_TEMP_DUMP
  post: echo post >> $SIDE_CAR_TEMP_DUMP
  env: {GIVEN: '${SECRET_VALUE}', SIDE_CAR_STRATEGY: mine}",
    );
    let root = bench.path("").display().to_string();
    let root = root.trim_end_matches('/');
    let text = String::from_utf8(artifact(&bench.start().export()).to_vec()).expect("text");
    assert_eq!(
        text,
        format!(
            "{root}/work\npre\nmain\nmine|{root}/work|{root}/artifacts|{root}/temp/dump|from outside|a \"b\" 'c' $(d)|post\n"
        )
    );
}

#[test]
fn a_command_in_words_needs_no_shell() {
    let bench = Bench::new();
    bench
        .configure("type: database_dump\nconfig: {command: [[printf, '%s|%s', '$HOME; id', '*']]}");
    assert_eq!(artifact(&bench.start().export()), b"$HOME; id|*");
}

#[test]
fn the_shell_can_be_another_one() {
    let bench = Bench::new();
    // With `-e` a command that fails in front of a pipe fails as a whole.
    bench.configure(
        "type: database_dump\nconfig: {command: 'false | cat; echo $?', shell: [/bin/sh, -e, -c]}",
    );
    assert_eq!(artifact(&bench.start().export()), b"0\n");
    bench.configure(
        "type: database_dump\nconfig: {command: 'false; echo x', shell: [/bin/sh, -e, -c]}",
    );
    assert_eq!(bench.start().export().status, 500);
}

#[test]
fn binary_output_of_any_size_arrives_as_it_was() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..1_000_003_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    bench.write("work/source", &bytes);
    bench.configure("type: database_dump\nconfig: {command: cat source}");
    assert_eq!(artifact(&bench.start().export()), bytes);
}

#[test]
fn a_failure_is_an_error_in_json_with_what_the_command_said() {
    let bench = Bench::new();
    bench.configure(
        "type: database_dump
config:
  command: |
    echo half a dump
    echo it went wrong >&2
    exit 3
  post: touch post-was-run",
    );
    let agent = bench.start();
    let reply = agent.export();
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.error(),
        "Command failed with exit code 3: echo half a dump\necho it went wrong >&2\nexit 3\nit went wrong"
    );
    assert!(!bench.path("work/post-was-run").exists());
    until("the failure is counted", || {
        agent.metric("broker_agent_exports_total{outcome=\"failed\"}") == "1"
    });
    assert!(bench.is_clean());
    until("the failure is in the log", || {
        agent
            .log()
            .contains(" ERROR export 1: Command failed with exit code 3")
    });
}

#[test]
fn secrets_are_neither_in_errors_nor_in_the_log() {
    let bench = Bench::new()
        .env("DATABASE_URL", "postgresql://app:p%40ssw0rd@db/app")
        .env("DATABASE_PASSWORD", "hunter2hunter2");
    bench.configure(
        "type: database_dump
config:
  command: 'echo \"${DATABASE_URL} $PGPASSWORD p@ssw0rd a-token-of-a-test\" >&2; exit 1'
  env: {PGPASSWORD: '${DATABASE_PASSWORD}'}",
    );
    let agent = bench.start();
    let error = agent.export().error();
    assert!(error.contains("postgresql://app:***@db/app"), "{error}");
    for secret in [
        "p%40ssw0rd",
        "p@ssw0rd",
        "hunter2hunter2",
        "a-token-of-a-test",
    ] {
        assert!(!error.contains(secret), "{error}");
        assert!(!agent.log().contains(secret), "{}", agent.log());
    }
}

#[test]
fn a_strategy_that_leaves_nothing_or_nothing_in_it_has_failed() {
    let bench = Bench::new();
    bench.configure("type: custom\nconfig: {command: 'true'}");
    let expected = format!(
        "Strategy did not generate expected artifact at {}",
        bench.path("temp/dump").display()
    );
    assert_eq!(bench.start().export().error(), expected);
    bench.configure("type: database_dump\nconfig: {command: 'true'}");
    assert_eq!(bench.start().export().error(), "The artifact is empty");
    bench.configure("type: custom\nconfig: {command: 'ln -s /etc/passwd $SIDE_CAR_TEMP_DUMP'}");
    let error = bench.start().export().error();
    assert!(error.ends_with("is not a regular file"), "{error}");
}

#[test]
fn no_export_takes_more_disk_than_it_may() {
    let bench = Bench::new();
    let limit = "limits: {artifact_size: 1MiB, kill_seconds: 0}";
    for strategy in [
        "type: database_dump\nconfig: {command: yes}",
        "type: custom\nconfig: {command: 'yes > $SIDE_CAR_TEMP_DUMP'}",
        "type: custom\nconfig: {command: 'head -c 1048577 /dev/zero > $SIDE_CAR_TEMP_DUMP'}",
        "type: file_archive\nconfig: {paths: [big]}",
    ] {
        bench.write("work/big", vec![0; 2 << 20]);
        bench.configure_with(strategy, limit);
        let agent = bench.start();
        let reply = agent.export();
        assert_eq!(reply.status, 500);
        assert!(
            reply.error().contains("limits.artifact_size"),
            "{}",
            reply.error()
        );
        until("the disk is clean again", || bench.is_clean());
    }
}

#[test]
fn what_a_command_leaves_running_does_not_outlive_it() {
    let bench = Bench::new();
    bench.configure(
        "type: database_dump\nconfig: {command: 'sleep 1000 & echo $! > background; echo dump'}",
    );
    let agent = bench.start();
    assert_eq!(artifact(&agent.export()), b"dump\n");
    let id = fs::read_to_string(bench.path("work/background")).expect("it was written");
    assert!(!fs::exists(format!("/proc/{}", id.trim())).expect("it can be looked at"));
}
