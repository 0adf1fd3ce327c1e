//! Deleting a backup: its manifest first, so that the rest is never taken for a backup.

use broker_engine::{DeleteRequest, Error, ErrorKind, Result, State, log};

use crate::create::one;
use crate::id::{AnyId, Id};
use crate::manifest::{self, COMPRESSED, PLAIN};
use crate::record::{self, Deleting, PIN, Record, exists};
use crate::verify::database_of;
use crate::{rds, restore, status};

/// The number of objects that one call deletes. The host allows 200,000 in batches.
pub const BUDGET: usize = 150_000;

/// Deletes a backup, or the record of a restore. Returns warnings.
///
/// # Errors
/// Fails if the backup does not exist, if it is protected, or if AWS refuses.
pub fn delete(request: &DeleteRequest) -> Result<Vec<String>> {
    let AnyId {
        backup: id,
        restore,
    } = AnyId::parse(&request.id)?;
    if let Some(name) = restore {
        return restore::forget(&id, &name);
    }
    let mut budget = BUDGET;
    let is_going = Deleting::read(&id)?.is_some();
    if !is_going {
        check_unpinned(&id)?;
        check_ended(&id, request.force)?;
    }
    whole(&id, &mut budget)
}

/// Deletes everything of a backup. `budget` is the number of objects that may be deleted.
///
/// # Errors
/// Fails if the budget is used up, or if AWS refuses. The rest can be deleted later.
pub fn whole(id: &Id, budget: &mut usize) -> Result<Vec<String>> {
    let deleting = match Deleting::read(id)? {
        Some(deleting) => deleting,
        None => {
            let deleting = Deleting {
                database: match Record::read(id)? {
                    Some(record) => record.database,
                    None => match manifest::find(id)? {
                        Some(reader) => database_of(&reader.summary()?),
                        None => None,
                    },
                },
            };
            deleting.begin(id)?;
            deleting
        }
    };
    id.bucket.remove(&[id.key(PLAIN), id.key(COMPRESSED)])?;
    let warning = match &deleting.database {
        Some(database) => rds::delete_snapshot(database, id)?,
        None => None,
    };
    if let Some(warning) = &warning {
        log::warn(warning);
    }
    objects(id, budget)?;
    Ok(warning.into_iter().collect())
}

fn objects(id: &Id, budget: &mut usize) -> Result<()> {
    let folder = id.folder();
    let mut first = None;
    loop {
        let page = id.bucket.list(&id.bucket.select(&folder))?;
        let keys = page.objects.into_iter().map(|object| object.key);
        let (last, keys): (Vec<_>, Vec<_>) = keys.partition(|key| record::goes_last(id, key));
        if keys.is_empty() {
            return match page.next {
                None => id.bucket.remove(&last),
                Some(_) => Err(Error::protocol("the list of the copies does not end")),
            };
        }
        if first.as_ref() == keys.first() {
            let message = format!("{} is listed although it is deleted", keys[0]);
            return Err(Error::protocol(message));
        }
        if *budget < keys.len() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("{id} has more copies than one command deletes; the others are left"),
            )
            .with_hint("Run the same command again: it goes on")
            .retry_can_help());
        }
        *budget -= keys.len();
        id.bucket.remove(&keys)?;
        first = keys.into_iter().next();
    }
}

fn check_unpinned(id: &Id) -> Result<()> {
    if !exists(&id.at(PIN))? {
        return Ok(());
    }
    Err(Error::conflict(format!("the backup {id} is pinned"))
        .with_hint("Remove the protection with `kubectl broker backup unpin --engine aws ID`"))
}

/// Fails if the backup is being made, unless the user insists.
fn check_ended(id: &Id, force: bool) -> Result<()> {
    let backup = match status::of_backup(id) {
        Ok(backup) => backup,
        Err(error) if error.kind == ErrorKind::NotFound => {
            // Something else may be left of a backup.
            let page = id.bucket.list(&one(&id.bucket, &id.folder()))?;
            return if page.objects.is_empty() {
                Err(error)
            } else {
                Ok(())
            };
        }
        // A damaged backup can be deleted.
        Err(error) if matches!(error.kind, ErrorKind::Integrity | ErrorKind::Protocol) && force => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let is_at_work = matches!(backup.state, State::Pending | State::Running);
    if is_at_work && !force {
        return Err(Error::conflict(format!("the backup {id} is being made"))
            .with_hint("Wait until it has ended, or stop its command and add --force"));
    }
    Ok(())
}
