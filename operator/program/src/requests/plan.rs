//! The Backup that a request asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use operator_api::{
    Backup, BackupRequest, BackupRequestSpec, BackupSpec, Connection, DatabaseBackup,
    DeletionPolicy, Engine, JobSettings, LABEL_ENVIRONMENT, LABEL_PROJECT, Phase, Provider,
    RequestState, RunKind as _, Target, VerifyMode, Work,
};

/// Longest time of one attempt. A million documents take hours, and a second attempt goes on where the first one stopped.
const TIMEOUT: &str = "24h";
/// The option of engine aws for the database.
const DATABASE: &str = "db-instance";
/// The option of engine aws for the time that names a backup.
const AT: &str = "at";
/// The beginning of the ids and the buckets of Google Cloud Storage.
pub(super) const GOOGLE: &str = "gs://";
/// The reason of everything that a database in Google Cloud would be needed for.
pub(super) const CLOUD_SQL: &str = "CloudSQLNotSupported";
/// Number of further attempts.
const RETRIES: i32 = 5;

/// The reason why a request can't be fulfilled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The condition that tells, besides that of the whole request.
    pub(super) condition: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Returns why a request can't be fulfilled, if that is known before anything begins.
pub(super) fn refusal(spec: &BackupRequestSpec) -> Option<Refusal> {
    match spec.database.kind {
        DatabaseBackup::Snapshot => None,
        DatabaseBackup::Dump => Some(Refusal {
            condition: "DatabaseBackupReady",
            reason: "DumpNotSupported",
            message: "a database can't be dumped; request a backup with database.type snapshot"
                .to_owned(),
        }),
    }
}

/// Returns why the backup of a request has only documents, if so. Such a request is never a success.
pub(super) fn lacks_database(spec: &BackupRequestSpec) -> Option<String> {
    match spec.provider {
        Provider::Aws => None,
        Provider::Gcp => Some(format!(
            "the database {} is not in the backup: Cloud SQL is not supported",
            spec.database.instance_id
        )),
    }
}

/// Returns a bucket in Google Cloud Storage, as engine aws takes it.
pub(super) fn google(bucket: &str) -> String {
    let name = bucket.strip_prefix(GOOGLE).unwrap_or(bucket);
    format!("{GOOGLE}{name}")
}

/// Returns whether a request has not begun.
pub(super) fn waits(request: &BackupRequest) -> bool {
    let state = request.status.as_ref().and_then(|it| it.state);
    let is_open = state.is_none_or(|state| state == RequestState::Pending);
    is_open && request.metadata.deletion_timestamp.is_none() && refusal(&request.spec).is_none()
}

/// Returns why a request must wait. None if it may begin. `backups` are those of the project, and `older` are its older requests
/// that wait, the oldest first. `limit` is the number of backups that may be under way; zero is no limit.
///
/// RDS makes one snapshot of a database at a time, so a second backup of it would only fail.
pub(super) fn queued(
    spec: &BackupRequestSpec,
    backups: &[Backup],
    older: &[&BackupRequestSpec],
    limit: usize,
) -> Option<String> {
    let is_open = |backup: &&Backup| {
        let phase = backup.run().and_then(|it| it.phase);
        !phase.is_some_and(Phase::is_terminal)
    };
    let open: Vec<_> = backups.iter().filter(is_open).collect();
    let of_open = open
        .iter()
        .filter_map(|it| it.spec.work.options.get(DATABASE));
    let mut busy: BTreeSet<&str> = of_open.map(String::as_str).collect();
    let mut under_way = open.len();
    // The older ones begin first, as far as they can.
    for request in older {
        if database_of(request).is_none_or(|it| busy.insert(it)) {
            under_way += 1;
        }
    }
    if limit > 0 && under_way >= limit {
        return Some(format!(
            "{limit} backups of project {} are under way; this one waits for a place",
            spec.project_id
        ));
    }
    let database = database_of(spec).filter(|it| busy.contains(it))?;
    Some(format!(
        "another backup of database {database} is under way; this one waits for its end"
    ))
}

/// Returns the database that a request makes a snapshot of.
fn database_of(spec: &BackupRequestSpec) -> Option<&str> {
    match spec.provider {
        Provider::Aws => Some(&spec.database.instance_id),
        Provider::Gcp => None,
    }
}

/// Returns the work of a run of engine aws.
pub(super) fn work(options: BTreeMap<String, String>, job: Option<Arc<JobSettings>>) -> Work {
    Work {
        engine: Engine {
            name: "aws".to_owned(),
            lockfile: None,
            image: None,
            accept_capabilities: None,
        },
        target: Target::default(),
        options,
        ports: BTreeMap::new(),
        tls: BTreeMap::new(),
        credentials: None,
        timeout: TIMEOUT.to_owned(),
        retries: RETRIES,
        connection: Connection::default(),
        job,
    }
}

/// Returns the time that names the backup of a request. It is that of its creation, or a later second that no other backup of
/// the environment has.
fn time_of(request: &BackupRequest, others: &[Backup]) -> String {
    let created = request.metadata.creation_timestamp.as_ref();
    let created = created.map(|it| it.0).unwrap_or_default();
    let environment = &request.spec.environment;
    let of_environment = others
        .iter()
        .filter(|it| it.labels().get(LABEL_ENVIRONMENT) == Some(environment));
    let taken: BTreeSet<_> = of_environment
        .filter_map(|it| it.spec.work.options.get(AT))
        .collect();
    // One of so many is free.
    (0..)
        .take(taken.len() + 1)
        .map(|second| created + SignedDuration::from_secs(second))
        .map(|time| time.strftime("%Y%m%d-%H%M%S").to_string())
        .find(|time| !taken.contains(time))
        .unwrap_or_default()
}

/// Returns the Backup of a request. It has the same name, and goes with the request. `others` are the Backups of the project.
pub(super) fn backup(
    request: &BackupRequest,
    others: &[Backup],
    owner: OwnerReference,
    job: Option<Arc<JobSettings>>,
) -> Backup {
    let spec = &request.spec;
    let documents = &spec.document_library;
    let retention = match spec.retention_days {
        Some(days) => format!("{days}d"),
        None => spec.database.retention.clone(),
    };
    let bucket = |name: &str| match spec.provider {
        Provider::Aws => name.to_owned(),
        Provider::Gcp => google(name),
    };
    let (database, value) = match spec.provider {
        Provider::Aws => (DATABASE, spec.database.instance_id.clone()),
        Provider::Gcp => ("documents-only", "true".to_owned()),
    };
    let mut options: BTreeMap<String, String> = [
        (database, value),
        ("project", spec.project_id.clone()),
        ("environment", spec.environment.clone()),
        ("source-bucket", bucket(&documents.source_bucket)),
        ("destination-bucket", bucket(&documents.destination_bucket)),
        ("retention", retention),
        // A second attempt names the same backup, and so goes on with it.
        (AT, time_of(request, others)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(prefix) = documents
        .destination_prefix
        .as_ref()
        .filter(|it| !it.is_empty())
    {
        options.insert("destination-prefix".to_owned(), prefix.clone());
    }
    if documents.exclude_generated_files {
        options.insert("exclude-generated-files".to_owned(), "true".to_owned());
    }
    let mut backup = Backup::new(
        &request.name_any(),
        BackupSpec {
            work: work(options, job),
            store: None,
            verify: VerifyMode::None,
            deletion_policy: DeletionPolicy::Retain,
            schedule: None,
        },
    );
    backup.metadata.namespace = request.namespace();
    backup.metadata.owner_references = Some(vec![owner]);
    backup.metadata.labels = Some(
        [
            (LABEL_PROJECT, &spec.project_id),
            (LABEL_ENVIRONMENT, &spec.environment),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into(),
    );
    backup
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(spec: &serde_json::Value) -> BackupRequest {
        let mut request = json!({
            "metadata": {
                "name": "retail", "namespace": "proj", "uid": "u",
                "creationTimestamp": "2025-11-09T14:30:00Z",
            },
            "spec": {
                "projectId": "retail", "environment": "prd",
                "database": {"instanceId": "retail-prd-db"},
                "documentLibrary": {"sourceBucket": "docs", "destinationBucket": "backups"},
            },
        });
        for (name, value) in spec.as_object().expect("an object") {
            request["spec"][name] = value.clone();
        }
        serde_json::from_value(request).expect("a request")
    }

    fn options(spec: &serde_json::Value) -> BTreeMap<String, String> {
        let owner = OwnerReference::default();
        backup(&request(spec), &[], owner, None).spec.work.options
    }

    #[test]
    fn a_request_has_the_defaults_of_the_plan_and_names_its_backup() {
        let options = options(&json!({}));
        assert_eq!(options["retention"], "7d");
        assert_eq!(options["at"], "20251109-143000");
        assert_eq!(options["db-instance"], "retail-prd-db");
        assert!(!options.contains_key("destination-prefix"));
        assert!(!options.contains_key("exclude-generated-files"));
    }

    #[test]
    fn requests_of_one_second_have_backups_of_their_own() {
        let owner = OwnerReference::default;
        let request = request(&json!({}));
        let first = backup(&request, &[], owner(), None);
        let mut elsewhere = first.clone();
        let labels = elsewhere.metadata.labels.as_mut().expect("labels");
        labels.insert(LABEL_ENVIRONMENT.to_owned(), "uat".to_owned());
        let second = backup(&request, &[elsewhere], owner(), None);
        assert_eq!(second.spec.work.options, first.spec.work.options);
        let third = backup(&request, &[first, second], owner(), None);
        assert_eq!(third.spec.work.options["at"], "20251109-143001");
    }

    #[test]
    fn a_request_waits_for_a_place_of_its_project_and_for_its_database() {
        let of = |database: &str| request(&json!({"database": {"instanceId": database}}));
        let run = |database: &str, phase: &str| {
            let mut run = backup(&of(database), &[], OwnerReference::default(), None);
            run.status = serde_json::from_value(json!({"run": {"phase": phase}})).ok();
            run
        };
        let (a, b, c) = (of("a"), of("b"), of("c"));
        let waits = |backups: &[Backup], older: &[&BackupRequestSpec], limit| {
            queued(&a.spec, backups, older, limit)
        };
        assert_eq!(waits(&[], &[], 2), None);
        assert_eq!(
            waits(&[run("a", "Succeeded"), run("b", "Running")], &[], 2),
            None
        );
        assert_eq!(
            waits(&[run("b", "Running")], &[&b.spec], 2),
            None,
            "b can't begin"
        );
        for (backups, older, limit, part) in [
            (
                vec![run("b", "Running"), run("c", "Queued")],
                vec![],
                2,
                "place",
            ),
            (vec![run("b", "Running")], vec![&c.spec], 2, "place"),
            (vec![run("a", "Running")], vec![], 2, "database a"),
            (vec![run("a", "Running")], vec![], 0, "database a"),
            (vec![], vec![&a.spec], 2, "database a"),
        ] {
            let reason = waits(&backups, &older, limit).expect("it waits");
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn days_of_retention_come_before_that_of_the_database() {
        let options = options(&json!({
            "retentionDays": 30,
            "documentLibrary": {
                "sourceBucket": "docs", "destinationBucket": "backups",
                "destinationPrefix": "retail", "excludeGeneratedFiles": true,
            },
        }));
        assert_eq!(options["retention"], "30d");
        assert_eq!(options["destination-prefix"], "retail");
        assert_eq!(options["exclude-generated-files"], "true");
    }

    #[test]
    fn a_request_in_google_cloud_is_one_for_documents() {
        let options = options(&json!({
            "provider": "gcp",
            "documentLibrary": {"sourceBucket": "docs", "destinationBucket": "gs://backups"},
        }));
        assert_eq!(options["documents-only"], "true");
        assert_eq!(options["source-bucket"], "gs://docs");
        assert_eq!(options["destination-bucket"], "gs://backups");
        assert!(!options.contains_key("db-instance"));
        let lacks = |spec| lacks_database(&request(&spec).spec);
        assert_eq!(lacks(json!({})), None);
        let message = lacks(json!({"provider": "gcp"})).expect("a reason");
        assert!(message.contains("retail-prd-db"), "{message}");
    }

    #[test]
    fn what_can_not_be_backed_up_is_refused_before_anything_begins() {
        let reason = |spec| refusal(&request(&spec).spec).map(|it| it.reason);
        assert_eq!(reason(json!({})), None);
        assert_eq!(reason(json!({"provider": "gcp"})), None);
        assert_eq!(
            reason(json!({"database": {"instanceId": "a", "type": "dump"}})),
            Some("DumpNotSupported")
        );
    }
}
