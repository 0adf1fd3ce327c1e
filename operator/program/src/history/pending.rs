use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use super::row::Row;

/// The most records that wait in memory. With messages, they may take 100 MB.
const MOST: usize = 20_000;

/// The records that are not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: VecDeque<Entry>,
    /// The uids of the records that are being written.
    taken: Vec<String>,
    /// Since when the oldest record has waited.
    oldest: Option<Instant>,
    /// The content that the database has, or that waits, by uid.
    known: HashMap<String, u64>,
    /// Whether a record found no place. Its object is looked at again.
    has_missed: bool,
}

/// A record that waits.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) row: Row,
    pub(super) since: Instant,
}

impl Pending {
    /// Adds a record, unless it is known with the same content.
    pub(super) fn add(&mut self, row: Row, now: Instant) -> bool {
        let fingerprint = row.fingerprint();
        if self.known.get(row.uid()) == Some(&fingerprint) {
            return false;
        }
        if self.queue.len() >= MOST {
            self.has_missed = true;
            return false;
        }
        self.known.insert(row.uid().to_owned(), fingerprint);
        self.queue.push_back(Entry { row, since: now });
        self.oldest.get_or_insert(now);
        true
    }

    /// Returns whether the database has a record with this content.
    pub(super) fn is_written(&self, row: &Row) -> bool {
        let uid = row.uid();
        let waits = self.queue.iter().any(|it| it.row.uid() == uid);
        let is_taken = self.taken.iter().any(|it| it == uid);
        !waits && !is_taken && self.known.get(uid) == Some(&row.fingerprint())
    }

    /// Takes the oldest records.
    pub(super) fn take(&mut self, count: usize) -> Vec<Entry> {
        let count = count.min(self.queue.len());
        let entries: Vec<_> = self.queue.drain(..count).collect();
        self.taken = entries.iter().map(|it| it.row.uid().to_owned()).collect();
        entries
    }

    /// Ends what [`Self::take`] began. Records that could not be written go behind the others: one that is refused must not hold up the rest. A record
    /// is dropped if a newer one of the same run has come.
    pub(super) fn give_back(&mut self, entries: Vec<Entry>) {
        self.taken.clear();
        let known = &self.known;
        let newest = entries
            .into_iter()
            .filter(|it| known.get(it.row.uid()) == Some(&it.row.fingerprint()));
        self.queue.extend(newest);
        self.oldest = self.queue.iter().map(|it| it.since).min();
    }

    /// Returns since when the oldest record has waited.
    pub(super) const fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// Returns the number of records that are not in the database yet.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.taken.len()
    }

    /// Returns whether objects must be looked at again, once. There is room for them as soon as half of the places are free.
    pub(super) fn must_look_again(&mut self) -> bool {
        let must = self.has_missed && self.queue.len() <= MOST / 2;
        if must {
            self.has_missed = false;
        }
        must
    }

    /// Returns whether most of the runs that are known have no object any more.
    pub(super) fn knows_many_more_than(&self, live: usize) -> bool {
        self.known.len() > 1000 && self.known.len() / 2 > live
    }

    /// Forgets what the database has of runs without an object.
    pub(super) fn forget_all_but(&mut self, live: &HashSet<String>) {
        let waiting: HashSet<&str> = self.queue.iter().map(|it| it.row.uid()).collect();
        self.known
            .retain(|uid, _| live.contains(uid) || waiting.contains(&**uid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::record::Record;

    fn record(uid: usize, attempts: i64) -> Row {
        Row::Run(Box::new(Record {
            attempts,
            ..Record::named(&format!("run-{uid}"))
        }))
    }

    fn attempts(row: &Row) -> Option<i64> {
        match row {
            Row::Run(record) => Some(record.attempts),
            Row::Request(_) | Row::RestoreRequest(_) => None,
        }
    }

    #[test]
    fn a_record_waits_once_and_again_if_it_changes() {
        let mut pending = Pending::default();
        let now = Instant::now();
        assert!(pending.add(record(1, 1), now));
        assert!(!pending.add(record(1, 1), now));
        let older = pending.take(9);
        assert!(!pending.add(record(1, 1), now), "it is being written");
        assert!(!pending.is_written(&record(1, 1)));
        assert!(pending.add(record(1, 2), now));
        pending.give_back(older);
        let left: Vec<_> = pending
            .take(9)
            .iter()
            .filter_map(|it| attempts(&it.row))
            .collect();
        assert_eq!(left, [2], "the older one does not replace the newer one");
        assert!(!pending.is_written(&record(1, 2)));
        pending.give_back(vec![]);
        assert!(pending.is_written(&record(1, 2)));
        assert!(!pending.is_written(&record(1, 1)), "that one was replaced");
    }

    #[test]
    fn records_without_room_are_looked_for_once_there_is_room() {
        let mut pending = Pending::default();
        for uid in 0..MOST + 5 {
            pending.add(record(uid, 1), Instant::now());
        }
        assert_eq!(pending.len(), MOST);
        assert!(!pending.must_look_again());
        pending.take(MOST / 2);
        pending.give_back(vec![]);
        assert!(pending.must_look_again());
        assert!(!pending.must_look_again());
        assert!(pending.add(record(MOST + 1, 1), Instant::now()));
        pending.take(MOST);
        assert!(pending.knows_many_more_than(10));
        pending.forget_all_but(&HashSet::from(["run-7".to_owned()]));
        assert!(!pending.add(record(7, 1), Instant::now()));
        assert!(pending.add(record(8, 1), Instant::now()));
    }
}
