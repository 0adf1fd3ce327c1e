//! The defaults of Jobs and of their pods, and the rules of `batch/v1` for them.

use serde_json::{Value, json};

use super::fields::{at, items, name, text, uid};

fn default(object: &mut Value, field: &str, value: Value) {
    if object[field].is_null() {
        object[field] = value;
    }
}

/// Fills in a Job as the API server does. It needs its `uid`.
pub fn job(job: &mut Value) {
    let labels = json!({
        "batch.kubernetes.io/controller-uid": uid(job),
        "batch.kubernetes.io/job-name": name(job),
        "controller-uid": uid(job),
        "job-name": name(job),
    });
    let selector = json!({
        "matchLabels": {"batch.kubernetes.io/controller-uid": uid(job)},
    });
    // A Job without labels of its own gets those that its template had.
    let of_template = at(job, "/spec/template/metadata/labels").clone();
    if !of_template.is_null() {
        default(&mut job["metadata"], "labels", of_template);
    }
    let spec = &mut job["spec"];
    if spec["manualSelector"] != true {
        for (label, value) in labels.as_object().into_iter().flatten() {
            spec["template"]["metadata"]["labels"][label] = value.clone();
        }
        default(spec, "selector", selector);
    }
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        spec["completions"] = json!(1);
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    let replacement = if spec["podFailurePolicy"].is_null() {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    default(spec, "podReplacementPolicy", json!(replacement));
    pod(&mut spec["template"]["spec"]);
}

/// Fills in the spec of a pod as the API server does.
pub fn pod(spec: &mut Value) {
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let image = text(container, "/image");
        let tag = image.rsplit('/').next().unwrap_or_default();
        let latest = !tag.contains(':') && !tag.contains('@') || tag.ends_with(":latest");
        let pull = if latest { "Always" } else { "IfNotPresent" };
        default(container, "imagePullPolicy", json!(pull));
        default(container, "resources", json!({}));
        default(
            container,
            "terminationMessagePath",
            json!("/dev/termination-log"),
        );
        default(container, "terminationMessagePolicy", json!("File"));
        for variable in container["env"].as_array_mut().into_iter().flatten() {
            if variable["valueFrom"]["fieldRef"].is_object() {
                default(
                    &mut variable["valueFrom"]["fieldRef"],
                    "apiVersion",
                    json!("v1"),
                );
            }
        }
    }
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        for kind in ["secret", "configMap", "projected", "downwardAPI"] {
            if volume[kind].is_object() {
                default(&mut volume[kind], "defaultMode", json!(420));
            }
        }
    }
}

/// Returns the violations of a Job: each field, and its problem.
pub fn violations(job: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut problem = |field: &str, why: String| found.push((field.to_owned(), why));
    let policy = text(job, "/spec/template/spec/restartPolicy");
    if policy.is_empty() {
        let why = "Required value: valid values: \"OnFailure\", \"Never\"".to_owned();
        problem("spec.template.spec.restartPolicy", why);
    } else if !["OnFailure", "Never"].contains(&policy) {
        let why =
            format!("Unsupported value: \"{policy}\": supported values: \"OnFailure\", \"Never\"");
        problem("spec.template.spec.restartPolicy", why);
    } else if policy != "Never" && job["spec"]["podFailurePolicy"].is_object() {
        let why = format!(
            "Invalid value: \"{policy}\": only \"Never\" is supported when podFailurePolicy is specified"
        );
        problem("spec.template.spec.restartPolicy", why);
    }
    for field in [
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ] {
        if let Some(number) = job["spec"][field].as_i64().filter(|number| *number < 0) {
            let why = format!("Invalid value: {number}: must be greater than or equal to 0");
            problem(&format!("spec.{field}"), why);
        }
    }
    // A real server knows these. Here they would have no effect, which must not go unnoticed.
    for field in [
        "backoffLimitPerIndex",
        "maxFailedIndexes",
        "successPolicy",
        "managedBy",
    ] {
        if !job["spec"][field].is_null() {
            let why = "Forbidden: the testbed doesn't simulate this field".to_owned();
            problem(&format!("spec.{field}"), why);
        }
    }
    if job["spec"]["completionMode"] == "Indexed" {
        let why = "Forbidden: the testbed doesn't simulate indexed Jobs".to_owned();
        problem("spec.completionMode", why);
    }
    if items(job, "/spec/template/spec/containers").is_empty() {
        let why = "Required value".to_owned();
        problem("spec.template.spec.containers", why);
    }
    if let Some(policy) = job["spec"]["podReplacementPolicy"].as_str()
        && policy != "Failed"
        && job["spec"]["podFailurePolicy"].is_object()
    {
        let why = format!("Unsupported value: \"{policy}\": supported values: \"Failed\"");
        problem("spec.podReplacementPolicy", why);
    }
    found
}

/// Fills in a changed Job, and returns the violations of the change: what it touches must not change.
pub fn change(present: &Value, changed: &mut Value) -> Vec<(String, String)> {
    job(changed);
    let suspended =
        present["spec"]["suspend"] == true && at(present, "/status/startTime").is_null();
    let mut fields = vec![
        "completions",
        "selector",
        "completionMode",
        "podFailurePolicy",
        "podReplacementPolicy",
    ];
    if !suspended {
        fields.push("template");
    }
    fields
        .into_iter()
        .filter(|field| present["spec"][field] != changed["spec"][field])
        .map(|field| {
            let why = "Invalid value: field is immutable".to_owned();
            (format!("spec.{field}"), why)
        })
        .collect()
}
