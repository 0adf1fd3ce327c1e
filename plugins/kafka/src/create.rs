//! The KafkaBackup to create: from a file, from another KafkaBackup, or from flags.

use broker_engine::{CreateRequest, Error, ErrorKind, Result, Settings, clock, yaml};
use serde_json::{Map, Value, json};

use crate::check::{self, Names};
use crate::flags::{self, invalid};
use crate::object::Object;
use crate::work::Work;

/// The flags that describe a backup.
const FLAGS: [&str; 16] = [
    "topics",
    "bootstrap-servers",
    "security-protocol",
    "sasl-secret",
    "sasl-mechanism",
    "ca-secret",
    "tls-secret",
    "storage",
    "storage-secret",
    "s3-region",
    "s3-endpoint",
    "compression",
    "compression-level",
    "continuous",
    "stop-at-current-offsets",
    "consumer-group-snapshot",
];
/// The prefix of a name if neither the user nor a file gives one.
const PREFIX: &str = "backup";

/// Returns a KafkaBackup that runs once, now.
///
/// # Errors
/// Fails if the request mixes sources, or if the operator would reject the object.
pub fn object(request: &CreateRequest) -> Result<Value> {
    let (file, from) = (request.text("file"), request.text("from"));
    let sources = [("file", file), ("from", from)];
    for (source, _) in sources.iter().filter(|(_, given)| given.is_some()) {
        let others = sources.iter().map(|(name, _)| name).chain(&FLAGS);
        if let Some(other) = others
            .filter(|other| *other != source)
            .find(|other| is_given(request, other))
        {
            return Err(
                invalid(format!("--{source} and --{other} exclude each other"))
                    .with_hint(format!("With --{source} only --name can be given")),
            );
        }
    }
    let (mut object, names) = match (file, from) {
        (Some(text), _) => (of_file(text)?, Names::Fields),
        (None, Some(name)) => (copy_of(name)?, Names::Fields),
        (None, None) => (of_flags(request)?, Names::Flags),
    };
    if let Some(name) = request.text("name") {
        object["metadata"]["name"] = json!(name);
    }
    check::backup(&object["spec"], names)?;
    Ok(object)
}

fn is_given(request: &CreateRequest, name: &str) -> bool {
    request.text(name).is_some() || request.integer(name).is_some() || request.boolean(name)
}

/// Returns `PREFIX-20250906-120000`.
pub fn named(prefix: &str) -> String {
    format!("{prefix}-{}", clock::stamp())
}

fn of_file(text: &str) -> Result<Value> {
    let mut object = yaml::parse(text)
        .map_err(|reason| invalid(format!("--file is not YAML or JSON: {reason}")))?;
    let kind = object["kind"].as_str().unwrap_or("KafkaBackup");
    if !object["spec"].is_object() || kind != "KafkaBackup" {
        return Err(invalid(
            "--file is not a KafkaBackup: it needs a `spec` and the `kind` KafkaBackup",
        )
        .with_hint("Write the object as for `kubectl apply`"));
    }
    if !object["spec"]["schedule"].is_null() {
        return Err(invalid(
            "--file has spec.schedule, but `create` begins a backup now",
        )
        .with_hint("Create it with `kubectl apply`, and run it now with `kubectl broker backup create --engine kafka --from NAME`"));
    }
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let metadata = &object["metadata"];
    if metadata["name"].is_null() && metadata["generateName"].is_null() {
        object["metadata"]["name"] = json!(named(PREFIX));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    Ok(object)
}

/// Returns a copy without a schedule. The operator has no other way to run a scheduled backup now.
fn copy_of(name: &str) -> Result<Value> {
    let original: Object = Work::Backup.get(name)?;
    let mut spec = original.spec;
    if let Some(fields) = spec.as_object_mut() {
        for field in ["schedule", "suspend"] {
            fields.remove(field);
        }
    }
    if !spec.is_object() {
        return Err(Error::new(
            ErrorKind::Protocol,
            format!("KafkaBackup {name} has no spec"),
        ));
    }
    Ok(json!({ "metadata": { "name": named(name) }, "spec": spec }))
}

fn of_flags(request: &CreateRequest) -> Result<Value> {
    let missing = |name: &str| {
        invalid(format!("--{name} is missing"))
            .with_hint("A backup needs --bootstrap-servers, --topics and --storage; or give --from NAME, or --file FILE")
    };
    let cluster = flags::cluster(request)?.ok_or_else(|| missing("bootstrap-servers"))?;
    let topics = flags::list(request, "topics")?.ok_or_else(|| missing("topics"))?;
    let storage = flags::storage(request)?.ok_or_else(|| missing("storage"))?;
    let mut spec = Map::new();
    spec.insert("kafkaCluster".to_owned(), cluster);
    spec.insert("topics".to_owned(), json!(topics));
    spec.insert("storage".to_owned(), storage);
    if let Some(compression) = request.text("compression") {
        spec.insert("compression".to_owned(), json!(compression));
    }
    if let Some(level) = request.integer("compression-level") {
        spec.insert("compressionLevel".to_owned(), json!(level));
    }
    for (flag, field) in [
        ("continuous", "continuous"),
        ("stop-at-current-offsets", "stopAtCurrentOffsets"),
        ("consumer-group-snapshot", "consumerGroupSnapshot"),
    ] {
        if request.boolean(flag) {
            spec.insert(field.to_owned(), json!(true));
        }
    }
    Ok(json!({ "metadata": { "name": named(PREFIX) }, "spec": spec }))
}

/// Returns notes for the user before the backup starts.
pub fn notes(request: &CreateRequest, object: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    if object["spec"]["continuous"] == true {
        notes.push(
            "A continuous backup does not end: without `--wait=false`, this command waits until its time limit"
                .to_owned(),
        );
    }
    if let Some(name) = request.text("from") {
        // The operator assigns a backup set to the object whose name is the prefix of the set's id.
        notes.push(format!(
            "The backup belongs to the new object: the retention of {name} never removes it"
        ));
    }
    notes
}
