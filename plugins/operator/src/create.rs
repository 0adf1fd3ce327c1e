//! The Backup to create: a run of a schedule, another Backup again, a file, or flags.

use broker_engine::resources::Selection;
use broker_engine::{Error, Result, Settings, clock, yaml};
use serde_json::{Map, Value, json};

use crate::kind::{self, ANNOTATION_ORIGIN, LABEL_SCHEDULE, Run};
use crate::object::Object;
use crate::state::has_ended;

/// The fields of the spec that a Backup, a Restore and a BackupSchedule have in common: what the operator calls the
/// work.
pub const WORK: [&str; 10] = [
    "engine",
    "target",
    "options",
    "ports",
    "credentials",
    "timeout",
    "tls",
    "retries",
    "connection",
    "job",
];
/// The other fields that a run has from its schedule.
pub const COPY: [&str; 3] = ["store", "verify", "deletionPolicy"];
/// The flags that describe a backup.
const FLAGS: [&str; 5] = [
    "run-engine",
    "run-statefulset",
    "run-options",
    "run-store",
    "run-verify",
];
/// The prefix of a name if neither the user nor a file gives one.
const PREFIX: &str = "backup-";
/// Digits of the time in the name of a run that the operator makes: minutes since 1970.
const TICK: usize = 8;

/// A Backup that may be created.
pub struct Plan {
    pub object: Value,
    /// Notes for the user, one sentence each.
    pub notes: Vec<String>,
}

/// Returns the Backup, after the API server has checked it.
///
/// # Errors
/// Fails if the request mixes sources, if the rule of the schedule refuses the run, or if the API server would refuse
/// the object.
pub fn plan(request: &impl Settings) -> Result<Plan> {
    let sources = ["from-schedule", "from", "file"];
    for source in sources {
        let others = sources.iter().chain(&FLAGS);
        let mut others = others.filter(|other| **other != source);
        if request.text(source).is_some()
            && let Some(other) = others.find(|other| request.text(other).is_some())
        {
            return Err(
                Error::invalid(format!("--{source} and --{other} exclude each other"))
                    .with_hint(format!("With --{source} only --name can be given")),
            );
        }
    }
    let mut plan = if let Some(name) = request.text("from-schedule") {
        of_schedule(name)?
    } else {
        let object = if let Some(name) = request.text("from") {
            again(name)?
        } else if let Some(text) = request.text("file") {
            of_file(text)?
        } else {
            of_flags(request)?
        };
        let notes = Vec::new();
        Plan { object, notes }
    };
    if let Some(name) = request.text("name") {
        plan.object["metadata"]["name"] = json!(name);
    }
    refuse_name_of_tick(&plan.object)?;
    settle(&mut plan.object)?;
    Ok(plan)
}

/// Returns a run of a schedule, after the API server has checked it.
///
/// # Errors
/// Fails if the rule of the schedule refuses the run, or if the API server would refuse the object.
pub fn run_of(schedule: &str) -> Result<Plan> {
    let mut plan = of_schedule(schedule)?;
    settle(&mut plan.object)?;
    Ok(plan)
}

/// Returns a run of a schedule, as the operator makes them.
///
/// Its name can't be that of a time of any schedule, because the characters that the API server adds are not as many.
fn of_schedule(name: &str) -> Result<Plan> {
    let schedule = kind::schedule(name)?;
    if schedule.is_going() {
        return Err(Error::conflict(format!(
            "BackupSchedule {name} is being deleted"
        )));
    }
    let Some(uid) = schedule.metadata.uid.clone() else {
        return Err(Error::protocol(format!("BackupSchedule {name} has no uid")));
    };
    if schedule.text("/concurrencyPolicy") != Some("Allow") {
        refuse_second_run(name, &uid)?;
    }
    let mut spec = work(&schedule, &[&WORK[..], &COPY[..]].concat())?;
    spec.insert(
        "schedule".to_owned(),
        json!({ "name": name, "uid": uid, "time": now() }),
    );
    let mut notes = Vec::new();
    if schedule.is_suspended() {
        notes.push(format!(
            "BackupSchedule {name} is suspended; this backup begins all the same"
        ));
    }
    let metadata = json!({
        "generateName": format!("{name}-run-"),
        "labels": { LABEL_SCHEDULE: name },
        "annotations": { ANNOTATION_ORIGIN: "command-line" },
    });
    let object = json!({ "metadata": metadata, "spec": spec });
    Ok(Plan { object, notes })
}

/// Obeys the rule of the schedule that its runs follow each other. The operator leaves out its own times for it.
fn refuse_second_run(name: &str, uid: &str) -> Result<()> {
    let of_schedule = Selection::all().labels(&format!("{LABEL_SCHEDULE}={name}"));
    let runs: Vec<Object> = Run::Backup.kind().list(&of_schedule)?;
    let active = runs
        .iter()
        .find(|run| run.text("/schedule/uid") == Some(uid) && !has_ended(run));
    let Some(active) = active else {
        return Ok(());
    };
    let active = &active.metadata.name;
    Err(
        Error::conflict(format!("Backup {active} of BackupSchedule {name} is under way"))
            .with_hint(format!(
                "Follow it with `kubectl broker backup status --engine operator --id {active} --watch`; the schedule allows several at a time with `concurrencyPolicy: Allow`"
            )),
    )
}

/// Returns these fields of a spec.
///
/// # Errors
/// Fails if the object names no engine.
pub fn work(object: &Object, fields: &[&str]) -> Result<Map<String, Value>> {
    let mut work = Map::new();
    for field in fields {
        if let Some(value) = object.spec.get(field) {
            work.insert((*field).to_owned(), value.clone());
        }
    }
    if object.text("/engine/name").is_none() {
        let name = &object.metadata.name;
        return Err(Error::protocol(format!("{name} names no engine")));
    }
    Ok(work)
}

/// Returns a Backup with the spec of another one, without its schedule.
fn again(name: &str) -> Result<Value> {
    let backup = Run::Backup.get(name)?;
    let spec = work(&backup, &[&WORK[..], &COPY[..]].concat())?;
    Ok(json!({ "metadata": { "generateName": format!("{name}-") }, "spec": spec }))
}

fn of_file(text: &str) -> Result<Value> {
    let file = yaml::parse(text)
        .map_err(|reason| Error::invalid(format!("--file is not YAML or JSON: {reason}")))?;
    let kind = file["kind"].as_str().unwrap_or("Backup");
    if !file["spec"].is_object() || kind != "Backup" {
        return Err(Error::invalid(
            "--file is not a Backup: it needs a `spec` and the `kind` Backup",
        )
        .with_hint("Write the object as for `kubectl apply`"));
    }
    if !file["spec"]["schedule"].is_null() {
        return Err(
            Error::invalid("--file has spec.schedule, which only runs of a schedule have")
                .with_hint("Remove the field, or run the schedule with --from-schedule NAME"),
        );
    }
    // A Backup that was read from the cluster has fields that a new one must not have.
    let mut metadata = Map::new();
    for field in ["name", "generateName", "namespace", "labels", "annotations"] {
        if let Some(value) = file["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    if metadata
        .keys()
        .all(|field| field != "name" && field != "generateName")
    {
        metadata.insert("generateName".to_owned(), json!(PREFIX));
    }
    let mut object = json!({ "metadata": metadata, "spec": file["spec"] });
    for field in ["apiVersion", "kind"] {
        if let Some(value) = file.get(field) {
            object[field] = value.clone();
        }
    }
    Ok(object)
}

fn of_flags(request: &impl Settings) -> Result<Value> {
    let Some(engine) = request.text("run-engine") else {
        return Err(Error::invalid("nothing says what to back up").with_hint(
            "Give --from-schedule NAME, --from NAME, --file FILE or --run-engine ENGINE",
        ));
    };
    let mut spec = json!({ "engine": { "name": engine } });
    if let Some(name) = request.text("run-statefulset") {
        spec["target"] = json!({ "statefulSet": name });
    }
    if let Some(options) = options(request)? {
        spec["options"] = options;
    }
    if let Some(name) = request.text("run-store") {
        spec["store"] = json!({ "name": name });
    }
    if let Some(verify) = request.text("run-verify") {
        spec["verify"] = json!(match verify {
            "none" => "None",
            "deep" => "Deep",
            _ => "Cheap",
        });
    }
    Ok(json!({ "metadata": { "generateName": PREFIX }, "spec": spec }))
}

/// Returns the options for the engine that runs in the cluster.
///
/// # Errors
/// Fails if one has no value, or is given twice.
pub fn options(request: &impl Settings) -> Result<Option<Value>> {
    let Some(text) = request.text("run-options") else {
        return Ok(None);
    };
    let mut options = Map::new();
    for pair in text.split(',') {
        let pair = pair.trim();
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::invalid(format!(
                "--run-options has {pair:?}, which is not NAME=VALUE"
            ))
            .with_hint(
                "Write them like retention=7d,scope=all; a value with a comma needs --file",
            ));
        };
        let name = name.trim_start_matches("--");
        if options.insert(name.to_owned(), json!(value)).is_some() {
            return Err(Error::invalid(format!("--run-options has {name} twice")));
        }
    }
    Ok(Some(Value::Object(options)))
}

/// Refuses a name that the operator could give to a run of a schedule: it would take the Backup for that run.
fn refuse_name_of_tick(object: &Value) -> Result<()> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let Some((_, digits)) = name.rsplit_once('-') else {
        return Ok(());
    };
    if digits.len() == TICK && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid(format!(
            "{name} could be the name of a scheduled run: it ends with {TICK} digits"
        ))
        .with_hint("Choose another name, or leave it to the API server"));
    }
    Ok(())
}

/// Lets the API server check the object, and takes the time of a run from it. The operator compares that time with those
/// of its own runs, so the clock of this machine must not count.
fn settle(object: &mut Value) -> Result<()> {
    let checked: Object = Run::Backup.kind().dry_run(true).create(object)?;
    if let Some(time) = object.pointer_mut("/spec/schedule/time")
        && let Some(created) = checked.metadata.creation_timestamp
    {
        *time = json!(created);
    }
    Ok(())
}

/// Returns the time of this machine.
fn now() -> String {
    let now = i64::try_from(clock::now() / 1000).unwrap_or_default();
    let now = jiff::Timestamp::from_second(now).unwrap_or_default();
    now.to_string()
}
