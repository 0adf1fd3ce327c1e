//! The backups of a bucket, by their folders.

use broker_engine::{Backup, ErrorKind, ListRequest, Page, Result, Settings, State};

use crate::bucket::Bucket;
use crate::copying::unsupported;
use crate::id::{Id, check_base, moment};
use crate::status;
use crate::text::line;

/// The maximum number of backups in one page. Each needs a few requests.
const MAX_PAGE: usize = 500;
/// The maximum number of folders that one call looks into, and their maximum depth.
const MAX_FOLDERS: usize = 2_000;
const MAX_DEPTH: usize = 8;

/// Returns a page of the backups.
///
/// # Errors
/// Fails if the bucket can't be listed.
pub fn list(request: &ListRequest) -> Result<Page> {
    let bucket = Bucket::parse(request.required_text("destination-bucket")?)?;
    let named = [request.text("project"), request.text("environment")];
    let base = match (request.text("destination-prefix"), named) {
        (Some(prefix), _) => check_base(prefix)?,
        (None, [None, None]) => String::new(),
        (None, [project, environment]) => {
            let part = |name: Option<&str>| name.unwrap_or("default").to_owned();
            check_base(&format!("{}/{}", part(project), part(environment)))?
        }
    };
    let mut walk = Walk::of(&bucket, request.cursor.as_deref(), MAX_PAGE);
    walk.folder(&base)?;
    let backups = walk.found.iter().filter_map(|id| backup(id).transpose());
    let backups = backups.collect::<Result<Vec<_>>>()?;
    Ok(Page::from(backups).with_next(walk.next()))
}

/// Returns a backup. One that is not understood must not hide the others. `None` if the folder is something else's.
fn backup(id: &Id) -> Result<Option<Backup>> {
    match status::of_backup(id) {
        Err(error) if is_about_all(error.kind) => Err(error),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let mut backup = Backup::new(id.to_string(), State::Unknown);
            backup.created = Some(id.timestamp());
            backup.failure = Some(line(&error.message));
            Ok(Some(backup))
        }
        Ok(backup) => Ok(Some(backup)),
    }
}

/// Returns whether an error of one backup would be that of all others, too.
pub fn is_about_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Cancelled | ErrorKind::Unauthenticated | ErrorKind::Denied
    )
}

/// A walk through the folders of a bucket, in the order of their names. A folder whose name is a time is a backup.
pub struct Walk<'a> {
    bucket: &'a Bucket,
    /// The last folder of an earlier walk. Folders up to it are left out.
    after: &'a str,
    limit: usize,
    folders: usize,
    /// The last folder that is done.
    last: Option<String>,
    has_more: bool,
    pub found: Vec<Id>,
}

impl<'a> Walk<'a> {
    pub fn of(bucket: &'a Bucket, after: Option<&'a str>, limit: usize) -> Self {
        Self {
            bucket,
            after: after.unwrap_or_default(),
            limit,
            folders: 0,
            last: None,
            has_more: false,
            found: Vec::new(),
        }
    }

    /// Returns the cursor of the next walk. `None` if there are no further folders.
    pub fn next(self) -> Option<String> {
        self.last.filter(|_| self.has_more)
    }

    /// Walks through a folder. The empty one is the bucket.
    ///
    /// # Errors
    /// Fails if the bucket can't be listed.
    pub fn folder(&mut self, base: &str) -> Result<()> {
        let prefix = match base {
            "" => String::new(),
            base => format!("{base}/"),
        };
        self.below(&prefix, 0)
    }

    fn below(&mut self, prefix: &str, depth: usize) -> Result<()> {
        let selection = self.bucket.select(prefix).with_folders();
        self.folders += 1;
        self.bucket.list_all(&selection, |page| {
            for folder in page.folders {
                self.child(prefix, &folder, depth)?;
            }
            Ok(())
        })
    }

    fn child(&mut self, prefix: &str, folder: &str, depth: usize) -> Result<()> {
        let is_done = folder <= self.after && !self.after.starts_with(folder);
        if is_done || folder == self.after || self.has_more {
            return Ok(());
        }
        if self.found.len() >= self.limit || (self.folders >= MAX_FOLDERS && self.last.is_some()) {
            self.has_more = true;
            return Ok(());
        }
        let name = folder.strip_prefix(prefix).unwrap_or(folder);
        let name = name.trim_end_matches('/');
        match moment(name).and_then(|_| check_base(prefix).ok()) {
            Some(base) => self.found.push(Id {
                bucket: self.bucket.clone(),
                base,
                time: name.to_owned(),
            }),
            // The host refuses such a folder, and no backup is in it.
            None if unsupported(folder).is_some() => {}
            None if depth < MAX_DEPTH && !name.is_empty() => self.below(folder, depth + 1)?,
            None => {}
        }
        if !self.has_more {
            self.last = Some(folder.to_owned());
        }
        Ok(())
    }
}
