//! Converts the entries of a file to the exchanges and commands of a script.

use base64::Engine as _;
use broker_manifest::{Manifest, Route};
use host_engine::Ended;

use super::author::{fault, to_json};
use super::file::{AnswerEntry, BodyEntry, CommandEntry, ExchangeEntry, PartEntry};
use super::script::{Body, Command, Exchange, Part};
use crate::stage::{Ending, Reply};

/// Converts one exchange.
///
/// # Errors
/// When the manifest does not allow the request, so that it could never be sent.
pub(super) fn exchange(
    number: usize,
    entry: &ExchangeEntry,
    manifest: &Manifest,
) -> Result<Exchange, String> {
    let here = |problem: String| format!("exchange {number}: {problem}");
    let route: Route = entry.request.parse().map_err(|error| {
        let error: broker_manifest::RouteError = error;
        here(error.to_string())
    })?;
    let endpoint = match &entry.endpoint {
        Some(name) => name.clone(),
        None => only_endpoint(manifest, &route).map_err(here)?,
    };
    let known = manifest.endpoints.get(&endpoint);
    let known = known.ok_or_else(|| here(format!("the manifest has no endpoint `{endpoint}`")))?;
    if !known.allow.contains(&route) {
        return Err(here(format!(
            "the manifest does not allow `{route}` on endpoint `{endpoint}`"
        )));
    }
    let parameters: Vec<_> = entry.parameters.clone().into_iter().collect();
    let path = known.fill(&route, &parameters);
    Ok(Exchange {
        number,
        request: route.to_string(),
        endpoint,
        pod: entry.pod.clone(),
        method: route.method().name(),
        path: path.map_err(|error| here(error.to_string()))?,
        query: entry.query.clone(),
        headers: entry.headers.clone(),
        body: body(entry.body.as_ref()).map_err(here)?,
        answer: answer(&entry.answer).map_err(here)?,
    })
}

/// Returns the only endpoint that allows a request.
fn only_endpoint(manifest: &Manifest, route: &Route) -> Result<String, String> {
    let endpoints = manifest.endpoints.iter();
    let mut able = endpoints.filter(|(_, endpoint)| endpoint.allow.contains(route));
    match (able.next(), able.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        (None, _) => Err(format!("the manifest does not allow `{route}`")),
        (Some((one, _)), Some((other, _))) => Err(format!(
            "the endpoints `{one}` and `{other}` allow `{route}`; name one"
        )),
    }
}

fn body(entry: Option<&BodyEntry>) -> Result<Body, String> {
    let Some(entry) = entry else {
        return Ok(Body::Nothing);
    };
    let BodyEntry {
        json,
        text,
        base64,
        file,
        form,
    } = entry;
    match (json, text, base64, file, form) {
        (Some(json), None, None, None, None) => Ok(Body::Json(to_json(json))),
        (None, None, None, Some(name), None) => Ok(Body::File(name.clone())),
        (None, None, None, None, Some(parts)) => {
            let parts = parts.iter().map(part).collect::<Result<_, _>>();
            parts.map(Body::Form)
        }
        (None, text, base64, None, None) if text.is_some() != base64.is_some() => {
            bytes(text.as_deref(), base64.as_deref()).map(Body::Bytes)
        }
        _ => Err("`body` has one of `json`, `text`, `base64`, `file` and `form`".to_owned()),
    }
}

fn part(entry: &PartEntry) -> Result<Part, String> {
    let name = entry.name.clone();
    match (&entry.text, &entry.file) {
        (Some(text), None) => Ok(Part::Text(name, text.clone())),
        (None, Some(file)) => Ok(Part::File(name, file.clone())),
        _ => Err(format!(
            "part `{name}` of `form` has one of `text` and `file`"
        )),
    }
}

fn answer(entry: &AnswerEntry) -> Result<Reply, String> {
    let bodies = [
        entry.json.is_some(),
        entry.text.is_some(),
        entry.base64.is_some(),
    ];
    let bodies = bodies.into_iter().filter(|is_given| *is_given).count();
    if let Some(what) = entry.fault {
        let is_alone = bodies == 0
            && entry.status.is_none()
            && entry.cut_after.is_none()
            && entry.headers.is_empty();
        return if is_alone {
            Ok(Reply::Fault(fault(what)))
        } else {
            Err("an `answer` with a `fault` has nothing else".to_owned())
        };
    }
    if bodies > 1 {
        return Err("`answer` has one of `json`, `text` and `base64`".to_owned());
    }
    let status = entry.status.unwrap_or(200);
    if !(200..=599).contains(&status) {
        return Err(format!("{status} is not an HTTP status"));
    }
    let mut headers = entry.headers.clone();
    let mut body = match &entry.json {
        Some(json) => {
            let is_named = headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("content-type"));
            if !is_named {
                headers.insert("content-type".to_owned(), "application/json".to_owned());
            }
            to_json(json).to_string().into_bytes()
        }
        None => bytes(entry.text.as_deref(), entry.base64.as_deref())?,
    };
    let ending = match entry.cut_after {
        None => Ending::Whole,
        Some(length) if length < body.len() => {
            body.truncate(length);
            Ending::Lost
        }
        Some(_) => return Err("`cut-after` is not less than the length of the body".to_owned()),
    };
    Ok(Reply::Answer {
        status,
        headers: headers.into_iter().collect(),
        body: body.into(),
        ending,
    })
}

/// Converts one command.
///
/// # Errors
/// When the manifest does not allow the command, so that it could never run.
pub(super) fn command(
    number: usize,
    entry: &CommandEntry,
    manifest: &Manifest,
    pods: &[String],
) -> Result<Command, String> {
    let here = |problem: String| format!("command {number}: {problem}");
    let name = &entry.name;
    let known = manifest.exec.get(name);
    let known = known.ok_or_else(|| here(format!("the manifest has no command `{name}`")))?;
    let arguments: Vec<_> = entry.arguments.clone().into_iter().collect();
    let argv = known.fill(&arguments);
    let argv = argv.map_err(|error| here(error.to_string()))?;
    let pod = entry.pod.as_ref().or_else(|| pods.first());
    let pod = pod.filter(|pod| pods.contains(pod));
    let pod = pod.ok_or_else(|| here("its pod is not among `pods`".to_owned()))?;
    let ended = Ended {
        exit_code: entry.exit_code,
        stdout: entry.stdout.clone().into_bytes(),
        stderr: entry.stderr.clone().into_bytes(),
    };
    let outcome = match entry.fault {
        None => Ok(ended),
        Some(what) if ended == Ended::default() => Err(fault(what)),
        Some(_) => return Err(here("a command with a `fault` has no output".to_owned())),
    };
    Ok(Command {
        number,
        name: name.clone(),
        pod: pod.clone(),
        argv,
        outcome,
    })
}

/// Returns text unchanged, or decodes base64. Without either, the result is empty.
pub(super) fn bytes(text: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(base64)) => base64::engine::general_purpose::STANDARD
            .decode(base64)
            .map_err(|error| format!("`base64`: {error}")),
        (None, None) => Ok(Vec::new()),
        (Some(_), Some(_)) => Err("there is `text` and `base64`".to_owned()),
    }
}
