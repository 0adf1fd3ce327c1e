//! Implements the interface `http`.

use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::http as wit;
use super::{WitError, to_wit};
use crate::calls::http::{Ask, Response};
use crate::instance::HostState;

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
}

impl wit::HostResponse for HostState {
    async fn status(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.answer.status().as_u16())
    }

    async fn header(
        &mut self,
        response: Resource<Response>,
        name: String,
    ) -> wasmtime::Result<Vec<String>> {
        Ok(self.table.get(&response)?.header(&name))
    }

    async fn read(
        &mut self,
        response: Resource<Response>,
        limit: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, WitError>> {
        Ok(self.read_of(&response, limit).await?.map_err(to_wit))
    }

    async fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

/// Converts a request to the host's own type.
pub(super) fn ask(request: wit::Request) -> Ask {
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
        pod: None,
    }
}
