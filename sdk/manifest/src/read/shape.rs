//! Finds all problems of a manifest's shape.
//!
//! Serde stops at the first problem. The manifest is therefore read again and again: an invalid entry is
//! dropped, and a missing key gets a stand-in, until the rest is valid.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::stand_in;
use super::value::{Site, Value};
use super::{Spot, syntax};
use crate::Manifest;
use crate::problem::{More, Problems};

/// Maximum number of times that a manifest is read. Each problem costs a few.
const MAX_TRIES: usize = 300;

/// The identity of a value: its address, which stays the same while the manifest is read.
pub(super) type Id = usize;

pub(super) fn id_of(value: &Spanned<DeValue<'_>>) -> Id {
    std::ptr::from_ref(value).addr()
}

/// The changes that make the rest of a manifest valid.
#[derive(Default)]
pub(super) struct Repairs {
    /// The values that are left out.
    dropped: BTreeSet<Id>,
    /// The keys that tables lack, each with the number of the text that stands in for its value.
    stand_ins: BTreeMap<Id, BTreeMap<&'static str, usize>>,
}

impl Repairs {
    pub(super) fn is_dropped(&self, value: &Spanned<DeValue<'_>>) -> bool {
        self.dropped.contains(&id_of(value))
    }

    /// Returns the keys that a table lacks, with the numbers of their stand-ins.
    pub(super) fn stand_ins(&self, table: Id) -> Vec<(&'static str, usize)> {
        let stand_ins = self.stand_ins.get(&table);
        let stand_ins = stand_ins.into_iter().flatten();
        stand_ins.map(|(key, number)| (*key, *number)).collect()
    }
}

/// Reads a manifest.
///
/// # Errors
/// Returns the problems, and how many were not looked for.
pub(super) fn read(root: &Spanned<DeValue<'_>>) -> Result<Manifest, (Vec<Spot>, More)> {
    let mut search = Search {
        root,
        repairs: Repairs::default(),
        found: Vec::new(),
    };
    for _ in 0..MAX_TRIES {
        let error = match Manifest::deserialize(Value::new(root, &search.repairs)) {
            Ok(manifest) if search.found.is_empty() => return Ok(manifest),
            Ok(_) => return Err((search.found, More::Counted(0))),
            Err(error) => error,
        };
        let goes_on = match (error.missing, error.site) {
            (Some(key), Some(Site::Entry(table, span))) => search.lacks(table, span, key),
            (_, Some(Site::StandIn(table, key))) => search.next_stand_in(table, key),
            (None, Some(Site::Entry(value, span))) => search.refuse(value, span, error.message),
            (_, None) => search.refuse(id_of(root), root.span(), error.message),
        };
        if !goes_on || Problems::is_full(search.found.len()) {
            break;
        }
    }
    Err((search.found, More::Unknown))
}

struct Search<'a, 'i> {
    root: &'a Spanned<DeValue<'i>>,
    repairs: Repairs,
    found: Vec<Spot>,
}

impl Search<'_, '_> {
    fn report(&mut self, span: Range<usize>, message: String) {
        self.found.push(Spot {
            span,
            error: syntax(message),
        });
    }

    /// Reports an invalid value, and leaves it out from now on. Returns whether the rest can be read.
    fn refuse(&mut self, value: Id, span: Range<usize>, message: String) -> bool {
        self.report(span, message);
        self.drop(value)
    }

    fn drop(&mut self, value: Id) -> bool {
        value != id_of(self.root) && self.repairs.dropped.insert(value)
    }

    /// Reports that a table lacks a key, unless it is there with an invalid value.
    fn lacks(&mut self, table: Id, span: Range<usize>, key: &'static str) -> bool {
        if !self.has_dropped(table, key) {
            self.report(span, format!("missing field `{key}`"));
        }
        let stand_ins = self.repairs.stand_ins.entry(table).or_default();
        stand_ins.insert(key, 0).is_none()
    }

    fn has_dropped(&self, table: Id, key: &str) -> bool {
        let Some(DeValue::Table(table)) = find(self.root, table).map(Spanned::get_ref) else {
            return false;
        };
        table.get(key).is_some_and(|it| self.repairs.is_dropped(it))
    }

    /// Tries another text for a missing key. If no text fits, the whole table is left out.
    fn next_stand_in(&mut self, table: Id, key: &'static str) -> bool {
        let stand_ins = self.repairs.stand_ins.entry(table).or_default();
        let number = stand_ins.entry(key).or_default();
        *number += 1;
        *number < stand_in::TEXTS.len() || self.drop(table)
    }
}

/// Returns the value with this identity.
fn find<'a, 'i>(value: &'a Spanned<DeValue<'i>>, id: Id) -> Option<&'a Spanned<DeValue<'i>>> {
    if id_of(value) == id {
        return Some(value);
    }
    match value.get_ref() {
        DeValue::Table(table) => table.values().find_map(|inner| find(inner, id)),
        DeValue::Array(array) => array.iter().find_map(|inner| find(inner, id)),
        _ => None,
    }
}
