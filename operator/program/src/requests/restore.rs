//! Requested restores: a Restore for each, as soon as it is approved, and what has become of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt as _};
use operator_api::{
    BackupRequest, Condition, JobSettings, Phase, RequestState, Restore, RestoreFrom,
    RestoreRequest, RestoreRequestSpec, RestoreRequestStatus, RestoreSpec, RestoreUnit,
    RunKind as _, Status, set_condition,
};

use super::{READY, Requests, plan};
use crate::error::OperatorError;
use crate::history::Row;
use crate::metrics::OfKind;
use crate::owner::owner;
use crate::runs::write_status;

/// The consent that a Restore needs: the default name of a target. Engine aws has none.
const CONFIRM: &str = "broker";

/// Brings one request a step forward.
pub(crate) async fn reconcile(
    object: Arc<RestoreRequest>,
    requests: Arc<Requests>,
) -> Result<Action, OperatorError> {
    let kind = OfKind {
        kind: "RestoreRequest".to_owned(),
    };
    let context = &requests.context;
    context.metrics.reconciles.get_or_create(&kind).inc();
    let old = object.status.clone().unwrap_or_default();
    if object.metadata.deletion_timestamp.is_some() {
        let row = Row::of_restore_request(&object);
        let later = requests.let_go(&*object, row).await?;
        let namespace = object.namespace().unwrap_or_default();
        requests
            .restore_wakes
            .set(&namespace, &object.name_any(), later);
        return Ok(Action::await_change());
    }
    if old.state.is_some_and(RequestState::is_terminal) {
        return Ok(Action::await_change());
    }
    requests.hold(&*object).await?;
    let step = Step {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        object: &object,
        requests: &requests,
    };
    step.take(old).await?;
    Ok(Action::await_change())
}

/// One look at one request.
struct Step<'a> {
    object: &'a RestoreRequest,
    requests: &'a Requests,
    namespace: String,
    name: String,
}

/// The message about a restore from a backup in Google Cloud Storage.
const DOCUMENTS_ONLY: &str =
    "only documents are restored: the backup has no database, because Cloud SQL is not supported";

/// The end of a request before anything began: the reason, and the message.
type Refusal = (&'static str, String);

impl Step<'_> {
    async fn take(&self, mut status: RestoreRequestStatus) -> Result<(), OperatorError> {
        let spec = &self.object.spec;
        if let Some(refusal) = refusal(spec) {
            return self.fail(status, refusal).await;
        }
        let client = self.requests.context.client.clone();
        let restores: Api<Restore> = Api::namespaced(client, &self.namespace);
        if let Some(restore) = restores.get_opt(&self.name).await? {
            let uid = self.object.metadata.uid.as_ref();
            let mut owners = restore.owner_references().iter();
            if owners.any(|it| Some(&it.uid) == uid) {
                return self.follow(status, &restore).await;
            }
            let message = format!(
                "a Restore {} exists that belongs to something else; create the request with another name",
                self.name
            );
            return self.fail(status, ("NameTaken", message)).await;
        }
        if status.state == Some(RequestState::InProgress) {
            let message = format!("the Restore {} of this request was deleted", self.name);
            return self.fail(status, ("RestoreDeleted", message)).await;
        }
        if !is_approved(spec) {
            status.state = Some(RequestState::Pending);
            let message = "set spec.approvals.approvedBy to begin";
            self.note(&mut status, Status::False, "WaitingForApproval", message);
            return self.write(&status).await;
        }
        let id = match self.id().await? {
            Ok(id) => id,
            Err(refusal) => return self.fail(status, refusal).await,
        };
        if let Some(refusal) = refusal_of(spec, &id) {
            return self.fail(status, refusal).await;
        }
        let job = self.requests.settings.job.clone();
        let restore = restore(self.object, id, owner(self.object)?, job);
        match restores.create(&PostParams::default(), &restore).await {
            Ok(_) => {}
            // The next look finds out whose it is.
            Err(kube::Error::Api(error)) if error.code == 409 => {}
            Err(error) => return Err(error.into()),
        }
        status.state = Some(RequestState::Pending);
        self.note(&mut status, Status::False, "RestoreCreated", "");
        self.write(&status).await
    }

    /// Returns the id of the backup in its bucket.
    async fn id(&self) -> Result<Result<String, Refusal>, OperatorError> {
        let wanted = &self.object.spec.backup_id;
        if wanted.contains('/') {
            return Ok(Ok(wanted.clone()));
        }
        let client = self.requests.context.client.clone();
        let backups: Api<BackupRequest> = Api::namespaced(client, &self.namespace);
        let Some(request) = backups.get_opt(wanted).await? else {
            let message = format!("there is no BackupRequest {wanted}");
            return Ok(Err(("BackupNotFound", message)));
        };
        let status = request.status.unwrap_or_default();
        let documents = status.document_library.unwrap_or_default();
        let id = documents.manifest_path.as_deref().and_then(id_of);
        Ok(id.map(str::to_owned).ok_or_else(|| {
            let message = format!("the BackupRequest {wanted} has no complete backup");
            ("BackupIncomplete", message)
        }))
    }

    async fn follow(
        &self,
        mut status: RestoreRequestStatus,
        restore: &Restore,
    ) -> Result<(), OperatorError> {
        let was = status.state;
        let run = restore.known();
        let phase = run.phase.unwrap_or_default();
        status.state = Some(super::mirror::state(phase));
        status.start_time = run.started_at;
        status.completion_time = run.finished_at;
        let failure = run.failure.unwrap_or_default();
        let (holds, reason, message) = match phase {
            Phase::Queued => (Status::False, "Queued", "the run waits for a place"),
            Phase::Starting | Phase::Running => (Status::False, "InProgress", ""),
            Phase::Succeeded if has_documents_only(restore) => {
                (Status::True, "RestoreCompleted", DOCUMENTS_ONLY)
            }
            Phase::Succeeded => (Status::True, "RestoreCompleted", ""),
            Phase::Failed | Phase::Lost if failure.code.is_empty() => {
                (Status::False, phase.name(), &*failure.message)
            }
            Phase::Failed | Phase::Lost => (Status::False, &*failure.code, &*failure.message),
        };
        self.note(&mut status, holds, reason, message);
        self.write(&status).await?;
        if was != status.state && phase.is_terminal() {
            let type_ = if holds == Status::True {
                EventType::Normal
            } else {
                EventType::Warning
            };
            self.requests
                .context
                .tell(self.object, type_, reason, message);
        }
        Ok(())
    }

    async fn fail(
        &self,
        mut status: RestoreRequestStatus,
        (reason, message): Refusal,
    ) -> Result<(), OperatorError> {
        let context = &self.requests.context;
        status.state = Some(RequestState::Failed);
        status.completion_time = Some(context.clock.now());
        self.note(&mut status, Status::False, reason, &message);
        self.write(&status).await?;
        context.tell(self.object, EventType::Warning, reason, &message);
        Ok(())
    }

    fn note(&self, status: &mut RestoreRequestStatus, holds: Status, reason: &str, message: &str) {
        let now = self.requests.context.clock.now();
        let generation = self.object.metadata.generation;
        let condition = Condition::new(READY, holds, reason, message, now, generation);
        set_condition(&mut status.conditions, condition);
    }

    async fn write(&self, status: &RestoreRequestStatus) -> Result<(), OperatorError> {
        let client = self.requests.context.client.clone();
        let objects: Api<RestoreRequest> = Api::namespaced(client, &self.namespace);
        let uid = self.object.metadata.uid.as_deref().unwrap_or_default();
        let old = self.object.status.as_ref();
        write_status(&objects, &self.name, uid, old, status).await
    }
}

fn is_approved(spec: &RestoreRequestSpec) -> bool {
    spec.approvals.as_ref().is_none_or(|approvals| {
        let by = approvals.approved_by.as_deref().unwrap_or_default();
        !approvals.required || !by.is_empty()
    })
}

/// Returns the targets of a restore by the names of the options of engine aws.
fn targets(spec: &RestoreRequestSpec) -> BTreeMap<String, String> {
    let is_wanted = |unit| spec.units.is_empty() || spec.units.contains(&unit);
    let database = spec
        .database
        .as_ref()
        .filter(|_| is_wanted(RestoreUnit::Database));
    let documents = spec.document_library.as_ref();
    let documents = documents.filter(|_| is_wanted(RestoreUnit::DocumentLibrary));
    let database = database.map(|it| ("db-instance".to_owned(), it.target_instance_id.clone()));
    let documents = documents.map(|it| ("target-bucket".to_owned(), it.target_bucket.clone()));
    database.into_iter().chain(documents).collect()
}

/// Returns why a request can't be fulfilled, if that is known before anything begins.
fn refusal(spec: &RestoreRequestSpec) -> Option<Refusal> {
    let database = spec.database.as_ref();
    if database.is_some_and(|it| it.point_in_time.is_some()) {
        let message =
            "a snapshot can't be restored to another point in time; leave out database.pointInTime";
        return Some(("PointInTimeNotSupported", message.to_owned()));
    }
    let targets = targets(spec);
    let lacks = |unit, option: &str| spec.units.contains(&unit) && !targets.contains_key(option);
    if targets.is_empty()
        || lacks(RestoreUnit::Database, "db-instance")
        || lacks(RestoreUnit::DocumentLibrary, "target-bucket")
    {
        let message =
            "each unit needs a target: database.targetInstanceId, documentLibrary.targetBucket";
        return Some(("TargetMissing", message.to_owned()));
    }
    None
}

/// Returns why a backup can't be restored as the request demands.
fn refusal_of(spec: &RestoreRequestSpec, id: &str) -> Option<Refusal> {
    let needs_database = targets(spec).contains_key("db-instance");
    (id.starts_with(plan::GOOGLE) && needs_database).then(|| {
        let message = format!(
            "the backup {id} has only documents, because Cloud SQL is not supported; create another request without database"
        );
        (plan::CLOUD_SQL, message)
    })
}

/// Returns whether the backup of a restore has no database.
fn has_documents_only(restore: &Restore) -> bool {
    let id = restore.spec.from.backup_id.as_deref();
    id.is_some_and(|id| id.starts_with(plan::GOOGLE))
}

/// Returns the id of a backup, `BUCKET/FOLDER` or `gs://BUCKET/FOLDER`, from the address of its manifest.
fn id_of(manifest: &str) -> Option<&str> {
    let manifest = manifest.strip_prefix("s3://").unwrap_or(manifest);
    let (folder, _) = manifest.rsplit_once('/')?;
    let place = folder.strip_prefix(plan::GOOGLE).unwrap_or(folder);
    // Another scheme has its slashes behind a colon.
    let (bucket, path) = place.split_once('/')?;
    (!bucket.contains(':') && !path.is_empty()).then_some(folder)
}

fn restore(
    request: &RestoreRequest,
    id: String,
    owner: k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference,
    job: Option<Arc<JobSettings>>,
) -> Restore {
    let mut options = targets(&request.spec);
    if id.starts_with(plan::GOOGLE)
        && let Some(bucket) = options.get_mut("target-bucket")
    {
        *bucket = plan::google(bucket);
    }
    // A second attempt goes on with the same restore.
    options.insert("restore-name".to_owned(), request.name_any());
    let mut restore = Restore::new(
        &request.name_any(),
        RestoreSpec {
            work: plan::work(options, job),
            from: RestoreFrom {
                backup_id: Some(id),
                ..RestoreFrom::default()
            },
            dry_run: false,
            confirm: Some(CONFIRM.to_owned()),
        },
    );
    restore.metadata.namespace = request.namespace();
    restore.metadata.owner_references = Some(vec![owner]);
    restore
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(part: &serde_json::Value) -> RestoreRequestSpec {
        let mut spec = json!({"targetEnvironment": "uat", "backupId": "retail"});
        let parts = part.as_object().expect("an object").clone();
        spec.as_object_mut().expect("an object").extend(parts);
        serde_json::from_value(spec).expect("a spec")
    }

    #[test]
    fn a_restore_needs_a_target_for_each_of_its_units() {
        let reason = |part: serde_json::Value| refusal(&spec(&part)).map(|it| it.0);
        let database = json!({"targetInstanceId": "new"});
        assert_eq!(reason(json!({})), Some("TargetMissing"));
        assert_eq!(reason(json!({"database": database})), None);
        assert_eq!(
            reason(json!({"database": database, "units": ["documentLibrary"]})),
            Some("TargetMissing")
        );
        let past = json!({"targetInstanceId": "new", "pointInTime": "2026-11-28T02:00:00Z"});
        assert_eq!(
            reason(json!({"database": past})),
            Some("PointInTimeNotSupported")
        );
        let both = spec(&json!({
            "database": database, "documentLibrary": {"targetBucket": "docs"},
            "units": ["database"],
        }));
        assert_eq!(targets(&both).len(), 1);
    }

    #[test]
    fn a_backup_in_google_cloud_storage_is_restored_without_a_database() {
        let documents = json!({"targetBucket": "restored"});
        let both = spec(&json!({
            "database": {"targetInstanceId": "new"}, "documentLibrary": documents,
        }));
        let id = "gs://backups/a/20261128-020000";
        let refused = refusal_of(&both, id).map(|it| it.0);
        assert_eq!(refused, Some("CloudSQLNotSupported"));
        assert_eq!(refusal_of(&both, "backups/a/20261128-020000"), None);
        let documents = spec(&json!({"documentLibrary": documents}));
        assert_eq!(refusal_of(&documents, id), None);
        let request = RestoreRequest::new("uat", documents);
        let owner = k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference::default();
        let restore = restore(&request, id.to_owned(), owner, None);
        assert_eq!(restore.spec.work.options["target-bucket"], "gs://restored");
        assert!(has_documents_only(&restore));
    }

    #[test]
    fn a_restore_waits_only_for_an_approval_that_is_required() {
        for (approvals, holds) in [
            (json!({}), true),
            (json!({"required": true}), false),
            (json!({"required": true, "approvedBy": ""}), false),
            (json!({"required": true, "approvedBy": "ann"}), true),
        ] {
            let spec = spec(&json!({"approvals": approvals}));
            assert_eq!(is_approved(&spec), holds, "{approvals}");
        }
        assert!(is_approved(&spec(&json!({}))));
    }

    #[test]
    fn the_id_of_a_backup_is_the_folder_of_its_manifest() {
        let id = id_of("s3://backups/retail/prd/20261128-020000/manifest.json.gz");
        assert_eq!(id, Some("backups/retail/prd/20261128-020000"));
        assert_eq!(id_of("s3://backups/manifest.json"), None);
        let id = id_of("gs://backups/a/20261128-020000/manifest.json");
        assert_eq!(id, Some("gs://backups/a/20261128-020000"));
        for other in [
            "gs://backups/manifest.json",
            "az://backups/a/manifest.json",
            "",
        ] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }
}
