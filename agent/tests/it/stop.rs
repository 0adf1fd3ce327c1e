use std::fs;

use rustix::process::Signal;

use crate::support::{Agent, Bench, artifact, until};
use crate::wire;

const WAITS: &str = "touch begun; while [ ! -e go ]; do sleep 0.01; done; echo dump";

fn running(more: &str) -> (Bench, Agent) {
    let bench = Bench::new();
    bench.configure_with(
        &format!("type: database_dump\nconfig: {{command: '{WAITS}'}}"),
        more,
    );
    let agent = bench.start();
    (bench, agent)
}

#[test]
fn an_idle_agent_stops_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_bench, mut agent) = running("");
        agent.signal(signal);
        assert_eq!(agent.wait().code(), Some(0));
        until("it says so", || agent.log().ends_with("INFO  stopped\n"));
    }
}

#[test]
fn times_that_no_clock_can_be_moved_by_are_as_good_as_none() {
    let most = u64::MAX;
    let (bench, mut agent) = running(&format!(
        "limits: {{grace_seconds: {most}, kill_seconds: {most}, stall_seconds: {most}, command_seconds: {most}}}"
    ));
    let client = agent.begin();
    until("it runs", || bench.path("work/begun").exists());
    agent.signal(Signal::TERM);
    bench.write("work/go", "");
    assert_eq!(artifact(&wire::read(client)), b"dump\n");
    assert_eq!(agent.wait().code(), Some(0));
    assert!(
        !agent.log().contains("without a stall timeout"),
        "{}",
        agent.log()
    );
}

#[test]
fn a_running_export_ends_within_the_time_of_grace() {
    let (bench, mut agent) = running("limits: {grace_seconds: 3600}");
    let client = agent.begin();
    until("it runs", || bench.path("work/begun").exists());
    agent.signal(Signal::TERM);
    until("it stops", || {
        agent.log().contains("no request is accepted any more")
    });
    until("no connection is accepted", || {
        std::net::TcpStream::connect(agent.address).is_err()
    });
    bench.write("work/go", "");
    assert_eq!(artifact(&wire::read(client)), b"dump\n");
    assert_eq!(agent.wait().code(), Some(0));
    assert!(bench.is_clean());
}

#[test]
fn behind_the_time_of_grace_an_export_is_broken_off() {
    let (bench, mut agent) = running("limits: {grace_seconds: 0}");
    let client = agent.begin();
    until("it runs", || bench.path("work/begun").exists());
    agent.signal(Signal::TERM);
    assert_eq!(agent.wait().code(), Some(1));
    assert!(bench.is_clean());
    drop(client);
}

#[test]
fn a_second_signal_ends_the_time_of_grace() {
    let (bench, mut agent) = running("limits: {grace_seconds: 3600}");
    let _client = agent.begin();
    until("it runs", || bench.path("work/begun").exists());
    agent.signal(Signal::TERM);
    until("it stops", || {
        agent.log().contains("no request is accepted any more")
    });
    agent.signal(Signal::TERM);
    assert_eq!(agent.wait().code(), Some(1));
}

#[test]
fn what_a_crash_left_is_removed_at_the_next_start() {
    let (bench, mut agent) = running("");
    let _client = agent.begin();
    until("it runs", || bench.path("work/begun").exists());
    agent.signal(Signal::KILL);
    agent.wait();
    assert!(!bench.is_clean());
    // The command was not told to end, so the test lets it end.
    bench.write("work/go", "");
    bench.write("artifacts/backup.dat", "an older artifact");
    bench.write("artifacts/mine", "of somebody else");
    let agent = bench.start();
    until("it is said", || {
        agent.log().contains("was left by an interrupted export")
    });
    assert!(!bench.path("temp/dump").exists() && !bench.path("artifacts/backup.dat").exists());
    assert_eq!(
        fs::read(bench.path("artifacts/mine")).expect("it is there"),
        b"of somebody else"
    );
}

#[test]
fn half_a_request_does_not_use_up_the_time_of_grace() {
    let (_bench, mut agent) = running("limits: {grace_seconds: 3600, request_seconds: 3600}");
    let mut half = wire::connect(agent.address);
    std::io::Write::write_all(&mut half, b"GET /healthz HTTP/1.1\r\n").expect("it is sent");
    // Connections are accepted in order, so this one shows that the earlier one was accepted.
    assert_eq!(agent.get("/healthz").status, 200);
    agent.signal(Signal::TERM);
    assert_eq!(agent.wait().code(), Some(0));
}
