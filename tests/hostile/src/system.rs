//! The parts of the system that an engine can see, and the volume of its output.

use std::io::Read;
use std::net::TcpStream;
use std::time::SystemTime;

use broker_engine::{Backup, State, log};

fn found(what: &str, result: String) -> Backup {
    Backup::new(format!("{what}: {result}"), State::Unknown)
}

/// Returns one row for each resource that a sandbox must not offer.
pub fn look_around() -> Vec<Backup> {
    let error = |result: std::io::Result<()>| match result {
        Ok(()) => "it works".to_owned(),
        Err(error) => format!("no ({:?})", error.kind()),
    };
    vec![
        found("environment", std::env::vars_os().count().to_string()),
        found("arguments", std::env::args_os().count().to_string()),
        found("read", error(std::fs::read("/etc/passwd").map(drop))),
        found("write", error(std::fs::write("here", "x"))),
        found("folder", error(std::fs::read_dir("/").map(drop))),
        found(
            "socket",
            error(TcpStream::connect("127.0.0.1:80").map(drop)),
        ),
        found("name", error(TcpStream::connect("localhost:80").map(drop))),
        found(
            "stdin",
            format!("{:?} bytes", std::io::stdin().read(&mut [0]).ok()),
        ),
    ]
}

/// Returns the time in milliseconds since the Unix epoch.
pub fn what_time() -> Vec<Backup> {
    let since = SystemTime::UNIX_EPOCH
        .elapsed()
        .map(|time| time.as_millis());
    let id = since.map_or_else(|error| error.to_string(), |millis| millis.to_string());
    vec![Backup::new(id, State::Unknown)]
}

pub fn long_log() -> Vec<Backup> {
    log::warn(&format!(
        "a long story {}",
        "\u{1b}]0;x\u{7}".repeat(100_000)
    ));
    Vec::new()
}

pub fn warn_flood() -> Vec<Backup> {
    for n in 0..100_000 {
        log::warn(&format!("warning {n}"));
    }
    vec![Backup::new("still here", State::Succeeded)]
}

pub fn flood() -> Vec<Backup> {
    let line = "x".repeat(1000);
    for _ in 0..200 {
        println!("{line}");
        eprintln!("{line}");
    }
    vec![Backup::new("still here", State::Succeeded)]
}
