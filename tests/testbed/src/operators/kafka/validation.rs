//! KafkaBackupValidation: the phase says whether the validation ran, and the result says what it found.

use serde_json::{Value, json};

use super::control::{Context, Step, is_new, phase, refused, status, with};
use crate::clock::seconds;

pub fn step(object: &Value, context: &Context<'_>) -> Step {
    if is_new(object) {
        if checks(object).is_empty() {
            return Some(refused(context, "At least one check must be configured"));
        }
        let running = status(
            context,
            "Running",
            "ValidationRunning",
            "Validation is running",
        );
        return Some(with(running, json!({"startTime": seconds(context.now)})));
    }
    (phase(object) == "Running" && context.done).then(|| ended(object, context))
}

/// Returns the names of the requested checks.
fn checks(object: &Value) -> Vec<&str> {
    let checks = object["spec"]["checks"].as_object();
    checks
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

fn ended(object: &Value, context: &Context<'_>) -> Value {
    let failed = |message: &str| status(context, "Failed", "ValidationFailed", message);
    if let Some(message) = &context.faults.fail {
        return failed(message);
    }
    if object["spec"]["kafkaCluster"].is_null() {
        return failed("kafkaCluster is required to run a validation");
    }
    let result = context.faults.result.as_deref().unwrap_or("Pass");
    let (outcome, message) = match result {
        "Fail" => ("Failed", Some("1250 records expected, 1248 found")),
        "Warn" => ("Warning", Some("the topic has grown since the backup")),
        "Skip" => ("Skipped", Some("nothing to compare with")),
        _ => ("Passed", None),
    };
    let checks = checks(object);
    // Only the first check fails.
    let told = |(at, name): (usize, &&str)| {
        let (outcome, message) = if at == 0 {
            (outcome, message)
        } else {
            ("Passed", None)
        };
        json!({"checkName": name, "outcome": outcome, "message": message, "durationMs": 120})
    };
    let results: Vec<_> = checks.iter().enumerate().map(told).collect();
    let count = |outcome: &str| results.iter().filter(|it| it["outcome"] == outcome).count();
    let fields = json!({
        "validationResult": result,
        "completionTime": seconds(context.now),
        "lastValidationTime": seconds(context.now),
        "checksTotal": checks.len(),
        "checksCompleted": checks.len(),
        "checksPassed": count("Passed"),
        "checksFailed": count("Failed"),
        "checksWarned": count("Warning"),
        "checkResults": results,
    });
    let message = format!("Validation completed with result {result}");
    with(
        status(context, "Completed", "ValidationCompleted", &message),
        fields,
    )
}
