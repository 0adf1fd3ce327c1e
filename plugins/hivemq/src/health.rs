//! The health of each broker, from HiveMQ's health API.
//!
//! The API is another listener than the management API, and off by default. Its documents and status codes are
//! those of HiveMQ 4.42.

mod components;
#[cfg(test)]
mod tests;

use broker_engine::{
    Check, Error, ErrorKind, Health, HealthReport, HealthRequest, Outcome, Result, http,
};
use components::Component;

use crate::HiveMq;

const HEALTH: &str = "/api/v1/health/";
/// Maximum length of a document, in bytes. A broker with many extensions has some ten thousand.
const MAX_DOCUMENT: u64 = 1 << 20;
/// The check that is about a broker as a whole.
const BROKER: &str = "health";
const HOW_TO_ENABLE: &str = "HiveMQ's health API is off by default: enable it with `<health-api><enabled>true</enabled></health-api>` in HiveMQ's config.xml";

impl Health for HiveMq {
    fn health(_: HealthRequest) -> Result<Vec<HealthReport>> {
        let pods = http::pods("health")?;
        let requests = pods
            .iter()
            .map(|pod| http::get("health", HEALTH).in_pod(pod));
        let answers = http::send_all(requests, MAX_DOCUMENT)?;
        if let Some(error) = nothing_listens(&answers) {
            return Err(error);
        }
        let reports = pods.into_iter().zip(answers).map(|(pod, answer)| {
            let checks = answer
                .and_then(|answer| read(&answer))
                .map(Component::checks);
            HealthReport {
                pod: Some(pod),
                checks: checks.unwrap_or_else(|error| {
                    vec![Check::new(BROKER, Outcome::Failed).with_message(error.message)]
                }),
            }
        });
        Ok(reports.collect())
    }
}

/// Returns the error if no broker can be asked at all: then nothing is known about the health.
fn nothing_listens(answers: &[Result<http::Answer>]) -> Option<Error> {
    let is_absent = |answer: &Result<http::Answer>| {
        let error = answer.as_ref().err();
        error.is_some_and(|error| {
            matches!(
                error.kind,
                ErrorKind::Unavailable | ErrorKind::Forbidden | ErrorKind::Denied
            )
        })
    };
    if !answers.iter().all(is_absent) {
        return None;
    }
    // The host remembers the causes of the latest errors only.
    let error = answers.last()?.as_ref().err()?.clone();
    if error.kind != ErrorKind::Unavailable {
        return Some(error);
    }
    let message = format!("no broker answers at the health API: {}", error.message);
    Some(error.with_message(message).with_hint(HOW_TO_ENABLE))
}

/// Reads the document of a broker. A broker with a component that is down answers 503.
fn read(answer: &http::Answer) -> Result<Component> {
    let parsed = answer.json();
    match (answer.status(), parsed) {
        (200 | 503, Ok(component)) => Ok(component),
        (200, Err(error)) => Err(error),
        (status, _) => {
            let body = String::from_utf8_lossy(answer.body());
            Err(Error::from_status(
                status,
                &format!("GET {HEALTH}"),
                body.trim(),
            ))
        }
    }
}
