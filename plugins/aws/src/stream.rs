//! A list of objects that is read page by page, and that can be continued later.

use std::collections::VecDeque;

use broker_engine::storage::{Object, Selection};
use broker_engine::{Error, ErrorKind, Result};

use crate::bucket::Bucket;

/// The objects below a prefix, in the order of their keys.
pub struct Stream {
    bucket: Bucket,
    selection: Selection,
    /// The cursor of the page that `objects` are from.
    cursor: Option<String>,
    objects: VecDeque<Object>,
    has_more: bool,
    /// Objects up to this key are left out.
    after: String,
}

impl Stream {
    /// Returns the objects whose keys begin with `prefix`.
    pub fn of(bucket: &Bucket, prefix: &str) -> Self {
        Self::from(bucket, prefix, None, "")
    }

    /// Returns the objects whose keys begin with `prefix` and are behind `after`. `cursor` is where to begin to read.
    pub fn from(bucket: &Bucket, prefix: &str, cursor: Option<String>, after: &str) -> Self {
        Self {
            selection: Selection {
                cursor: cursor.clone(),
                ..bucket.select(prefix)
            },
            bucket: bucket.clone(),
            cursor,
            objects: VecDeque::new(),
            has_more: true,
            after: after.to_owned(),
        }
    }

    /// Returns the cursor from which the next object can be read again.
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }

    /// Returns the next object, and leaves it.
    ///
    /// # Errors
    /// Fails if the store refuses, or if its list is not in the order of the keys.
    pub fn peek(&mut self) -> Result<Option<&Object>> {
        while self.objects.is_empty() && self.has_more {
            self.fetch()?;
        }
        Ok(self.objects.front())
    }

    /// Returns the next object, and goes on.
    ///
    /// # Errors
    /// Those of [`Stream::peek`].
    pub fn next(&mut self) -> Result<Option<Object>> {
        self.peek()?;
        let object = self.objects.pop_front();
        if let Some(object) = &object {
            self.after.clone_from(&object.key);
        }
        Ok(object)
    }

    fn fetch(&mut self) -> Result<()> {
        let page = match self.bucket.list(&self.selection) {
            // A cursor is not valid for ever.
            Err(error)
                if error.kind == ErrorKind::InvalidArgument && self.selection.cursor.is_some() =>
            {
                self.selection.cursor = None;
                self.bucket.list(&self.selection)?
            }
            other => other?,
        };
        let bucket = &self.bucket;
        if !page
            .objects
            .windows(2)
            .all(|pair| pair[0].key < pair[1].key)
        {
            return Err(Error::protocol(format!(
                "the list of bucket {bucket} is not in the order of the keys"
            )));
        }
        if page.next.is_some() && page.next == self.selection.cursor {
            let message = format!("the list of bucket {bucket} does not end");
            return Err(Error::protocol(message));
        }
        self.cursor = std::mem::replace(&mut self.selection.cursor, page.next);
        self.has_more = self.selection.cursor.is_some();
        let objects = page.objects.into_iter();
        self.objects = objects.filter(|it| it.key > self.after).collect();
        Ok(())
    }
}
