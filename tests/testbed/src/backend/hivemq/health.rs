//! HiveMQ's health API, with the document of a broker 4.42.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::backend::http::{Call, NoAnswer, Service};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::faults::hivemq::ComponentState;
use crate::faults::reply::BackendKind;
use crate::web::{self, Reply};

/// The health API of the brokers of one `StatefulSet`.
#[derive(Debug, Clone)]
pub struct HivemqHealth {
    faults: Faults,
    clock: Clock,
    nodes: usize,
}

impl HivemqHealth {
    pub(crate) fn new(faults: Faults, clock: Clock, nodes: usize) -> Self {
        Self {
            faults,
            clock,
            nodes,
        }
    }

    /// Returns the document of a broker.
    fn document(&self, pod: &str) -> Value {
        let up = |details: Value| json!({"status": "UP", "details": details});
        let group = |components: Value| json!({"status": "UP", "components": components});
        let listener = |port: u16, kind: &str| {
            up(json!({"bind-address": "0.0.0.0", "port": port, "is-running": true, "type": kind}))
        };
        let nodes: Vec<_> = (0..self.nodes).map(|at| format!("node-{at}")).collect();
        let started = self.clock.now() - jiff::SignedDuration::from_hours(24 * 5);
        let mut document = group(json!({
            "cluster": up(json!({
                "cluster-id": "Lh6ba",
                "cluster-nodes": nodes,
                "cluster-size": self.nodes,
                "is-leave-replication-in-progress": false,
                "is-merge-in-progress": false,
                "node-id": pod,
                "node-state": "RUNNING",
            })),
            "control-center": {
                "status": "UP",
                "details": {"enabled": true, "default-login-mechanism-enabled": true},
                "components": {"control-center-http-listener-8080": listener(8080, "Control Center HTTP Listener")},
            },
            "extensions": group(json!({
                "hivemq-enterprise-security-extension": group(json!({
                    "application": group(json!({"sql-realm": up(json!({"realm": "sql"}))})),
                    "internals": group(json!({"license": up(json!({
                        "is-enterprise": true,
                        "is-trial": false,
                        "is-trial-expired": false,
                    }))})),
                })),
            })),
            "info": up(json!({
                "cpu-count": 4,
                "log-level": "INFO",
                "started-at": started.as_millisecond(),
                "version": "4.42.0",
            })),
            "liveness-state": {"status": "UP"},
            "mqtt": group(json!({"tcp-listener-1883": listener(1883, "TCP Listener")})),
            "readiness-state": {"status": "UP"},
            "rest-api": {
                "status": "UP",
                "details": {"authentication-enabled": false, "enabled": true},
                "components": {"http-listener-8081": listener(8081, "HTTP Listener")},
            },
        }));
        for state in self.faults.snapshot().hivemq.components {
            if state.pod.as_deref().is_none_or(|name| name == pod) {
                set(&mut document, &state);
            }
        }
        document
    }
}

/// Gives a component its state. The components above it get the same one, because a group is as bad as its worst part.
fn set(document: &mut Value, state: &ComponentState) {
    let status = json!(state.status);
    let mut at = document;
    at["status"] = status.clone();
    for name in state.path.split('/') {
        let components = at
            .as_object_mut()
            .map(|it| it.entry("components").or_insert_with(|| Map::new().into()));
        let Some(Value::Object(components)) = components else {
            return;
        };
        at = components.entry(name).or_insert_with(|| json!({}));
        at["status"] = status.clone();
    }
}

impl Service for HivemqHealth {
    const KIND: BackendKind = BackendKind::HivemqHealth;

    fn answer(&self, call: &Call) -> Result<Reply, NoAnswer> {
        let path = call.path.strip_prefix("/api/v1/health/");
        let Some(path) = path.filter(|_| call.method == Method::GET) else {
            return Ok(web::reply(StatusCode::NOT_FOUND, "text/plain", ""));
        };
        let mut document = self.document(&call.pod.name);
        match path {
            "" => {}
            // These two are not aggregates of the whole broker.
            "liveness" | "readiness" => {
                document = document["components"][format!("{path}-state")].take();
            }
            path => {
                for name in path.split('/') {
                    document = document["components"][name].take();
                }
            }
        }
        let status = match document["status"].as_str() {
            None => StatusCode::NOT_FOUND,
            Some("DOWN" | "OUT_OF_SERVICE") => StatusCode::SERVICE_UNAVAILABLE,
            Some(_) => StatusCode::OK,
        };
        Ok(web::json(status, &document))
    }

    fn error(&self, status: StatusCode, message: &str) -> Reply {
        web::text(status, message)
    }
}
