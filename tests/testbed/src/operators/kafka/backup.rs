//! KafkaBackup: ready, running, and an end; once, or whenever its schedule is due.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::control::{Context, Step, is_new, items, phase, refused, status, with};
use crate::clock::seconds;

/// The content of each topic.
const RECORDS: usize = 1250;
const BYTES: usize = 4 << 20;
const SEGMENTS: usize = 3;

pub fn step(object: &Value, context: &Context<'_>) -> Step {
    let spec = &object["spec"];
    if is_new(object) {
        return Some(match problem(spec) {
            Some(problem) => refused(context, &problem),
            // Suspension is ignored while the object is new: it runs once.
            None if spec["suspend"] == true && spec["schedule"].is_null() => {
                with(ready(object, context), started(context))
            }
            None => ready(object, context),
        });
    }
    match phase(object) {
        "Running" => context.done.then(|| ended(object, context)),
        _ if spec["suspend"] == true => None,
        "Ready" if spec["schedule"].is_null() => Some(started(context)),
        "Ready" | "Completed" if is_due(object, context) => Some(started(context)),
        _ => None,
    }
}

fn ready(object: &Value, context: &Context<'_>) -> Value {
    let message = if object["spec"]["schedule"].is_null() {
        "Backup is ready to run"
    } else {
        "Backup schedule is active"
    };
    let fields = json!({
        "checkpointEnabled": true,
        "nextScheduledBackup": next(object, context.now),
    });
    with(status(context, "Ready", "ScheduleActive", message), fields)
}

fn started(context: &Context<'_>) -> Value {
    let running = status(context, "Running", "ScheduleActive", "Backup is running");
    with(running, json!({"lastScheduleTime": seconds(context.now)}))
}

fn ended(object: &Value, context: &Context<'_>) -> Value {
    let next = next(object, context.now);
    if let Some(message) = &context.faults.fail {
        let failed = status(context, "Failed", "BackupFailed", message);
        return with(failed, json!({"nextScheduledBackup": next}));
    }
    let topics = items(object, "topics").len();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let stamp = context.now.strftime("%Y%m%d-%H%M%S");
    let done = "Backup completed successfully";
    let fields = json!({
        "lastBackupTime": seconds(context.now),
        "nextScheduledBackup": next,
        "recordsProcessed": topics * RECORDS,
        "bytesProcessed": topics * BYTES,
        "segmentsCompleted": topics * SEGMENTS,
        "backupId": format!("{name}-{stamp}"),
    });
    with(
        status(context, "Completed", "BackupSucceeded", done),
        fields,
    )
}

fn problem(spec: &Value) -> Option<String> {
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    if is_empty(&spec["topics"]) {
        return Some("At least one topic must be specified".to_owned());
    }
    if let Some(cron) = spec["schedule"].as_str()
        && let Err(error) = cron::Schedule::from_str(cron)
    {
        return Some(format!("Invalid cron schedule '{cron}': {error}"));
    }
    let level = spec["compressionLevel"].as_i64().unwrap_or(3);
    if spec["compression"].as_str().unwrap_or("zstd") == "zstd" && !(1..=22).contains(&level) {
        return Some(format!(
            "compressionLevel must be between 1 and 22, got {level}"
        ));
    }
    let both = spec["continuous"] == true && spec["stopAtCurrentOffsets"] == true;
    both.then(|| "continuous and stopAtCurrentOffsets are mutually exclusive".to_owned())
}

/// Returns whether the next time of the schedule has come. It counts from the last run, or from the creation
/// of the object.
fn is_due(object: &Value, context: &Context<'_>) -> bool {
    let since = object["status"]["lastScheduleTime"].as_str();
    let since = since.or_else(|| object["metadata"]["creationTimestamp"].as_str());
    let since = since.and_then(|time| time.parse().ok());
    let next = since.and_then(|since| tick(object, since));
    next.is_some_and(|next| next <= context.now)
}

fn next(object: &Value, now: Timestamp) -> Option<String> {
    tick(object, now).map(seconds)
}

fn tick(object: &Value, after: Timestamp) -> Option<Timestamp> {
    let schedule = cron::Schedule::from_str(object["spec"]["schedule"].as_str()?).ok()?;
    let after: DateTime<Utc> = DateTime::from_timestamp(after.as_second(), 0)?;
    let next = schedule.after(&after).next()?;
    Timestamp::from_second(next.timestamp()).ok()
}
