use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use jiff::Timestamp;

/// When to look at each of many things next, such as schedules by their name.
///
/// Each key has one time. The memory depends on the number of keys alone, and not on how often their times change.
/// Keys come out in the order of their times; keys with the same time, in their own order.
#[derive(Clone, Debug)]
pub struct Agenda<K> {
    times: BTreeMap<K, Timestamp>,
    order: BTreeSet<(Timestamp, K)>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self {
            times: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone> Agenda<K> {
    /// Sets the time of a key, and returns the one that it had.
    pub fn insert(&mut self, key: K, time: Timestamp) -> Option<Timestamp> {
        let earlier = self.remove(&key);
        self.order.insert((time, key.clone()));
        self.times.insert(key, time);
        earlier
    }

    /// Removes a key, and returns its time.
    pub fn remove(&mut self, key: &K) -> Option<Timestamp> {
        let (key, time) = self.times.remove_entry(key)?;
        self.order.remove(&(time, key));
        Some(time)
    }

    /// Returns the time of a key.
    pub fn time(&self, key: &K) -> Option<Timestamp> {
        self.times.get(key).copied()
    }

    /// Returns the earliest time.
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(time, _)| *time)
    }

    /// Removes and returns each key whose time has come. Keys that the caller does not take stay.
    pub fn pop_due(&mut self, now: Timestamp) -> impl Iterator<Item = K> {
        iter::from_fn(move || {
            let (time, _) = self.order.first()?;
            if *time > now {
                return None;
            }
            let (_, key) = self.order.pop_first()?;
            self.times.remove(&key);
            Some(key)
        })
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn popped(agenda: &mut Agenda<&'static str>, second: i64) -> Vec<&'static str> {
        agenda.pop_due(at(second)).collect()
    }

    #[test]
    fn keys_come_out_in_the_order_of_times_and_then_of_keys() {
        let mut agenda = Agenda::default();
        for (key, second) in [("c", 20), ("b", 10), ("d", 10), ("a", 30), ("e", 5)] {
            assert_eq!(agenda.insert(key, at(second)), None);
        }
        assert_eq!(agenda.next(), Some(at(5)));
        assert_eq!(popped(&mut agenda, 4), [""; 0]);
        assert_eq!(popped(&mut agenda, 20), ["e", "b", "d", "c"]);
        assert_eq!((agenda.len(), agenda.next()), (1, Some(at(30))));
        assert_eq!(agenda.remove(&"a"), Some(at(30)));
        assert_eq!(agenda.remove(&"a"), None);
        assert!(agenda.is_empty());
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn a_key_has_one_time() {
        let mut agenda = Agenda::default();
        agenda.insert("a", at(10));
        assert_eq!(agenda.insert("a", at(30)), Some(at(10)));
        assert_eq!(popped(&mut agenda, 20), [""; 0]);
        assert_eq!(agenda.insert("a", at(5)), Some(at(30)));
        assert_eq!(popped(&mut agenda, 40), ["a"]);
        assert_eq!(agenda.time(&"a"), None);
    }

    #[test]
    fn keys_that_are_not_taken_stay() {
        let mut agenda = Agenda::default();
        agenda.insert("a", at(1));
        agenda.insert("b", at(2));
        assert_eq!(agenda.pop_due(at(9)).next(), Some("a"));
        assert_eq!((agenda.len(), agenda.time(&"b")), (1, Some(at(2))));
    }

    #[test]
    fn replacing_a_time_a_million_times_keeps_one_entry() {
        let mut agenda = Agenda::default();
        agenda.insert("b", at(0));
        for second in 0..1_000_000 {
            agenda.insert("a", at(second));
        }
        assert_eq!((agenda.times.len(), agenda.order.len()), (2, 2));
        assert_eq!(popped(&mut agenda, 999_998), ["b"]);
        assert_eq!((agenda.times.len(), agenda.order.len()), (1, 1));
    }
}
