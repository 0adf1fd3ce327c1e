//! The places of a manifest, and the problems that are found there.

/// A step on the way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The key of a table.
    Key(String),
    /// The index in an array.
    Index(usize),
}

/// The way from the root of a manifest, or of one of its tables, to a key or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(Vec<Step>);

/// Problems of a manifest or of one of its tables, each with its place, in the order of the checks.
#[derive(Debug)]
pub(crate) struct Findings<E>(Vec<(Place, E)>);

impl Place {
    /// Returns the place of a key in the root table.
    pub(crate) fn of(key: impl Into<Step>) -> Self {
        Self::default().then(key)
    }

    /// Returns the place one step further.
    #[must_use]
    pub(crate) fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl<E> Findings<E> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, place: Place, error: impl Into<E>) {
        self.0.push((place, error.into()));
    }

    /// Adds the error of a check, if it failed.
    pub(crate) fn check<F: Into<E>>(&mut self, place: Place, result: Result<(), F>) {
        if let Err(error) = result {
            self.add(place, error);
        }
    }

    /// Adds the problems of the table at `place`. `wrap` says which table it is.
    pub(crate) fn include<F>(&mut self, place: &Place, inner: Findings<F>, wrap: impl Fn(F) -> E) {
        for (within, error) in inner.0 {
            let steps = place.0.iter().cloned().chain(within.0);
            self.0.push((Place(steps.collect()), wrap(error)));
        }
    }

    pub(crate) fn into_inner(self) -> Vec<(Place, E)> {
        self.0
    }

    /// Returns the only error, for tests of one table.
    #[cfg(test)]
    pub(crate) fn only(self) -> Result<(), E>
    where
        E: std::fmt::Debug,
    {
        let mut errors = self.0.into_iter().map(|(_, error)| error);
        let only = errors.next().map_or(Ok(()), Err);
        let others: Vec<_> = errors.collect();
        assert!(others.is_empty(), "{only:?} is not alone: {others:?}");
        only
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<&String> for Step {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}
