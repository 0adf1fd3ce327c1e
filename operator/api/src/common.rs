use jiff::Timestamp;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an object in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A key of a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A key of a ConfigMap in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKey {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A condition, as all of Kubernetes has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The subject of the condition.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: String,
    /// Whether it holds.
    pub status: Status,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the status changed.
    pub last_transition_time: Timestamp,
    /// The reason in one word.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// The reason for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// Sets a condition, and keeps the time of its last change if its status is the same.
pub fn set_condition(conditions: &mut Vec<Condition>, new: Condition) {
    match conditions.iter_mut().find(|it| it.type_ == new.type_) {
        Some(old) => {
            let since = if old.status == new.status {
                old.last_transition_time
            } else {
                new.last_transition_time
            };
            *old = Condition {
                last_transition_time: since,
                ..new
            };
        }
        None => conditions.push(new),
    }
}

impl Condition {
    /// Returns a condition that was found at a time.
    #[must_use]
    pub fn new(
        type_: &str,
        status: impl Into<Status>,
        reason: &str,
        message: impl Into<String>,
        now: Timestamp,
        generation: Option<i64>,
    ) -> Self {
        Self {
            type_: type_.to_owned(),
            status: status.into(),
            observed_generation: generation,
            last_transition_time: now,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(status: Status, second: i64) -> Condition {
        let time = Timestamp::from_second(second).expect("a time");
        Condition::new("Ready", status, "Reason", "message", time, Some(second))
    }

    #[test]
    fn the_time_of_a_condition_is_that_of_its_last_change() {
        let mut conditions = Vec::new();
        for (status, second, since) in [
            (Status::False, 1, 1),
            (Status::False, 2, 1),
            (Status::True, 3, 3),
        ] {
            set_condition(&mut conditions, ready(status, second));
            let [condition] = &conditions[..] else {
                panic!("one condition, not {conditions:?}");
            };
            assert_eq!(condition.last_transition_time.as_second(), since);
            assert_eq!(condition.observed_generation, Some(second));
        }
    }
}
