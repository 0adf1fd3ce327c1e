//! Rules for a spec that the operator enforces and the API server does not (`ValidationFailed`).

use broker_engine::Result;
use serde_json::Value;

use crate::flags::invalid;

/// Numbers that the operator requires to be greater than 0. No flag sets them.
const NUMBERS: [&str; 4] = [
    "/segmentMaxBytes",
    "/segmentMaxIntervalMs",
    "/rateLimiting/maxConcurrentPartitions",
    "/kafkaCluster/connection/connectionsPerBroker",
];

/// The names of fields in messages: the flags that set them, or their paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Flags,
    Fields,
}

impl Names {
    fn of(self, field: &'static str, flag: &'static str) -> String {
        match self {
            Self::Flags => format!("--{flag}"),
            Self::Fields => format!("spec.{field}"),
        }
    }
}

/// Checks the spec of a KafkaBackup. The API server reports missing fields.
///
/// # Errors
/// Returns all violations in one message.
pub fn backup(spec: &Value, names: Names) -> Result<()> {
    let mut problems = Vec::new();
    let empty = |pointer| {
        let items = spec.pointer(pointer).and_then(Value::as_array);
        items.is_some_and(Vec::is_empty)
    };
    if empty("/topics") {
        problems.push(format!("{} names no topic", names.of("topics", "topics")));
    }
    if empty("/kafkaCluster/bootstrapServers") {
        let name = names.of("kafkaCluster.bootstrapServers", "bootstrap-servers");
        problems.push(format!("{name} names no server"));
    }
    problems.extend(certificates(&spec["kafkaCluster"], names));
    problems.extend(NUMBERS.iter().filter_map(|path| below_one(spec, path)));
    problems.extend(storage(spec, names));
    problems.extend(compression(spec, names));
    if spec["continuous"] == true && spec["stopAtCurrentOffsets"] == true {
        problems.push(format!(
            "{} and {} exclude each other",
            names.of("continuous", "continuous"),
            names.of("stopAtCurrentOffsets", "stop-at-current-offsets")
        ));
    }
    problems.extend(retention(spec));
    if problems.is_empty() {
        return Ok(());
    }
    Err(invalid(format!(
        "the operator would refuse this backup: {}",
        problems.join("; ")
    )))
}

/// Checks the cluster of a restore, which flags describe.
///
/// # Errors
/// Returns the violation that the operator would report.
pub fn cluster(cluster: &Value) -> Result<()> {
    certificates(cluster, Names::Flags).map_or(Ok(()), |problem| {
        Err(invalid(format!(
            "the operator would refuse this restore: {problem}"
        )))
    })
}

/// Checks that the certificate of Kafka can be verified.
fn certificates(cluster: &Value, names: Names) -> Option<String> {
    let protocol = cluster["securityProtocol"].as_str()?.to_ascii_uppercase();
    let lacking = ["tlsSecret", "caSecret"]
        .iter()
        .all(|secret| cluster[secret].is_null());
    let name = names.of("kafkaCluster.securityProtocol", "security-protocol");
    let needed = match names {
        Names::Flags => "--ca-secret or --tls-secret",
        Names::Fields => "caSecret or tlsSecret",
    };
    (lacking && ["SSL", "SASL_SSL"].contains(&protocol.as_str()))
        .then(|| format!("{name} {protocol} needs {needed}"))
}

/// Checks a number that the schema allows to be 0 and the operator does not.
fn below_one(spec: &Value, path: &str) -> Option<String> {
    let number = spec.pointer(path)?;
    let field = path.replace('/', ".");
    let below = number.as_i64().is_some_and(|number| number < 1);
    below.then(|| format!("spec{field} must be above 0, not {number}"))
}

fn storage(spec: &Value, names: Names) -> Vec<String> {
    let storage = &spec["storage"];
    let Some(fields) = storage.as_object() else {
        return Vec::new();
    };
    let name = names.of("storage.storageType", "storage");
    let ty = match fields.get("storageType") {
        None => "pvc",
        Some(ty) => ty.as_str().unwrap_or_default(),
    };
    if !["pvc", "s3", "azure", "gcs"].contains(&ty) {
        return vec![format!("{name} must be pvc, s3, azure or gcs, not {ty:?}")];
    }
    let mut problems = Vec::new();
    if !storage[ty].is_object() {
        problems.push(format!("{name} is {ty}, but spec.storage.{ty} is missing"));
    }
    let ways: Vec<_> = [
        "credentialsSecret",
        "sasTokenSecret",
        "servicePrincipalSecret",
    ]
    .into_iter()
    .filter(|way| storage["azure"][way].is_object())
    .chain((storage["azure"]["useWorkloadIdentity"] == true).then_some("useWorkloadIdentity"))
    .collect();
    if ty == "azure" && ways.len() > 1 {
        problems.push(format!(
            "spec.storage.azure has {}, which exclude each other",
            ways.join(" and ")
        ));
    }
    problems
}

fn compression(spec: &Value, names: Names) -> Option<String> {
    let name = spec["compression"].as_str().unwrap_or("zstd");
    if !["none", "lz4", "zstd"].contains(&name) {
        let field = names.of("compression", "compression");
        return Some(format!("{field} must be none, lz4 or zstd, not {name:?}"));
    }
    let level = spec.get("compressionLevel")?;
    let field = names.of("compressionLevel", "compression-level");
    if name != "zstd" {
        // The operator ignores the level, but a user who gave the flag expects an effect.
        return (names == Names::Flags)
            .then(|| format!("{field} applies only to zstd, not to {name}"));
    }
    let fits = level.as_i64().is_some_and(|it| (1..=22).contains(&it));
    (!fits).then(|| format!("{field} must be 1–22, not {level}"))
}

fn retention(spec: &Value) -> Vec<String> {
    let retention = &spec["retention"];
    if retention["enabled"] != true {
        return Vec::new();
    }
    let limits = ["maxAgeDays", "keepLast"].map(|name| (name, &retention[name]));
    if limits.iter().all(|(_, limit)| limit.is_null()) {
        return vec!["spec.retention needs maxAgeDays or keepLast".to_owned()];
    }
    limits
        .into_iter()
        .filter(|(_, limit)| !limit.is_null() && limit.as_i64().is_none_or(|it| it <= 0))
        .map(|(name, limit)| format!("spec.retention.{name} must be above 0, not {limit}"))
        .collect()
}
