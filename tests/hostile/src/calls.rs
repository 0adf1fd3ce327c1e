//! Requests and commands that the manifest does not ask for.

use broker_engine::{Backup, Result, State, exec, http};

fn sent(request: http::Request) -> Result<Vec<Backup>> {
    let status = request.send()?.status();
    Ok(vec![Backup::new(
        format!("answered {status}"),
        State::Succeeded,
    )])
}

pub fn route() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/admin"))
}

pub fn endpoint() -> Result<Vec<Backup>> {
    sent(http::get("kubernetes", "/api/v1/secrets"))
}

pub fn method() -> Result<Vec<Backup>> {
    sent(http::post("api", "/v1/backup/list-remote"))
}

pub fn header() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").header("Authorization", "Bearer of bad news"))
}

/// A header of this name, and whatever it does to the request.
pub fn header_named(name: &str) -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").header(name, "/v1/admin"))
}

/// A query that many frameworks take for another method.
pub fn query() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").query("_method", "DELETE"))
}

/// Asks again and again for what it does not get, in many words.
pub fn denied_flood() -> Result<Vec<Backup>> {
    let long = "x".repeat(100_000);
    loop {
        let _ = http::get("api", &format!("/{long}")).send();
    }
}

/// Sends as much as it can.
pub fn send_flood() -> Result<Vec<Backup>> {
    loop {
        let text = "x".repeat((1 << 20) - 2);
        let _ = http::post("api", "/v1/restore").json(&text)?.send();
    }
}

/// A parameter that would lead out of its segment.
pub fn path() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/{name}").parameter("name", "../../metrics"))
}

fn ran(command: exec::Command) -> Result<Vec<Backup>> {
    let output = command.run()?;
    let said = output.text()?.replace('\n', " ");
    Ok(vec![Backup::new(format!("ran: {said}"), State::Succeeded)])
}

pub fn command() -> Result<Vec<Backup>> {
    ran(exec::command("rm").argument("folder", "/"))
}

/// An argument that a terminal or a log would take for more than it is.
pub fn argument() -> Result<Vec<Backup>> {
    ran(exec::command("look").argument("folder", "/opt\n\u{1b}[2J"))
}

/// An argument that would be an option.
pub fn option() -> Result<Vec<Backup>> {
    ran(exec::command("look").argument("folder", "-R"))
}

/// A pod that is there and not of the target.
pub fn pod(name: &str) -> Result<Vec<Backup>> {
    ran(exec::command("look")
        .argument("folder", "/opt")
        .in_pod(name))
}
