//! Clients that open connections and leave them idle.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Agent, BEARER, Bench, artifact, until};
use crate::wire;

/// The number of idle connections: more than twice the number of places.
const CROWD: usize = 300;

/// Beginnings of requests: clients send one of them and then nothing more.
const BEGINNINGS: [&str; 3] = [
    "",
    "POST /backup/export HTTP/1.1\r\nHost: agent\r\nX-Half",
    "GET /healthz HTTP/1.1\r\nHost: agent\r\n\r\n",
];

fn open(agent: &Agent, text: &str) -> TcpStream {
    let mut stream = wire::connect(agent.address);
    stream.write_all(text.as_bytes()).expect("it is sent");
    stream
}

fn crowd(agent: &Agent, text: &str) -> Vec<TcpStream> {
    (0..CROWD).map(|_| open(agent, text)).collect()
}

/// Reads until the agent ends the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset ends the connection as well.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_crowd_of_idle_clients_keeps_nobody_out() {
    for beginning in BEGINNINGS {
        let bench = Bench::new();
        bench.configure("type: database_dump\nconfig: {command: echo dump}");
        let agent = bench.start();
        let crowd = crowd(&agent, beginning);
        assert_eq!(agent.get("/healthz").status, 200, "{beginning}");
        assert_eq!(agent.get("/backup/capabilities").status, 200, "{beginning}");
        assert_eq!(artifact(&agent.export()), b"dump\n");
        let dropped = agent.metric("broker_agent_connections_dropped_total");
        assert!(
            dropped.parse::<usize>().is_ok_and(|count| count > 0),
            "{dropped}"
        );
        drop(crowd);
    }
}

#[test]
fn a_crowd_takes_no_place_from_an_export() {
    let bench = Bench::new();
    bench.configure(
        "type: database_dump\nconfig: {command: 'echo > begun; while [ ! -e go ]; do sleep 0.01; done; echo dump'}",
    );
    let agent = bench.start();
    let (runs, waits) = (agent.begin(), agent.begin());
    until("it runs", || bench.path("work/begun").exists());
    until("the other one waits", || {
        agent.metric("broker_agent_exports_waiting") == "1"
    });
    let crowds: Vec<_> = BEGINNINGS.iter().map(|text| crowd(&agent, text)).collect();
    bench.write("work/go", "");
    assert_eq!(artifact(&wire::read(runs)), b"dump\n");
    assert_eq!(artifact(&wire::read(waits)), b"dump\n");
    drop(crowds);
}

#[test]
fn a_request_and_the_time_between_two_have_a_deadline() {
    let bench = Bench::new();
    bench.configure_with(
        "type: database_dump\nconfig: {command: echo dump}",
        "limits: {request_seconds: 1}",
    );
    let agent = bench.start();
    for beginning in BEGINNINGS {
        let text = rest(open(&agent, beginning));
        assert_eq!(
            text.contains("200 OK"),
            beginning.ends_with("\r\n\r\n"),
            "{text}"
        );
    }
    let head = format!(
        "POST /backup/export HTTP/1.1\r\nHost: agent\r\n{BEARER}\r\nContent-Length: 10\r\n\r\nhalf"
    );
    let reply = wire::read(open(&agent, &head));
    assert_eq!(reply.status, 408);
    assert_eq!(reply.error(), "The body of the request took too long");
    assert_eq!(artifact(&agent.export()), b"dump\n");
}

#[test]
fn a_client_that_takes_next_to_nothing_does_not_hold_up_the_next_export() {
    let bench = Bench::new();
    bench.configure_with(
        "type: database_dump\nconfig: {command: head -c 67108864 /dev/zero}",
        "limits: {stall_seconds: 1}",
    );
    let agent = bench.start();
    let mut slow = agent.begin();
    let mut byte = [0];
    until("it is broken off", || {
        // The client reads a few bytes each time, so it is never idle.
        let _ = slow.read(&mut byte);
        agent.metric("broker_agent_exports_total{outcome=\"aborted\"}") == "1"
    });
    assert_eq!(artifact(&agent.export()).len(), 64 << 20);
}
