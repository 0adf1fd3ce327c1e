mod create;
mod delete;
mod list;
mod manifest;
mod restore;
mod status;

use broker_engine::mock::Host;
use broker_engine::{
    Activity, Create, CreateRequest, Delete, DeleteRequest, OptionSetting, OptionValue, Prepare,
    PrepareRequest, Restoration, Restore, RestoreRequest, RestoreSource, State,
};
use serde_json::json;

use super::*;

const KIND: &str = "backup.liferay.cloud/v1alpha1/BackupRequest";
const LC2_KIND: &str = "backup.lc2.io/v1alpha1/BackupRequest";
/// The time 2025-11-09 14:30:00 UTC, in milliseconds since the Unix epoch.
const NOW: u64 = 1_762_698_600_000;

fn host() -> Host {
    Host::new(MANIFEST).at(NOW)
}

fn request(name: &str, status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": "BackupRequest",
        "metadata": {"name": name, "creationTimestamp": "2025-11-09T14:30:00Z"},
        "spec": {
            "projectId": "retail", "environment": "prd", "provider": "aws",
            "database": {"instanceId": "retail-prd-db"},
            "documentLibrary": {
                "sourceBucket": "liferay-retail-prd-dl", "destinationBucket": "liferay-backups",
                "destinationPrefix": "retail/prd/20251109-143000/dl",
            },
        },
    });
    object["status"] = status;
    object
}

fn lc2(name: &str, status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "backup.lc2.io/v1alpha1", "kind": "BackupRequest", "metadata": {"name": name},
        "spec": {"application": "portal", "projectId": "retail", "provider": "local"},
    });
    object["status"] = status;
    object
}

fn liferay(version: &str, conditions: Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("backup.liferay.cloud/{version}"), "kind": "LiferayBackup",
        "metadata": {"name": "nightly"},
        "status": {
            "databaseSnapshot": {"uuid": "5b0c"},
            "documentLibrary": {"destinationBucket": "b", "destinationPath": "/p/q"},
        },
    });
    object["status"]["conditions"] = conditions;
    object
}

fn options(given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let given = given.iter();
    given
        .map(|(name, value)| OptionSetting {
            name: (*name).to_owned(),
            value: value.clone(),
        })
        .collect()
}

fn list(host: &Host, given: &[(&str, OptionValue)]) -> Result<Vec<Backup>> {
    let page = host.run(|| {
        BackupRequest::list(ListRequest {
            cursor: None,
            limit: None,
            options: options(given),
        })
    });
    page.map(|page| page.backups)
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        BackupRequest::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn field<'a>(backup: &'a Backup, name: &str) -> Option<&'a str> {
    let field = backup.fields.iter().find(|field| field.name == name);
    field.map(|field| field.value.as_str())
}

/// Returns the flags that `create` requires, except `without`, and with `more`.
fn flags(without: &str, more: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let needed: [(&str, OptionValue); 5] = [
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("database-instance", "retail-prd-db".into()),
        ("source-bucket", "liferay-retail-prd-dl".into()),
        ("destination-bucket", "liferay-backups".into()),
    ];
    let given: Vec<_> = needed
        .into_iter()
        .filter(|(name, _)| *name != without && !more.iter().any(|(other, _)| other == name))
        .chain(more.iter().cloned())
        .collect();
    options(&given)
}

fn create(host: &Host, options: Vec<OptionSetting>) -> Result<Backup> {
    host.run(|| {
        BackupRequest::create(CreateRequest {
            prepared: None,
            options,
        })
    })
}

fn prepare(host: &Host, options: Vec<OptionSetting>) -> Result<Vec<String>> {
    let prepared = host.run(|| BackupRequest::prepare(PrepareRequest { options }));
    prepared.map(|prepared| prepared.notes)
}

fn delete(host: &Host, id: &str, force: bool) -> Result<Vec<String>> {
    host.run(|| {
        BackupRequest::delete(DeleteRequest {
            id: id.to_owned(),
            force,
            options: Vec::new(),
        })
    })
}

fn restore(
    host: &Host,
    id: &str,
    dry_run: bool,
    given: &[(&str, OptionValue)],
) -> Result<Restoration> {
    host.run(|| {
        BackupRequest::restore(RestoreRequest {
            source: RestoreSource::Id(id.to_owned()),
            dry_run,
            options: options(given),
        })
    })
}

fn missing(kind: &str) -> Error {
    Error::not_found(format!("the server knows no kind {kind}"))
}
