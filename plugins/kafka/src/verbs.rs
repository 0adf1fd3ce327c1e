//! The verbs of the engine: schedules, offsets, validations.

use broker_engine::{Act, ActRequest, Error, ErrorKind, Report, Result, Settings, State};
use serde_json::{Value, json};

use crate::flags::{self, invalid};
use crate::object::{GroupResult, Object};
use crate::restore::no_backup_yet;
use crate::work::Work;
use crate::{Kafka, cron, state, time, wait};

impl Act for Kafka {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "schedule" => schedule(
                request.required_text("name")?,
                request.required_text("cron")?,
            ),
            "suspend" => suspend(request.required_text("name")?, true),
            "resume" => suspend(request.required_text("name")?, false),
            "validate" => validate(&request),
            "offset-reset" => offset_reset(&request),
            "offset-rollback" => offset_rollback(&request),
            other => Err(Error::unsupported(format!(
                "the operator has no verb {other:?}"
            ))),
        }
    }
}

fn schedule(name: &str, cron: &str) -> Result<Report> {
    cron::check(cron)?;
    let before = Work::Backup.get(name)?;
    change(&before, &json!({ "schedule": cron }))?;
    let mut text = format!("KafkaBackup {name} runs by the schedule {cron} (UTC).");
    if before.is_suspended() {
        text += &format!(
            "\nIt is suspended: `kubectl broker backup resume --engine kafka {name}` lets it go on."
        );
    }
    // The operator counts from the last time, not from now.
    text += "\nIf it was due since it ran last, it runs at once.";
    text += "\n`kubectl broker backup list --engine kafka -o wide` shows the next time.";
    Ok(Report::text(text))
}

fn suspend(name: &str, suspend: bool) -> Result<Report> {
    let before = Work::Backup.get(name)?;
    // Any change of its spec would run a backup without a schedule once more.
    let Some(schedule) = before.schedule() else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("KafkaBackup {name} has no schedule"),
        )
        .with_hint(format!(
            "`kubectl broker backup schedule --engine kafka {name} CRON` gives it one"
        )));
    };
    if before.is_suspended() == suspend {
        let now = if suspend {
            "suspended already"
        } else {
            "not suspended"
        };
        return Ok(Report::text(format!("KafkaBackup {name} is {now}.")));
    }
    change(&before, &json!({ "suspend": suspend }))?;
    Ok(Report::text(if suspend {
        format!("The schedule {schedule} of KafkaBackup {name} is suspended.")
    } else {
        format!(
            "The schedule {schedule} of KafkaBackup {name} goes on.\nIf it was due meanwhile, it runs at once."
        )
    }))
}

fn change(object: &Object, spec: &Value) -> Result<Object> {
    let patch = json!({ "spec": spec });
    Work::Backup.kind().patch(&object.metadata.name, &patch)
}

fn validate(request: &ActRequest) -> Result<Report> {
    let name = request.required_text("name")?;
    let backup = Work::Backup.get(name)?;
    let groups = flags::list(request, "groups")?;
    let mut checks = json!({});
    for check in flags::list(request, "checks")?.unwrap_or_default() {
        match check.as_str() {
            "message-count" => checks["messageCount"] = json!({ "enabled": true }),
            "offset-range" => checks["offsetRange"] = json!({ "enabled": true }),
            "consumer-group-offsets" => {
                let Some(groups) = &groups else {
                    return Err(invalid("the check consumer-group-offsets needs --groups"));
                };
                checks["consumerGroupOffsets"] =
                    json!({ "enabled": true, "consumerGroups": groups });
            }
            other => {
                return Err(
                    invalid(format!("--checks has {other:?}, which is no check")).with_hint(
                        "There are message-count, offset-range and consumer-group-offsets",
                    ),
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

/// Judged by the result: a check that fails ends its phase well all the same.
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
        Some("Pass" | "Warn" | "Skip") => Ok(lines.join("\n")),
        Some("Fail") => Err(Error::new(ErrorKind::Integrity, lines.join("; "))
            .with_hint("Make another backup, and find out why this one is not as its topics are")),
        _ => Err(Error::protocol(lines.join("; "))
            .with_hint("Whether the backup is whole is not known: the operator's log says more")),
    }
}

fn offset_reset(request: &ActRequest) -> Result<Report> {
    let groups = flags::list(request, "groups")?.unwrap_or_default();
    let strategy = request.required_text("strategy")?;
    let of = request.required_text("cluster-of")?;
    let (work, name) = Work::of_id(of);
    let mut spec = json!({
        "kafkaCluster": cluster(&work.get(name)?, work)?,
        "consumerGroups": groups,
        "resetStrategy": strategy,
    });
    let (time, offset) = (request.text("time"), request.integer("offset"));
    for (flag, given, wanted) in [
        ("time", time.is_some(), "to-timestamp"),
        ("offset", offset.is_some(), "to-offset"),
    ] {
        match (given, strategy == wanted) {
            (true, false) => {
                return Err(invalid(format!(
                    "--{flag} goes with --strategy {wanted} only"
                )));
            }
            (false, true) => return Err(invalid(format!("--strategy {wanted} needs --{flag}"))),
            _ => {}
        }
    }
    if let Some(text) = time {
        spec["resetTimestamp"] = json!(time::parse("time", text)?.as_millisecond());
    }
    if let Some(offset) = offset {
        if offset < 0 {
            return Err(invalid("--offset is below 0"));
        }
        spec["resetOffset"] = json!(offset);
    }
    if strategy == "from-mapping" {
        if work != Work::Restore {
            return Err(invalid(
                "--strategy from-mapping needs the restore that noted the offsets",
            )
            .with_hint("Name it with --cluster-of restore/NAME"));
        }
        spec["offsetMappingRef"] = json!({ "restoreName": name });
    }
    if let Some(topics) = flags::list(request, "topics")? {
        spec["topics"] = json!(topics);
    }
    for (flag, field) in [
        ("continue-on-error", "continueOnError"),
        ("dry-run", "dryRun"),
    ] {
        if request.boolean(flag) {
            spec[field] = json!(true);
        }
    }
    run(
        request,
        Work::OffsetReset,
        "offset-reset-",
        &spec,
        groups_reset,
    )
}

fn groups_reset(object: &Object) -> Result<String> {
    let status = &object.status;
    if object.spec["dryRun"] == true {
        return Ok("The operator would do this; nothing was changed.".to_owned());
    }
    let count = |number: Option<u64>| number.unwrap_or_default();
    let mut text = format!(
        "{} of {} consumer groups were reset.",
        count(status.groups_reset),
        count(status.groups_total)
    );
    if state::state(Work::OffsetReset, object) != State::Partial {
        return Ok(text);
    }
    for failure in status.group_results.iter().filter_map(GroupResult::failure) {
        text += &format!(" {failure}.");
    }
    Err(
        Error::new(ErrorKind::Failed, text.trim_end_matches('.')).with_hint(
            "A group can be reset while none of its members runs; do it once more for these groups",
        ),
    )
}

fn offset_rollback(request: &ActRequest) -> Result<Report> {
    let path = request.required_text("path")?;
    if !path.starts_with('/') {
        return Err(invalid(format!("{path:?} is no absolute path"))
            .with_hint("The operator reads the snapshot from its own pod: give the path there"));
    }
    let (work, name) = Work::of_id(request.required_text("cluster-of")?);
    let file = path.rsplit('/').next().unwrap_or_default();
    let mut spec = json!({
        "kafkaCluster": cluster(&work.get(name)?, work)?,
        "snapshotRef": { "name": file, "path": path },
    });
    if request.boolean("dry-run") {
        spec["dryRun"] = json!(true);
    }
    run(
        request,
        Work::OffsetRollback,
        "offset-rollback-",
        &spec,
        rolled_back,
    )
}

#[expect(clippy::unnecessary_wraps, reason = "others of its kind can fail")]
fn rolled_back(object: &Object) -> Result<String> {
    if object.spec["dryRun"] == true {
        return Ok("The operator would do this; nothing was changed.".to_owned());
    }
    let groups = object.status.groups_rolled_back.unwrap_or_default();
    Ok(format!("{groups} consumer groups were rolled back."))
}

fn cluster(object: &Object, work: Work) -> Result<Value> {
    object.cluster().cloned().ok_or_else(|| {
        let name = &object.metadata.name;
        invalid(format!("{} {name} names no Kafka cluster", work.name()))
    })
}

/// Creates an object, waits for its end if it is to, and says what came of it.
fn run(
    request: &ActRequest,
    work: Work,
    prefix: &str,
    spec: &Value,
    told: impl Fn(&Object) -> Result<String>,
) -> Result<Report> {
    let object = json!({ "metadata": { "generateName": prefix }, "spec": spec });
    let created: Object = work.kind().create(&object)?;
    let name = &created.metadata.name;
    if request.boolean("no-wait") {
        let text = format!(
            "{} {name} is created.\n{}.",
            work.name(),
            wait::look(work, name)
        );
        return Ok(Report::text(text));
    }
    let Some(ended) = wait::until_ended(work, name)? else {
        return Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "{} {name} has not ended; it goes on in the cluster",
                work.name()
            ),
        )
        .with_hint(wait::look(work, name)));
    };
    if ended.status.phase.as_deref() == Some("Failed") {
        let reason = ended.status.message.as_deref().unwrap_or("no reason given");
        return Err(Error::new(
            ErrorKind::Failed,
            format!("{} {name} failed: {reason}", work.name()),
        )
        .with_hint("The operator's log says more"));
    }
    told(&ended).map(Report::text)
}
