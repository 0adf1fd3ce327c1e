//! Values in the form of the server's tables.

use jiff::Timestamp;
use serde_json::Value;

/// Returns the age of a time in at most two units, as `kubectl get` shows it under AGE.
pub fn age(since: &Value, now: Timestamp) -> String {
    let Some(since) = since
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok())
    else {
        return "<unknown>".to_owned();
    };
    human_duration(now.as_second() - since.as_second())
}

/// Implements `duration.HumanDuration` of Kubernetes.
fn human_duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{big_unit}")
        } else {
            format!("{big}{big_unit}{small}{small_unit}")
        }
    };
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        // One machine's clock may be a second ahead of another's.
        -1 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

/// Returns the text at a pointer, or `missing`.
pub fn text(object: &Value, pointer: &str, missing: &str) -> String {
    match object.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => missing.to_owned(),
    }
}

pub fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Returns one field of each item of a list, separated by commas, or `missing` if there is none.
pub fn joined(list: &[Value], field: &str, missing: &str) -> String {
    let parts: Vec<String> = list
        .iter()
        .map(|item| text(item, &format!("/{field}"), ""))
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        missing.to_owned()
    } else {
        parts.join(",")
    }
}

/// Returns a map of labels in the form of a selector, or `<none>` if it is empty.
pub fn label_map(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}

/// Returns the STATUS of a pod as the server shows it, with the reasons of its containers.
pub fn pod_status(pod: &Value) -> String {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".to_owned();
    }
    let phase = text(pod, "/status/phase", "Unknown");
    let mut status = text(pod, "/status/reason", &phase);
    for container in items(pod, "/status/containerStatuses") {
        let state = &container["state"];
        for kind in ["waiting", "terminated"] {
            if let Some(reason) = state[kind]["reason"].as_str() {
                reason.clone_into(&mut status);
            }
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_shown_as_kubectl_shows_them() {
        for (seconds, shown) in [
            (0, "0s"),
            (119, "119s"),
            (150, "2m30s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 61, "3h1m"),
            (9 * 3600, "9h"),
            (3 * 86400 + 3600, "3d1h"),
            (400 * 86400, "400d"),
        ] {
            assert_eq!(human_duration(seconds), shown);
        }
    }
}
