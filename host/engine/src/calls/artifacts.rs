//! Saves response bodies as files, for each version of the interface.

use host_base::{Report, ReportKind};
use serde_json::{Value, json};

use super::http::{Response, without_secrets};
use crate::artifacts::{SavedFile, ToSave};
use crate::instance::{HostResult, HostState};

/// The expectations of an engine about the bytes that it saves.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) name: Option<String>,
    pub(crate) length: Option<u64>,
    pub(crate) sha256: Option<String>,
}

impl Expected {
    /// Describes the expectation for the audit.
    pub(crate) fn arguments(&self) -> Value {
        json!({ "name": self.name, "length": self.length, "sha256": self.sha256 })
    }
}

impl SavedFile {
    /// Describes the file for the audit.
    pub(crate) fn known(&self) -> Value {
        json!({ "name": self.name, "bytes": self.length, "sha256": self.sha256 })
    }
}

impl HostState {
    /// Saves the body of a response.
    pub(crate) async fn save(
        &mut self,
        response: Response,
        expected: Expected,
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
            ..
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
            name: expected.name,
            length: expected.length,
            sha256: expected.sha256,
        });
        let saved = self.meter.spare(saved).await;
        saved.map_err(|report| without_secrets(&*self.network, report))
    }
}
