//! Implements the interface `artifacts`: it saves the bodies of responses as files.

use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::artifacts as wit;
use super::bindings::kubectl_broker::engine::types;
use super::{WitError, to_wit};
use crate::artifacts::SavedFile;
use crate::calls::artifacts::Expected;
use crate::calls::http::Response;
use crate::instance::HostState;

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
}

fn to_saved(saved: SavedFile) -> types::Saved {
    types::Saved {
        name: saved.name,
        length: saved.length,
        sha256: saved.sha256,
    }
}
