use kube::ResourceExt as _;
use operator_api::{RestoreRequest, RestoreUnit};

use super::record::{clean, time};
use super::request::ended;
use super::row::Field;

/// A requested restore that has ended or is deleted, as a row of its table. Each row replaces an older one of the same
/// namespace and name.
#[derive(Clone, Debug, Hash)]
pub(crate) struct RestoreRequestRecord {
    pub(super) uid: String,
    name: String,
    namespace: String,
    project: Option<String>,
    source_environment: Option<String>,
    target_environment: String,
    backup: String,
    units: String,
    state: &'static str,
    reason: Option<String>,
    message: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
    instance: Option<String>,
    bucket: Option<String>,
    approved_by: Option<String>,
    approved_at: Option<String>,
    created_at: Option<String>,
}

impl RestoreRequestRecord {
    /// Returns the row of a request, if it has ended or is being deleted.
    pub(super) fn of(request: &RestoreRequest) -> Option<Self> {
        let status = request.status.clone().unwrap_or_default();
        let state = ended(status.state, &request.metadata)?;
        let spec = &request.spec;
        let ready = status.conditions.iter().find(|it| it.type_ == "Ready");
        let approvals = spec.approvals.as_ref();
        let approved_at = approvals.and_then(|it| it.approved_at);
        let database = spec.database.as_ref();
        let documents = spec.document_library.as_ref();
        let of_unit = |unit: &RestoreUnit| match unit {
            RestoreUnit::Database => "database",
            RestoreUnit::DocumentLibrary => "documentLibrary",
        };
        let wanted: Vec<_> = spec.units.iter().map(of_unit).collect();
        Some(Self {
            uid: clean(&request.uid()?),
            name: clean(&request.name_any()),
            namespace: clean(&request.namespace().unwrap_or_default()),
            project: spec.project_id.as_deref().map(clean),
            source_environment: spec.source_environment.as_deref().map(clean),
            target_environment: clean(&spec.target_environment),
            backup: clean(&spec.backup_id),
            units: wanted.join(","),
            state,
            reason: ready.map(|it| clean(&it.reason)),
            message: ready.map(|it| clean(&it.message)),
            started_at: status.start_time.and_then(time),
            completed_at: status.completion_time.and_then(time),
            instance: database.map(|it| clean(&it.target_instance_id)),
            bucket: documents.map(|it| clean(&it.target_bucket)),
            approved_by: approvals.and_then(|it| Some(clean(it.approved_by.as_ref()?))),
            approved_at: approved_at.and_then(time),
            created_at: request.creation_timestamp().and_then(|it| time(it.0)),
        })
    }

    /// Returns the fields, in the order of the statement.
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        vec![
            (&self.uid).into(),
            (&self.name).into(),
            (&self.namespace).into(),
            (&self.project).into(),
            (&self.source_environment).into(),
            (&self.target_environment).into(),
            (&self.backup).into(),
            (&self.units).into(),
            self.state.into(),
            (&self.reason).into(),
            (&self.message).into(),
            (&self.started_at).into(),
            (&self.completed_at).into(),
            (&self.instance).into(),
            (&self.bucket).into(),
            (&self.approved_by).into(),
            (&self.approved_at).into(),
            (&self.created_at).into(),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a request that has ended.
    pub(in crate::history) fn request(state: &str) -> RestoreRequest {
        let request = json!({
            "metadata": {"name": "back", "namespace": "prod", "uid": "uid-back"},
            "spec": {
                "targetEnvironment": "uat", "backupId": "retail",
                "units": ["database", "documentLibrary"],
                "database": {"targetInstanceId": "new-db"},
                "documentLibrary": {"targetBucket": "new-docs"},
                "approvals": {"required": true, "approvedBy": "ann", "approvedAt": "2026-11-28T02:00:00Z"},
            },
            "status": {
                "state": state,
                "startTime": "2026-11-28T02:00:01Z", "completionTime": "2026-11-28T02:04:00Z",
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "RestoreCompleted", "message": "",
                    "lastTransitionTime": "2026-11-28T02:04:00Z",
                }],
            },
        });
        serde_json::from_value(request).expect("a request")
    }
}
