//! KafkaRestore: an unsafe restore is rejected, a dry run only checks, and any other restore runs.

use serde_json::{Value, json};

use super::control::{Context, Step, is_new, items, phase, refused, status, with};
use super::kinds::GROUP;
use crate::clock::seconds;

pub fn step(object: &Value, context: &Context<'_>) -> Step {
    if is_new(object) {
        return Some(begun(object, context));
    }
    (phase(object) == "Running" && context.done).then(|| ended(object, context))
}

fn begun(object: &Value, context: &Context<'_>) -> Value {
    let spec = &object["spec"];
    if let Some(problem) = problem(object) {
        return refused(context, &problem);
    }
    if spec["dryRun"] == true {
        return status(
            context,
            "Completed",
            "DryRunPassed",
            "Dry run validation passed",
        );
    }
    let running = status(context, "Running", "RestoreRunning", "Restore is running");
    with(
        running,
        json!({"startTime": seconds(context.now), "progressPercent": 0.0}),
    )
}

fn problem(object: &Value) -> Option<String> {
    let spec = &object["spec"];
    if !(-1..=1).contains(&spec["produceAcks"].as_i64().unwrap_or(-1)) {
        return Some("produceAcks must be -1, 0 or 1".to_owned());
    }
    if spec["dryRun"] == true || spec["purgeTopics"] == true {
        return None;
    }
    let topics = items(object, "topics");
    if topics.is_empty() {
        let why = "topics must be listed explicitly unless purgeTopics is set";
        return Some(why.to_owned());
    }
    let itself = |topic: &&&str| {
        let target = spec["topicMapping"][**topic].as_str();
        target.is_none_or(|target| target == **topic)
    };
    let topic = topics.iter().find(itself)?;
    Some(format!(
        "topic '{topic}' would be restored into itself; map it to another name or set purgeTopics"
    ))
}

fn ended(object: &Value, context: &Context<'_>) -> Value {
    let failed = |message: &str| status(context, "Failed", "RestoreFailed", message);
    if let Some(message) = &context.faults.fail {
        return failed(message);
    }
    let of = &object["spec"]["backupRef"];
    let name = of["name"].as_str().unwrap_or_default();
    let namespace = of["namespace"].as_str();
    let namespace = namespace.or_else(|| object["metadata"]["namespace"].as_str());
    let resource = format!("kafkabackups.{GROUP}");
    let namespace = namespace.unwrap_or_default();
    let Some(backup) = context.objects.get(&resource, namespace, name) else {
        return failed(&format!(
            "Backup '{name}' not found in namespace '{namespace}'"
        ));
    };
    let fields = json!({
        "completionTime": seconds(context.now),
        "progressPercent": 100.0,
        "recordsRestored": backup["status"]["recordsProcessed"],
        "bytesRestored": backup["status"]["bytesProcessed"],
        "segmentsProcessed": backup["status"]["segmentsCompleted"],
    });
    let message = "Restore completed successfully";
    with(
        status(context, "Completed", "RestoreSucceeded", message),
        fields,
    )
}
