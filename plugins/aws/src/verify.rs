//! Checking a backup: the manifest, each document against a list of the copies, and the snapshot.

use broker_engine::storage::Object;
use broker_engine::{Check, ErrorKind, Outcome, Result, Settings, VerifyRequest};

use crate::entry::Entry;
use crate::id::{AnyId, Id};
use crate::manifest::{self, Summary};
use crate::rds::{self, Kind};
use crate::record::Database;
use crate::status;
use crate::stream::Stream;
use crate::text::line;

/// The maximum number of documents that checks name.
const MAX_NAMED: u64 = 100;
/// The maximum number of digests that one call reads. The host allows 10,000 calls.
const MAX_DIGESTS: u64 = 5_000;

/// Checks a backup.
///
/// # Errors
/// Fails if there is no complete backup, or if AWS refuses.
pub fn verify(request: &VerifyRequest) -> Result<Vec<Check>> {
    let id = AnyId::parse(&request.id)?.backup;
    let Some(mut reader) = manifest::find(&id)? else {
        let backup = status::of_backup(&id)?;
        let state = backup.reported_state.unwrap_or_default();
        let check = Check::new("manifest", Outcome::Failed);
        return Ok(vec![check.with_message(format!(
            "the backup is not complete: it is {state}"
        ))]);
    };
    let mut comparison = Comparison::of(&id, request.boolean("deep"));
    let read = reader.read_rest(|entry| comparison.entry(&entry));
    let mut checks = Vec::new();
    let summary = match read {
        Ok(summary) => summary,
        Err(error) if error.kind == ErrorKind::Integrity => {
            let check = Check::new("manifest", Outcome::Failed).with_message(error.message);
            return Ok(vec![check]);
        }
        Err(error) => return Err(error),
    };
    checks.push(match summary.is_intact {
        Some(true) => Check::new("manifest", Outcome::Passed)
            .with_message(format!("the checksum of {} is right", summary.name)),
        _ => Check::new("manifest", Outcome::Failed).with_message(format!(
            "{} has been changed: its checksum is wrong",
            summary.name
        )),
    });
    if summary.document["document_library"].is_object() {
        comparison.end()?;
        checks.extend(comparison.checks(&summary));
    }
    checks.extend(database(&summary)?);
    Ok(checks)
}

/// The documents of the manifest beside the list of the copies. Both are in the order of the keys.
struct Comparison<'a> {
    id: &'a Id,
    folder: String,
    copies: Stream,
    is_deep: bool,
    /// The number of copies in `long/` that the manifest names.
    long: u64,
    documents: u64,
    bytes: u64,
    digests: u64,
    without_digest: u64,
    faults: u64,
    named: Vec<Check>,
}

impl<'a> Comparison<'a> {
    fn of(id: &'a Id, is_deep: bool) -> Self {
        let folder = id.key("dl/");
        Self {
            copies: Stream::of(&id.bucket, &folder),
            id,
            folder,
            is_deep,
            long: 0,
            documents: 0,
            bytes: 0,
            digests: 0,
            without_digest: 0,
            faults: 0,
            named: Vec::new(),
        }
    }

    /// Compares a document of the manifest.
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        self.documents += 1;
        self.bytes = self.bytes.saturating_add(entry.size_bytes);
        let copy = match &entry.stored_as {
            Some(name) => {
                self.long += 1;
                match self.id.at(name).head() {
                    Ok(copy) => Some(copy),
                    Err(error) if error.kind == ErrorKind::NotFound => None,
                    Err(error) => return Err(error),
                }
            }
            None => self.copy_of(&entry.key)?,
        };
        match copy {
            None => self.fault(&entry.key, "is missing"),
            Some(copy) if copy.size != entry.size_bytes => {
                let reason = format!("has {} bytes, not {}", copy.size, entry.size_bytes);
                self.fault(&entry.key, &reason);
            }
            Some(copy) if !entry.is(&copy) => self.fault(&entry.key, "has been changed"),
            Some(copy) => self.digest(entry, copy)?,
        }
        Ok(())
    }

    /// Returns the copy of a document, and reports the copies before it, which are no documents of the manifest.
    fn copy_of(&mut self, key: &str) -> Result<Option<Object>> {
        loop {
            let folder = self.folder.len();
            let Some(next) = self.copies.peek()?.map(|it| it.key[folder..].to_owned()) else {
                return Ok(None);
            };
            if next.as_str() > key {
                return Ok(None);
            }
            let copy = self.copies.next()?;
            if next == key {
                return Ok(copy);
            }
            self.fault(&next, "is not in the manifest");
        }
    }

    fn digest(&mut self, entry: &Entry, copy: Object) -> Result<()> {
        let Some(expected) = entry.sha256.as_ref().filter(|_| self.is_deep) else {
            self.without_digest += u64::from(self.is_deep);
            return Ok(());
        };
        if self.digests >= MAX_DIGESTS {
            self.without_digest += 1;
            return Ok(());
        }
        self.digests += 1;
        let copy = match copy.sha256 {
            Some(_) => copy,
            None => self.id.at(&entry.name()).head()?,
        };
        if copy.sha256.as_ref() != Some(expected) {
            self.fault(&entry.key, "has another digest");
        }
        Ok(())
    }

    /// Reports the copies behind the last document.
    fn end(&mut self) -> Result<()> {
        while let Some(copy) = self.copies.next()? {
            let key = copy.key[self.folder.len()..].to_owned();
            self.fault(&key, "is not in the manifest");
        }
        let mut long = Stream::of(&self.id.bucket, &self.id.key("long/"));
        let mut number = 0;
        while long.next()?.is_some() {
            number += 1;
        }
        if number > self.long {
            self.fault("long/", "has copies that are not in the manifest");
        }
        Ok(())
    }

    fn fault(&mut self, key: &str, what: &str) {
        self.faults += 1;
        if self.faults <= MAX_NAMED {
            let check = Check::new(format!("document {}", line(key)), Outcome::Failed);
            self.named.push(check.with_message(what));
        }
    }

    fn checks(self, summary: &Summary) -> Vec<Check> {
        let mut checks = Vec::new();
        let counted = (
            summary.number("object_count"),
            summary.number("total_size_bytes"),
        );
        if counted != (Some(self.documents), Some(self.bytes)) {
            let check = Check::new("counts", Outcome::Failed);
            checks.push(check.with_message(format!(
                "the manifest has {} documents of {} bytes, and says otherwise",
                self.documents, self.bytes
            )));
        }
        let documents = match self.faults {
            0 => Check::new("documents", Outcome::Passed)
                .with_message(format!("{} documents are there and equal", self.documents)),
            faults => Check::new("documents", Outcome::Failed).with_message(format!(
                "{faults} faults among {} documents",
                self.documents
            )),
        };
        checks.push(documents);
        checks.extend(self.named);
        if self.is_deep {
            let (outcome, rest) = match self.without_digest {
                0 => (Outcome::Passed, String::new()),
                rest => (Outcome::Warned, format!(", {rest} without a comparison")),
            };
            let message = format!("{} digests compared{rest}", self.digests);
            checks.push(Check::new("digests", outcome).with_message(message));
        }
        let missing = summary.number("missing_count").unwrap_or_default();
        if missing > 0 {
            let check = Check::new("missing", Outcome::Warned);
            let message = format!("{missing} documents could not be copied when it was made");
            checks.push(check.with_message(message));
        }
        checks
    }
}

/// Checks the snapshot.
fn database(summary: &Summary) -> Result<Option<Check>> {
    let Some(database) = database_of(summary) else {
        return Ok(None);
    };
    let name = format!("snapshot {}", line(&database.snapshot));
    Ok(Some(match rds::snapshot(&database)? {
        None => Check::new(name, Outcome::Failed).with_message("does not exist"),
        Some(it) if it.is_available() => Check::new(name, Outcome::Passed),
        Some(it) => {
            Check::new(name, Outcome::Failed).with_message(format!("is {}", line(&it.status)))
        }
    }))
}

/// Returns the database of a manifest.
pub fn database_of(summary: &Summary) -> Option<Database> {
    let database = &summary.document["database"];
    let text = |name: &str| database[name].as_str().map(str::to_owned);
    Some(Database {
        kind: match database["kind"].as_str() {
            Some("cluster") => Kind::Cluster,
            _ => Kind::Instance,
        },
        id: text("instance_id")?,
        snapshot: text("snapshot_id")?,
        region: text("region"),
    })
}
