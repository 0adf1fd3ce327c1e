//! Flags that describe a Kafka cluster, a storage and lists.

use broker_engine::{Error, ErrorKind, Result, Settings};
use serde_json::{Map, Value, json};

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
/// Flags of a cluster. They have no meaning without one.
const OF_CLUSTER: [&str; 5] = [
    "security-protocol",
    "sasl-secret",
    "sasl-mechanism",
    "ca-secret",
    "tls-secret",
];
const OF_STORAGE: [&str; 3] = ["storage-secret", "s3-region", "s3-endpoint"];

pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Returns the items of a comma-separated list, or `None` without the flag.
///
/// # Errors
/// Fails if an item is empty.
pub fn list(flags: &dyn Settings, name: &str) -> Result<Option<Vec<String>>> {
    let Some(text) = flags.text(name) else {
        return Ok(None);
    };
    let items: Vec<_> = text.split(',').map(|it| it.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err(invalid(format!("--{name} {text:?} has an empty name")));
    }
    Ok(Some(items))
}

/// Returns the pairs of `a=b,c=d`, or an empty map without the flag.
///
/// # Errors
/// Fails if an item is not a pair, or if a key occurs twice.
pub fn pairs(flags: &dyn Settings, name: &str) -> Result<Map<String, Value>> {
    let mut pairs = Map::new();
    for item in list(flags, name)?.unwrap_or_default() {
        let (from, to) = item
            .split_once('=')
            .filter(|(from, to)| !from.is_empty() && !to.is_empty())
            .ok_or_else(|| {
                invalid(format!("--{name} has {item:?}, which is not a pair"))
                    .with_hint(format!("Write it like --{name} orders=orders-restored"))
            })?;
        if pairs.insert(from.to_owned(), json!(to)).is_some() {
            return Err(invalid(format!("--{name} names {from:?} twice")));
        }
    }
    Ok(pairs)
}

/// Returns the cluster that flags describe, if they do.
///
/// # Errors
/// Fails if the flags contradict each other or are incomplete.
pub fn cluster(flags: &dyn Settings) -> Result<Option<Value>> {
    let Some(servers) = list(flags, "bootstrap-servers")? else {
        return match OF_CLUSTER.iter().find(|name| flags.text(name).is_some()) {
            Some(name) => Err(invalid(format!("--{name} needs --bootstrap-servers"))),
            None => Ok(None),
        };
    };
    let mut cluster = json!({ "bootstrapServers": servers });
    let protocol = one_of(flags, "security-protocol", &PROTOCOLS)?;
    let mechanism = one_of(flags, "sasl-mechanism", &MECHANISMS)?;
    let wants_sasl = protocol.is_some_and(|it| it.starts_with("SASL"));
    match (flags.text("sasl-secret"), mechanism) {
        (Some(_), _) if !wants_sasl => {
            return Err(invalid(
                "--sasl-secret needs --security-protocol SASL_PLAINTEXT or SASL_SSL",
            ));
        }
        (Some(name), Some(mechanism)) => {
            cluster["saslSecret"] = json!({ "name": name, "mechanism": mechanism });
        }
        (Some(_), None) => {
            return Err(invalid("--sasl-secret needs --sasl-mechanism"));
        }
        (None, Some(_)) => return Err(invalid("--sasl-mechanism needs --sasl-secret")),
        (None, None) if wants_sasl => {
            return Err(invalid(format!(
                "--security-protocol {} needs --sasl-secret",
                protocol.unwrap_or_default()
            )));
        }
        (None, None) => {}
    }
    if let Some(protocol) = protocol {
        cluster["securityProtocol"] = json!(protocol);
    }
    if let Some(name) = flags.text("ca-secret") {
        cluster["caSecret"] = json!({ "name": name });
    }
    if let Some(name) = flags.text("tls-secret") {
        let keys = json!({ "name": name, "certKey": "tls.crt", "keyKey": "tls.key" });
        cluster["tlsSecret"] = keys;
    }
    Ok(Some(cluster))
}

/// Returns a value that must be one of a few, ignoring case.
fn one_of<'a>(flags: &dyn Settings, name: &str, known: &[&'a str]) -> Result<Option<&'a str>> {
    let Some(text) = flags.text(name) else {
        return Ok(None);
    };
    let found = known.iter().find(|it| it.eq_ignore_ascii_case(text));
    found.copied().map(Some).ok_or_else(|| {
        invalid(format!("--{name} can't be {text:?}"))
            .with_hint(format!("Use one of {}", known.join(", ")))
    })
}

/// Returns the storage that flags describe, if they do.
///
/// # Errors
/// Fails if the flags contradict each other or are incomplete.
pub fn storage(flags: &dyn Settings) -> Result<Option<Value>> {
    let Some(url) = flags.text("storage") else {
        return match OF_STORAGE.iter().find(|name| flags.text(name).is_some()) {
            Some(name) => Err(invalid(format!("--{name} needs --storage"))),
            None => Ok(None),
        };
    };
    let unknown = || {
        invalid(format!("--storage {url:?} is not a valid storage URL")).with_hint(
            "Write pvc://CLAIM[/PATH], s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX] or azure://ACCOUNT/CONTAINER[/PREFIX]",
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
    let (place, path) = split(rest);
    if place.is_empty() {
        return Err(unknown());
    }
    let takes: &[&str] = match scheme {
        "s3" => &OF_STORAGE,
        "gs" | "azure" => &OF_STORAGE[..1],
        _ => &[],
    };
    let given = |name: &&&str| flags.text(name).is_some();
    if let Some(name) = OF_STORAGE
        .iter()
        .filter(given)
        .find(|it| !takes.contains(it))
    {
        return Err(invalid(format!(
            "--{name} can't be used with --storage {scheme}://"
        )));
    }
    let secret = |what| {
        flags.text("storage-secret").ok_or_else(|| {
            invalid(format!("--storage {scheme}:// needs --storage-secret"))
                .with_hint(format!("Name a Secret with {what}"))
        })
    };
    let storage = match scheme {
        "pvc" => {
            let claim = with(json!({ "claimName": place }), "subPath", path);
            json!({ "storageType": "pvc", "pvc": claim })
        }
        "s3" => {
            let name = secret("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")?;
            let region = flags
                .text("s3-region")
                .ok_or_else(|| invalid("--storage s3:// needs --s3-region"))?;
            let bucket = json!({
                "bucket": place, "region": region, "credentialsSecret": { "name": name },
            });
            let mut bucket = with(bucket, "prefix", path);
            if let Some(endpoint) = flags.text("s3-endpoint") {
                bucket["endpoint"] = json!(endpoint);
                bucket["pathStyle"] = json!(true);
                if endpoint.starts_with("http://") {
                    bucket["allowHttp"] = json!(true);
                }
            }
            json!({ "storageType": "s3", "s3": bucket })
        }
        "gs" => {
            let name = secret("SERVICE_ACCOUNT_JSON")?;
            let bucket = json!({ "bucket": place, "credentialsSecret": { "name": name } });
            json!({ "storageType": "gcs", "gcs": with(bucket, "prefix", path) })
        }
        "azure" => {
            let name = secret("AZURE_STORAGE_KEY")?;
            let (container, prefix) = split(path.ok_or_else(unknown)?);
            let azure = json!({
                "accountName": place, "container": container, "credentialsSecret": { "name": name },
            });
            json!({ "storageType": "azure", "azure": with(azure, "prefix", prefix) })
        }
        _ => return Err(unknown()),
    };
    Ok(Some(storage))
}

/// Returns the text before the first slash, and the text after it unless that is empty.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((place, path)) => (place, Some(path).filter(|path| !path.is_empty())),
        None => (text, None),
    }
}

fn with(mut object: Value, field: &str, value: Option<&str>) -> Value {
    if let Some(value) = value {
        object[field] = json!(value);
    }
    object
}
