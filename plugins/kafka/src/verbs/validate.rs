//! `validate`: the operator checks a backup against its topics.

use broker_engine::{ActRequest, Error, ErrorKind, Report, Result, Settings};
use serde_json::json;

use super::{cluster, run};
use crate::flags::{self, invalid};
use crate::object::Object;
use crate::restore::no_backup_yet;
use crate::work::Work;

pub fn validate(request: &ActRequest) -> Result<Report> {
    let name = request.required_text("name")?;
    let backup = Work::Backup.get(name)?;
    let groups = flags::list(request, "groups")?;
    let mut checks = json!({});
    for check in flags::list(request, "checks")?.unwrap_or_default() {
        match check.as_str() {
            "message-count" => checks["messageCount"] = json!({ "enabled": true }),
            "offset-range" => checks["offsetRange"] = json!({ "enabled": true }),
            "consumer-group-offsets" => {
                // Without names, the operator looks at all groups.
                let groups = groups.as_deref().unwrap_or_default();
                checks["consumerGroupOffsets"] =
                    json!({ "enabled": true, "consumerGroups": groups });
            }
            other => {
                return Err(
                    invalid(format!("--checks has {other:?}, which is not a check"))
                        .with_hint("Use message-count, offset-range or consumer-group-offsets"),
                );
            }
        }
    }
    if groups.is_some() && checks["consumerGroupOffsets"].is_null() {
        return Err(invalid("--groups needs the check consumer-group-offsets")
            .with_hint("Add it to --checks"));
    }
    let mut of = json!({ "name": name });
    match request.text("backup-id") {
        Some(id) => of["backupId"] = json!(id),
        None if backup.status.backup_id.is_none() => return Err(no_backup_yet(name)),
        None => {}
    }
    let spec = json!({ "backupRef": of, "checks": checks, "kafkaCluster": cluster(&backup, Work::Backup)? });
    run(
        request,
        Work::Validation,
        &format!("{name}-"),
        &spec,
        validated,
    )
}

/// Reports the result of a validation. Its phase is no indication: it completes even if a check fails.
fn validated(object: &Object) -> Result<String> {
    let name = object.text("/backupRef/name").unwrap_or_default();
    let result = object.status.validation_result.as_deref();
    let mut lines = vec![format!(
        "KafkaBackup {name}: {}",
        result.unwrap_or("no result")
    )];
    for check in &object.status.check_results {
        lines.push(check.told());
    }
    match result {
        Some("Pass" | "Warn") => Ok(lines.join("\n")),
        Some("Skip") => Err(Error::new(ErrorKind::Failed, lines.join("; ")).with_hint(
            "The operator has skipped every check: it is unknown whether the backup is complete",
        )),
        Some("Fail") => Err(Error::new(ErrorKind::Integrity, lines.join("; "))
            .with_hint("Make another backup, and find out why this one differs from its topics")),
        _ => Err(Error::protocol(lines.join("; "))
            .with_hint("It is unknown whether the backup is complete; check the operator's log")),
    }
}
