//! Implements the interface `artifacts`: it saves response bodies as files and sends files as request bodies.

use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::artifacts as wit;
use super::bindings::kubectl_broker::engine::types;
use super::http::ask;
use super::{WitError, to_wit};
use crate::artifacts::{Artifact, SavedFile};
use crate::calls::artifacts::Expected;
use crate::calls::http::Response;
use crate::instance::HostState;
use crate::network::Sent;

impl wit::Host for HostState {
    async fn save(
        &mut self,
        response: Resource<Response>,
        expectation: wit::Expectation,
    ) -> wasmtime::Result<Result<types::Saved, WitError>> {
        self.count(0)?;
        let response = self.table.delete(response)?;
        let expected = Expected {
            name: expectation.name,
            length: expectation.length,
            sha256: expectation.sha256,
        };
        let asked = Self::asked(|| expected.arguments());
        let saved = HostState::save(self, response, expected).await;
        self.tell("artifacts.save", asked, &saved, SavedFile::known);
        Ok(saved.map(to_saved).map_err(to_wit))
    }

    async fn send(
        &mut self,
        request: wit::Request,
        artifact: Resource<Artifact>,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        self.count(0)?;
        let artifact = self.table.get(&artifact)?.clone();
        let ask = ask(request);
        let asked = Self::asked(|| ask.arguments(Some(&artifact)));
        let answer = HostState::send(self, ask, Some(Sent::Artifact(artifact))).await;
        self.tell("artifacts.send", asked, &answer, Response::known);
        match answer {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }
}

impl types::HostArtifact for HostState {
    async fn name(&mut self, artifact: Resource<Artifact>) -> wasmtime::Result<String> {
        Ok(self.table.get(&artifact)?.name.clone())
    }

    async fn length(&mut self, artifact: Resource<Artifact>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&artifact)?.length)
    }

    async fn sha256(&mut self, artifact: Resource<Artifact>) -> wasmtime::Result<String> {
        Ok(self.table.get(&artifact)?.sha256.clone())
    }

    async fn drop(&mut self, artifact: Resource<Artifact>) -> wasmtime::Result<()> {
        self.table.delete(artifact)?;
        Ok(())
    }
}

fn to_saved(saved: SavedFile) -> types::Saved {
    types::Saved {
        name: saved.name,
        length: saved.length,
        sha256: saved.sha256,
    }
}
