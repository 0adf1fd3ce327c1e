//! Restores: a RestoreRequest, if the cluster has that kind. Only documents describe its two forms.

use broker_engine::{
    Error, ErrorKind, Field, Restoration, Restore, RestoreRequest, RestoreSource, Result, Settings,
    State,
};
use serde_json::{Value, json};

use crate::BackupRequest;
use crate::object::{belonging, state_of, to_backup};
use crate::options::Options;
use crate::request::given;
use crate::sort::{Id, Sort};

impl Restore for BackupRequest {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let RestoreSource::Id(id) = request.source else {
            return Err(Error::unsupported(
                "the controller restores only its own backups, not files",
            ));
        };
        let id = Id::parse(&id)?;
        let options = Options(&request.options);
        let sort = sort_for(&id)?;
        let environment = options.needed(
            "target-environment",
            "the environment that the backup is restored to",
        )?;
        let backup = id.read()?;
        let (state, word) = state_of(id.sort, &backup);
        if state != State::Succeeded {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{id} can't be restored: it is {}", word.unwrap_or("not begun yet")),
            )
            .with_hint("Choose a backup that has succeeded; `kubectl broker backup list --engine backuprequest` shows them"));
        }
        let spec = match sort {
            Sort::Lc2Restore => newest_form(options, &id, environment, request.dry_run)?,
            _ => long_form(options, &backup, &id, environment, request.dry_run)?,
        };
        let object = json!({
            // The documents suggest no name for restores.
            "metadata": { "generateName": format!("{}-restore-", id.name) },
            "spec": spec,
        });
        let created: Value = sort
            .kind()
            .create(&object)
            .map_err(|error| lacking(sort, error))?;
        Ok(Restoration {
            backup: to_backup(sort, &created)?,
            details: vec![
                detail("backup", id.to_string()),
                detail("target-environment", environment.to_owned()),
            ],
        })
    }
}

/// Returns the sort of the restore. Each controller restores the backups of its own group.
fn sort_for(id: &Id) -> Result<Sort> {
    match id.sort {
        Sort::Request => Ok(Sort::Restore),
        Sort::Lc2Request => Ok(Sort::Lc2Restore),
        Sort::Liferay => Err(Error::unsupported(
            "LiferayBackups are restored by Liferay's own workflow, not by an object",
        )
        .with_hint(format!(
            "`argo submit --from workflowtemplate/backup-restore-workflow-template -p liferay-backup-name={}` begins it",
            id.name
        ))),
        Sort::Restore | Sort::Lc2Restore => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{id} is a restore, not a backup"),
        )),
    }
}

/// Returns the spec of a RestoreRequest of `backup.lc2.io`.
fn newest_form(options: Options, id: &Id, environment: &str, dry_run: bool) -> Result<Value> {
    refuse(
        options,
        &["target-instance", "target-bucket"],
        "backup.lc2.io",
    )?;
    Ok(given([
        ("backupId", Some(json!(id.name))),
        ("targetEnvironment", Some(json!(environment))),
        ("restoreType", options.text("restore-type").map(Into::into)),
        ("dryRun", dry_run.then_some(json!(true))),
        (
            "sanitize",
            options.boolean("sanitize").then_some(json!(true)),
        ),
    ]))
}

/// Returns the spec of a RestoreRequest of `backup.liferay.cloud`.
fn long_form(
    options: Options,
    backup: &Value,
    id: &Id,
    environment: &str,
    dry_run: bool,
) -> Result<Value> {
    if dry_run {
        return Err(
            Error::unsupported("RestoreRequests of backup.liferay.cloud have no dry run")
                .with_hint("Leave out `--dry-run`; only those of backup.lc2.io have it"),
        );
    }
    refuse(
        options,
        &["restore-type", "sanitize"],
        "backup.liferay.cloud",
    )?;
    let target = |flag, field: &str| {
        let value = options.text(flag);
        value.map(|value| json!({ field: value }))
    };
    Ok(given([
        ("projectId", belonging(backup, "project").map(Into::into)),
        (
            "sourceEnvironment",
            belonging(backup, "environment").map(Into::into),
        ),
        ("targetEnvironment", Some(json!(environment))),
        ("backupId", Some(json!(id.name))),
        ("database", target("target-instance", "targetInstanceId")),
        ("documentLibrary", target("target-bucket", "targetBucket")),
    ]))
}

/// Rejects flags that this form of the kind does not have. Otherwise they would be ignored silently.
fn refuse(options: Options, flags: &[&str], group: &str) -> Result<()> {
    let given = |flag: &&&str| options.text(flag).is_some() || options.boolean(flag);
    match flags.iter().find(given) {
        Some(flag) => Err(Error::unsupported(format!(
            "RestoreRequests of {group} have nothing for `--{flag}`"
        ))),
        None => Ok(()),
    }
}

fn lacking(sort: Sort, error: Error) -> Error {
    if error.kind != ErrorKind::NotFound {
        return error;
    }
    Error::unsupported(format!("the cluster does not have the kind {}, so nothing can be restored", sort.title()))
        .with_hint("Install a backup-controller that brings the CRD of RestoreRequests, or restore the snapshot and the bucket by hand: `kubectl broker backup status --engine backuprequest -o wide` names them")
}

fn detail(name: &str, value: String) -> Field {
    Field {
        name: name.to_owned(),
        value,
    }
}
