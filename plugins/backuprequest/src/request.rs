//! The BackupRequest that the flags of `create` describe.
//!
//! Invalid values are rejected before the cluster is asked. The API server checks further rules, which depend
//! on the schema of the installed CRD.

use broker_engine::{Result, Settings, clock, yaml};
use serde_json::{Map, Value, json};

use crate::object::{belonging, text};
use crate::options::{Options, refused};

/// Maximum length of an object's name, in bytes.
const MAX_NAME: usize = 253;
/// Maximum length of a label's value, in bytes.
const MAX_LABEL: usize = 63;
/// Allowed retention of a backup, in days.
const RETENTION: std::ops::RangeInclusive<i64> = 7..=365;
/// Allowed lengths of a bucket's name, in bytes. Google allows longer names than the other providers, with
/// dots.
const BUCKET: std::ops::RangeInclusive<usize> = 3..=222;

/// Returns the object to create.
///
/// # Errors
/// Returns `invalid-argument`; the message names the flag.
pub fn of(options: Options) -> Result<Value> {
    match options.text("file") {
        Some(file) => from_file(options, file),
        None => from_flags(options),
    }
}

fn from_flags(options: Options) -> Result<Value> {
    let project = label(options, "project", "the project whose backup it is")?;
    let environment = label(options, "environment", "for example `--environment prd`")?;
    let instance = options.needed("database-instance", "the instance of the database")?;
    let source = bucket(
        options,
        "source-bucket",
        "the bucket with the document library",
    )?;
    let destination = bucket(
        options,
        "destination-bucket",
        "the bucket that it is copied to",
    )?;
    let prefix = options.text("destination-prefix");
    if prefix.is_some_and(|prefix| prefix.starts_with('/') || prefix.contains("://")) {
        return Err(refused(
            "`--destination-prefix` is a path inside the bucket, without a slash before it",
        ));
    }
    let retention = options.text("database-retention");
    if let Some(text) = retention.filter(|text| !is_retention(text)) {
        return Err(refused(format!(
            "`--database-retention {text}` must be a number with d, h or m, for example 7d"
        )));
    }
    let days = options.integer("retention-days");
    if let Some(days) = days.filter(|days| !RETENTION.contains(days)) {
        return Err(refused(format!(
            "`--retention-days {days}` must be {}–{}",
            RETENTION.start(),
            RETENTION.end()
        )));
    }
    let name = match options.text("name") {
        Some(name) => checked("--name", name.to_owned())?,
        None => pattern("--name", project, environment)?,
    };
    let excludes = options.boolean("exclude-generated-files");
    Ok(json!({
        "metadata": {
            "name": name,
            "labels": {
                "backup.liferay.cloud/project": project,
                "backup.liferay.cloud/environment": environment,
            },
        },
        "spec": given([
            ("projectId", Some(json!(project))),
            ("environment", Some(json!(environment))),
            ("provider", options.text("provider").map(Into::into)),
            ("retentionDays", days.map(Into::into)),
            ("database", Some(given([
                ("type", options.text("database-type").map(Into::into)),
                ("instanceId", Some(json!(instance))),
                ("retention", retention.map(Into::into)),
            ]))),
            ("documentLibrary", Some(given([
                ("sourceBucket", Some(json!(source))),
                ("destinationBucket", Some(json!(destination))),
                ("destinationPrefix", prefix.map(Into::into)),
                ("excludeGeneratedFiles", excludes.then_some(json!(true))),
            ]))),
        ]),
    }))
}

/// Returns the object of a file. Its spec is not checked: the schema of the installed CRD decides.
fn from_file(options: Options, file: &str) -> Result<Value> {
    if let Some(flag) = options.first_but("file") {
        return Err(refused(format!(
            "`--file` has the complete BackupRequest: leave out `--{flag}`"
        )));
    }
    let mut object = yaml::parse(file).map_err(|reason| {
        refused(format!(
            "`--file` is neither YAML nor JSON of one object: {reason}"
        ))
    })?;
    let is = |field: &str, wanted: &str| object[field].is_null() || object[field] == wanted;
    if !is("kind", "BackupRequest") || !is("apiVersion", "backup.liferay.cloud/v1alpha1") {
        return Err(refused(format!(
            "`--file` has a {} of {}, but this engine creates only a BackupRequest of backup.liferay.cloud/v1alpha1",
            object["kind"], object["apiVersion"]
        )));
    }
    if !object["spec"].is_object() {
        return Err(refused("`--file` has no `spec`"));
    }
    let named = |field| text(&object, &format!("/metadata/{field}")).is_some();
    if !named("name") && !named("generateName") {
        let (Some(project), Some(environment)) = (
            belonging(&object, "project"),
            belonging(&object, "environment"),
        ) else {
            return Err(refused(
                "`--file` has no name, and no project and environment to make a name of",
            ));
        };
        let name = pattern("metadata.name of --file", project, environment)?;
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        object["metadata"]["name"] = name.into();
    }
    Ok(object)
}

/// Returns the name that the documents suggest for backups.
fn pattern(place: &str, project: &str, environment: &str) -> Result<String> {
    checked(
        place,
        format!("{project}-{environment}-backup-{}", clock::stamp()),
    )
}

fn checked(place: &str, name: String) -> Result<String> {
    if is_object_name(&name) {
        return Ok(name);
    }
    Err(refused(format!(
        "{name:?} is not a valid name of an object: give `{place}` in lower-case letters, digits, dashes and dots"
    )))
}

/// Returns a flag's value that is also valid as the value of a label.
fn label<'a>(options: Options<'a>, flag: &str, what: &str) -> Result<&'a str> {
    let value = options.needed(flag, what)?;
    let inner = |b: u8| b.is_ascii_alphanumeric();
    let fits = value.len() <= MAX_LABEL
        && value.bytes().all(|b| inner(b) || b"-_.".contains(&b))
        && value.bytes().next().is_some_and(inner)
        && value.bytes().last().is_some_and(inner);
    if fits {
        return Ok(value);
    }
    Err(refused(format!(
        "`--{flag} {value}` must be 1–{MAX_LABEL} letters, digits, dashes, dots and underscores, and begin and end with a letter or digit"
    )))
}

fn bucket<'a>(options: Options<'a>, flag: &str, what: &str) -> Result<&'a str> {
    let name = options.needed(flag, what)?;
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits = BUCKET.contains(&name.len())
        && name.bytes().all(|b| inner(b) || b"-_.".contains(&b))
        && name.bytes().next().is_some_and(inner)
        && name.bytes().last().is_some_and(inner);
    if fits {
        return Ok(name);
    }
    Err(refused(format!(
        "`--{flag} {name}` is not a valid name for a bucket: give it without a scheme and a path"
    )))
}

fn is_retention(text: &str) -> bool {
    let number = text.strip_suffix(['d', 'h', 'm']);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns whether the name is a DNS-1123 subdomain.
fn is_object_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.split('.').all(|part| {
            part.bytes().next().is_some_and(inner)
                && part.bytes().last().is_some_and(inner)
                && part.bytes().all(|b| inner(b) || b == b'-')
        })
}

/// Returns an object of those fields that have a value.
pub fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter();
    let given: Map<_, _> = fields
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    Value::Object(given)
}
