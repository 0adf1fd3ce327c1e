//! The components of a broker, and what each is worth knowing for.

use std::collections::BTreeMap;

use broker_engine::{Check, Outcome};
use serde::Deserialize;
use serde_json::Value;

use super::BROKER;

/// Maximum number of checks of one broker. The components beyond are counted.
const MAX_CHECKS: usize = 500;
/// Maximum length of a detail, in characters.
const MAX_DETAIL: usize = 120;

/// A component, or the broker as a whole.
#[derive(Deserialize)]
pub struct Component {
    status: String,
    #[serde(default)]
    details: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    components: Option<BTreeMap<String, Component>>,
}

impl Component {
    /// Returns the checks of a broker: one of the whole, then one of each component.
    pub fn checks(self) -> Vec<Check> {
        let mut checks = vec![self.check(BROKER, BROKER)];
        self.collect("", &mut checks);
        let left_out = checks.len().saturating_sub(MAX_CHECKS);
        if left_out > 0 {
            checks.truncate(MAX_CHECKS);
            let message = format!("{left_out} further components are left out");
            checks.push(Check::new("components", Outcome::Warned).with_message(message));
        }
        checks
    }

    /// Adds the checks of the components below this one, each with its path as its name.
    fn collect(&self, path: &str, checks: &mut Vec<Check>) {
        for (name, component) in self.components.iter().flatten() {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}/{name}"),
            };
            if component.says_something() {
                checks.push(component.check(&path, name));
            }
            component.collect(&path, checks);
        }
    }

    /// Returns whether the component is more than the sum of those below it.
    fn says_something(&self) -> bool {
        let has = |map: Option<usize>| map.is_some_and(|length| length > 0);
        self.status != "UP"
            || has(self.details.as_ref().map(BTreeMap::len))
            || !has(self.components.as_ref().map(BTreeMap::len))
    }

    fn check(&self, path: &str, name: &str) -> Check {
        let (outcome, status) = match self.status.as_str() {
            "UP" => (Outcome::Passed, None),
            "DEGRADED" | "UNKNOWN" => (Outcome::Warned, Some(self.status.clone())),
            "DOWN" | "OUT_OF_SERVICE" => (Outcome::Failed, Some(self.status.clone())),
            other => {
                let unknown = format!("unknown status `{}`", short(other));
                (Outcome::Warned, Some(unknown))
            }
        };
        let mut facts: Vec<_> = status.into_iter().collect();
        facts.extend(self.facts(name));
        let check = Check::new(path, outcome);
        if facts.is_empty() {
            check
        } else {
            check.with_message(facts.join(", "))
        }
    }

    /// Returns the details that help, in words. If the component is not up, all plain details do.
    fn facts(&self, name: &str) -> Vec<String> {
        let text = |key: &str| plain(self.details.as_ref()?.get(key)?);
        let is = |key: &str| text(key).as_deref() == Some("true");
        let is_not = |key: &str| text(key).as_deref() == Some("false");
        let mut facts = Vec::new();
        let known: &[&str] = match name {
            "cluster" => {
                if let Some(size) = text("cluster-size") {
                    let noun = if size == "1" { "node" } else { "nodes" };
                    facts.push(format!("{size} {noun}"));
                }
                facts.extend(text("node-state").map(|state| format!("this node is {state}")));
                if is("is-leave-replication-in-progress") {
                    facts.push("a node is leaving".to_owned());
                }
                if is("is-merge-in-progress") {
                    facts.push("a merge is in progress".to_owned());
                }
                &[
                    "cluster-size",
                    "node-state",
                    "is-leave-replication-in-progress",
                    "is-merge-in-progress",
                ]
            }
            "info" => {
                facts.extend(text("version").map(|version| format!("version {version}")));
                &["version", "started-at"]
            }
            "license" => {
                if is("is-trial-expired") {
                    facts.push("the trial licence has expired".to_owned());
                } else if is("is-trial") {
                    facts.push("trial licence".to_owned());
                }
                if is("is-enterprise") {
                    facts.push("enterprise".to_owned());
                } else if is_not("is-enterprise") {
                    facts.push("not an enterprise licence".to_owned());
                }
                &["is-trial-expired", "is-trial", "is-enterprise"]
            }
            _ => {
                if let Some(port) = text("port") {
                    let address = text("bind-address").unwrap_or_default();
                    facts.push(format!("{address}:{port}"));
                }
                facts.extend(text("type"));
                if is_not("is-running") {
                    facts.push("not running".to_owned());
                }
                if is("authentication-enabled") {
                    facts.push("with authentication".to_owned());
                } else if is_not("authentication-enabled") {
                    facts.push("without authentication".to_owned());
                }
                if is_not("enabled") {
                    facts.push("disabled".to_owned());
                }
                &[
                    "port",
                    "bind-address",
                    "type",
                    "is-running",
                    "authentication-enabled",
                    "enabled",
                ]
            }
        };
        if self.status != "UP" {
            let others = self.details.iter().flatten();
            let others = others.filter(|(key, _)| !known.contains(&key.as_str()));
            facts.extend(
                others
                    .filter_map(|(key, value)| Some(format!("{}: {}", short(key), plain(value)?))),
            );
        }
        facts
    }
}

/// Returns a detail without a structure as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(short(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
