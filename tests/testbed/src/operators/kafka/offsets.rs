//! KafkaOffsetReset and KafkaOffsetRollback.

use serde_json::{Value, json};

use super::control::{Context, Step, is_new, items, phase, refused, status, with};
use crate::clock::seconds;

/// The number of groups in a snapshot.
const SNAPSHOT: usize = 3;

pub fn reset(object: &Value, context: &Context<'_>) -> Step {
    if is_new(object) {
        return Some(match reset_problem(object) {
            Some(problem) => refused(context, &problem),
            None => begun(object, context, "ResetRunning"),
        });
    }
    (phase(object) == "Running" && context.done).then(|| reset_ended(object, context))
}

fn begun(object: &Value, context: &Context<'_>, reason: &str) -> Value {
    if object["spec"]["dryRun"] == true {
        return status(
            context,
            "Completed",
            "DryRunPassed",
            "Dry run validation passed",
        );
    }
    let running = status(context, "Running", reason, "In progress");
    with(running, json!({"startTime": seconds(context.now)}))
}

fn reset_problem(object: &Value) -> Option<String> {
    let spec = &object["spec"];
    if items(object, "consumerGroups").is_empty() {
        return Some("At least one consumer group must be specified".to_owned());
    }
    let (strategy, field) = match spec["resetStrategy"].as_str()? {
        "to-timestamp" => ("to-timestamp", "resetTimestamp"),
        "to-offset" => ("to-offset", "resetOffset"),
        "from-mapping" => ("from-mapping", "offsetMappingRef"),
        _ => return None,
    };
    let missing = spec[field].is_null();
    missing.then(|| format!("{field} is required for strategy {strategy}"))
}

fn reset_ended(object: &Value, context: &Context<'_>) -> Value {
    let groups = items(object, "consumerGroups");
    if let Some(message) = &context.faults.fail {
        return status(context, "Failed", "ResetFailed", message);
    }
    if context.faults.no_groups {
        let ended = status(
            context,
            "Completed",
            "ResetSucceeded",
            "All groups were reset",
        );
        return with(
            ended,
            json!({"groupsTotal": 0, "groupsReset": 0, "groupsFailed": 0}),
        );
    }
    let last = groups.len() - 1;
    let broken = context.faults.partial;
    let result = |(at, group): (usize, &&str)| {
        if broken && at == last {
            let error = "group has active members";
            return json!({"groupId": group, "success": false, "error": error});
        }
        json!({"groupId": group, "success": true, "partitionsReset": 6})
    };
    let results: Vec<_> = groups.iter().enumerate().map(result).collect();
    let failed = usize::from(broken);
    let fields = json!({
        "completionTime": seconds(context.now),
        "groupsTotal": groups.len(),
        "groupsReset": groups.len() - failed,
        "groupsFailed": failed,
        "duration": "1.23s",
        "groupResults": results,
    });
    let ended = if !broken {
        status(
            context,
            "Completed",
            "ResetSucceeded",
            "All groups were reset",
        )
    } else if object["spec"]["continueOnError"] == true {
        let message = "1 group could not be reset";
        status(context, "PartiallyCompleted", "PartialFailure", message)
    } else {
        let message = "Offset reset failed: group has active members";
        status(context, "Failed", "ResetFailed", message)
    };
    with(ended, fields)
}

pub fn roll_back(object: &Value, context: &Context<'_>) -> Step {
    if is_new(object) {
        return Some(begun(object, context, "RollbackRunning"));
    }
    (phase(object) == "Running" && context.done).then(|| rolled_back(object, context))
}

fn rolled_back(object: &Value, context: &Context<'_>) -> Value {
    let failed = |message: &str| status(context, "Failed", "RollbackFailed", message);
    if let Some(message) = &context.faults.fail {
        return failed(message);
    }
    // The operator follows no other reference.
    if object["spec"]["snapshotRef"]["path"].is_null() {
        return failed("Snapshot path is required");
    }
    let done = status(
        context,
        "Completed",
        "RollbackSucceeded",
        "Rollback completed",
    );
    let groups = if context.faults.no_groups {
        0
    } else {
        SNAPSHOT
    };
    with(done, json!({"groupsRolledBack": groups}))
}
