//! Reads the pages of a list.

use std::collections::BTreeSet;

use broker_manifest::Operation;
use host_base::Backup;

use super::{EngineError, Instance, OptionSetting};

/// The maximum number of pages of one list.
const MAX_PAGES: usize = 100_000;

/// The pages of a list that are still to be read.
#[derive(Debug)]
pub struct Pages {
    next: Next,
    /// Digests of the cursors that were used.
    seen: BTreeSet<[u8; 32]>,
    /// The number of backups that are still wanted.
    left: Option<u32>,
    /// Whether a page was left unread because no further backup was wanted.
    has_unread: bool,
}

/// The page that is read next.
#[derive(Debug)]
enum Next {
    First,
    /// The page that this cursor names.
    At(String),
    /// The list has ended.
    None,
}

impl Pages {
    /// Begins a list of at most `limit` backups.
    #[must_use]
    pub fn new(limit: Option<u32>) -> Self {
        Self {
            next: Next::First,
            seen: BTreeSet::new(),
            left: limit,
            has_unread: false,
        }
    }

    /// Returns the next page, or `None` at the end of the list.
    ///
    /// # Errors
    /// The error of the engine, and a fault if it returns a cursor twice or does not come to an end.
    pub async fn next(
        &mut self,
        instance: &mut Instance,
        options: &[OptionSetting],
    ) -> Result<Option<Vec<Backup>>, EngineError> {
        let cursor = match std::mem::replace(&mut self.next, Next::None) {
            Next::First => None,
            Next::At(cursor) => Some(cursor),
            Next::None => return Ok(None),
        };
        let page = instance.page(cursor.as_deref(), self.left, options).await?;
        let got = u32::try_from(page.backups.len()).unwrap_or(u32::MAX);
        self.left = self.left.map(|left| left.saturating_sub(got));
        self.has_unread = page.next.is_some() && self.left == Some(0);
        if let Some(cursor) = page.next.filter(|_| self.left != Some(0)) {
            let digest = host_base::Sha256::digest(cursor.as_bytes()).to_bytes();
            if !self.seen.insert(digest) || self.seen.len() > MAX_PAGES {
                return Err(instance.bad_result(Operation::List, "a list that does not end"));
            }
            self.next = Next::At(cursor);
        }
        Ok(Some(page.backups))
    }

    /// Returns whether there is another page to read.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !matches!(self.next, Next::None)
    }

    /// Returns whether the list goes on after the wanted backups.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.has_unread
    }
}
