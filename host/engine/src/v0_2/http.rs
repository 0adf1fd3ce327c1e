//! Implements the interface `http`.

use serde_json::json;
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::http as wit;
use super::{WitError, to_wit};
use crate::calls::http::{Ask, Read, Response};
use crate::instance::{HostResult, HostState};
use crate::{Artifact, FormPart, FormValue, Sent};

impl wit::Host for HostState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        let ask = ask(request);
        self.count(ask.sent())?;
        let asked = Self::asked(|| ask.arguments(None));
        let sent = HostState::send(self, ask, None).await;
        self.tell("http.send", asked, &sent, Response::known);
        match sent {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }

    async fn send_file(
        &mut self,
        request: wit::Request,
        artifact: Resource<Artifact>,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        self.count(0)?;
        let artifact = self.table.get(&artifact)?.clone();
        let ask = ask(request);
        let asked = Self::asked(|| ask.arguments(Some(&artifact)));
        let answer = HostState::send(self, ask, Some(Sent::Artifact(artifact))).await;
        self.tell("http.send-file", asked, &answer, Response::known);
        match answer {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }

    async fn send_form(
        &mut self,
        request: wit::Request,
        parts: Vec<wit::Part>,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        let parts = parts.into_iter().map(|part| self.part(part));
        let parts = parts.collect::<wasmtime::Result<Vec<_>>>()?;
        let ask = ask(request);
        self.count(ask.sent() + FormPart::said(&parts))?;
        let asked = Self::asked(|| ask.arguments_of_form(&parts));
        let answer = HostState::send_form(self, ask, parts).await;
        self.tell("http.send-form", asked, &answer, Response::known);
        match answer {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit::Request>,
        limit: u64,
    ) -> wasmtime::Result<Result<Vec<Result<wit::Answer, WitError>>, WitError>> {
        let asks: Vec<_> = requests.into_iter().map(ask).collect();
        self.count_batch(asks.len(), asks.iter().map(Ask::sent).sum())?;
        let asked = Self::asked(|| {
            let first = asks.first().map(|ask| ask.arguments(None));
            json!({ "requests": asks.len(), "limit": limit, "first": first })
        });
        let sent = HostState::send_all(self, asks, limit).await;
        self.tell("http.send-all", asked, &sent, |answers| {
            let answered = answers.iter().filter(|answer| answer.is_ok());
            json!({ "answers": answered.count() })
        });
        let answers = |answers: Vec<_>| {
            let answers = answers.into_iter();
            answers.map(|one| to_answer(one).map_err(to_wit)).collect()
        };
        Ok(sent.map(answers).map_err(to_wit))
    }

    async fn pods(&mut self, endpoint: String) -> wasmtime::Result<Result<Vec<String>, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "endpoint": endpoint }));
        let pods = self.replicas(&endpoint).await;
        self.tell("http.pods", asked, &pods, |pods| json!(pods));
        Ok(pods.map_err(to_wit))
    }
}

impl HostState {
    /// Converts a part of a form to the host's own type.
    fn part(&self, part: wit::Part) -> wasmtime::Result<FormPart> {
        let (name, value) = match part {
            wit::Part::Text((name, text)) => (name, FormValue::Text(text)),
            wit::Part::File((name, file)) => {
                (name, FormValue::File(self.table.get(&file)?.clone()))
            }
        };
        Ok(FormPart { name, value })
    }
}

/// Converts a request to the host's own type.
fn ask(request: wit::Request) -> Ask {
    Ask {
        endpoint: request.endpoint,
        method: match request.method {
            wit::Method::Get => broker_manifest::Method::Get,
            wit::Method::Head => broker_manifest::Method::Head,
            wit::Method::Post => broker_manifest::Method::Post,
            wit::Method::Put => broker_manifest::Method::Put,
            wit::Method::Patch => broker_manifest::Method::Patch,
            wit::Method::Delete => broker_manifest::Method::Delete,
        },
        route: request.route,
        parameters: request.parameters,
        query: request.query,
        headers: request.headers,
        body: request.body,
        patience: request.patience,
        pod: request.pod,
    }
}

fn to_answer(read: HostResult<Read>) -> HostResult<wit::Answer> {
    read.map(|read| wit::Answer {
        status: read.status,
        headers: read.headers,
        body: read.body,
    })
}
