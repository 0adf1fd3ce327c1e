use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use crate::Cluster;

/// The responses of an API server by path, and the requests that it got.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    known: BTreeMap<String, (u16, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// Adds a response. A path is absolute, or relative to the namespace `mqtt` of the core group.
    pub fn with(mut self, path: &str, status: u16, body: &Value) -> Self {
        let whole = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/api/v1/namespaces/mqtt/{path}"),
        };
        self.known.insert(whole, (status, body.to_string()));
        self
    }

    pub fn list(self, path: &str, items: &[Value]) -> Self {
        self.with(path, 200, &json!({ "items": items }))
    }

    pub fn answer(&self, path: &str) -> (u16, String) {
        self.asked.lock().unwrap().push(path.to_owned());
        let unknown = || (404, status(404, "not found").to_string());
        self.known.get(path).cloned().unwrap_or_else(unknown)
    }

    /// Returns true if a port-forward to `path` is refused.
    pub fn refuses(&self, path: &str) -> bool {
        self.known.contains_key(path)
    }

    /// Adds a response that is not JSON.
    pub fn with_text(mut self, path: &str, status: u16, text: &str) -> Self {
        let path = format!("/api/v1/namespaces/mqtt/{path}");
        self.known.insert(path, (status, text.to_owned()));
        self
    }

    /// Returns the last segments of the requested paths, in order.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// Returns a cluster whose client never leaves the process.
    pub fn mocked(&self) -> Cluster {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let answers = self.clone();
        tokio::spawn(async move {
            while let Some((request, send)) = handle.next_request().await {
                let (status, body) = answers.answer(request.uri().path());
                let response = Response::builder().status(status);
                send.send_response(response.body(Body::from(body.into_bytes())).unwrap());
            }
        });
        super::cluster(kube::Client::new(service, "mqtt"))
    }
}

pub(crate) fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
}

/// Returns a pod of the `StatefulSet` `broker`.
pub(crate) fn owned_pod(name: &str, ready: bool, ports: &Value) -> Value {
    let state = if ready {
        json!({"running": {}})
    } else {
        json!({"waiting": {"reason": "CrashLoopBackOff"}})
    };
    json!({
        "metadata": {"name": name, "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "broker", "uid": "1", "controller": true
        }]},
        "spec": {"containers": [{"name": "hivemq", "ports": ports}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [{"name": "hivemq", "ready": ready, "state": state, "image": "i",
                                   "imageID": "i", "restartCount": 0}]
        }
    })
}
