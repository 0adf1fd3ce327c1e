use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::Value;

use crate::Cluster;

/// The next expected request, as `METHOD last-segment`, and its response.
pub(crate) struct Step {
    pub request: &'static str,
    pub status: u16,
    pub answer: Value,
}

/// Responses in a fixed order, and the queries and bodies of the requests.
pub(crate) struct Script {
    pub cluster: Cluster,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Script {
    /// Runs an API server whose clock shows `date`. It never responds to a request beyond the last step.
    pub fn run(date: &'static str, steps: Vec<Step>) -> Self {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let asked = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            for step in steps {
                let (request, send) = handle.next_request().await.unwrap();
                let path = request.uri().path().rsplit('/').next().unwrap();
                assert_eq!(format!("{} {path}", request.method()), step.request);
                let query = request.uri().query().unwrap_or_default().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                kept.lock().unwrap().push((query, body));
                let answer = Response::builder().status(step.status).header("date", date);
                let body = Body::from(step.answer.to_string().into_bytes());
                send.send_response(answer.body(body).unwrap());
            }
            std::future::pending::<()>().await;
        });
        Self {
            cluster: super::cluster(kube::Client::new(service, "mqtt")),
            asked,
        }
    }

    /// Returns the queries of the requests so far.
    pub fn queries(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(query, _)| query.clone()).collect()
    }

    /// Returns the bodies that were sent so far; `null` for a request without a body.
    pub fn bodies(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, body)| body.clone()).collect()
    }
}

/// Creates a step.
pub(crate) fn step(request: &'static str, status: u16, answer: Value) -> Step {
    Step {
        request,
        status,
        answer,
    }
}
