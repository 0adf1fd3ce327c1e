//! Which runs may begin: a limit for all, and one for each namespace.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// How many runs may be under way. Zero is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_all: usize,
    pub(crate) per_namespace: usize,
}

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiting {
    pub(crate) created: Timestamp,
    pub(crate) namespace: String,
    pub(crate) uid: String,
}

/// Returns the runs that may begin, in their order. `active` counts the runs under way in each namespace.
///
/// The next place goes to the namespace with the fewest runs under way, and there to the oldest run. So one namespace
/// with a thousand runs does not hold up the others.
pub(crate) fn admitted<'a>(
    limits: Limits,
    active: &BTreeMap<String, usize>,
    waiting: &'a [Waiting],
) -> Vec<&'a Waiting> {
    let mut active = active.clone();
    let mut total: usize = active.values().sum();
    let mut lines: BTreeMap<&str, Vec<&Waiting>> = BTreeMap::new();
    for run in waiting {
        lines.entry(&run.namespace).or_default().push(run);
    }
    for line in lines.values_mut() {
        // The oldest is taken from the end.
        line.sort_by(|a, b| b.cmp(a));
    }
    let mut admitted = Vec::new();
    while limits.in_all == 0 || total < limits.in_all {
        let count = |namespace: &str| active.get(namespace).copied().unwrap_or(0);
        let free = lines.iter().filter(|(namespace, line)| {
            !line.is_empty()
                && (limits.per_namespace == 0 || count(namespace) < limits.per_namespace)
        });
        let next = free.min_by_key(|(namespace, line)| (count(namespace), line.last().copied()));
        let Some(namespace) = next.map(|(namespace, _)| *namespace) else {
            break;
        };
        let Some(run) = lines.get_mut(namespace).and_then(Vec::pop) else {
            break;
        };
        *active.entry(namespace.to_owned()).or_default() += 1;
        total += 1;
        admitted.push(run);
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(namespace: &str, second: i64) -> Waiting {
        Waiting {
            created: Timestamp::from_second(second).expect("a time"),
            namespace: namespace.to_owned(),
            uid: format!("{namespace}{second}"),
        }
    }

    fn names(limits: (usize, usize), active: &[(&str, usize)], waiting: &[Waiting]) -> Vec<String> {
        let limits = Limits {
            in_all: limits.0,
            per_namespace: limits.1,
        };
        let active = active
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        let found = admitted(limits, &active.collect(), waiting);
        found.into_iter().map(|it| it.uid.clone()).collect()
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
