use kube::ResourceExt as _;
use kube::core::ObjectMeta;
use operator_api::{BackupRequest, RequestState};

use super::record::{clean, time};
use super::row::Field;

/// The state of a request that was deleted before its end.
pub(super) const DELETED: &str = "Deleted";

/// A request that has ended or is deleted, as a row of the plan's table. Each row replaces an older one of the same namespace and name.
#[derive(Clone, Debug, Hash)]
pub(crate) struct RequestRecord {
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) project: String,
    pub(super) environment: String,
    pub(super) state: &'static str,
    pub(super) started_at: Option<String>,
    pub(super) completed_at: Option<String>,
    pub(super) instance: String,
    pub(super) snapshot: Option<String>,
    pub(super) snapshot_bytes: Option<i64>,
    pub(super) source_bucket: String,
    pub(super) destination_bucket: String,
    pub(super) destination_prefix: Option<String>,
    pub(super) objects: Option<i64>,
    pub(super) bytes: Option<i64>,
    pub(super) manifest: Option<String>,
    pub(super) created_at: Option<String>,
}

impl RequestRecord {
    /// Returns the row of a request, if it has ended or is being deleted.
    pub(super) fn of(request: &BackupRequest) -> Option<Self> {
        let status = request.status.clone().unwrap_or_default();
        let state = ended(status.state, &request.metadata)?;
        let spec = &request.spec;
        let database = status.database.clone().unwrap_or_default();
        let documents = status.document_library.clone().unwrap_or_default();
        let folder = documents.manifest_path.as_deref().and_then(folder);
        let prefix = folder.or(spec.document_library.destination_prefix.as_deref());
        Some(Self {
            uid: clean(&request.uid()?),
            name: clean(&request.name_any()),
            namespace: clean(&request.namespace().unwrap_or_default()),
            project: clean(&spec.project_id),
            environment: clean(&spec.environment),
            state,
            started_at: status.start_time.and_then(time),
            completed_at: status.completion_time.and_then(time),
            instance: clean(&spec.database.instance_id),
            snapshot: database.snapshot_id.as_deref().map(clean),
            snapshot_bytes: database.size_bytes,
            source_bucket: clean(&spec.document_library.source_bucket),
            destination_bucket: clean(&spec.document_library.destination_bucket),
            destination_prefix: prefix.map(clean),
            objects: documents.object_count,
            bytes: documents.total_size_bytes,
            manifest: documents.manifest_path.as_deref().map(clean),
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
            (&self.environment).into(),
            self.state.into(),
            (&self.started_at).into(),
            (&self.completed_at).into(),
            (&self.instance).into(),
            (&self.snapshot).into(),
            self.snapshot_bytes.into(),
            (&self.source_bucket).into(),
            (&self.destination_bucket).into(),
            (&self.destination_prefix).into(),
            self.objects.into(),
            self.bytes.into(),
            (&self.manifest).into(),
            (&self.created_at).into(),
        ]
    }
}

/// Returns how a request has ended. None if it goes on.
pub(super) fn ended(state: Option<RequestState>, meta: &ObjectMeta) -> Option<&'static str> {
    let ended = state.filter(|it| it.is_terminal()).map(RequestState::name);
    let deleted = meta.deletion_timestamp.as_ref().map(|_| DELETED);
    ended.or(deleted)
}

/// Returns the folder of a backup in its bucket, from the address of its manifest.
fn folder(manifest: &str) -> Option<&str> {
    let (_, path) = manifest.split_once("://")?;
    let (_, key) = path.split_once('/')?;
    key.rsplit_once('/').map(|(folder, _)| folder)
}

#[cfg(test)]
pub(super) mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;

    /// Returns a request that has ended.
    pub(in crate::history) fn request(name: &str, state: &str) -> BackupRequest {
        let request = json!({
            "metadata": {
                "name": name, "namespace": "prod", "uid": format!("uid-{name}"),
                "creationTimestamp": "2026-11-28T02:00:00Z",
            },
            "spec": {
                "projectId": "retail", "environment": "prd",
                "database": {"instanceId": "retail-db"},
                "documentLibrary": {"sourceBucket": "docs", "destinationBucket": "backups"},
            },
            "status": {
                "state": state,
                "startTime": "2026-11-28T02:00:01Z", "completionTime": "2026-11-28T02:04:00Z",
                "database": {"snapshotId": "retail-snap", "size": "1.0GiB", "sizeBytes": 1_073_741_824},
                "documentLibrary": {
                    "objectCount": 3, "totalSizeBytes": 7,
                    "manifestPath": "s3://backups/retail/prd/20261128-020000/manifest.json",
                },
            },
        });
        serde_json::from_value(request).expect("a request")
    }

    #[test]
    fn only_a_request_that_has_ended_is_recorded() {
        for state in ["Pending", "InProgress"] {
            assert!(RequestRecord::of(&request("a", state)).is_none(), "{state}");
        }
        let record = RequestRecord::of(&request("a", "Failed")).expect("a record");
        assert_eq!(record.state, "Failed");
        let prefix = record.destination_prefix.as_deref();
        assert_eq!(prefix, Some("retail/prd/20261128-020000"));
    }

    #[test]
    fn a_request_that_is_deleted_before_its_end_is_recorded_as_that() {
        let mut request = request("a", "InProgress");
        let deleted = "2026-11-28T02:01:00Z".parse().expect("a time");
        request.metadata.deletion_timestamp = Some(Time(deleted));
        assert_eq!(
            RequestRecord::of(&request).expect("a record").state,
            DELETED
        );
        request.status = None;
        assert_eq!(
            RequestRecord::of(&request).expect("a record").state,
            DELETED
        );
        let status = json!({"state": "Succeeded"});
        request.status = serde_json::from_value(status).expect("a status");
        assert_eq!(
            RequestRecord::of(&request).expect("a record").state,
            "Succeeded"
        );
    }
}
