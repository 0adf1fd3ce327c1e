use kube::ResourceExt as _;
use operator_api::{BackupRequest, RequestState};

use super::record::{clean, time};

/// A request that has ended, as a row of the plan's table. Each row replaces an older one of the same namespace and name.
#[derive(Clone, Debug, Hash)]
pub(super) struct RequestRecord {
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
    /// Returns the row of a request, if it has ended.
    pub(super) fn of(request: &BackupRequest) -> Option<Self> {
        let status = request.status.as_ref()?;
        let state = status.state.filter(|it| RequestState::is_terminal(*it))?;
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
            state: state.name(),
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
}

/// Returns the folder of a backup in its bucket, from the address of its manifest.
fn folder(manifest: &str) -> Option<&str> {
    let (_, key) = manifest.strip_prefix("s3://")?.split_once('/')?;
    key.rsplit_once('/').map(|(folder, _)| folder)
}

#[cfg(test)]
pub(super) mod tests {
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
}
