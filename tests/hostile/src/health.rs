//! Reports of `health` that violate the contract.

use broker_engine::{Check, Health, HealthReport, HealthRequest, Outcome, Result, Settings};

use crate::Hostile;

impl Health for Hostile {
    fn health(request: HealthRequest) -> Result<Vec<HealthReport>> {
        Ok(match request.text("misbehave").unwrap_or_default() {
            "nothing" => Vec::new(),
            "skipped" => vec![of_pod(None, Outcome::Skipped)],
            "whole" => vec![of_pod(None, Outcome::Warned)],
            "stranger" => vec![of_pod(Some("intruder-0\u{1b}[2J"), Outcome::Passed)],
            "many-reports" => vec![of_pod(None, Outcome::Passed); 10_001],
            "hostile-text" => vec![HealthReport {
                pod: Some("broker-0".to_owned()),
                checks: vec![
                    Check::new("\u{1b}[2Kname\u{202e}", Outcome::Passed)
                        .with_message(format!("\nerror: all is lost\u{9b}{}", "x".repeat(100_000))),
                ],
            }],
            _ => vec![of_pod(Some("broker-0"), Outcome::Passed)],
        })
    }
}

fn of_pod(pod: Option<&str>, outcome: Outcome) -> HealthReport {
    HealthReport {
        pod: pod.map(str::to_owned),
        checks: vec![Check::new("it", outcome)],
    }
}
