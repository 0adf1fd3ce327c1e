use std::collections::BTreeMap;

use host_base::{Hint, Problem, Reporter};

/// A part of the cluster that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// `StatefulSet`s.
    Sets,
    /// Targets that the cluster did not let be asked.
    Targets,
    /// Targets of this engine: it failed, or its objects could not be read.
    Engine(String),
    /// The volumes of a namespace.
    Volumes,
}

/// All gaps. Hundreds of targets may have the same one, so each is told once, with the first reason.
#[derive(Default)]
pub(super) struct Gaps(BTreeMap<Gap, Seen>);

#[derive(Default)]
struct Seen {
    count: usize,
    /// The first error. None if there was more than is read.
    reason: Option<(String, Option<Hint>)>,
}

impl Gaps {
    pub(super) fn add(&mut self, gap: Gap, problem: Option<&dyn Problem>) {
        let seen = self.0.entry(gap).or_default();
        seen.count += 1;
        if seen.reason.is_none() {
            seen.reason = problem.map(|it| (it.to_string(), it.hint()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Warns of each gap.
    pub(super) fn tell(&self, reporter: &dyn Reporter) {
        for (gap, seen) in &self.0 {
            let what = gap.in_words(seen.count);
            match &seen.reason {
                Some((reason, Some(hint))) => {
                    reporter.warn_with_hint(&format!("{what}: {reason}"), hint);
                }
                Some((reason, None)) => reporter.warn(&format!("{what}: {reason}")),
                None => reporter.warn(&format!("{what}: there are more than are read")),
            }
        }
    }
}

impl Gap {
    fn in_words(&self, count: usize) -> String {
        let plural = |one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        match self {
            Self::Sets => "some StatefulSets were left out".to_owned(),
            Self::Targets => format!("{} could not be asked", plural("target")),
            Self::Engine(engine) => format!("targets of {engine} may be missing"),
            Self::Volumes => format!("the volumes of {} are unknown", plural("namespace")),
        }
    }
}
