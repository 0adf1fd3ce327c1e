//! The schedule of a KafkaBackup: `schedule`, `suspend` and `resume`.

use broker_engine::{Error, ErrorKind, Report, Result};
use serde_json::{Value, json};

use crate::cron;
use crate::object::Object;
use crate::work::Work;

pub fn schedule(name: &str, cron: &str) -> Result<Report> {
    cron::check(cron)?;
    let before = Work::Backup.get(name)?;
    change(&before, &json!({ "schedule": cron }))?;
    let mut text = format!("KafkaBackup {name} runs by the schedule {cron} (UTC).");
    if before.is_suspended() {
        text += &format!(
            "\nIt is suspended: `kubectl broker backup resume --engine kafka {name}` lets it go on."
        );
    }
    // The operator counts from the last run, not from now.
    text += "\nIf it was due since it ran last, it runs at once.";
    text += "\n`kubectl broker backup list --engine kafka -o wide` shows the next time.";
    Ok(Report::text(text))
}

pub fn suspend(name: &str, suspend: bool) -> Result<Report> {
    let before = Work::Backup.get(name)?;
    // Any change of the spec would run a backup without a schedule once more.
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
