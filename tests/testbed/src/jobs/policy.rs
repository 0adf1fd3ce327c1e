//! `podFailurePolicy`: what the failure of a pod means for its Job.

use serde_json::Value;

use super::fields::{items, name, namespace, text};

/// The effect of a failed pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The failure counts towards the back-off limit.
    Count,
    /// The failure is as if the pod had never been.
    Ignore,
    /// The Job fails, with this message.
    FailJob(String),
}

/// Returns the verdict of the first rule that matches a failed pod.
pub fn verdict(job: &Value, pod: &Value) -> Verdict {
    for (index, rule) in items(job, "/spec/podFailurePolicy/rules")
        .iter()
        .enumerate()
    {
        let matched = if rule["onExitCodes"].is_object() {
            by_exit_code(&rule["onExitCodes"], pod)
        } else {
            by_condition(rule, pod)
        };
        let Some(why) = matched else {
            continue;
        };
        return match rule["action"].as_str() {
            Some("FailJob") => {
                Verdict::FailJob(format!("{why} matching FailJob rule at index {index}"))
            }
            Some("Ignore") => Verdict::Ignore,
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn by_exit_code(rule: &Value, pod: &Value) -> Option<String> {
    let wanted = rule["containerName"].as_str();
    let values = items(rule, "/values");
    let statuses = items(pod, "/status/initContainerStatuses")
        .iter()
        .chain(items(pod, "/status/containerStatuses"));
    for status in statuses {
        let container = text(status, "/name");
        let code = status.pointer("/state/terminated/exitCode").cloned();
        let Some(code) = code.filter(|code| *code != 0) else {
            continue;
        };
        let listed = values.contains(&code);
        let matches = match rule["operator"].as_str() {
            Some("In") => listed,
            Some("NotIn") => !listed,
            _ => false,
        };
        if matches && wanted.is_none_or(|wanted| wanted == container) {
            return Some(format!(
                "Container {container} for pod {}/{} failed with exit code {code}",
                namespace(pod),
                name(pod)
            ));
        }
    }
    None
}

fn by_condition(rule: &Value, pod: &Value) -> Option<String> {
    for pattern in items(rule, "/onPodConditions") {
        let status = pattern["status"].as_str().unwrap_or("True");
        let kind = text(pattern, "/type");
        let mut conditions = items(pod, "/status/conditions").iter();
        if conditions.any(|it| it["type"] == kind && it["status"] == status) {
            return Some(format!(
                "Pod {}/{} has condition {kind}",
                namespace(pod),
                name(pod)
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job() -> Value {
        json!({"spec": {"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
            {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [1]}},
        ]}}})
    }

    fn pod(code: i64) -> Value {
        json!({
            "metadata": {"namespace": "x", "name": "p"},
            "status": {"containerStatuses": [
                {"name": "c", "state": {"terminated": {"exitCode": code}}},
            ]},
        })
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let why =
            "Container c for pod x/p failed with exit code 42 matching FailJob rule at index 1";
        assert_eq!(verdict(&job(), &pod(42)), Verdict::FailJob(why.to_owned()));
        assert_eq!(verdict(&job(), &pod(7)), Verdict::Count);
        assert_eq!(verdict(&job(), &pod(1)), Verdict::Count);
        let mut evicted = pod(42);
        evicted["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
        assert_eq!(verdict(&job(), &evicted), Verdict::Ignore);
    }
}
