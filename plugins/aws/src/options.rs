//! The options of `create`, as one checked record.

use std::collections::BTreeMap;

use broker_engine::{Error, Result, Settings, clock};

use crate::bucket::Bucket;
use crate::glob;
use crate::id::{Id, check_base, moment};
use crate::rds::{self, Kind};
use crate::record::{Database, Documents, Record};

/// The files that Liferay makes from documents, and makes again if they are missing: adaptive media, previews and
/// thumbnails. They are in the repository 0 of each company: `COMPANY/0/adaptive/…`.
const GENERATED: [&str; 3] = [
    "*/0/adaptive/**",
    "*/0/document_preview/**",
    "*/0/document_thumbnail/**",
];
/// The name of the project and of the environment if the user gives none.
const DEFAULT: &str = "default";
/// The maximum length of both, in bytes.
const MAX_NAME: usize = 50;
/// The limits of RDS for tags: number, length of names, and length of values, in characters. Source:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html>
const MAX_TAGS: usize = 40;
const MAX_TAG_NAME: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// A backup to make.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: Id,
    pub record: Record,
    /// Whether the user named the time of the backup.
    pub is_named: bool,
}

/// Reads the options of `create`. A backup without a named time is one of now.
///
/// # Errors
/// Fails if an option is missing or invalid, or if options exclude each other.
pub fn plan(request: &impl Settings) -> Result<Plan> {
    let project = name(request, "project")?;
    let environment = name(request, "environment")?;
    let time = request.text("at").map(str::to_owned);
    let is_named = time.is_some();
    let time = time.unwrap_or_else(clock::stamp);
    if moment(&time).is_none() {
        return Err(Error::invalid(format!(
            "--at must be a time in UTC as YYYYMMDD-HHMMSS, not {time:?}"
        )));
    }
    let base = match request.text("destination-prefix") {
        Some(prefix) => check_base(prefix)?,
        None => check_base(&format!("{project}/{environment}"))?,
    };
    let id = Id {
        bucket: Bucket::parse(request.required_text("destination-bucket")?)?,
        base,
        time,
    };
    let database = database(request, &project, &environment, &id)?;
    let documents = documents(request, &id)?;
    if database.is_none() && documents.is_none() {
        return Err(Error::invalid("nothing says what to back up").with_hint(
            "Give --db-instance or --db-cluster, and --source-bucket; or one of them with --database-only or --documents-only",
        ));
    }
    let retention = request.text("retention");
    retention.map(seconds).transpose()?;
    let record = Record {
        version: 1,
        backup: id.to_string(),
        project,
        environment,
        database,
        documents,
        retention: retention.map(str::to_owned),
        tags: tags(request.text("tag"))?,
    };
    Ok(Plan {
        id,
        record,
        is_named,
    })
}

impl Plan {
    /// Returns the plan for another time.
    pub fn at(mut self, time: Option<&str>) -> Self {
        let Some(time) = time else {
            return self;
        };
        time.clone_into(&mut self.id.time);
        self.record.backup = self.id.to_string();
        if let Some(database) = &mut self.record.database {
            let (project, environment) = (&self.record.project, &self.record.environment);
            database.snapshot = rds::snapshot_id(project, environment, time);
        }
        self
    }
}

impl Record {
    /// Returns the tags of the snapshot: those of the user, and those that name the backup.
    pub fn tags_of_snapshot(&self) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        let own = [
            (rds::TAG_BACKUP, Some(&self.backup)),
            ("kubectl-broker/project", Some(&self.project)),
            ("kubectl-broker/environment", Some(&self.environment)),
            ("kubectl-broker/retention", self.retention.as_ref()),
        ];
        for (name, value) in own {
            if let Some(value) = value {
                tags.insert(name.to_owned(), value.clone());
            }
        }
        tags
    }
}

/// Returns a retention in seconds: `7d`, `12h` or `30m`.
///
/// # Errors
/// Fails if the text has another form.
pub fn seconds(retention: &str) -> Result<i64> {
    let unit = retention.chars().last().and_then(|unit| match unit {
        'd' => Some(86_400),
        'h' => Some(3600),
        'm' => Some(60),
        _ => None,
    });
    let number = retention.get(..retention.len().saturating_sub(1));
    let number = number.filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()));
    let number = number.and_then(|it| it.parse::<i64>().ok());
    let seconds = unit.zip(number).and_then(|(unit, it)| it.checked_mul(unit));
    seconds.ok_or_else(|| {
        Error::invalid(format!(
            "--retention must be a number of days, hours or minutes, such as 7d, 12h or 30m, not {retention:?}"
        ))
    })
}

/// Returns which database an option names.
///
/// # Errors
/// Fails if both options are given, or if one is no name of RDS.
pub fn named_database(request: &impl Settings) -> Result<Option<(Kind, String)>> {
    let instance = request.text("db-instance").map(|id| (Kind::Instance, id));
    let cluster = request.text("db-cluster").map(|id| (Kind::Cluster, id));
    let (kind, id) = match (instance, cluster) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "--db-instance and --db-cluster exclude each other",
            ));
        }
        (None, None) => return Ok(None),
        (Some(named), None) | (None, Some(named)) => named,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=63).contains(&id.len()) || !id.bytes().all(is_plain) {
        let thing = kind.thing();
        return Err(Error::invalid(format!(
            "{id:?} is not a name of an {thing}: it must have 1–63 letters, digits and dashes"
        )));
    }
    Ok(Some((kind, id.to_owned())))
}

fn name(request: &impl Settings, option: &str) -> Result<String> {
    let name = request.text(option).unwrap_or(DEFAULT);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || name.len() > MAX_NAME || !name.bytes().all(is_plain) {
        return Err(Error::invalid(format!(
            "--{option} must have 1–{MAX_NAME} letters, digits and -._, and begin with a letter or a digit, not {name:?}"
        )));
    }
    Ok(name.to_owned())
}

fn database(
    request: &impl Settings,
    project: &str,
    environment: &str,
    to: &Id,
) -> Result<Option<Database>> {
    let named = named_database(request)?;
    let excluded = request.boolean("documents-only");
    let Some((kind, id)) = named else {
        if !excluded && !request.boolean("database-only") && request.text("source-bucket").is_some()
        {
            let hint = if to.bucket.is_google() {
                "Add --documents-only: Cloud SQL is not supported"
            } else {
                "Give --db-instance or --db-cluster, or --documents-only to leave the database out"
            };
            return Err(Error::invalid("no database is named").with_hint(hint));
        }
        return Ok(None);
    };
    if excluded {
        return Err(Error::invalid(
            "--documents-only excludes --db-instance, --db-cluster and --database-only",
        ));
    }
    if to.bucket.is_google() {
        return Err(Error::invalid(format!(
            "a backup in {} has no database: Cloud SQL is not supported, and snapshots of RDS are in AWS",
            to.bucket
        ))
        .with_hint("Back up the documents with --documents-only, and RDS with a destination in S3"));
    }
    Ok(Some(Database {
        kind,
        id,
        snapshot: rds::snapshot_id(project, environment, &to.time),
        region: request.text("region").map(str::to_owned),
    }))
}

fn documents(request: &impl Settings, id: &Id) -> Result<Option<Documents>> {
    let of_documents = ["source-bucket", "source-prefix", "exclude"];
    let given = of_documents.iter().find(|it| request.text(it).is_some());
    let database_only = request.boolean("database-only");
    if database_only && request.boolean("documents-only") {
        return Err(Error::invalid(
            "--database-only and --documents-only exclude each other",
        ));
    }
    if let Some(given) = given.filter(|_| database_only) {
        return Err(Error::invalid(format!(
            "--database-only and --{given} exclude each other"
        )));
    }
    let Some(bucket) = request.text("source-bucket") else {
        if database_only {
            return Ok(None);
        }
        return Err(Error::invalid("--source-bucket is missing").with_hint(
            "Give the bucket with the documents, or --database-only to leave them out",
        ));
    };
    let bucket = Bucket::parse(bucket)?;
    id.bucket.check_same_cloud(&bucket, "source-bucket")?;
    let prefix = request.text("source-prefix").unwrap_or_default();
    let folder = id.folder();
    // Otherwise each backup would copy those before it.
    let overlap = folder.starts_with(prefix) || prefix.starts_with(&format!("{}/", id.base));
    if bucket == id.bucket && overlap {
        return Err(Error::invalid(format!(
            "the backups in {}/ would be among the documents to copy",
            bucket.address(&id.base)
        ))
        .with_hint("Choose another --destination-bucket, or prefixes that don't overlap"));
    }
    let mut excluded = match request.text("exclude") {
        Some(text) => glob::split(text)?,
        None => Vec::new(),
    };
    if request.boolean("exclude-generated-files") {
        excluded.extend(GENERATED.map(str::to_owned));
    }
    Ok(Some(Documents {
        bucket,
        prefix: prefix.to_owned(),
        excluded,
    }))
}

fn tags(text: Option<&str>) -> Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for pair in text.into_iter().flat_map(|text| text.split(',')) {
        let Some((name, value)) = pair.trim().split_once('=') else {
            return Err(
                Error::invalid(format!("--tag has {pair:?}, which is not NAME=VALUE"))
                    .with_hint("Write them like team=web,cost=42"),
            );
        };
        let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
        let fits = |text: &str, most| text.chars().count() <= most && text.chars().all(is_plain);
        let is_own = ["aws:", "rds:", "kubectl-broker/"]
            .iter()
            .any(|it| name.starts_with(it));
        if name.is_empty() || is_own || !fits(name, MAX_TAG_NAME) || !fits(value, MAX_TAG_VALUE) {
            return Err(Error::invalid(format!(
                "--tag has {pair:?}; a tag must have letters, digits, spaces and _.:/=+-@, and not begin with aws:, rds: or kubectl-broker/"
            )));
        }
        if tags.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Error::invalid(format!("--tag has {name} twice")));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid(format!(
            "--tag has more than {MAX_TAGS} tags"
        )));
    }
    Ok(tags)
}
