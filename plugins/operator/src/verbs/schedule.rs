//! Schedules: `schedules`, `schedule`, `suspend` and `resume`.

use broker_engine::resources::Selection;
use broker_engine::{Check, Outcome, Report, Result};
use serde_json::json;

use crate::kind::{self, SCHEDULE};
use crate::object::Object;
use crate::text::line;

/// Shows one schedule, or all.
pub fn show(name: Option<&str>) -> Result<Report> {
    let schedules = match name {
        Some(name) => vec![kind::schedule(name)?],
        None => {
            let listed = SCHEDULE.list::<Object>(&Selection::all());
            listed.map_err(kind::if_not_installed)?
        }
    };
    if schedules.is_empty() {
        return Ok(Report::text(
            "There is no BackupSchedule in this namespace.",
        ));
    }
    Ok(Report::items(schedules.iter().map(shown)))
}

/// Returns a schedule with its times. One that is suspended is `skipped`. One that is invalid, or whose last run failed,
/// is `warned`: the command itself has not failed.
fn shown(schedule: &Object) -> Check {
    let status = &schedule.status;
    let is_false = |type_| {
        let condition = schedule.condition(type_);
        condition.filter(|condition| condition.status == "False")
    };
    let invalid = is_false("Scheduled").filter(|_| !schedule.is_suspended());
    let unhealthy = is_false("Healthy");
    let outcome = if schedule.is_suspended() {
        Outcome::Skipped
    } else if invalid.is_some() || unhealthy.is_some() {
        Outcome::Warned
    } else {
        Outcome::Passed
    };
    let mut parts = vec![times(schedule)];
    if schedule.is_suspended() {
        parts.push("suspended".to_owned());
    } else if let Some(invalid) = invalid {
        parts.push(format!("no runs: {}", invalid.told()));
    } else if let Some(next) = &status.next_run_time {
        parts.push(format!("next run {}", line(next)));
    } else {
        parts.push("next run unknown: the operator has not looked at it yet".to_owned());
    }
    match &status.last_success_time {
        Some(time) => parts.push(format!("last success {}", line(time))),
        None => parts.push("no success yet".to_owned()),
    }
    if let (Some(condition), Some(time)) = (unhealthy, &status.last_failure_time) {
        parts.push(format!("last failure {}: {}", line(time), condition.told()));
    }
    Check::new(line(&schedule.metadata.name), outcome).with_message(parts.join("; "))
}

/// Returns the times as the user wrote them: `H 2 * * * Europe/Berlin`.
fn times(schedule: &Object) -> String {
    let times = line(schedule.text("/schedule").unwrap_or_default());
    let zone = schedule.text("/timeZone").unwrap_or("UTC");
    format!("{times} {}", line(zone))
}

/// Sets the times of a schedule. The API server checks their form, and the operator the rest.
pub fn set(name: &str, cron: &str) -> Result<Report> {
    kind::schedule(name)?;
    let patch = json!({ "spec": { "schedule": cron } });
    let after: Object = SCHEDULE.patch(name, &patch)?;
    let mut text = format!("BackupSchedule {name} runs at {}.", times(&after));
    if after.is_suspended() {
        text += &format!(
            "\nIt is suspended: `kubectl broker backup resume --engine operator {name}` lets it go on."
        );
    }
    text += &format!(
        "\n`kubectl broker backup schedules --engine operator --name {name}` shows the next run, or what is wrong."
    );
    Ok(Report::text(text))
}

/// Suspends a schedule, or resumes it.
pub fn suspend(name: &str, suspend: bool) -> Result<Report> {
    let before = kind::schedule(name)?;
    if before.is_suspended() == suspend {
        let now = if suspend {
            "suspended already"
        } else {
            "not suspended"
        };
        return Ok(Report::text(format!("BackupSchedule {name} is {now}.")));
    }
    let patch = json!({ "spec": { "suspend": suspend } });
    let _: Object = SCHEDULE.patch(name, &patch)?;
    let times = times(&before);
    Ok(Report::text(if suspend {
        format!("BackupSchedule {name} ({times}) is suspended.\nRuns that are under way go on.")
    } else {
        format!(
            "BackupSchedule {name} ({times}) is resumed.\nRuns that it missed are not caught up: `kubectl broker backup run --engine operator {name}` makes one now."
        )
    }))
}
