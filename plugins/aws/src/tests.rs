mod backup;
mod google;
mod interrupted;
mod manifest;
mod remove;
mod restore;
mod verify;

use broker_engine::mock::Host;
use broker_engine::{
    Activity, Error, ErrorKind, OptionSetting, OptionValue, Outcome, RestoreSource, State,
};
use serde_json::Value;

use super::*;

/// The time 2025-11-09T14:30:00Z, in milliseconds since the Unix epoch.
const NOW: u64 = 1_762_698_600_000;
const TIME: &str = "20251109-143000";
const ID: &str = "liferay-backups/retail/prd/20251109-143000";
const FOLDER: &str = "retail/prd/20251109-143000";
const SOURCE: &str = "liferay-retail-prd-dl";
const BACKUPS: &str = "liferay-backups";
const TARGET: &str = "liferay-new-dl";
/// The most calls of `finish` that a test makes. Each one gets on.
const MOST: usize = 500;

fn host() -> Host {
    Host::new(MANIFEST).at(NOW)
}

/// Returns a host with a number of documents of different contents.
fn with_documents(number: usize) -> Host {
    (0..number).fold(host(), |host, at| {
        let key = format!("20097/{:02}/{at}.pdf", at % 37);
        host.stored(SOURCE, &key, format!("document {at}"))
            .modified(SOURCE, &key, "2025-11-08T10:15:00.000Z")
    })
}

fn options(given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let setting = |(name, value): &(&str, OptionValue)| OptionSetting {
        name: (*name).to_owned(),
        value: value.clone(),
    };
    given.iter().map(setting).collect()
}

/// Returns the options of a backup of documents alone, and further ones.
fn documents_only(more: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let mut all = vec![
        ("source-bucket", SOURCE.into()),
        ("destination-bucket", BACKUPS.into()),
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("at", TIME.into()),
        ("documents-only", true.into()),
    ];
    all.extend(more.iter().cloned());
    options(&all)
}

/// Returns the options of a backup of a database and of documents, and further ones.
fn whole(more: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let mut all = vec![
        ("db-instance", "retail-prd-db".into()),
        ("source-bucket", SOURCE.into()),
        ("destination-bucket", BACKUPS.into()),
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("at", TIME.into()),
    ];
    all.extend(more.iter().cloned());
    options(&all)
}

fn prepare(host: &Host, options: &[OptionSetting]) -> Result<Preparation> {
    let options = options.to_vec();
    host.run(|| Aws::prepare(PrepareRequest { options }))
}

fn create(host: &Host, options: &[OptionSetting]) -> Result<Backup> {
    let options = options.to_vec();
    host.run(|| {
        Aws::create(CreateRequest {
            prepared: None,
            options,
        })
    })
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        Aws::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn finish(host: &Host, id: &str) -> Result<Vec<Field>> {
    host.run(|| {
        Aws::finish(FinishRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn check(host: &Host, given: &[(&str, OptionValue)]) -> Result<Vec<Check>> {
    host.run(|| {
        Aws::verify(VerifyRequest {
            id: ID.to_owned(),
            options: options(given),
        })
    })
}

/// Calls the engine as the host does until the work has ended.
fn until_ended(host: &Host, id: &str) -> Result<Backup> {
    for _ in 0..MOST {
        let backup = status(host, id)?;
        let reported = backup.reported_state.as_deref();
        match backup.state {
            State::Running if matches!(reported, Some("copying" | "restoring")) => {
                finish(host, id)?;
            }
            State::Running | State::Pending => {}
            _ => return Ok(backup),
        }
    }
    panic!("the work on {id} does not end")
}

/// Makes a backup of the documents of a host.
fn backed_up(host: &Host, options: &[OptionSetting]) -> Backup {
    create(host, options).expect("the backup begins");
    let backup = until_ended(host, ID).expect("the backup ends");
    finish(host, ID).expect("the details");
    backup
}

fn detail<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|field| field.name == name);
    found.map(|field| field.value.as_str())
}

/// Returns the keys of the copies of a backup.
fn copies(host: &Host) -> Vec<String> {
    let folder = format!("{FOLDER}/dl/");
    let keys = host.keys_of(BACKUPS).into_iter();
    keys.filter_map(|key| key.strip_prefix(&folder).map(str::to_owned))
        .collect()
}

/// Returns the manifest that the backup has.
fn stored_manifest(host: &Host) -> Value {
    let bytes = host.bytes_of(BACKUPS, &format!("{FOLDER}/manifest.json"));
    serde_json::from_slice(&bytes.expect("a manifest")).expect("JSON")
}

fn outcomes(checks: &[Check]) -> Vec<(&str, Outcome)> {
    let pairs = checks
        .iter()
        .map(|check| (check.name.as_str(), check.outcome));
    pairs.collect()
}

/// Returns the response of an action about one thing.
fn xml(action: &str, list: &str, item: &str, facts: &str) -> String {
    format!(
        "<{action}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{action}Result><{list}><{item}>{facts}</{item}></{list}></{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn instance(status: &str, tags: &str) -> String {
    let facts = format!(
        "<DBInstanceIdentifier>x</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus><TagList>{tags}</TagList>"
    );
    xml("DescribeDBInstances", "DBInstances", "DBInstance", &facts)
}

fn tag(name: &str, value: &str) -> String {
    format!("<Tag><Key>{name}</Key><Value>{value}</Value></Tag>")
}

/// Returns the description of the snapshot of the backup.
fn snapshot(status: &str, more: &str) -> String {
    let tags = tag("kubectl-broker/backup", ID)
        + &tag("kubectl-broker/project", "retail")
        + &tag("kubectl-broker/environment", "prd");
    let facts = format!(
        "<DBSnapshotIdentifier>retail-prd-{TIME}</DBSnapshotIdentifier><DBSnapshotArn>arn:aws:rds:eu-west-1:1:snapshot:x</DBSnapshotArn><Status>{status}</Status><Engine>postgres</Engine><EngineVersion>15.4</EngineVersion><AllocatedStorage>20</AllocatedStorage>{more}<TagList>{tags}</TagList>"
    );
    xml("DescribeDBSnapshots", "DBSnapshots", "DBSnapshot", &facts)
}

fn refused(action: &str, status: u16, code: &str, kind: ErrorKind) -> Error {
    let message = format!("rds:{action} was answered with {status}: {code} (Because)");
    Error::new(kind, message)
}

/// Lets the snapshot of the backup begin, and be available after a number of looks.
fn with_snapshot(host: Host, looks: usize) -> Host {
    let host = host
        .action("rds:DescribeDBInstances", Ok(instance("available", "")))
        .action(
            "rds:CreateDBSnapshot",
            Ok("<CreateDBSnapshotResponse/>".to_owned()),
        );
    let host = (0..looks).fold(host, |host, look| {
        let percent = format!("<PercentProgress>{}</PercentProgress>", look * 10);
        host.action(
            "rds:DescribeDBSnapshots",
            Ok(snapshot("creating", &percent)),
        )
    });
    let full = "<FullSnapshotSizeInBytes>48586496000</FullSnapshotSizeInBytes>";
    host.action("rds:DescribeDBSnapshots", Ok(snapshot("available", full)))
}
