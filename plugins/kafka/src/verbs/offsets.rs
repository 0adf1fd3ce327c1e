//! Offsets of consumer groups: `offset-reset` and `offset-rollback`.

use broker_engine::{ActRequest, Error, ErrorKind, Report, Result, Settings, State};
use serde_json::json;

use super::{cluster, run};
use crate::flags::{self, invalid};
use crate::object::{GroupResult, Object, Status};
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
                return Err(invalid(format!("--{flag} needs --strategy {wanted}")));
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
            return Err(invalid("--offset must be 0 or above"));
        }
        spec["resetOffset"] = json!(offset);
    }
    if strategy == "from-mapping" {
        if work != Work::Restore {
            return Err(invalid(
                "--strategy from-mapping needs the restore that recorded the offsets",
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

/// Reports the groups that were reset. The operator succeeds even if there was nothing to reset.
fn groups_reset(object: &Object) -> Result<String> {
    let status = &object.status;
    if object.spec["dryRun"] == true {
        return Ok(NOTHING_CHANGED.to_owned());
    }
    let asked = object.spec["consumerGroups"].as_array().map_or(0, Vec::len);
    let asked = u64::try_from(asked).unwrap_or_default();
    let total = status.groups_total.unwrap_or_default().max(asked);
    let Some(reset) = status.groups_reset.or_else(|| told_to_be_reset(status)) else {
        return Err(untold("reset"));
    };
    let mut text = format!("{reset} of {total} consumer groups were reset");
    let is_partial = state::state(Work::OffsetReset, object) == State::Partial;
    if reset > 0 && reset >= total && !is_partial {
        return Ok(format!("{text}."));
    }
    let failures: Vec<_> = status
        .group_results
        .iter()
        .filter_map(GroupResult::failure)
        .collect();
    text += &reasons(&failures, status);
    let hint = if failures.is_empty() {
        NO_SUCH_GROUPS
    } else {
        "A group can be reset only while none of its members runs: stop them, then reset these groups again"
    };
    Err(Error::new(ErrorKind::Failed, text).with_hint(hint))
}

const NOTHING_CHANGED: &str = "The operator would do this; nothing was changed.";
const NO_SUCH_GROUPS: &str = "The groups may be unknown in this Kafka cluster, or have no offsets: `kafka-consumer-groups.sh --list` shows those that it has";

/// Returns the number of groups that the operator reports as reset, or `None` without such reports.
fn told_to_be_reset(status: &Status) -> Option<u64> {
    let results = &status.group_results;
    let reset = results.iter().filter(|result| result.failure().is_none());
    (!results.is_empty()).then(|| u64::try_from(reset.count()).unwrap_or_default())
}

/// Returns the reasons why groups were left out: the reason of each, or otherwise the operator's message.
fn reasons(failures: &[String], status: &Status) -> String {
    match (failures, &status.message) {
        ([], None) => String::new(),
        ([], Some(message)) => format!("; the operator says: {message}"),
        (failures, _) => format!(". {}", failures.join(". ")),
    }
}

fn untold(done: &str) -> Error {
    Error::protocol(format!(
        "the operator reports success, but not how many consumer groups were {done}"
    ))
    .with_hint("Check the offsets of the groups: it is unknown whether any changed")
}

pub fn rollback(request: &ActRequest) -> Result<Report> {
    let path = request.required_text("path")?;
    if !path.starts_with('/') {
        return Err(invalid(format!("{path:?} is not an absolute path"))
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

fn rolled_back(object: &Object) -> Result<String> {
    let status = &object.status;
    if object.spec["dryRun"] == true {
        return Ok(NOTHING_CHANGED.to_owned());
    }
    let Some(groups) = status.groups_rolled_back else {
        return Err(untold("rolled back"));
    };
    let text = format!("{groups} consumer groups were rolled back");
    match status.groups_failed.unwrap_or_default() {
        0 if groups > 0 => Ok(format!("{text}.")),
        0 => Err(Error::new(ErrorKind::Failed, text + &reasons(&[], status))
            .with_hint("The snapshot may hold no groups, or none that this Kafka cluster knows")),
        failed => Err(Error::new(
            ErrorKind::Failed,
            format!("{text}, {failed} were not{}", reasons(&[], status)),
        )
        .with_hint("Check the operator's log")),
    }
}
