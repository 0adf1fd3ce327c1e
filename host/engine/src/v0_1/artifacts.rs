//! Implements the interface `artifacts`: it saves response bodies as files and sends files as request bodies.

use host_base::{Report, ReportKind};
use serde_json::json;
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::artifacts as wit;
use super::bindings::kubectl_broker::engine::types;
use super::http::{Response, arguments, known};
use super::{WitError, to_wit};
use crate::artifacts::{Artifact, SavedFile, ToSave};
use crate::instance::{HostResult, HostState};

impl wit::Host for HostState {
    async fn save(
        &mut self,
        response: Resource<Response>,
        expectation: wit::Expectation,
    ) -> wasmtime::Result<Result<types::Saved, WitError>> {
        self.count(0)?;
        let response = self.table.delete(response)?;
        let asked = Self::asked(|| {
            json!({
                "name": expectation.name,
                "length": expectation.length,
                "sha256": expectation.sha256,
            })
        });
        let saved = self.save_granted(response, expectation).await;
        self.tell(
            "artifacts.save",
            asked,
            &saved,
            |saved| json!({ "name": saved.name, "bytes": saved.length, "sha256": saved.sha256 }),
        );
        Ok(saved.map(to_saved).map_err(to_wit))
    }

    async fn send(
        &mut self,
        request: wit::Request,
        artifact: Resource<Artifact>,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        self.count(0)?;
        let artifact = self.table.get(&artifact)?.clone();
        let asked = Self::asked(|| arguments(&request, Some(&artifact)));
        let answer = if request.body.is_some() {
            Err(Report::new(
                ReportKind::InvalidArgument,
                "a request that sends a file has no body of its own",
            ))
        } else {
            self.send_granted(request, Some(artifact)).await
        };
        self.tell("artifacts.send", asked, &answer, known);
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

impl HostState {
    async fn save_granted(
        &mut self,
        response: Response,
        expectation: wit::Expectation,
    ) -> HostResult<SavedFile> {
        let Some(artifacts) = self.artifacts.clone() else {
            return Err(Report::new(
                ReportKind::Denied,
                "this command saves no file",
            ));
        };
        let Response {
            answer,
            request,
            is_read,
        } = response;
        if is_read {
            return Err(Report::new(
                ReportKind::InvalidArgument,
                "the body of this answer has been read already, and can't be saved",
            ));
        }
        // A large file takes long, and the transfer has deadlines of its own.
        let _pause = self.allowance.pause();
        let saved = artifacts.save(ToSave {
            answer,
            request,
            name: expectation.name,
            length: expectation.length,
            sha256: expectation.sha256,
        });
        let saved = self.meter.spare(saved).await;
        saved.map_err(|report| self.without_secrets(report))
    }
}

fn to_saved(saved: SavedFile) -> types::Saved {
    types::Saved {
        name: saved.name,
        length: saved.length,
        sha256: saved.sha256,
    }
}
