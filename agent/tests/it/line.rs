//! One export at a time, and clients that disconnect.

use std::fs;
use std::io::Read as _;

use crate::support::{Agent, Bench, artifact, until};
use crate::wire;

/// A command that records that it has started and waits until the file `go` exists.
const WAITS: &str = "echo >> begun; while [ ! -e go ]; do sleep 0.01; done; echo dump";

fn begun(bench: &Bench) -> usize {
    fs::read(bench.path("work/begun")).map_or(0, |bytes| bytes.len())
}

fn waiting(agent: &Agent, count: &str) {
    until("they wait", || {
        agent.metric("broker_agent_exports_waiting") == count
    });
}

#[test]
fn two_exports_at_once_run_one_behind_the_other() {
    let bench = Bench::new();
    // The command fails if another one runs at the same time.
    bench.configure(&format!(
        "type: database_dump\nconfig: {{pre: mkdir only-me, command: '{WAITS}', post: rmdir only-me}}"
    ));
    let agent = bench.start();
    let streams = [agent.begin(), agent.begin(), agent.begin()];
    until("the first one runs", || begun(&bench) == 1);
    waiting(&agent, "2");
    assert_eq!(agent.metric("broker_agent_exports_running"), "1");
    bench.write("work/go", "");
    for stream in streams {
        assert_eq!(artifact(&wire::read(stream)), b"dump\n");
    }
    assert_eq!(begun(&bench), 3);
}

#[test]
fn a_line_that_is_full_says_when_to_come_back() {
    let bench = Bench::new();
    bench.configure_with(
        &format!("type: database_dump\nconfig: {{command: '{WAITS}'}}"),
        "limits: {waiting: 1}",
    );
    let agent = bench.start();
    let first = agent.begin();
    until("the first one runs", || begun(&bench) == 1);
    let second = agent.begin();
    waiting(&agent, "1");
    let third = agent.export();
    assert_eq!(
        (third.status, third.header("retry-after")),
        (503, Some("60"))
    );
    assert_eq!(third.error(), "Too many exports wait already");
    assert_eq!(
        agent.metric("broker_agent_exports_total{outcome=\"refused\"}"),
        "1"
    );
    bench.write("work/go", "");
    for stream in [first, second] {
        artifact(&wire::read(stream));
    }
}

#[test]
fn a_client_that_goes_away_ends_the_command_and_all_that_it_started() {
    for stream in [false, true] {
        let bench = Bench::new();
        bench.configure(&format!(
            "type: database_dump
config:
  command: 'sleep 1000 & echo $! > child; sleep 1000 | cat > /dev/null'
  stream: {stream}"
        ));
        let agent = bench.start();
        let client = agent.begin();
        let mut id = String::new();
        until("the command runs", || {
            id = fs::read_to_string(bench.path("work/child")).unwrap_or_default();
            id.ends_with('\n')
        });
        drop(client);
        until("the abort is counted", || {
            agent.metric("broker_agent_exports_total{outcome=\"aborted\"}") == "1"
        });
        assert!(!fs::exists(format!("/proc/{}", id.trim())).expect("it can be looked at"));
        assert!(bench.is_clean());
        assert_eq!(agent.metric("broker_agent_exports_running"), "0");
    }
}

#[test]
fn a_client_that_goes_away_while_it_waits_leaves_the_line() {
    let bench = Bench::new();
    bench.configure(&format!(
        "type: database_dump\nconfig: {{command: '{WAITS}'}}"
    ));
    let agent = bench.start();
    let first = agent.begin();
    until("the first one runs", || begun(&bench) == 1);
    let second = agent.begin();
    waiting(&agent, "1");
    drop(second);
    waiting(&agent, "0");
    bench.write("work/go", "");
    artifact(&wire::read(first));
    assert_eq!(begun(&bench), 1);
}

#[test]
fn a_client_that_goes_away_in_the_middle_leaves_nothing_on_disk() {
    let bench = Bench::new();
    bench.configure("type: database_dump\nconfig: {command: 'head -c 50000000 /dev/zero'}");
    let agent = bench.start();
    let mut client = agent.begin();
    client.read_exact(&mut [0; 1000]).expect("some of it");
    assert!(!bench.is_clean());
    drop(client);
    until("the disk is clean", || bench.is_clean());
    until("the abort is counted", || {
        agent.metric("broker_agent_exports_total{outcome=\"aborted\"}") == "1"
    });
    assert_eq!(artifact(&agent.export()).len(), 50_000_000);
}
