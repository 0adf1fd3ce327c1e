//! Implements the interface `types`: the handles of responses and files, which need no capability of their own.

use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::types as wit;
use super::{WitError, to_wit};
use crate::artifacts::Artifact;
use crate::calls::http::Response;
use crate::instance::HostState;

impl wit::Host for HostState {}

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

    async fn next(
        &mut self,
        response: Resource<Response>,
        limit: u64,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, WitError>> {
        Ok(self.piece_of(&response, limit).await?.map_err(to_wit))
    }

    async fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl wit::HostArtifact for HostState {
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
