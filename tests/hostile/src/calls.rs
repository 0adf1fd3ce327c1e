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

/// Sends a header of this name, whatever its effect on the request is.
pub fn header_named(name: &str) -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").header(name, "/v1/admin"))
}

/// Passes an error of the backend on without a word.
pub fn unexplained() -> Result<Vec<Backup>> {
    let answer = http::get("api", "/v1/backup/list-remote").send()?;
    answer.expect_ok()?;
    Ok(Vec::new())
}

/// Sends a query that many frameworks read as another method.
pub fn query() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").query("_method", "DELETE"))
}

/// Repeats a denied call with very long texts.
pub fn denied_flood() -> Result<Vec<Backup>> {
    let long = "x".repeat(100_000);
    loop {
        let _ = http::get("api", &format!("/{long}")).send();
    }
}

/// Sends as many requests as possible.
pub fn send_flood() -> Result<Vec<Backup>> {
    loop {
        let text = "x".repeat((1 << 20) - 2);
        let _ = http::post("api", "/v1/restore").json(&text)?.send();
    }
}

/// Sends more requests at once than allowed.
pub fn batch_of_many() -> Result<Vec<Backup>> {
    let requests = (0..100_000).map(|_| http::get("api", "/v1/backup/list-remote"));
    http::send_all(requests, 1000).map(|_| Vec::new())
}

/// Sends as many requests at once as allowed.
pub fn batch() -> Result<Vec<Backup>> {
    let requests = (0..1000).map(|_| http::get("api", "/v1/backup/list-remote"));
    let answers = http::send_all(requests, 1000)?;
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    Ok(vec![Backup::new(
        format!("{answered} answers"),
        State::Succeeded,
    )])
}

/// Sends batches without end. None of their requests is granted.
pub fn batch_flood() -> Result<Vec<Backup>> {
    loop {
        let requests = (0..1000).map(|_| http::get("api", "/v1/admin"));
        let _ = http::send_all(requests, 1000);
    }
}

/// Asks a pod by name, although the manifest does not say `replicas`.
pub fn denied_pod() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").in_pod("broker-1"))
}

/// Asks for the names of the pods, although the manifest does not say `replicas`.
pub fn denied_pods() -> Result<Vec<Backup>> {
    http::pods("api").map(|_| Vec::new())
}

/// Sends a parameter that would leave its path segment.
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

/// Passes an argument that contains control characters and a line break.
pub fn argument() -> Result<Vec<Backup>> {
    ran(exec::command("look").argument("folder", "/opt\n\u{1b}[2J"))
}

/// Passes an argument that would be an option.
pub fn option() -> Result<Vec<Backup>> {
    ran(exec::command("look").argument("folder", "-R"))
}

/// Runs a command in an existing pod that does not belong to the target.
pub fn pod(name: &str) -> Result<Vec<Backup>> {
    ran(exec::command("look")
        .argument("folder", "/opt")
        .in_pod(name))
}
