//! The status of a request: what its Backup says, in the words of the plan.

use host_base::text::size;
use jiff::Timestamp;
use kube::runtime::events::EventType;
use operator_api::{
    Backup, BackupRequestStatus, Condition, DocumentsRecord, Phase, RequestState, RunKind as _,
    SnapshotRecord, Status, set_condition,
};

use super::{READY, plan};

const DATABASE: &str = "DatabaseBackupReady";
const DOCUMENTS: &str = "DocumentLibraryBackupReady";
/// The names of details of engine aws.
const SNAPSHOT: &str = "snapshot";
const DATABASE_BYTES: &str = "database-bytes";
const OBJECTS: &str = "objects";
const DOCUMENT_BYTES: &str = "document-bytes";
const MANIFEST: &str = "manifest";

/// Takes over what a Backup says. With `lacks_database`, the backup has only documents, for this reason. The request asked
/// for more, so it fails even if the Backup succeeds.
pub(super) fn show(
    backup: &Backup,
    lacks_database: Option<&str>,
    status: &mut BackupRequestStatus,
    now: Timestamp,
    generation: Option<i64>,
) {
    let run = backup.known();
    let phase = run.phase.unwrap_or_default();
    status.state = Some(match (state(phase), lacks_database) {
        (RequestState::Succeeded, Some(_)) => RequestState::Failed,
        (state, _) => state,
    });
    status.start_time = run.started_at;
    let known = backup.status.clone().unwrap_or_default();
    let detail = |name: &str| known.details.get(name).cloned();
    let bytes = |name: &str| known.details.get(name)?.parse::<i64>().ok();
    let shown = |bytes: Option<i64>| bytes.and_then(|it| u64::try_from(it).ok()).map(size);
    if let Some(snapshot) = detail(SNAPSHOT) {
        status.database = Some(SnapshotRecord {
            snapshot_id: Some(snapshot),
            size: shown(bytes(DATABASE_BYTES)),
            size_bytes: bytes(DATABASE_BYTES),
        });
    }
    if let Some(manifest) = detail(MANIFEST) {
        status.document_library = Some(DocumentsRecord {
            object_count: detail(OBJECTS).and_then(|it| it.parse().ok()),
            total_size: shown(bytes(DOCUMENT_BYTES)),
            total_size_bytes: bytes(DOCUMENT_BYTES),
            manifest_path: Some(manifest),
        });
    }
    let manifest = detail(MANIFEST).unwrap_or_default();
    let mut set = |type_: &str, holds: Status, reason: &str, message: &str| {
        let condition = Condition::new(type_, holds, reason, message, now, generation);
        set_condition(&mut status.conditions, condition);
    };
    // It is known from the beginning.
    if let Some(message) = lacks_database {
        set(DATABASE, Status::False, plan::CLOUD_SQL, message);
    }
    match phase {
        Phase::Queued => set(READY, Status::False, "Queued", "the run waits for a place"),
        Phase::Starting | Phase::Running => {
            let step = run.progress.map(|it| it.step).unwrap_or_default();
            set(READY, Status::False, "InProgress", &step);
        }
        Phase::Succeeded => {
            status.completion_time = run.finished_at;
            set(DOCUMENTS, Status::True, "CopySucceeded", "");
            match lacks_database {
                None => {
                    set(DATABASE, Status::True, "SnapshotSucceeded", "");
                    set(READY, Status::True, "BackupCompleted", "");
                }
                Some(reason) => {
                    let message = format!("only the documents are backed up: {manifest}; {reason}");
                    set(READY, Status::False, plan::CLOUD_SQL, &message);
                }
            }
        }
        Phase::Failed | Phase::Lost => {
            status.completion_time = run.finished_at;
            let failure = run.failure.unwrap_or_default();
            let hint = failure.hint.map(|hint| format!(". {hint}"));
            let message = format!("{}{}", failure.message, hint.unwrap_or_default());
            let code = if failure.code.is_empty() {
                phase.name()
            } else {
                &failure.code
            };
            set(READY, Status::False, code, &message);
        }
    }
}

pub(super) fn state(phase: Phase) -> RequestState {
    match phase {
        Phase::Queued => RequestState::Pending,
        Phase::Starting | Phase::Running => RequestState::InProgress,
        Phase::Succeeded => RequestState::Succeeded,
        Phase::Failed | Phase::Lost => RequestState::Failed,
    }
}

/// Returns what is to be reported: each step of a request once.
pub(super) fn news(
    was: &BackupRequestStatus,
    now: &BackupRequestStatus,
) -> Vec<(EventType, String, String)> {
    if was.state == now.state {
        return Vec::new();
    }
    let ready = now.conditions.iter().find(|it| it.type_ == READY);
    let (reason, message) = ready.map_or(("", ""), |it| (&it.reason, &it.message));
    let manifest = now.document_library.as_ref();
    let manifest = manifest.and_then(|it| it.manifest_path.as_deref());
    let (type_, note) = match now.state {
        Some(RequestState::InProgress) => (EventType::Normal, "the backup has begun".to_owned()),
        Some(RequestState::Succeeded) => (
            EventType::Normal,
            format!("the backup is complete: {}", manifest.unwrap_or_default()),
        ),
        Some(RequestState::Failed) => (EventType::Warning, message.to_owned()),
        Some(RequestState::Pending) | None => return Vec::new(),
    };
    vec![(type_, reason.to_owned(), note)]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(status: &Value) -> BackupRequestStatus {
        let backup = json!({
            "metadata": {"name": "retail"},
            "spec": {"engine": {"name": "aws"}},
            "status": status,
        });
        let backup: Backup = serde_json::from_value(backup).expect("a Backup");
        let mut shown = BackupRequestStatus::default();
        show(&backup, None, &mut shown, Timestamp::UNIX_EPOCH, Some(1));
        shown
    }

    fn ready(status: &BackupRequestStatus) -> (Status, &str) {
        let found = status.conditions.iter().find(|it| it.type_ == READY);
        let found = found.expect("a condition");
        (found.status, &found.reason)
    }

    #[test]
    fn a_complete_backup_shows_snapshot_documents_and_manifest() {
        let status = shown(&json!({
            "run": {
                "phase": "Succeeded",
                "startedAt": "2025-11-09T14:30:00Z", "finishedAt": "2025-11-09T15:00:00Z",
            },
            "details": {
                "snapshot": "retail-prd-20251109-143000", "database-bytes": "1073741824",
                "objects": "12453", "document-bytes": "2147483648",
                "manifest": "s3://backups/retail/prd/20251109-143000/manifest.json",
            },
        }));
        assert_eq!(status.state, Some(RequestState::Succeeded));
        assert_eq!(ready(&status), (Status::True, "BackupCompleted"));
        let database = status.database.as_ref().expect("a snapshot");
        assert_eq!(database.size.as_deref(), Some("1.0GiB"));
        let documents = status.document_library.as_ref().expect("documents");
        assert_eq!(documents.object_count, Some(12453));
        assert!(status.completion_time > status.start_time);
        let news = news(&BackupRequestStatus::default(), &status);
        assert_eq!(news.len(), 1);
        assert_eq!(super::news(&status, &status), []);
    }

    /// The state `Succeeded` would look like a backup of the database.
    #[test]
    fn documents_without_their_database_are_no_success() {
        let condition = |status: &BackupRequestStatus, type_: &str| {
            let found = status.conditions.iter().find(|it| it.type_ == type_);
            found.map(|it| (it.status, it.reason.clone(), it.message.clone()))
        };
        let show = |backup: Value| {
            let backup = json!({
                "metadata": {"name": "retail"}, "spec": {"engine": {"name": "aws"}},
                "status": backup,
            });
            let backup: Backup = serde_json::from_value(backup).expect("a Backup");
            let mut status = BackupRequestStatus::default();
            let why = Some("the database x is not in the backup");
            show(&backup, why, &mut status, Timestamp::UNIX_EPOCH, Some(1));
            status
        };
        let running = show(json!({"run": {"phase": "Running"}}));
        assert_eq!(running.state, Some(RequestState::InProgress));
        let database = condition(&running, DATABASE).expect("it");
        assert_eq!(
            (database.0, &*database.1),
            (Status::False, "CloudSQLNotSupported")
        );
        let manifest = "gs://backups/a/20251109-143000/manifest.json";
        let ended = show(json!({
            "run": {"phase": "Succeeded", "finishedAt": "2025-11-09T15:00:00Z"},
            "details": {"objects": "5", "document-bytes": "10", "manifest": manifest},
        }));
        assert_eq!(ended.state, Some(RequestState::Failed));
        assert!(ended.completion_time.is_some());
        assert_eq!(condition(&ended, DOCUMENTS).expect("it").0, Status::True);
        assert_eq!(condition(&ended, DATABASE).expect("it").0, Status::False);
        let (holds, reason, message) = condition(&ended, READY).expect("it");
        assert_eq!((holds, &*reason), (Status::False, "CloudSQLNotSupported"));
        assert!(
            message.contains(manifest) && message.contains("database x"),
            "{message}"
        );
        let documents = ended.document_library.as_ref().expect("documents");
        assert_eq!(documents.manifest_path.as_deref(), Some(manifest));
        let news = news(&running, &ended);
        assert!(matches!(&news[..], [(EventType::Warning, ..)]), "{news:?}");
    }

    #[test]
    fn a_failure_is_told_with_its_code_and_what_to_do() {
        let status = shown(&json!({"run": {"phase": "Lost"}}));
        assert_eq!(ready(&status), (Status::False, "Lost"));
        let status = shown(&json!({"run": {
            "phase": "Failed",
            "failure": {"code": "notFound", "message": "no instance a", "hint": "Check the name"},
        }}));
        assert_eq!(status.state, Some(RequestState::Failed));
        assert_eq!(ready(&status), (Status::False, "notFound"));
        let ready = status.conditions.iter().find(|it| it.type_ == READY);
        assert_eq!(ready.expect("it").message, "no instance a. Check the name");
        assert_eq!(shown(&json!({})).state, Some(RequestState::Pending));
    }
}
