//! Restores: one KafkaRestore each. The engine rejects a restore that the operator would reject.

use broker_engine::{
    Error, ErrorKind, Field, Restoration, RestoreRequest, RestoreSource, Result, Settings, State,
    log,
};
use serde_json::{Map, Value, json};

use crate::create::named;
use crate::flags::{self, invalid};
use crate::object::Object;
use crate::work::Work;
use crate::{check, state, time, wait};

/// Creates the KafkaRestore. A dry run is waited for here and deleted when it has ended.
///
/// # Errors
/// Fails if the operator or the API server would reject the object, or if a dry run finds a problem.
pub fn restore(request: &RestoreRequest) -> Result<Restoration> {
    let RestoreSource::Id(id) = &request.source else {
        return Err(Error::unsupported(
            "the operator restores only backups in its storage, not files",
        ));
    };
    let (Work::Backup, name) = Work::of_id(id) else {
        return Err(invalid(format!("{id} is not a backup"))
            .with_hint("`kubectl broker backup list --engine kafka` shows the backups"));
    };
    let backup = Work::Backup.get(name)?;
    let topics = flags::list(request, "topics")?.unwrap_or_default();
    let mapping = flags::pairs(request, "topic-mapping")?;
    refuse_unknown_topics(&topics, &mapping)?;
    if let Some(problem) = unsafe_restore(request, &topics, &mapping) {
        if !request.dry_run {
            return Err(problem);
        }
        log::warn(&format!(
            "Without a dry run, this restore would be refused: {}",
            problem.message
        ));
    }
    let backup_id = backup_id(request, name, &backup)?;
    let cluster = match flags::cluster(request)? {
        Some(cluster) => {
            check::cluster(&cluster)?;
            cluster
        }
        None => backup.cluster().cloned().ok_or_else(|| {
            invalid(format!("KafkaBackup {name} names no Kafka cluster"))
                .with_hint("Name it with --bootstrap-servers")
        })?,
    };
    let mut spec = json!({
        "backupRef": { "name": name, "backupId": backup_id },
        "kafkaCluster": cluster,
    });
    if !topics.is_empty() {
        spec["topics"] = json!(topics);
    }
    if !mapping.is_empty() {
        spec["topicMapping"] = Value::Object(mapping);
    }
    if let Some(pitr) = point_in_time(request)? {
        spec["pitr"] = pitr;
    }
    for (flag, field) in [
        ("purge-topics", "purgeTopics"),
        ("create-topics", "createTopics"),
        ("auto-consumer-groups", "autoConsumerGroups"),
    ] {
        if request.boolean(flag) {
            spec[field] = json!(true);
        }
    }
    if request.dry_run {
        spec["dryRun"] = json!(true);
    }
    let called = request.text("name").map(str::to_owned);
    let called = called.unwrap_or_else(|| named(name));
    let object = json!({ "metadata": { "name": called }, "spec": spec });
    let created: Object = Work::Restore.kind().create(&object)?;
    let details = vec![Field {
        name: "backup-id".to_owned(),
        value: backup_id,
    }];
    let object = if request.dry_run {
        tried(&created)?
    } else {
        created
    };
    Ok(Restoration {
        backup: state::shown(Work::Restore, &object),
        details,
    })
}

/// Waits for the end of a dry run, and deletes its object.
fn tried(created: &Object) -> Result<Object> {
    let name = &created.metadata.name;
    wait::begins(Work::Restore, name);
    let Some(object) = wait::until_ended(Work::Restore, name)? else {
        return Err(Error::new(
            ErrorKind::TimedOut,
            format!("the operator has not yet processed the dry run {name}"),
        )
        .with_hint(wait::look(Work::Restore, name)));
    };
    if let Err(error) = Work::Restore.kind().delete(name) {
        log::warn(&format!(
            "KafkaRestore {name} of the dry run is still there: {}",
            error.message
        ));
    }
    if state::state(Work::Restore, &object) == State::Failed {
        let message = object
            .status
            .message
            .as_deref()
            .unwrap_or("no reason given");
        return Err(invalid(format!(
            "the operator would refuse this restore: {message}"
        )));
    }
    Ok(object)
}

/// Rejects a mapping of a topic that is not restored: it is most likely a typing error.
fn refuse_unknown_topics(topics: &[String], mapping: &Map<String, Value>) -> Result<()> {
    let stray = mapping.keys().find(|from| !topics.contains(from));
    match stray {
        Some(from) if !topics.is_empty() => Err(invalid(format!(
            "--topic-mapping names {from}, but --topics does not"
        ))),
        _ => Ok(()),
    }
}

/// Applies the operator's rule that restored data must not mix with existing data, unless that data is
/// purged.
fn unsafe_restore(
    request: &RestoreRequest,
    topics: &[String],
    mapping: &Map<String, Value>,
) -> Option<Error> {
    if request.boolean("purge-topics") {
        return None;
    }
    if topics.is_empty() {
        let names: Vec<_> = mapping.keys().map(String::as_str).collect();
        let names = if names.is_empty() {
            "a,b".to_owned()
        } else {
            names.join(",")
        };
        return Some(
            invalid("without --topics, all topics are restored into themselves, which the operator refuses")
                .with_hint(format!(
                    "Name them, each with another name: --topics {names} with --topic-mapping; or give --purge-topics, which empties them first"
                )),
        );
    }
    let same: Vec<_> = topics
        .iter()
        .filter(|topic| mapping.get(*topic).is_none_or(|to| to == topic.as_str()))
        .map(String::as_str)
        .collect();
    if same.is_empty() {
        return None;
    }
    let pairs: Vec<_> = same
        .iter()
        .map(|topic| format!("{topic}={topic}-restored"))
        .collect();
    Some(
        invalid(format!(
            "the operator refuses to restore {} into itself",
            same.join(", ")
        ))
        .with_hint(format!(
            "Give it another name: --topic-mapping {}; or give --purge-topics, which empties it first",
            pairs.join(",")
        )),
    )
}

/// Returns the id of the backup set. Without a known id the operator would look for a set that it never
/// writes.
fn backup_id(request: &RestoreRequest, name: &str, backup: &Object) -> Result<String> {
    let given = request.text("backup-id").map(str::to_owned);
    given
        .or_else(|| backup.status.backup_id.clone())
        .ok_or_else(|| no_backup_yet(name))
}

pub fn no_backup_yet(name: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("KafkaBackup {name} has no backup yet"),
    )
    .with_hint("Name a backup of the store with --backup-id")
}

fn point_in_time(request: &RestoreRequest) -> Result<Option<Value>> {
    let mut pitr = Map::new();
    let mut times = Vec::new();
    for (flag, field) in [("from-time", "startTime"), ("to-time", "endTime")] {
        if let Some(text) = request.text(flag) {
            let time = time::parse(flag, text)?;
            times.push(time);
            pitr.insert(field.to_owned(), json!(time.to_string()));
        }
    }
    if let [from, to] = times[..]
        && from >= to
    {
        return Err(invalid("--from-time must be before --to-time"));
    }
    Ok((!pitr.is_empty()).then_some(Value::Object(pitr)))
}
