//! Which runs may begin: a limit for all, and one for each namespace.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// How many runs may be under way. Zero is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_all: usize,
    pub(crate) per_namespace: usize,
}

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiting<'a> {
    pub(crate) created: Timestamp,
    pub(crate) namespace: &'a str,
    pub(crate) uid: &'a str,
}

/// Returns the runs that may begin, in their order. `active` counts the runs under way in each namespace.
///
/// The next place goes to the namespace with the fewest runs under way, and there to the oldest run. So one namespace
/// with a thousand runs does not hold up the others.
pub(crate) fn admitted<'w, 'a>(
    limits: Limits,
    active: &BTreeMap<&str, usize>,
    waiting: &'w [Waiting<'a>],
) -> Vec<&'w Waiting<'a>> {
    let mut total: usize = active.values().sum();
    let mut lines: BTreeMap<&str, Vec<&Waiting<'a>>> = BTreeMap::new();
    for run in waiting {
        lines.entry(run.namespace).or_default().push(run);
    }
    // The oldest run of each namespace, after the number of runs that are under way there.
    let mut heads = BTreeSet::new();
    for (namespace, line) in &mut lines {
        // The oldest is taken from the end.
        line.sort_unstable_by(|a, b| b.cmp(a));
        let count = active.get(namespace).copied().unwrap_or(0);
        heads.extend(line.pop().map(|run| (count, run)));
    }
    let mut admitted = Vec::new();
    while limits.in_all == 0 || total < limits.in_all {
        let Some((count, run)) = heads.pop_first() else {
            break;
        };
        if limits.per_namespace > 0 && count >= limits.per_namespace {
            // The namespace is full.
            continue;
        }
        let following = lines.get_mut(run.namespace).and_then(Vec::pop);
        heads.extend(following.map(|run| (count + 1, run)));
        total += 1;
        admitted.push(run);
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(namespace: &'static str, second: i64) -> Waiting<'static> {
        Waiting {
            created: Timestamp::from_second(second).expect("a time"),
            namespace,
            uid: String::leak(format!("{namespace}{second}")),
        }
    }

    fn names(
        limits: (usize, usize),
        active: &[(&str, usize)],
        waiting: &[Waiting<'_>],
    ) -> Vec<String> {
        let limits = Limits {
            in_all: limits.0,
            per_namespace: limits.1,
        };
        let active = active.iter().copied().collect();
        let found = admitted(limits, &active, waiting);
        found.into_iter().map(|it| it.uid.to_owned()).collect()
    }

    #[test]
    fn a_namespace_with_many_runs_does_not_hold_up_the_others() {
        let mut waiting: Vec<_> = (0..100).map(|second| run("a", second)).collect();
        waiting.push(run("b", 500));
        assert_eq!(names((3, 0), &[], &waiting), ["a0", "b500", "a1"]);
        assert_eq!(names((3, 0), &[("a", 2)], &waiting), ["b500"]);
    }

    #[test]
    fn both_limits_hold() {
        let waiting = [run("a", 1), run("a", 2), run("b", 3), run("b", 4)];
        assert_eq!(names((0, 1), &[], &waiting), ["a1", "b3"]);
        assert_eq!(names((2, 2), &[("c", 1)], &waiting), ["a1"]);
        assert_eq!(names((2, 2), &[("c", 5)], &waiting), [""; 0]);
        assert_eq!(names((0, 0), &[], &waiting), ["a1", "b3", "a2", "b4"]);
    }
}
