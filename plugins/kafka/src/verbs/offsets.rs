//! Offsets of consumer groups: `offset-reset` and `offset-rollback`.

use broker_engine::{ActRequest, Error, ErrorKind, Report, Result, Settings, State};
use serde_json::json;

use super::{cluster, run};
use crate::flags::{self, invalid};
use crate::object::{GroupResult, Object};
use crate::work::Work;
use crate::{state, time};

pub fn reset(request: &ActRequest) -> Result<Report> {
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

pub fn rollback(request: &ActRequest) -> Result<Report> {
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
