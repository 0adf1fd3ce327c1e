//! The custom resource definitions: names, printer columns, and schemas.

use serde_json::Value;

use crate::api::resources::{Columns, PrinterColumn, ResourceType, Schema};

pub const GROUP: &str = "kafka.oso.sh";
pub const VERSION: &str = "v1alpha1";

/// A column: its name, type and path.
type Shown = (&'static str, &'static str, &'static str);

const PHASE: Shown = ("Phase", "string", ".status.phase");
const AGE: Shown = ("Age", "date", ".metadata.creationTimestamp");

pub fn all() -> Vec<ResourceType> {
    vec![
        kind(
            ("KafkaBackup", "kafkabackups", "kb"),
            &[
                PHASE,
                ("Last Backup", "string", ".status.lastBackupTime"),
                ("Records", "integer", ".status.recordsProcessed"),
                ("Resumable", "boolean", ".status.resumable"),
                AGE,
            ],
            backup,
        ),
        kind(
            ("KafkaRestore", "kafkarestores", "kr"),
            &[
                PHASE,
                ("Progress", "number", ".status.progressPercent"),
                ("Records", "integer", ".status.recordsRestored"),
                AGE,
            ],
            restore,
        ),
        kind(
            ("KafkaOffsetReset", "kafkaoffsetresets", "kor"),
            &[
                PHASE,
                ("Groups", "integer", ".status.groupsReset"),
                ("Failed", "integer", ".status.groupsFailed"),
                AGE,
            ],
            offset_reset,
        ),
        kind(
            ("KafkaOffsetRollback", "kafkaoffsetrollbacks", "korb"),
            &[
                PHASE,
                ("Groups", "integer", ".status.groupsRolledBack"),
                AGE,
            ],
            offset_rollback,
        ),
        kind(
            ("KafkaBackupValidation", "kafkabackupvalidations", "kbv"),
            &[
                PHASE,
                ("Result", "string", ".status.validationResult"),
                ("Checks", "integer", ".status.checksCompleted"),
                AGE,
            ],
            validation,
        ),
    ]
}

fn kind(
    (kind, plural, short): (&str, &str, &str),
    shown: &[Shown],
    schema: Schema,
) -> ResourceType {
    let columns = shown.iter().map(|(name, kind, json_path)| PrinterColumn {
        name: (*name).to_owned(),
        kind: (*kind).to_owned(),
        json_path: (*json_path).to_owned(),
        description: String::new(),
        priority: 0,
    });
    ResourceType {
        short_names: vec![short.to_owned()],
        columns: Columns::Printer(columns.collect()),
        schema: Some(schema),
        ..ResourceType::custom(GROUP, VERSION, kind, plural)
    }
}

type Problems = Vec<(String, String)>;

fn backup(object: &Value) -> Problems {
    let mut problems = required(
        object,
        &["spec/kafkaCluster", "spec/storage", "spec/topics"],
    );
    problems.extend(cluster(object));
    problems.extend(typed(object, "spec/topics", "array"));
    problems.extend(typed(object, "spec/compressionLevel", "integer"));
    problems
}

fn restore(object: &Value) -> Problems {
    let mut problems = required(object, &["spec/backupRef", "spec/kafkaCluster"]);
    problems.extend(within(object, "spec/backupRef", &["name"]));
    problems.extend(cluster(object));
    problems
}

fn offset_reset(object: &Value) -> Problems {
    let fields = [
        "spec/consumerGroups",
        "spec/kafkaCluster",
        "spec/resetStrategy",
    ];
    let mut problems = required(object, &fields);
    problems.extend(cluster(object));
    let strategies = [
        "to-earliest",
        "to-latest",
        "to-timestamp",
        "to-offset",
        "from-mapping",
    ];
    if let Some(given) = object["spec"]["resetStrategy"].as_str()
        && !strategies.contains(&given)
    {
        let problem = format!(
            "Unsupported value: \"{given}\": supported values: {}",
            strategies.map(|name| format!("\"{name}\"")).join(", ")
        );
        problems.push(("spec.resetStrategy".to_owned(), problem));
    }
    problems
}

fn offset_rollback(object: &Value) -> Problems {
    let mut problems = required(object, &["spec/kafkaCluster", "spec/snapshotRef"]);
    problems.extend(within(object, "spec/snapshotRef", &["name"]));
    problems.extend(cluster(object));
    problems
}

fn validation(object: &Value) -> Problems {
    let mut problems = required(object, &["spec/backupRef", "spec/checks"]);
    problems.extend(within(object, "spec/backupRef", &["name"]));
    problems
}

fn cluster(object: &Value) -> Problems {
    within(object, "spec/kafkaCluster", &["bootstrapServers"])
}

/// Reports missing fields of a parent, but only if the parent exists.
fn within(object: &Value, parent: &str, fields: &[&str]) -> Problems {
    if !object
        .pointer(&format!("/{parent}"))
        .is_some_and(Value::is_object)
    {
        return Vec::new();
    }
    let paths: Vec<_> = fields.iter().map(|it| format!("{parent}/{it}")).collect();
    required(
        object,
        &paths.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

fn required(object: &Value, paths: &[&str]) -> Problems {
    let missing = |path: &&&str| {
        let found = object.pointer(&format!("/{path}"));
        found.is_none_or(Value::is_null)
    };
    paths
        .iter()
        .filter(missing)
        .map(|path| (path.replace('/', "."), "Required value".to_owned()))
        .collect()
}

/// Checks the type of a field. The texts are those of Kubernetes' schema validation.
fn typed(object: &Value, path: &str, wanted: &str) -> Option<(String, String)> {
    let value = object.pointer(&format!("/{path}"))?;
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let field = path.replace('/', ".");
    let problem = format!(
        "Invalid value: \"{given}\": {field} in body must be of type {wanted}: \"{given}\""
    );
    (given != wanted).then_some((field, problem))
}
